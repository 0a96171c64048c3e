"""
Article 10 of the policy, review: published versions never change, an old consent points at the
exact text that was seen, and a review that is overdue is said wherever somebody could look.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from tests.factories.clock import NOW
from tests.factories.registry import SITE, make_site
from tests.visitors import Visitor
from tracking.consents.models import ConsentRecord
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations, queries, reminders
from tracking.notices.models import NoticeVersion

pytestmark = pytest.mark.django_db


def test_an_old_consent_points_at_the_exact_text_that_was_seen() -> None:
    first = make_site()
    visitor = Visitor(first)
    assert visitor.allow().status_code == 201
    words = {"ja": {"banner_title": "記録を外部の会社に送ってもよいですか"}}
    operations.publish_notice_version(site_code=SITE, wording=words, author="tests", now=NOW)
    forget_everything()

    record = ConsentRecord.objects.get()
    seen = queries.get_by_id(notice_id=record.notice_id)

    assert (seen.number, seen.hash) == (1, first.hash)
    assert queries.get_wording(seen, record.language) == queries.get_wording(first, "ja")
    assert "記録を外部" not in str(seen.content["wording"])


@pytest.mark.parametrize("change", ["UPDATE notices_noticeversion SET note = 'x'",
                                    "DELETE FROM notices_noticeversion"])  # fmt: skip
def test_a_published_version_never_changes(change: str) -> None:
    make_site()
    with pytest.raises(DatabaseError, match="never change"), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_review_that_is_overdue_is_said_in_the_console_by_mail_and_to_prometheus(
    settings: Any,
) -> None:
    settings.METRICS_TOKEN = "x" * 32
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "mail.example", "no-reply@shop.example"
    old = timezone.now() - timedelta(days=400)
    notice = make_site()
    # A version of more than a year ago, which only the past can publish.
    NoticeVersion.objects.create(
        site_id=notice.site_id, number=2, content={**notice.content, "number": 2},
        content_hash="0" * 64, author="tests", published_at=old, effective_at=old,
        review_on=(old + timedelta(days=365)).date(),
    )  # fmt: skip
    forget_everything()
    user = User.objects.create_user("privacy")
    user.groups.add(Group.objects.get(name="privacy"))
    client = Client()
    client.force_login(user)

    html = client.get("/console/notices/", {"lang": "en"}).content.decode()
    assert "The review is overdue" in html
    assert "It is still right" in html
    figures = client.get("/metrics", headers={"Authorization": "Bearer " + "x" * 32}).content
    assert f'consent_notice_review_days{{site="{SITE}"}} -3' in figures.decode()
    assert reminders.remind(now=timezone.now()) == 1
    assert "過ぎました" in mail.outbox[0].subject
