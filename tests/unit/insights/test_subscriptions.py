"""When which period is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.insights import subscriptions
from tracking.insights.subscriptions import Every, Failure, Subscription

DAY = timedelta(days=1)


def subscription(
    *,
    every: Every = Every.DAY,
    hour: int = 9,
    last_sent_for: date,
    failed_at: datetime | None = None,
    failure: Failure | None = None,
) -> Subscription:
    return Subscription(
        id=1, site="shop", site_id=1, site_name={}, zone="Asia/Tokyo",
        email="ops@shop.example", language="ja",
        every=every, hour=hour, origin="https://consent.shop.example", owner="mika",
        stop_key=UUID(int=1), created_at=datetime(2026, 5, 1, tzinfo=UTC),
        last_sent_for=last_sent_for, last_alert_id=0, failed_at=failed_at, failure=failure,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("every", "first", "last", "before_first", "before_last"),
    [
        (Every.DAY, "2026-03-04", "2026-03-04", "2026-02-25", "2026-02-25"),
        (Every.WEEK, "2026-03-02", "2026-03-08", "2026-02-23", "2026-03-01"),
        (Every.MONTH, "2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
    ],
)
def test_a_period_and_what_it_is_compared_with(
    every: Every, first: str, last: str, before_first: str, before_last: str
) -> None:
    period = subscriptions.period_of(every=every, day=date(2026, 3, 4))

    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)
    assert period.before_first.isoformat() == before_first
    assert period.before_last.isoformat() == before_last


@given(st.sampled_from(Every), st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_periods_follow_each_other_without_gap(every: Every, day: date) -> None:
    period = subscriptions.period_of(every=every, day=day)
    following = subscriptions.period_of(every=every, day=period.last + DAY)

    assert period.first <= day <= period.last
    assert following.first == period.last + DAY
    assert period.days == (period.last - period.first).days + 1
    assert subscriptions.last_period(every=every, today=following.first) == period
    if every is not Every.DAY:
        assert following.before_first == period.first
        assert following.before_last == period.last
        assert following.days_before == period.days


def test_a_report_is_due_at_its_hour_in_the_sites_zone() -> None:
    to = subscription(every=Every.WEEK, last_sent_for=date(2026, 5, 10))
    nine = datetime(2026, 5, 18, 0, 0, tzinfo=UTC)

    assert subscriptions.due_period(to, now=nine - timedelta(seconds=1)) is None
    due = subscriptions.due_period(to, now=nine)
    assert due is not None
    assert (due.first, due.last) == (date(2026, 5, 11), date(2026, 5, 17))
    # However late, the oldest that is missing comes first.
    assert subscriptions.due_period(to, now=nine + 100 * DAY) == due


def test_a_report_in_the_first_hour_is_the_one_on_the_day_that_just_ended() -> None:
    to = subscription(hour=0, last_sent_for=date(2026, 5, 10))
    midnight = datetime(2026, 5, 11, 15, 0, tzinfo=UTC)

    assert subscriptions.due_period(to, now=midnight - timedelta(seconds=1)) is None
    due = subscriptions.due_period(to, now=midnight)
    assert due is not None
    assert due.last == date(2026, 5, 11)


def test_only_a_refused_address_rests() -> None:
    at = datetime(2026, 5, 11, tzinfo=UTC)
    day = date(2026, 5, 10)
    refused = subscription(last_sent_for=day, failed_at=at, failure=Failure.REFUSED)
    away = subscription(last_sent_for=day, failed_at=at, failure=Failure.AWAY)

    assert subscriptions.is_resting(refused, now=at + timedelta(minutes=59))
    assert not subscriptions.is_resting(refused, now=at + timedelta(hours=1))
    assert not subscriptions.is_resting(away, now=at)
    assert not subscriptions.is_resting(subscription(last_sent_for=day), now=at)


def test_the_first_report_is_on_what_ran_at_the_start() -> None:
    assert not subscriptions.has_sent(subscription(last_sent_for=date(2026, 4, 30)))
    assert subscriptions.has_sent(subscription(last_sent_for=date(2026, 5, 1)))
