"""Scans: kept once, never changed, and what others read of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from tests.factories.registry import SITE, catalogue, make_site
from tracking.notices.types import Notice
from tracking.registry.operations import apply_catalogue
from tracking.registry.queries import UnknownSite
from tracking.scans import operations, queries
from tracking.scans.models import Scan
from tracking.scans.types import Finding, Rule, Visitor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
UNKNOWN = Finding(
    rule=Rule.UNKNOWN_HOST,
    subject="new.example",
    tags=(),
    visitors=(Visitor.NEWCOMER, Visitor.REFUSER),
    pages=("/", "/a?b=c"),
)
LONG = Finding(
    rule=Rule.LONG_COOKIE,
    subject="_ga",
    tags=("stats",),
    visitors=(Visitor.ACCEPTER,),
    pages=("/",),
    about={"domain": "shop.example", "days": 9, "is_http_only": True, "declared_days": 3},
)
STALE = Finding(rule=Rule.STALE_TAG, subject="adco.example", tags=("ads",), visitors=(), pages=())


def record(*findings: Finding, now: datetime = NOW, **fields: Any) -> int:
    return operations.record_scan(
        **{
            "site_code": SITE,
            "notice_number": 1,
            "pages": ["/"],
            "findings": findings,
            "started_at": now - timedelta(minutes=1),
            "now": now,
            **fields,
        }
    )


def test_a_scan_comes_back_as_it_was_with_alarms_first(notice: Notice) -> None:
    scan_id = record(STALE, UNKNOWN, LONG, pages=["/", "/a?b=c"])

    scan = queries.find_last_scan(SITE)

    assert scan is not None
    assert scan == queries.find_scan(site_code=SITE, scan_id=scan_id)
    assert scan.findings == (UNKNOWN, LONG, STALE)
    assert scan.alarms == 2
    assert (scan.site_code, scan.notice_number, scan.pages) == (SITE, 1, ("/", "/a?b=c"))
    assert (scan.started_at, scan.finished_at) == (NOW - timedelta(minutes=1), NOW)


def test_the_newest_scans_of_each_site_are_its_own(notice: Notice) -> None:
    other = catalogue()
    other["site"]["code"] = "other"
    apply_catalogue(catalogue=other)
    old, new = record(UNKNOWN), record(now=NOW + timedelta(days=1))
    elsewhere = record(site_code="other", now=NOW + timedelta(days=2))

    assert [scan.id for scan in queries.list_scans(site_code=SITE)] == [new, old]
    assert [scan.id for scan in queries.list_scans(site_code=SITE, limit=1)] == [new]
    assert [scan.id for scan in queries.list_last_scans()] == [elsewhere, new]
    assert queries.find_scan(site_code=SITE, scan_id=elsewhere) is None
    assert queries.find_last_scan("nowhere") is None


def test_a_site_was_last_checked_when_a_scan_last_found_it_as_published(notice: Notice) -> None:
    def checked() -> date | None:
        queries.last_checked_on.forget()
        return queries.last_checked_on(SITE)

    assert checked() is None
    record(UNKNOWN)
    assert checked() is None
    record(STALE, now=NOW + timedelta(days=1))
    assert checked() == date(2026, 11, 27)
    record(LONG, now=NOW + timedelta(days=2))
    assert checked() == date(2026, 11, 27)


@pytest.mark.parametrize(
    ("moment", "day"),
    [("2026-11-25T14:59:59+00:00", 25), ("2026-11-25T15:00:00+00:00", 26)],
)
def test_the_day_is_that_of_the_sites_zone(notice: Notice, moment: str, day: int) -> None:
    record(now=datetime.fromisoformat(moment))
    assert queries.last_checked_on(SITE) == date(2026, 11, day)


def test_a_site_that_is_not_there_is_an_error(db: None) -> None:
    with pytest.raises(UnknownSite):
        queries.last_checked_on("nowhere")
    with pytest.raises(UnknownSite):
        record(site_code="nowhere")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE scans_scan SET alarms = 0, findings = '[]'", "DELETE FROM scans_scan",
     "TRUNCATE scans_scan"],
)  # fmt: skip
def test_scans_are_append_only(notice: Notice, statement: str) -> None:
    record(UNKNOWN)
    # A key that is still to be checked would keep TRUNCATE back before the trigger does.
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Scan.objects.get().alarms == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"finished_at": NOW - timedelta(seconds=1)}, "scan_ends_after_its_start"),
        ({"notice_number": 0}, "scan_notice_positive"),
        ({"pages": []}, "scan_read_a_page"),
        ({"alarms": 0}, "scan_alarms_counted"),
        ({"findings": []}, "scan_alarms_counted"),
        ({"findings": [UNKNOWN.as_json(), UNKNOWN.as_json()]}, "scan_alarms_counted"),
        ({"alarms": 2, "findings": [UNKNOWN.as_json(), STALE.as_json()]}, "scan_alarms_counted"),
    ],
)
def test_the_database_refuses_a_scan_that_contradicts_itself(
    fields: dict[str, Any], constraint: str
) -> None:
    site_id = make_site().site_id
    whole = {
        "site_id": site_id,
        "started_at": NOW,
        "finished_at": NOW,
        "notice_number": 1,
        "pages": ["/"],
        "findings": [UNKNOWN.as_json()],
        "alarms": 1,
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Scan.objects.create(**{**whole, **fields})
    Scan.objects.create(**whole)
