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
    DaySum,
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
    """Return the oldest day that the report reads: last week's counterpart of the last at least."""
    return until - timedelta(days=max(days - 1, 7))


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


def tell_days(rows: Iterable[DaySum]) -> dict[date, list[Told]]:
    """Return the same by day; a day without anybody is not there until it is asked for."""
    on: dict[date, list[Told]] = defaultdict(list)
    for row in rows:
        on[row.day].append(
            Told(
                kind=row.kind,
                notice=row.notice,
                purposes=row.purposes,
                is_mixed=row.is_mixed,
                count=row.count,
            )
        )
    return on


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
    by_day: Sequence[DaySum],
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

    :param cells: of the whole period, `by_day` also of the last day's counterpart a week before
    :param untold: by day, the kinds of which there are people that no number tells of
    :param numbers: choice numbers by ids like `purpose:analytics`
    :param purpose_names: those that the current notice asks about, in its order; `choice_names` the
        partners and data items that it asks about, by id
    """
    days = list_days(until=until, days=filters.days)
    period = frozenset(days)
    on = tell_days(by_day)
    for day, kinds in untold.items():
        # There are some, and that is all that may be told of them.
        on[day] += [
            Told(kind=kind, notice=MIXED, purposes=MIXED, is_mixed=True, count=0) for kind in kinds
        ]
    whole = [told for day in days for told in on[day]]
    answers = _answers(cells, filters)
    shown = funnel(whole)
    suspects = count(whole, (Kind.SUSPECT,))
    return OptInReport(
        filters=filters,
        smallest=k,
        until=until,
        days=days,
        funnel=shown,
        shown_again=count(whole, (Kind.SHOWN_AGAIN,)),
        asked_again=count(whole, (Kind.ASKED_AGAIN,)),
        withdrawn=count(whole, (Kind.WITHDRAWN,)),
        by_day=tuple(
            DayRow(
                day=day,
                funnel=funnel(on[day]),
                shown_again=count(on[day], (Kind.SHOWN_AGAIN,)),
                asked_again=count(on[day], (Kind.ASKED_AGAIN,)),
                withdrawn=count(on[day], (Kind.WITHDRAWN,)),
                suspects=count(on[day], (Kind.SUSPECT,)),
            )
            for day in days
        ),
        purposes=tuple(
            PurposeReport(
                code=code,
                name=name,
                today=rate(on[until], number=number, asked=asked),
                week_before=rate(on[until - timedelta(days=7)], number=number, asked=asked),
                period=rate(whole, number=number, asked=asked),
                by_day=tuple(rate(on[day], number=number, asked=asked) for day in days),
                withdrawn=count_withdrawn(whole, number=number),
            )
            for code, name in purpose_names.items()
            for number in (numbers[f"purpose:{code}"],)
        ),
        choices=tuple(
            ChoiceReport(
                id=choice,
                name=name,
                rate=rate(answers, number=numbers[choice], asked=asked),
            )
            for choice, name in choice_names.items()
        ),
        breakdowns={
            dimension: _breakdown(
                values,
                dimension,
                asked=asked,
                purposes={code: numbers[f"purpose:{code}"] for code in purpose_names},
            )
            for dimension, values in _break_down(cells, filters).items()
        },
        suspects=suspects,
        suspects_of=suspects.value + shown.decided.value,
        publications=tuple(p for p in publications if p.day in period),
        has_any=bool(by_day or untold),
    )


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
    unknown = [
        Told(kind=kind, notice=notice, purposes=granted, is_mixed=True, count=number)
        for (kind, notice, granted, _), number in sums.get(MIXED, {}).items()
    ]
    order: Callable[[str], Any] = (lambda v: -int(v)) if dimension is Dimension.NOTICE else str
    rows = []
    for value in sorted((value for value in sums if value not in ("", MIXED)), key=order):
        told = [
            Told(kind=kind, notice=notice, purposes=granted, is_mixed=mixed, count=number)
            for (kind, notice, granted, mixed), number in sums[value].items()
        ] + unknown
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
    sums: dict[tuple[Kind, str, str, bool], int] = defaultdict(int)
    for one in cells:
        cell = one.cell
        sums[cell.kind, cell.notice, cell.choices, is_mixed(cell, filters.where)] += one.count
    return [
        Told(kind=kind, notice=notice, purposes=choices, is_mixed=mixed, count=number)
        for (kind, notice, choices, mixed), number in sums.items()
    ]
