"""A notice that is to be looked at again reminds the site of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import DatabaseError, connection

from tests.factories.clock import NOW
from tests.factories.registry import SITE, make_site
from tracking.notices import models, operations, queries, reminders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> None:
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = (
        "mail.example",
        "Shop <no-reply@shop.example>",
    )


@pytest.fixture
def review_on() -> Any:
    make_site()
    (review,) = queries.list_reviews()
    return review.review_on


def days_before(review_on: Any, days: int) -> Any:
    today = NOW.astimezone(ZoneInfo("Asia/Tokyo")).date()
    return NOW + (review_on - today) - timedelta(days=days)


def test_nothing_is_written_long_before(review_on: Any) -> None:
    assert reminders.remind(now=days_before(review_on, 20)) == 0


def test_it_is_written_once_before_and_once_when_overdue(review_on: Any) -> None:
    for days in (10, 9, 8):
        reminders.remind(now=days_before(review_on, days))
    for days in (-2, -3):
        reminders.remind(now=days_before(review_on, days))

    assert [one.to for one in mail.outbox] == [["privacy@shop.example"]] * 2
    assert "近づいています" in mail.outbox[0].subject
    assert "過ぎました" in mail.outbox[1].subject
    assert "第1版" in mail.outbox[0].body


def test_a_mail_that_did_not_leave_is_written_again(
    review_on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr(reminders, "send_mail", away)
        assert reminders.remind(now=days_before(review_on, 5)) == 0
    assert not models.ReviewReminder.objects.exists()
    assert reminders.remind(now=days_before(review_on, 5)) == 1


def test_without_a_mail_server_nothing_is_noted(review_on: Any, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    assert reminders.remind(now=days_before(review_on, -5)) == 0
    assert not models.ReviewReminder.objects.exists()


def test_a_notice_that_was_looked_at_is_due_a_year_later_and_reminded_of_again(
    review_on: Any,
) -> None:
    overdue = days_before(review_on, -1)
    reminders.remind(now=overdue)
    next_on = operations.note_review(site_code=SITE, number=1, reviewer="owner", now=overdue)

    assert (next_on - review_on).days in {366, 367}
    assert queries.find_review(site_code=SITE) == next_on
    assert reminders.remind(now=overdue) == 0
    assert reminders.remind(now=days_before(next_on, 3)) == 1


def test_only_what_is_in_effect_can_be_called_right(review_on: Any) -> None:
    with pytest.raises(operations.DraftChanged):
        operations.note_review(site_code=SITE, number=2, reviewer="owner", now=NOW)


@pytest.mark.parametrize("change", ["UPDATE notices_noticereview SET reviewer = 'x'",
                                    "DELETE FROM notices_noticereview",
                                    "TRUNCATE notices_noticereview"])  # fmt: skip
def test_postgres_keeps_that_it_was_looked_at(review_on: Any, change: str) -> None:
    operations.note_review(site_code=SITE, number=1, reviewer="owner", now=NOW)
    with pytest.raises(DatabaseError, match="never change"), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {change}")
