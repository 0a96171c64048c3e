"""The dashboard's numbers, added up from what may be told (see `release`). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from tracking.insights.types import (
    BANNER,
    DECIDED,
    MIXED,
    SMALLEST,
    BreakdownRow,
    CellSum,
    ChoiceReport,
    DayRow,
    Dimension,
    Filters,
    Funnel,
    Kind,
    Number,
    OptInReport,
    Publication,
    PurposeReport,
    Rate,
)

PERIODS = (7, 28, 90)
# How many of the same weekdays before make a reference where the last one has no numbers.
WEEKDAYS_BACK = 4

# How often numbers grow, and so how long a showing may wait for its answer.
TELL_EVERY = timedelta(minutes=5)

# For each notice number, as text, the choice numbers that it asks about.
Asked = Mapping[str, frozenset[int]]

# Kind, notice, purposes, and whether others may be among them.
_Answer = tuple[Kind, str, str, bool]
_of_dimensions: Callable[[Any], tuple[str, ...]] = attrgetter(*(one.value for one in Dimension))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    People of one kind who answered alike, as far as may be told: what numbers are added up from.

    `is_mixed`: not all of them need be of those that were asked for.
    """

    kind: Kind
    notice: str
    purposes: str
    is_mixed: bool
    count: int


def list_days(*, until: date, days: int) -> tuple[date, ...]:
    """Return the period's days, oldest first."""
    return tuple(until - timedelta(days=back) for back in reversed(range(days)))


def first_day_needed(*, until: date, days: int) -> date:
    """Return the oldest day that the report reads: what its first day may be held against."""
    return until - timedelta(days=days - 1, weeks=WEEKDAYS_BACK)


def last_told(
    on: Mapping[date, Iterable[Told]], untold: Mapping[date, Collection[Kind]], *, today: date
) -> date:
    """
    Return today, or yesterday while of that alone a rate makes sense: before the first ten who
    refused alike may be told of, it looks as if everybody allowed.
    """

    def is_told(day: date) -> bool:
        told = {one.kind for one in on.get(day, ()) if not one.is_mixed}
        waits = {Kind.ALLOWED, Kind.REFUSED} & {*untold.get(day, ())} - told
        return not told.isdisjoint(DECIDED) and not waits

    yesterday = today - timedelta(days=1)
    return yesterday if is_told(yesterday) and not is_told(today) else today


def read_filters(address: Mapping[str, str], *, site: str) -> Filters:
    """Return what an address asks for; what it cannot ask for falls back to the default."""
    days = address.get("days", "")
    return Filters(
        site=site,
        days=next((period for period in PERIODS if str(period) == days), PERIODS[1]),
        until=read_day(address.get("until", "")),
        where={
            dimension: value
            for dimension in Dimension
            # Nobody may ask for mixed groups: they hold others, too.
            if (value := address.get(dimension.value, "")) and value != MIXED
        },
    )


def read_day(text: str) -> date | None:
    """Return a day such as 2026-05-12, or None; nothing was counted in earlier centuries."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(2999, 12, 31) else None


def as_address(filters: Filters) -> dict[str, str]:
    """Return the query of the address that asks for this."""
    until = {} if filters.until is None else {"until": filters.until.isoformat()}
    where = {dimension.value: value for dimension, value in filters.where.items()}
    return {"site": filters.site, "days": str(filters.days), **until, **where}


def tell(cells: Iterable[CellSum], where: Iterable[Dimension]) -> list[Told]:
    """Return a period's cells as what numbers are added up from, of whom the filters ask for."""
    return [
        Told(
            kind=one.cell.kind,
            notice=one.cell.notice,
            purposes=one.cell.purposes,
            is_mixed=is_mixed(one.cell, where),
            count=one.count,
        )
        for one in cells
    ]


# --- sums


def count(told: Iterable[Told], kinds: Collection[Kind]) -> Number:
    """
    Return how many people of these kinds there are.

    Where everybody who was shown a notice is asked for, groups of mixed outcome count too.
    """
    value, is_missing = 0, False
    for one in told:
        if one.kind in kinds and not one.is_mixed:
            value += one.count
        elif one.kind in kinds or (one.kind is Kind.MIXED and any(k in BANNER for k in kinds)):
            is_missing = True
    return Number(
        value=value, is_hidden=is_missing and value == 0, is_partial=is_missing and value > 0
    )


