"""What became later of those who allowed a purpose in one week. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tracking.insights.types import SMALLEST, CohortRow

# After how many weeks they are looked at.
AGES = (1, 2, 4, 8, 13, 26, 52)
# How many weeks of cohorts can be asked for.
PERIODS = (13, 26, 52)
_WEEK = timedelta(weeks=1)

# The days that a grant given in a week lasts, by regime.
Lifetime = Callable[[str, date], int]


class State(StrEnum):
    """
    What a grant has become. KEPT: nothing was decided since, and it is still in force. RENEWED: its
    browser decided again and allowed again, and counts in a later cohort since. EXPIRED: it ended
    without another decision.
    """

    KEPT = "kept"
    RENEWED = "renewed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A cohort at one age. There are no counts where some of them are of too few people to tell."""

    size: int
    counts: Mapping[State, int]

    def share(self, state: State) -> float | None:
        return self.counts[state] / self.size if self.counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """
    Those who allowed in the week that begins on this Monday. One moment for each of AGES; None
    where the cohort is not that old.
    """

    week: date
    size: int
    moments: tuple[Moment | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortReport:
    """
    The cohorts of one purpose, the newest first; weeks without any that may be told are not there.

    `together` adds up, for each of AGES, the cohorts that are that old. `purposes` are names by
    code, of all that can be asked for.
    """

    site: str
    purpose: str
    purposes: Mapping[str, Mapping[str, str]]
    weeks: int
    until: date
    cohorts: tuple[Cohort, ...]
    together: tuple[Moment | None, ...]


def first_week(*, weeks: int, today: date) -> date:
    """Return the Monday of the oldest of so many weeks, of which this one is the last."""
    return today - timedelta(days=today.weekday()) - (weeks - 1) * _WEEK


def read_weeks(text: str) -> int:
    """Return how many weeks an address asks for."""
    return next((weeks for weeks in PERIODS if str(weeks) == text), PERIODS[1])


def build_cohorts(
    rows: Iterable[CohortRow],
    *,
    number: int,
    first: date,
    today: date,
    lifetime: Lifetime,
    k: int = SMALLEST,
) -> tuple[Cohort, ...]:
    """
    Return the cohorts of the purpose with this number since a week, the newest first.

    Only what was released of a count is used. An age is reached when its whole week is over, so
    that everybody had at least so long; a grant's lifetime is counted in whole weeks.
    """
    by_week: dict[date, dict[str, list[CohortRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.purpose == number and row.week >= first:
            by_week[row.week][row.regime].append(row)
    cohorts = []
    for week, by_regime in sorted(by_week.items(), reverse=True):
        size = sum(_came(of) for of in by_regime.values())
        if size:
            moments = [
                None
                if week + (age + 1) * _WEEK > today
                else _moment(by_regime, week=week, age=age, lifetime=lifetime, k=k)
                for age in AGES
            ]
            cohorts.append(Cohort(week=week, size=size, moments=tuple(moments)))
    return tuple(cohorts)


def add_up(cohorts: Iterable[Cohort]) -> tuple[Moment | None, ...]:
    """Return all cohorts together at each age, of those that may be told."""
    together: list[Moment | None] = []
    for moments in zip(*(cohort.moments for cohort in cohorts), strict=True):
        whole = [one for one in moments if one and one.counts]
        together.append(
            Moment(
                size=sum(one.size for one in whole),
                counts={state: sum(one.counts[state] for one in whole) for state in State},
            )
            if whole
            else None
        )
    return tuple(together) or (None,) * len(AGES)


def _came(rows: Iterable[CohortRow]) -> int:
    return sum(row.released for row in rows if row.event == "allowed")


def _moment(
    by_regime: Mapping[str, Iterable[CohortRow]],
    *,
    week: date,
    age: int,
    lifetime: Lifetime,
    k: int,
) -> Moment:
    size = sum(_came(rows) for rows in by_regime.values())
    counts = dict.fromkeys(State, 0)
    for regime, rows in by_regime.items():
        gone = {State.RENEWED: 0, State.WITHDRAWN: 0}
        for row in rows:
            if row.event != "allowed" and row.age <= age:
                gone[State(row.event)] += row.released
        for state, count in gone.items():
            counts[state] += count
        has_ended = lifetime(regime, week) // _WEEK.days <= age
        counts[State.EXPIRED if has_ended else State.KEPT] += _came(rows) - sum(gone.values())
    # Fewer than none are left of a cohort that began before counting did: its whole is not known.
    may_be_told = all(count == 0 or count >= k for count in counts.values())
    return Moment(size=size, counts=counts if may_be_told else {})
