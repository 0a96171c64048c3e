"""Who gets the numbers by mail, and when which period is due. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

# The right to have numbers mailed to an address, and to stop what one entered oneself.
ADD_PERMISSION = "insights.add_reportsubscription"
# The right to see all addresses, and the right to stop any of them.
SEE_ALL_PERMISSION = "insights.view_reportsubscription"
CHANGE_PERMISSION = "insights.change_reportsubscription"

LANGUAGES = ("ja", "en")

_DAY = timedelta(days=1)
# So long is waited for the period's last day to be told in full. A report with a little less in it
# is better than none.
WAITS_FOR_NUMBERS = timedelta(hours=6)
# A server that said no says it again a moment later.
RESTS_AFTER_REFUSAL = timedelta(hours=1)


class Every(StrEnum):
    DAY = "daily"
    WEEK = "weekly"
    MONTH = "monthly"


class Failure(StrEnum):
    """Why the last mail is not out: no server to talk to, or it would not take it."""

    AWAY = "away"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole days of the site's zone, and how many days before there are the ones to compare."""

    first: date
    last: date
    before_first: date
    before_last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days_before(self) -> int:
        return (self.before_last - self.before_first).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One address and what it gets; `hour` in the site's zone, see `models.ReportSubscription`."""

    id: int
    site: str
    site_id: int
    site_name: Mapping[str, str]
    zone: str
    email: str
    language: str
    every: Every
    hour: int
    origin: str
    owner: str
    stop_key: UUID
    created_at: datetime
    last_sent_for: date
    last_alert_id: int
    failed_at: datetime | None
    failure: Failure | None


def period_of(*, every: Every, day: date) -> Period:
    """
    Return the period that this day lies in: the day, its week from Monday on, or its month.

    A day is compared with the same weekday a week before, everything else with what was before.
    """
    if every is Every.DAY:
        week_before = day - 7 * _DAY
        return Period(first=day, last=day, before_first=week_before, before_last=week_before)
    if every is Every.WEEK:
        first = day - day.weekday() * _DAY
        return Period(
            first=first,
            last=first + 6 * _DAY,
            before_first=first - 7 * _DAY,
            before_last=first - _DAY,
        )
    first = day.replace(day=1)
    before_last = first - _DAY
    return Period(
        first=first,
        last=(first + 31 * _DAY).replace(day=1) - _DAY,
        before_first=before_last.replace(day=1),
        before_last=before_last,
    )


def last_period(*, every: Every, today: date) -> Period:
    """Return the last period that is over."""
    return period_of(every=every, day=period_of(every=every, day=today).first - _DAY)


def due_period(subscription: Subscription, *, now: datetime) -> Period | None:
    """Return the oldest period of which this address should have got the report by now."""
    period = period_of(every=subscription.every, day=subscription.last_sent_for + _DAY)
    return period if now >= due_at(subscription, period) else None


def due_at(subscription: Subscription, period: Period) -> datetime:
    """Return when the report on a period is to go out; on a day without this hour, when it ends."""
    return datetime.combine(
        period.last + _DAY, time(subscription.hour), tzinfo=ZoneInfo(subscription.zone)
    )


def has_sent(subscription: Subscription) -> bool:
    """Say whether any report went out yet: the first one's period was not over at the start."""
    began = subscription.created_at.astimezone(ZoneInfo(subscription.zone)).date()
    return subscription.last_sent_for >= began


def is_resting(subscription: Subscription, *, now: datetime) -> bool:
    """Say whether a refused address is left alone for now."""
    return (
        subscription.failure is Failure.REFUSED
        and subscription.failed_at is not None
        and now < subscription.failed_at + RESTS_AFTER_REFUSAL
    )
