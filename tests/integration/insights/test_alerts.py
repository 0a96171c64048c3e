"""Alerts are found in real counts, kept once, and end when nothing finds them any more."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from tests.factories.counts import close_days, count_day
from tests.factories.people import client_of
from tests.factories.registry import SITE
from tracking.insights import alert_operations, alert_queries, models
from tracking.insights.types import AlertKind
from tracking.notices.types import Notice
from tracking.registry import queries as registry

pytestmark = pytest.mark.django_db

DAY = date(2026, 5, 12)
# Ten in the morning of the day after, in Japan.
NOW = datetime(2026, 5, 13, 1, 0, tzinfo=UTC)
MINUTE, HOUR, ONE_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def weeks(notice: Notice, *allowed: int) -> None:
    """Count the same weekday of weeks, the latest first: so many of 1,000 allow everything."""
    for ago, number in enumerate(allowed):
        day = DAY - ago * 7 * ONE_DAY
        count_day(notice, day, shown=1000, allowed=number, refused=900 - number)
    close_days(DAY)


def kept() -> dict[tuple[str, str], Any]:
    return {(row.kind, row.subject): row for row in models.Alert.objects.all()}


def test_a_rate_that_fell_is_found_once_and_ends(notice: Notice) -> None:
    weeks(notice, 300, 410, 395, 402, 399)

    assert alert_operations.look_for_alerts(now=NOW) == 3
    assert alert_operations.look_for_alerts(now=NOW + 10 * MINUTE) == 0
    row = kept()["rate_fell", "advertising"]
    assert row.first_seen_at == NOW
    assert row.last_seen_at == NOW + 10 * MINUTE
    assert (row.facts["granted"], row.facts["shown"]) == (300, 1000)
    assert (row.facts["granted_before"], row.facts["shown_before"]) == (1606, 4000)

    # The next day nothing fell; until it is told, nothing is known.
    count_day(notice, DAY + ONE_DAY, shown=1000, allowed=400, refused=500)
    next_day = NOW + ONE_DAY
    alert_operations.look_for_alerts(now=next_day)
    assert kept()["rate_fell", "advertising"].ended_at is None
    close_days(DAY + ONE_DAY)
    alert_operations.look_for_alerts(now=next_day + 10 * MINUTE)
    assert kept()["rate_fell", "advertising"].ended_at == next_day + 10 * MINUTE
    assert len(kept()) == 3


def test_days_as_usual_raise_nothing(notice: Notice) -> None:
    weeks(notice, 398, 410, 395, 402, 399)

    assert alert_operations.look_for_alerts(now=NOW) == 0


def test_machines_are_found(notice: Notice) -> None:
    count_day(notice, DAY - ONE_DAY, shown=1000, allowed=400, refused=500, suspects=30)
    count_day(notice, DAY, shown=1000, allowed=400, refused=500, suspects=300)
    close_days(DAY)

    alert_operations.look_for_alerts(now=NOW)
    (alert,) = alert_queries.list_alerts(site_id=notice.site_id)
    assert alert.kind is AlertKind.MACHINES
    assert alert.facts == {
        "day": "2026-05-12", "suspects": 300, "all": 1200,
        "suspects_before": 30, "all_before": 930,
    }  # fmt: skip


def watch(notice: Notice, *, until: datetime, per_look: int) -> None:
    """Have showings counted and somebody look every ten minutes for eight days and more."""
    site = registry.get_site(code=SITE)
    at = until - 8 * ONE_DAY - HOUR
    totals: dict[date, int] = {}
    rows = []
    while at < until:
        day = (at + 9 * HOUR).date()
        totals[day] = totals.get(day, 0) + per_look
        rows.append(models.ShownSample(site_id=site.id, at=at, day=day, total=totals[day]))
        at += 10 * MINUTE
    models.ShownSample.objects.bulk_create(rows)
    today = (until + 9 * HOUR).date()
    count_day(notice, today, shown=totals.get(today, 0))


def test_a_banner_shown_to_nobody_is_found_and_ends_with_the_next_showing(notice: Notice) -> None:
    watch(notice, until=NOW, per_look=10)
    found = [alert_operations.look_for_alerts(now=NOW + n * 10 * MINUTE) for n in range(13)]

    assert sum(found) == 1
    row = kept()["shown_to_nobody", ""]
    assert datetime.fromisoformat(row.facts["since"]) == NOW - 10 * MINUTE
    assert row.facts["is_none"] == 1
    # No count of people is in it.
    assert set(row.facts) == {"since", "is_none"}

    last = NOW + 2 * HOUR
    for n in range(1, 9):
        count_day(notice, (last + 9 * HOUR).date(), shown=10)
        alert_operations.look_for_alerts(now=last + n * 10 * MINUTE)
    assert kept()["shown_to_nobody", ""].ended_at is not None


def test_samples_are_forgotten(notice: Notice) -> None:
    alert_operations.look_for_alerts(now=NOW)
    alert_operations.look_for_alerts(now=NOW + 10 * ONE_DAY)

    assert [row.at for row in models.ShownSample.objects.all()] == [NOW + 10 * ONE_DAY]


def test_what_comes_and_goes_within_an_hour_is_one_alert(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue = alert_queries.alerts.Finding(
        kind=AlertKind.PARTNER_OVERDUE, subject="adco", facts={"overdue": 1}
    )
    found: list[Any] = [overdue]
    monkeypatch.setattr(alert_queries.alerts, "find_overdue", lambda lines: tuple(found))
    alert_operations.look_for_alerts(now=NOW)
    found.clear()
    alert_operations.look_for_alerts(now=NOW + 50 * MINUTE)
    found.append(overdue)
    assert alert_operations.look_for_alerts(now=NOW + HOUR) == 0
    found.clear()
    alert_operations.look_for_alerts(now=NOW + 2 * HOUR)
    found.append(overdue)
    assert alert_operations.look_for_alerts(now=NOW + 3 * HOUR) == 1

    assert models.Alert.objects.count() == 2
    (still_open,) = alert_queries.list_alerts(site_id=notice.site_id)
    assert still_open.first_seen_at == NOW + 3 * HOUR
    assert len(alert_queries.list_alerts(site_id=notice.site_id, since=NOW)) == 2
    counts = alert_queries.count_open()
    assert counts[SITE, AlertKind.PARTNER_OVERDUE] == 1
    assert counts[SITE, AlertKind.RATE_FELL] == 0


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_the_same_time_keep_it_once(notice: Notice) -> None:
    weeks(notice, 300, 410, 395, 402, 399)
    gate = threading.Barrier(4)

    def look(seconds: int) -> None:
        try:
            gate.wait()
            alert_operations.look_for_alerts(now=NOW + timedelta(seconds=seconds))
        finally:
            connection.close()

    threads = [threading.Thread(target=look, args=(seconds,)) for seconds in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert models.Alert.objects.count() == 3


def test_the_dashboard_and_the_metrics_tell_what_is_open(notice: Notice, settings: Any) -> None:
    weeks(notice, 300, 410, 395, 402, 399)
    client = client_of("insights.view_dailynumber")
    assert "alerts-title" not in client.get("/console/?lang=en").content.decode()

    alert_operations.look_for_alerts(now=NOW)
    html = client.get("/console/?lang=en").content.decode()
    assert html.count("An opt-in rate fell") == 1
    assert html.count("from 40.2% (4 days) to 30.0%, 10.2 points less") == 3
    settings.METRICS_TOKEN = "x" * 32
    text = client.get("/metrics", headers={"Authorization": "Bearer " + "x" * 32}).content.decode()
    assert 'consent_insights_alerts{kind="rate_fell",site="shop"} 3.0' in text
    assert 'consent_insights_alerts{kind="machines",site="shop"} 0.0' in text


def test_the_beats_task_looks(notice: Notice) -> None:
    from consentmgr.celery import app
    from tracking.insights import tasks

    schedule = app.conf.beat_schedule
    assert schedule["alerts"]["task"] == tasks.look_for_alerts.name
    assert schedule["reports"]["task"] == tasks.send_reports.name
    tasks.look_for_alerts()
    tasks.send_reports()
    assert models.ShownSample.objects.count() == 1


def insert(**changes: Any) -> None:
    values = {
        "site_id": registry.get_site(code=SITE).id,
        "kind": "rate_fell",
        "subject": "",
        "facts": {},
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        **changes,
    }
    models.Alert.objects.create(**values)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"kind": "rumour"}, "alert_kind_known"),
        ({"last_seen_at": NOW - MINUTE}, "alert_times_in_order"),
        ({"last_seen_at": NOW + HOUR, "ended_at": NOW}, "alert_times_in_order"),
        ({"subject": "advertising"}, "alert_open_once"),
    ],
)
def test_postgres_refuses_alerts_that_cannot_be(
    notice: Notice, changes: dict[str, Any], constraint: str
) -> None:
    insert(subject="advertising")
    insert(subject="advertising", last_seen_at=NOW, ended_at=NOW)
    with pytest.raises((IntegrityError, DataError), match=constraint), transaction.atomic():
        insert(**changes)
