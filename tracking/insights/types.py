"""Numbers about choices: what is counted, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

# The right to see statistics.
PERMISSION = "insights.view_dailyshown"


class Outcome(StrEnum):
    """What became of a showing."""

    ALLOWED = "allowed"
    CHOSEN = "chosen"
    REFUSED = "refused"
    IGNORED = "ignored"


class Dimension(StrEnum):
    """What the numbers can be broken down by."""

    DEVICE_CLASS = "device_class"
    LANGUAGE = "language"
    REGIME = "regime"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The showings of one day that share every dimension."""

    day: date
    language: str
    device_class: str
    regime: str
    notice: int
    is_first: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """
    The decisions of one day that share every dimension and every granted and withdrawn purpose.
    `is_first` tells a device's first decision from a later one.
    """

    day: date
    language: str
    device_class: str
    regime: str
    notice: int
    is_first: bool
    is_suspect: bool
    method: str
    granted: frozenset[str]
    withdrawn: frozenset[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    People of one day who share every dimension, the outcome and the purposes they granted (or,
    where withdrawals are counted, withdrew).
    """

    day: date
    language: str
    device_class: str
    regime: str
    notice: str
    outcome: str
    purposes: frozenset[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    At least k people of one day: the smallest thing that any published number is made of.

    A dimension that is None is mixed: this group counts only where that dimension is not asked
    for. `purposes[code]` is how many of them granted it, None where saying so would tell on fewer
    than k of them.
    """

    day: date
    language: str | None
    device_class: str | None
    regime: str | None
    notice: str | None
    outcome: str | None
    size: int
    purposes: Mapping[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Veiled:
    """
    A cell that some numbers leave out: those that ask for one of the dimensions that its group
    mixes, and all of them where no group took it in (`is_everywhere`). Only that it is there may
    be told.
    """

    cell: Cell
    mixed: frozenset[str]
    is_everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Everything that may leave the room about one site and period."""

    groups: tuple[Group, ...]
    veiled: tuple[Veiled, ...]


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
    """`granted` of `shown` and of `decided`, over the same people; None = not to be said."""

    granted: int
    shown: int
    decided: int
    is_partial: bool

    @property
    def of_shown(self) -> float | None:
        return self.granted / self.shown if self.shown else None

    @property
    def of_decided(self) -> float | None:
        return self.granted / self.decided if self.decided else None


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
    """One purpose over the period; `by_day` has one rate for each of its days."""

    code: str
    name: Mapping[str, str]
    today: Rate
    week_before: Rate
    period: Rate
    by_day: tuple[Rate, ...]
    withdrawn: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    value: str
    funnel: Funnel


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    day: date
    funnel: Funnel
    shown_again: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A notice version's first day, in the site's zone."""

    number: int
    day: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address asks for; empty text = all."""

    site: str
    days: int
    language: str = ""
    device_class: str = ""


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
    today: date
    days: tuple[date, ...]
    funnel: Funnel
    shown_again: Number
    by_day: tuple[DayRow, ...]
    purposes: tuple[PurposeReport, ...]
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