def funnel(told: Collection[Told]) -> Funnel:
    """Return what became of the showings."""
    return Funnel(
        shown=count(told, BANNER),
        decided=count(told, DECIDED),
        allowed=count(told, (Kind.ALLOWED,)),
        chosen=count(told, (Kind.CHOSEN,)),
        refused=count(told, (Kind.REFUSED,)),
        ignored=count(told, (Kind.IGNORED,)),
    )


def rate(told: Iterable[Told], *, number: int, asked: Asked) -> Rate:
    """
    Return the opt-in rate of the choice with this number.

    Numerator and denominators are of the same people: those who were asked, and of whom both the
    outcome and this choice may be told. What the others may have answered is kept apart.
    """
    granted = shown = decided = may_grant = may_refuse = may_ignore = 0
    is_partial = False
    for one in told:
        if one.kind not in BANNER or not _asks(asked, one.notice, number):
            continue
        if one.is_mixed or one.kind is Kind.MIXED or one.purposes == MIXED:
            is_partial = True
            if one.kind is Kind.IGNORED:
                may_ignore += one.count
            elif one.kind is Kind.MIXED or one.purposes == MIXED:
                may_grant += one.count
                may_refuse += one.count
            elif _has(one.purposes, number):
                may_grant += one.count
            else:
                may_refuse += one.count
            continue
        shown += one.count
        if one.kind in DECIDED:
            decided += one.count
            granted += one.count if _has(one.purposes, number) else 0
    return Rate(
        granted=granted,
        shown=shown,
        decided=decided,
        is_partial=is_partial,
        may_grant=may_grant,
        may_refuse=may_refuse,
        may_ignore=may_ignore,
    )


def count_withdrawn(told: Iterable[Told], *, number: int) -> Number:
    """Return how many took this choice back."""
    return count(
        [
            replace(one, is_mixed=one.is_mixed or one.purposes == MIXED)
            for one in told
            if one.kind is Kind.WITHDRAWN and (one.purposes == MIXED or _has(one.purposes, number))
        ],
        (Kind.WITHDRAWN,),
    )


def _has(text: str, number: int) -> bool:
    return text[number : number + 1] == "1"


def _asks(asked: Asked, notice: str, number: int) -> bool:
    if notice == MIXED:
        return all(number in numbers for numbers in asked.values())
    return number in asked.get(notice, frozenset())


# --- the report


def build_report(
    *,
    filters: Filters,
    cells: Sequence[CellSum],
    on: Mapping[date, Sequence[Told]],
    asked: Asked,
    numbers: Mapping[str, int],
    purpose_names: Mapping[str, Mapping[str, str]],
    choice_names: Mapping[str, Mapping[str, str]],
    publications: Sequence[Publication],
    untold: Mapping[date, Collection[Kind]],
    until: date,
    k: int = SMALLEST,
) -> OptInReport:
    """
    Return the dashboard's numbers.

    :param cells: of the whole period; `on` by day, and of the weeks before to hold it against
    :param untold: by day, the kinds of which there are people that no number tells of
    :param numbers: choice numbers by ids like `purpose:analytics`
    :param purpose_names: those that the current notice asks about, in its order; `choice_names` the
        partners and data items that it asks about, by id
    """
    days = list_days(until=until, days=filters.days)
    week_before = until - timedelta(days=7)
    period = frozenset(days)
    near = period | {week_before}
    on = {
        day: [*on.get(day, ()), *_untold(untold.get(day, ()))]
        for day in near | on.keys() | untold.keys()
    }
    # Of whom the version is not told was not asked what one of weeks before asked.
    old = {one.notice for day in on.keys() - near for one in on[day]}
    old -= {one.notice for day in near for one in on[day]}
    asked_near = {notice: about for notice, about in asked.items() if notice not in old}
    whole = _add_up(
        ((one.kind, one.notice, one.purposes, one.is_mixed), one.count)
        for day in days
        for one in on[day]
    )
    answers = _answers(cells, filters)
    kinds_on = {day: _by_kind(on[day]) for day in days}
    kinds = _by_kind(whole)
    shown = funnel(kinds)
    suspects = count(kinds, (Kind.SUSPECT,))
    return OptInReport(
        filters=filters,
        smallest=k,
        until=until,
        days=days,
        funnel=shown,
        shown_again=count(kinds, (Kind.SHOWN_AGAIN,)),
        asked_again=count(kinds, (Kind.ASKED_AGAIN,)),
        withdrawn=count(kinds, (Kind.WITHDRAWN,)),
        by_day=tuple(
            DayRow(
                day=day,
                funnel=funnel(kinds),
                shown_again=count(kinds, (Kind.SHOWN_AGAIN,)),
                asked_again=count(kinds, (Kind.ASKED_AGAIN,)),
                withdrawn=count(kinds, (Kind.WITHDRAWN,)),
                suspects=count(kinds, (Kind.SUSPECT,)),
            )
            for day, kinds in kinds_on.items()
        ),
        purposes=tuple(
            PurposeReport(
                code=code,
                name=name,
                today=rates[until],
                week_before=rates[week_before],
                period=rate(whole, number=number, asked=asked_near),
                by_day=tuple(rates[day] for day in days),
                on=rates,
                withdrawn=count_withdrawn(whole, number=number),
            )
            for code, name in purpose_names.items()
            for number in (numbers[f"purpose:{code}"],)
            for rates in (
                {
                    day: rate(told, number=number, asked=asked_near if day in near else asked)
                    for day, told in on.items()
                },
            )
        ),
        choices=tuple(
            ChoiceReport(
                id=choice,
                name=name,
                rate=rate(answers, number=numbers[choice], asked=asked_near),
            )
            for choice, name in choice_names.items()
        ),
        breakdowns={
            dimension: _breakdown(
                values,
                dimension,
                asked=asked_near,
                purposes={code: numbers[f"purpose:{code}"] for code in purpose_names},
            )
            for dimension, values in _break_down(cells, filters).items()
        },
        suspects=suspects,
        suspects_of=suspects.value + shown.decided.value,
        publications=tuple(p for p in publications if p.day in period),
        has_any=bool(untold) or any(on.values()),
    )


