"""What happened on the days of a trend, read from the rooms that know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue, publish, text
from tracking.delivery.models import Endpoint, Tally
from tracking.insights import mark_queries
from tracking.insights.marks import Mark, MarkKind
from tracking.notices.types import Notice
from tracking.outbox import operations as outbox
from tracking.outbox.types import News
from tracking.registry import operations as registry
from tracking.registry.models import Partner
from tracking.scans import operations as scans
from tracking.scans.types import Finding, Rule, Visitor

pytestmark = pytest.mark.django_db

TODAY = NOW.astimezone(tz=UTC).astimezone(mark_queries.ZoneInfo("Asia/Tokyo")).date()
DAY = timedelta(days=1)


def listed(first: int, last: int = 0) -> list[Mark]:
    return list(
        mark_queries.list_marks(
            site=SITE, first=TODAY + first * DAY, last=TODAY + last * DAY, now=NOW + DAY
        )
    )


def of(kind: MarkKind, found: list[Mark]) -> list[str]:
    return [mark.title["en"] for mark in found if mark.kind is kind]


def test_a_version_that_asks_again_is_told_from_one_that_does_not(notice: Notice) -> None:
    tables = catalogue()
    tables["purposes"][0]["description"] = text("The same in other words.")
    registry.apply_catalogue(catalogue=tables)
    publish()
    tables["partners"][0]["legal_name"] = text("Somebody else")
    registry.apply_catalogue(catalogue=tables)
    publish()

    first, wording, material = of(MarkKind.PUBLICATION, listed(-1))
    assert "the first one" in first
    assert "nobody is asked again" in wording
    assert "asked about again" in material
    assert listed(-9, -1) == []


def test_a_scan_is_held_against_the_one_before_the_period(notice: Notice) -> None:
    finding = Finding(
        rule=Rule.UNKNOWN_HOST, subject="x.example", tags=(), visitors=(Visitor.NEWCOMER,),
        pages=("/",),
    )  # fmt: skip
    for days, findings in ((-20, [finding]), (-10, [finding]), (-5, []), (-4, []), (30, [finding])):
        scans.record_scan(
            site_code=SITE,
            notice_number=1,
            pages=["/"],
            findings=findings,
            started_at=NOW + days * DAY,
            now=NOW + days * DAY,
        )

    assert of(MarkKind.SCAN, listed(-30)) == [
        "Site scan: new findings that are not as published: 1",
        "The site scan found that everything is as published again",
    ]
    (clean,) = (mark for mark in listed(-12) if mark.kind is MarkKind.SCAN)
    assert clean.day == TODAY - 5 * DAY


@pytest.mark.parametrize(
    ("failed", "sent", "is_away"), [(5, 7, True), (4, 4, False), (5, 8, False)]
)
def test_a_partner_is_away_when_most_requests_of_a_day_found_nobody(
    notice: Notice, failed: int, sent: int, is_away: bool
) -> None:
    endpoint = Endpoint.objects.create(partner=Partner.objects.get(code="adco"))
    # Two windows of one day in Japan, on two days of UTC.
    noon = datetime(TODAY.year, TODAY.month, TODAY.day, 3, tzinfo=UTC) - 3 * DAY
    for since, outcome, requests in (
        (noon, "unreachable", failed - 1),
        (noon - timedelta(hours=11), "unreachable", 1),
        (noon, "accepted", sent - failed),
    ):
        if requests:
            Tally.objects.create(
                endpoint=endpoint, since=since, outcome=outcome, requests=requests,
                messages=requests, total_ms=1,
            )  # fmt: skip

    incidents = [mark for mark in listed(-9) if mark.kind is MarkKind.INCIDENT]
    assert [mark.day for mark in incidents] == ([TODAY - 3 * DAY] if is_away else [])


def test_a_deadline_that_passed_is_marked_until_it_is_kept(notice: Notice) -> None:
    def append(subject: str, due: datetime) -> None:
        news = News(
            addressee="adco", subject=subject, kind="consent", version=1, payload={}, due_at=due
        )
        with transaction.atomic():
            outbox.append(site_id=notice.site_id, news=[news], now=due - DAY)

    append("late", NOW - 2 * DAY)
    append("also late", NOW - 2 * DAY)
    append("in time", NOW + 5 * DAY)

    (mark,) = (mark for mark in listed(-9, 9) if mark.kind is MarkKind.INCIDENT)
    assert (mark.day, mark.url) == (TODAY - 2 * DAY, "/console/deliveries/shop/adco/")
    assert "past the deadline" in mark.title["en"]
    assert listed(-1, 9)[0].kind is MarkKind.PUBLICATION
