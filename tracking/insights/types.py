"""Numbers about choices: what is counted, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter

from tracking.lib.proportions import Interval

# The right to see statistics.
PERMISSION = "insights.view_dailynumber"


# A share that could be off by more is told as a range.
_VAGUE = 0.02
# Fewer people than this are never told of.
SMALLEST = 10
# In the place of a value: people of several ones, too few of each to be told of.
MIXED = "*"


class Kind(StrEnum):
    """
    What is counted. Showings and first decisions of browsers without a choice; later showings and
    decisions; and what is left out of all numbers but its own share.
    """

    SHOWN = "shown"
    ALLOWED = "allowed"
    CHOSEN = "chosen"
    REFUSED = "refused"
    # Only among numbers: showings less first decisions, and several of these four.
    IGNORED = "ignored"
    MIXED = MIXED
    # The notice was ignored before; a choice had expired or the notice changed materially since.
    SHOWN_AGAIN = "shown_again"
    ASKED_AGAIN = "asked_again"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    SUSPECT_SHOWN = "suspect_shown"
    SUSPECT = "suspect"


class Occasion(StrEnum):
    """
    Why the notice was painted: for the first time in this browser, again since it was ignored, or
    because what had been chosen expired or means something else now.
    """

    FIRST = "first"
    AGAIN = "again"
    RENEWAL = "renewal"


DECIDED = (Kind.ALLOWED, Kind.CHOSEN, Kind.REFUSED)
# What shown is made of.
BANNER = (*DECIDED, Kind.IGNORED, Kind.MIXED)


class AlertKind(StrEnum):
    RATE_FELL = "rate_fell"
    RATE_ROSE = "rate_rose"
    SHOWN_TO_NOBODY = "shown_to_nobody"
    PARTNER_OVERDUE = "partner_overdue"
    MACHINES = "machines"


class Dimension(StrEnum):
    """What the numbers can be filtered and broken down by."""

    DEVICE_CLASS = "device_class"
    LANGUAGE = "language"
    REGIME = "regime"
    COUNTRY_GROUP = "country_group"
    PRESENTATION = "presentation"
    SURFACE = "surface"
    REFERRER_CLASS = "referrer_class"
    VARIANT = "variant"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    People who share everything they are counted by.

    `choices` are the choice numbers granted (or, of WITHDRAWN, withdrawn) as text of bits: bit n
    from the left is number n. `purposes` are those of them that are purposes. Any field of a number
    may be MIXED, none of a count. Showings have no surface, only a presentation.
    """

    kind: Kind
    language: str
    device_class: str
    regime: str
    country_group: str
    presentation: str
    surface: str
    notice: str
    variant: str
    referrer_class: str
    purposes: str = ""
    choices: str = ""

    def values(self) -> tuple[str, ...]:
        """Return what people are counted by, in the order of CELL_FIELDS."""
        return _values(self)

    @classmethod
    def of(cls, values: Sequence[str]) -> Cell:
        """Return the cell of values, or of a row that begins with them, in this order."""
        kind, *others = values
        return cls(kind=Kind(kind), **dict(zip(CELL_FIELDS[1:], others, strict=False)))


