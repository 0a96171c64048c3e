"""
What a purpose can see of a site's page views, and why what it sees has changed. Pure.

Page views are put into groups that share a day and a class of device. A group is told as a whole or
not at all: where fewer than k of its views were with the purpose allowed, or fewer than k without,
it is in no number. Every number is a sum of told groups, so none can be found by subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tracking.insights.types import SMALLEST
from tracking.registry.types import SiteInfo

DEVICE_CLASSES = ("phone", "tablet", "desktop", "unknown")
# A change smaller than this share of what was there is none worth a reason.
_NEGLIGIBLE = 0.02


class Step(StrEnum):
    """What a line of the table stands for."""

    DAY = "day"
    WEEK = "week"


# How many lines of each there are, and how many days each holds.
_LINES = {Step.DAY: (28, 1), Step.WEEK: (13, 7)}


class Cause(StrEnum):
    """What most of a change comes from."""

    TRAFFIC = "traffic"
    CONSENT = "consent"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Page views of one day and class of device; `seen` of them with the purpose allowed."""

    day: date
    device_class: str
    views: int
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """
    The told page views of a span; `days` is on how many of its days there are some.

    `is_partial`: groups are left out that are too small to tell.
    """

    first: date
    last: date
    days: int
    views: int
    seen: int
    is_partial: bool

    @property
    def share(self) -> float | None:
        return self.seen / self.views if self.views else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    From one span to another, in page views a day: what the purpose saw, and how much of the
    difference comes from how many views there were and how much from the share it was allowed.
    """

    before: Sum
    after: Sum
    seen_before: float
    seen_after: float
    traffic: float
    consent: float

    @property
    def cause(self) -> Cause:
        if max(abs(self.traffic), abs(self.consent)) < _NEGLIGIBLE * self.seen_before:
            return Cause.NONE
        return Cause.TRAFFIC if abs(self.traffic) >= abs(self.consent) else Cause.CONSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReport:
    """
    What one purpose could see of a site's page views; `purpose` "" = the site asks about none.

    `purposes` are the names of those it asks about, by code. `change` is of the last week against
    the one before, whatever a line stands for; None = one of them has no numbers.
    """

    site: SiteInfo
    step: Step
    device_class: str
    purpose: str
    purposes: Mapping[str, Mapping[str, str]]
    lines: tuple[Sum, ...]
    change: Change | None
    has_any: bool


def read_step(text: str) -> Step:
    """Return what an address asks for lines of."""
    return Step(text) if text in set(Step) else Step.DAY


def read_device_class(text: str) -> str:
    """Return the class of device that an address asks for; "" = all."""
    return text if text in DEVICE_CLASSES else ""


def list_spans(*, step: Step, until: date) -> tuple[tuple[date, date], ...]:
    """Return the first and last day of each line of the table, oldest first."""
    lines, days = _LINES[step]
    lasts = [until - timedelta(days=days * back) for back in reversed(range(lines))]
    return tuple((last - timedelta(days=days - 1), last) for last in lasts)


def last_whole_day(*, today: date, step: Step) -> date:
    """Return the last day of which all views are there; weeks end on Sundays."""
    yesterday = today - timedelta(days=1)
    if step is Step.WEEK:
        return yesterday - timedelta(days=(yesterday.weekday() + 1) % 7)
    return yesterday


def add_up(
    groups: Iterable[Group], *, spans: Sequence[tuple[date, date]], k: int = SMALLEST
) -> tuple[Sum, ...]:
    """Return the told page views of each span."""
    found = list(groups)
    return tuple(_add_up(found, first, last, k) for first, last in spans)


def explain(*, before: Sum, after: Sum) -> Change | None:
    """
    Say what the difference between two spans comes from; None where one of them saw nothing.

    What is seen is views × share, so ln(seen₁/seen₀) = ln(views₁/views₀) + ln(share₁/share₀).
    Both terms are brought back to page views a day by the logarithmic mean of what was seen: that
    leaves no remainder and does not depend on the order (additive LMDI-I: B. W. Ang, Energy Policy
    32, 2004).
    """
    if not before.seen or not after.seen:
        return None
    seen_before, seen_after = before.seen / before.days, after.seen / after.days
    mean = _logarithmic_mean(seen_before, seen_after)
    views_before, views_after = before.views / before.days, after.views / after.days
    traffic = mean * math.log(views_after / views_before)
    return Change(
        before=before,
        after=after,
        seen_before=seen_before,
        seen_after=seen_after,
        traffic=traffic,
        consent=seen_after - seen_before - traffic,
    )


def _add_up(groups: Iterable[Group], first: date, last: date, k: int) -> Sum:
    of_span = [one for one in groups if first <= one.day <= last]
    told = [one for one in of_span if _is_told(one, k)]
    return Sum(
        first=first,
        last=last,
        days=len({one.day for one in told}),
        views=sum(one.views for one in told),
        seen=sum(one.seen for one in told),
        is_partial=len(told) < len(of_span),
    )


def _is_told(group: Group, k: int) -> bool:
    return all(part == 0 or part >= k for part in (group.seen, group.views - group.seen))


def _logarithmic_mean(a: float, b: float) -> float:
    # Near each other the quotient loses all its digits, and the two are their mean anyhow.
    return (a + b) / 2 if math.isclose(a, b, rel_tol=1e-9) else (b - a) / math.log(b / a)
