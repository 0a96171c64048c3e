"""`manage.py insights`: what it counts, finds, puts right, and makes up."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from tests.factories.registry import SITE, catalogue
from tests.visitors import Visitor
from tracking.consents.models import ConsentPrivate, ConsentRecord, Uncounted
from tracking.insights import queries
from tracking.insights.models import Cell, CohortCount, CountedDay, DailyCount, DailyNumber
from tracking.insights.types import Dimension, Filters
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db


def insights(*arguments: str) -> str:
    said = io.StringIO()
    call_command("insights", *arguments, stdout=said)
    return said.getvalue()


def today() -> date:
    """Return the day that it is where the site is."""
    return timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date()


@pytest.fixture
def past(db: None) -> str:
    """Two versions of the notice, the second ten days ago, and 3,000 decisions of 25 days."""
    registry.apply_catalogue(catalogue=catalogue())
    for ago, words in ((60, "Words."), (10, "Other words.")):
        notices.publish_notice_version(
            site_code=SITE,
            wording={"en": {"prefs_lead": words}},
            author="tests",
            now=timezone.now() - timedelta(days=ago),
        )
    with override_settings(DEMO=True):
        return insights("generate", "--records", "3000", "--days", "25", "--waiting", "50")


def test_a_made_up_past_is_exact_and_told(past: str) -> None:
    assert "2,950 decisions" in past
    assert f"From {today() - timedelta(days=10)} on" in past
    assert ConsentRecord.objects.count() == 3000
    assert Uncounted.objects.count() == 50
    assert insights("verify").startswith(f"{SITE}: exact: 2,950 decisions since ")
    assert not CountedDay.objects.filter(is_closed=False).exclude(day=today())
    assert CohortCount.objects.filter(event="withdrawn").exists()

    assert insights("roll-up") == "50 decisions counted\n"
    assert "exact: 3,000 decisions" in insights("verify", "--site", SITE)
    assert "days looked at" in insights("tell", "--at-once")
    assert "exact: 3,000 decisions" in insights("verify")


def test_a_made_up_past_leads_to_no_device_and_lies_in_its_months(past: str) -> None:
    assert not ConsentPrivate.objects.exists()
    assert ConsentRecord.objects.values("commitment").distinct().count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM consents_consentrecord_rest")
        assert cursor.fetchone()[0] == 0


def test_every_number_is_of_a_cell_that_pages_read(past: str) -> None:
    """A trigger marks it; what is only counted stays unmarked, and is most of all cells."""
    told = set(DailyNumber.objects.values_list("cell_id", flat=True))

    assert told
    assert set(Cell.objects.filter(is_told=True).values_list("id", flat=True)) == told
    assert Cell.objects.filter(is_told=False).count() > len(told)


def test_the_dashboard_asks_the_database_few_things_however_much_there_is(
    past: str, django_assert_max_num_queries: Any
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    for asked in ("days=7", "days=28", "days=90", "days=90&device_class=phone&language=ja"):
        forget_everything()
        with django_assert_max_num_queries(30):
            page = client.get(f"/console/?site={SITE}&{asked}")
        assert page.status_code == 200


def test_why_the_rate_fell_has_an_answer(past: str) -> None:
    def allowed(until: date, device_class: str) -> float:
        report = queries.get_opt_in_report(
            filters=Filters(
                site=SITE, days=7, until=until, where={Dimension.DEVICE_CLASS: device_class}
            ),
            now=timezone.now(),
        )
        return report.funnel.allowed.value / report.funnel.decided.value

    before, after = (today() - timedelta(days=ago) for ago in (11, 1))
    assert allowed(before, "phone") - allowed(after, "phone") > 0.1


@override_settings(DEMO=False, DEBUG=False)
def test_nothing_is_made_up_but_in_a_demo(notice: Notice) -> None:
    with pytest.raises(CommandError, match="evidence that nobody gave"):
        insights("generate", "--records", "10", "--days", "2")
    assert not ConsentRecord.objects.exists()


@override_settings(DEMO=True)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--records", "10", "--days", "2", "--waiting", "11"), "--waiting must be"),
        (("--records", "10", "--days", "2", "--site", "nowhere"), "There is no such site"),
        (("--records", "0", "--days", "2"), "at least 1"),
    ],
)
def test_nonsense_is_refused_plainly(
    notice: Notice, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        insights("generate", *arguments)
    assert not ConsentRecord.objects.exists()


@override_settings(DEMO=True)
def test_a_site_without_a_notice_has_no_past(db: None) -> None:
    registry.apply_catalogue(catalogue=catalogue())
    with pytest.raises(CommandError):
        insights("generate", "--records", "10", "--days", "2")


def test_verify_says_what_is_wrong_and_ends_with_1(notice: Notice) -> None:
    for _ in range(12):
        Visitor(notice).allow()
    insights("roll-up")
    insights("tell", "--at-once")
    assert insights("verify") == (
        f"{SITE}: exact: 12 decisions since {DailyCount.objects.get().day}\n"
    )
    DailyCount.objects.update(count=15)
    DailyNumber.objects.update(count=30)
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("insights", "verify", stdout=said)

    assert ended.value.code == 1
    assert "1 counts are not what the records say, 1 days" in said.getvalue()
    assert "allowed: counted 15, recorded 12 (language=ja" in said.getvalue()
    assert "numbers and counts do not agree" in said.getvalue()
    assert insights("recount") == f"{SITE}: 1 counts put right\n"
    assert DailyCount.objects.get().count == 12


def test_a_lost_month_of_counts_comes_back_from_the_records(past: str) -> None:
    before = {(row.day, row.cell_id): row.count for row in DailyCount.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM insights_dailycount d USING insights_cell c"
            " WHERE c.id = d.cell_id AND c.kind NOT IN ('shown', 'shown_again', 'suspect_shown')"
        )
        lost = cursor.rowcount

    assert f"{lost:,} counts put right" in insights("recount", "--site", SITE)
    assert {(row.day, row.cell_id): row.count for row in DailyCount.objects.all()} == before


def test_an_empty_site_is_exact(notice: Notice) -> None:
    assert insights("verify") == f"{SITE}: exact: 0 decisions no records yet\n"
    with pytest.raises(CommandError, match="There is no such site"):
        insights("verify", "--site", "nowhere")