def _untold(kinds: Iterable[Kind]) -> list[Told]:
    """Return that there are some of these kinds: all that may be told of them."""
    return [Told(kind=kind, notice=MIXED, purposes=MIXED, is_mixed=True, count=0) for kind in kinds]


def is_mixed(cell: Any, wanted: Iterable[str]) -> bool:
    """Say whether a cell holds other people, too, than those with the wanted dimensions' values."""
    return any(getattr(cell, field) == MIXED for field in wanted)


def _break_down(
    cells: Iterable[CellSum], filters: Filters
) -> dict[Dimension, dict[str, dict[_Answer, int]]]:
    """Return how many answered how, by each dimension's values."""
    found: dict[Dimension, dict[str, dict[_Answer, int]]] = {
        dimension: defaultdict(lambda: defaultdict(int)) for dimension in Dimension
    }
    # One walk over all of them: of a long period there are many.
    for one in cells:
        cell = one.cell
        if cell.kind in BANNER:
            answer = cell.kind, cell.notice, cell.purposes, is_mixed(cell, filters.where)
            for values, value in zip(found.values(), _of_dimensions(cell), strict=True):
                values[value][answer] += one.count
    return found


def _breakdown(
    sums: dict[str, dict[_Answer, int]],
    dimension: Dimension,
    *,
    asked: Asked,
    purposes: Mapping[str, int],
) -> tuple[BreakdownRow, ...]:
    unknown = [replace(one, is_mixed=True) for one in _told(sums.get(MIXED, {}))]
    order: Callable[[str], Any] = (lambda v: -int(v)) if dimension is Dimension.NOTICE else str
    rows = []
    for value in sorted((value for value in sums if value not in ("", MIXED)), key=order):
        told = _told(sums[value]) + unknown
        rows.append(
            BreakdownRow(
                value=value,
                funnel=funnel(told),
                rates={
                    code: rate(told, number=number, asked=asked)
                    for code, number in purposes.items()
                },
            )
        )
    return tuple(rows)


def _answers(cells: Iterable[CellSum], filters: Filters) -> list[Told]:
    """Return who answered every choice alike, with all their choices in the place of purposes."""
    return _add_up(
        ((cell.kind, cell.notice, cell.choices, is_mixed(cell, filters.where)), one.count)
        for one in cells
        for cell in (one.cell,)
    )


def _by_kind(told: Iterable[Told]) -> list[Told]:
    """Return what counting needs to know, whatever was answered to which notice."""
    return _add_up(((one.kind, "", "", one.is_mixed), one.count) for one in told)


def _add_up(parts: Iterable[tuple[_Answer, int]]) -> list[Told]:
    """Return those who answered alike as one: of many days there are many."""
    sums: dict[_Answer, int] = defaultdict(int)
    for answer, number in parts:
        sums[answer] += number
    return _told(sums)


def _told(sums: Mapping[_Answer, int]) -> list[Told]:
    return [
        Told(kind=kind, notice=notice, purposes=purposes, is_mixed=mixed, count=number)
        for (kind, notice, purposes, mixed), number in sums.items()
    ]