CELL_FIELDS = tuple(field.name for field in fields(Cell))
_values: Callable[[Cell], tuple[str, ...]] = attrgetter(*CELL_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """An exact count of one day; see `models.DailyCount`."""

    cell: Cell
    count: int
    settled: int
    released: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRow:
    """A count of what became of a week's cohort; see `models.CohortCount`."""

    week: date
    regime: str
    purpose: int
    event: str
    age: int
    count: int
    released: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A count of decisions that is not what the records say."""

    day: date
    cell: Cell
    counted: int
    recounted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """
    What `manage.py insights verify` found: decisions counted and their differences, and the days of
    which numbers were told that no counts stand behind.
    """

    decisions: int
    since: date | None
    differences: tuple[Difference, ...]
    untrue_days: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """
    What a round tells: groups of at least k people by cell, how many of each counted cell have been
    told now, and of which kinds there are people who have not.
    """

    groups: Mapping[Cell, int]
    released: Mapping[Cell, int]
    untold: frozenset[Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSum:
    """How many people of a cell there were in a period, as far as may be told."""

    cell: Cell
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """
    A count that may be shown. `is_hidden`: there are some, too few to say. `is_partial`: this many
    at least, for smaller numbers beside them are left out.
    """

    value: int
    is_hidden: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """
    `granted` of `shown` and of `decided`, over the same people; None = not to be said.

    People of groups that are too mixed to be counted may belong to them, too: so many of these may
    have granted, so many have decided without granting, so many have ignored the notice.
    """

    granted: int
    shown: int
    decided: int
    is_partial: bool
    may_grant: int = 0
    may_refuse: int = 0
    may_ignore: int = 0

    @property
    def of_shown(self) -> float | None:
        return self.granted / self.shown if self.shown else None

    @property
    def of_decided(self) -> float | None:
        return self.granted / self.decided if self.decided else None


class Base(StrEnum):
    """Of whom a share is: of all who were shown the notice, or of those who decided."""

    SHOWN = "shown"
    DECIDED = "decided"

    def whole(self, rate: Rate) -> int:
        return rate.shown if self is Base.SHOWN else rate.decided

    def share(self, rate: Rate) -> float | None:
        """Return the share; None where nobody may be told of, or too many are missing to say it."""
        # Of a day that is not over those who answered may all be waiting to be told of.
        is_waiting = rate.is_partial and not rate.decided
        if not self.whole(rate) or is_waiting or self.is_vague(rate):
            return None
        return rate.granted / self.whole(rate)

    def bounds(self, rate: Rate) -> Interval:
        """Return the least and the most that the share can be, whoever the missing people are."""
        whole = self.whole(rate)
        others = rate.may_refuse + (rate.may_ignore if self is Base.SHOWN else 0)
        return Interval(
            low=rate.granted / max(whole + others, 1),
            high=(rate.granted + rate.may_grant) / max(whole + rate.may_grant, 1),
        )

    def is_vague(self, rate: Rate) -> bool:
        """
        Say whether the missing people could move the share by more than two points.

        The fewer gave an answer, the more of them are missing: a share of the others alone leans to
        what most did.
        """
        bounds = self.bounds(rate)
        return self.whole(rate) > 0 and bounds.high - bounds.low > _VAGUE


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRates:
    """
    One purpose's rate for each arm of an experiment. `left_out`: people in groups of which it may
    not be told what they chose and in which arm they were; some of them may be of no arm.
    """

    rates: Mapping[str, Rate]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What became of the banner's showings."""

    shown: Number
    decided: Number
    allowed: Number
    chosen: Number
    refused: Number
    ignored: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeReport:
    """
    One purpose over the period; `by_day` has one rate for each of its days, `on` also those of the
    days before that its days are held against.
    """

    code: str
    name: Mapping[str, str]
    today: Rate
    week_before: Rate
    period: Rate
    by_day: tuple[Rate, ...]
    on: Mapping[date, Rate]
    withdrawn: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceReport:
    """One partner or data item over the period; the id is like `partner:adco`."""

    id: str
    name: Mapping[str, str]
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """One value of a dimension; `rates` by purpose."""

    value: str
    funnel: Funnel
    rates: Mapping[str, Rate]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    day: date
    funnel: Funnel
    shown_again: Number
    asked_again: Number
    withdrawn: Number
    suspects: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A notice version's first day, in the site's zone."""

    number: int
    day: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """
    What the address asks for: a period that ends on `until` (None = today), and of whom.
    """

    site: str
    days: int
    until: date | None = None
    where: Mapping[Dimension, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerLine:
    """How one partner stands; seconds are None where nothing is open."""

    code: str
    legal_name: Mapping[str, str]
    is_working: bool
    waiting: int
    overdue: int
    dead: int
    oldest_unconfirmed_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInReport:
    """The dashboard's numbers for one site, period and filter."""

    filters: Filters
    smallest: int
    until: date
    days: tuple[date, ...]
    funnel: Funnel
    shown_again: Number
    asked_again: Number
    withdrawn: Number
    by_day: tuple[DayRow, ...]
    purposes: tuple[PurposeReport, ...]
    choices: tuple[ChoiceReport, ...]
    breakdowns: Mapping[Dimension, tuple[BreakdownRow, ...]]
    suspects: Number
    suspects_of: int
    publications: tuple[Publication, ...]
    has_any: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the telling of partners stands."""

    lines: Sequence[PartnerLine]
    oldest_unconfirmed_seconds: int | None
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """
    What waits to be counted: decisions, and showings in Redis (None = it is away). `told_at` is
    when numbers last grew, None = never.
    """

    decisions: int
    oldest_decision_at: datetime | None
    showings: int | None
    told_at: datetime | None
