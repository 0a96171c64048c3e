"""
What may be said of small numbers, and the dashboard's numbers. Pure.

The rule against telling on a few people (policy Article 8): people are put into groups of at least
k who share a day and as much else as k people share; every number that leaves this room is a sum
of whole groups, or of a part of a group that is itself no smaller than k and leaves no fewer than k
(or none) behind. Whatever filters are set against each other, the difference of two such sums is
made of whole groups again, so that no subtraction reveals fewer than k people. People that no group
takes in are in no number. (What this does not hide is time: the running day's numbers move while
somebody watches them.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tracking.insights.types import (
    BreakdownRow,
    Cell,
    DayRow,
    Decided,
    Dimension,
    Filters,
    Funnel,
    Group,
    Number,
    OptInReport,
    Outcome,
    Publication,
    Published,
    PurposeReport,
    Rate,
    Shown,
    Veiled,
)

SMALLEST = 10
PERIODS = (7, 28, 90)

AGAIN = "again"
WITHDRAWN = "withdrawn"
SUSPECT = "suspect"

# What small cells give up, one step after the other, until they are k people together. What the
# page asks for most is given up last.
_LADDER: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"regime"}),
    frozenset({"regime", "notice"}),
    frozenset({"regime", "notice", "language"}),
    frozenset({"regime", "notice", "language", "device_class"}),
    frozenset({"regime", "notice", "language", "device_class", "outcome"}),
)
_FIELDS = ("language", "device_class", "regime", "notice", "outcome")
_DECIDED = (Outcome.ALLOWED, Outcome.CHOSEN, Outcome.REFUSED)

_OUTCOME_OF = {"allow": Outcome.ALLOWED, "choose": Outcome.CHOSEN}

Asked = Mapping[str, frozenset[str]]


# --- from counts to cells


def make_banner_cells(*, shown: Iterable[Shown], decided: Iterable[Decided]) -> list[Cell]:
    """
    Return what became of the first showings.

    Whoever decided was shown the notice, even where the count of showings did not arrive (a
    blocked request, the preference page): decided is never more than shown.
    """
    showings: dict[tuple[date, str, str, str, str], int] = defaultdict(int)
    for row in shown:
        if row.is_first:
            showings[_place(row)] += row.count
    cells: dict[tuple[Any, ...], int] = defaultdict(int)
    for answer in decided:
        if answer.is_first and not answer.is_suspect:
            outcome = _OUTCOME_OF.get(answer.method, Outcome.REFUSED)
            cells[*_place(answer), outcome, answer.granted] += answer.count
            showings[_place(answer)] -= answer.count
    for place, rest in showings.items():
        if rest > 0:
            cells[*place, Outcome.IGNORED, frozenset()] += rest
    return _cells(cells)


def make_again_cells(*, shown: Iterable[Shown]) -> list[Cell]:
    """Return the showings to browsers that had ignored one before."""
    cells: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in shown:
        if not row.is_first:
            cells[*_place(row), AGAIN, frozenset()] += row.count
    return _cells(cells)


def make_withdrawal_cells(*, decided: Iterable[Decided]) -> list[Cell]:
    """Return the later decisions that took something back, with the purposes withdrawn."""
    cells: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in decided:
        if not row.is_first and not row.is_suspect and row.withdrawn:
            cells[*_place(row), WITHDRAWN, row.withdrawn] += row.count
    return _cells(cells)


def make_suspect_cells(*, decided: Iterable[Decided]) -> list[Cell]:
    """Return the decisions that are left out of every other number."""
    cells: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in decided:
        if row.is_suspect:
            cells[*_place(row), SUSPECT, frozenset()] += row.count
    return _cells(cells)


def _place(row: Shown | Decided) -> tuple[date, str, str, str, str]:
    return (row.day, row.language, row.device_class, row.regime, str(row.notice))


def _cells(counts: Mapping[tuple[Any, ...], int]) -> list[Cell]:
    return [
        Cell(
            day=day,
            language=language,
            device_class=device_class,
            regime=regime,
            notice=notice,
            outcome=str(outcome),
            purposes=purposes,
            count=count,
        )
        for (day, language, device_class, regime, notice, outcome, purposes), count in (
            counts.items()
        )
    ]


# --- groups of at least k


def publish(*, cells: Iterable[Cell], asked: Asked, k: int) -> Published:
    """
    Return the groups of at least `k` people that all numbers are made of.

    :param asked: for each notice number, as text, the purposes that it asks about
    """
    groups: list[Group] = []
    veiled: list[Veiled] = []
    by_day: dict[date, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.count > 0:
            by_day[cell.day].append(cell)
    for day in sorted(by_day):
        left = by_day[day]
        for mixed in _LADDER:
            buckets: dict[tuple[str | None, ...], list[Cell]] = defaultdict(list)
            for cell in left:
                key = tuple(None if f in mixed else getattr(cell, f) for f in _FIELDS)
                buckets[key].append(cell)
            left = []
            for key, bucket in buckets.items():
                if sum(cell.count for cell in bucket) < k:
                    left.extend(bucket)
                    continue
                groups.append(_group(day, key, bucket, asked, k))
                if mixed:
                    veiled.extend(
                        Veiled(cell=cell, mixed=mixed, is_everywhere=False) for cell in bucket
                    )
        veiled.extend(Veiled(cell=c, mixed=frozenset(), is_everywhere=True) for c in left)
    return Published(groups=tuple(groups), veiled=tuple(veiled))


def _group(
    day: date, key: tuple[str | None, ...], bucket: Sequence[Cell], asked: Asked, k: int
) -> Group:
    size = sum(cell.count for cell in bucket)
    common = frozenset.intersection(*(asked.get(cell.notice, frozenset()) for cell in bucket))
    purposes: dict[str, int | None] = {}
    for purpose in common:
        yes = sum(cell.count for cell in bucket if purpose in cell.purposes)
        # Both parts must be nobody or enough: either one tells the other.
        is_sayable = all(part == 0 or part >= k for part in (yes, size - yes))
        purposes[purpose] = yes if is_sayable else None
    language, device_class, regime, notice, outcome = key
    return Group(
        day=day,
        language=language,
        device_class=device_class,
        regime=regime,
        notice=notice,
        outcome=outcome,
        size=size,
        purposes=purposes,
    )


# --- numbers out of groups


Wanted = Mapping[str, str]


def on_days(published: Published, days: frozenset[date]) -> Published:
    """Return what is published about these days."""
    return Published(
        groups=tuple(group for group in published.groups if group.day in days),
        veiled=tuple(veiled for veiled in published.veiled if veiled.cell.day in days),
    )


def count(*, published: Published, wanted: Wanted, outcomes: Sequence[str] | None = None) -> Number:
    """
    Return how many people there are with these values of dimensions.

    :param outcomes: only these; None asks for no outcome, so that mixed groups count too
    """
    value = sum(
        group.size
        for group in published.groups
        if _matches(group, wanted) and (outcomes is None or group.outcome in outcomes)
    )
    asked_for = set(wanted) | (set() if outcomes is None else {"outcome"})
    is_missing_some = any(
        (veiled.is_everywhere or veiled.mixed & asked_for)
        and _matches(veiled.cell, wanted)
        and (outcomes is None or veiled.cell.outcome in outcomes)
        for veiled in published.veiled
    )
    return _number(value, is_missing_some)


def count_purpose(*, published: Published, wanted: Wanted, purpose: str) -> Number:
    """Return how many of these people it is about (granted or withdrew) one purpose."""
    value, is_missing_some = 0, False
    for group in published.groups:
        if _matches(group, wanted):
            part = group.purposes.get(purpose)
            if part is None:
                is_missing_some = is_missing_some or purpose in group.purposes
            else:
                value += part
    is_missing_some = is_missing_some or any(
        (veiled.is_everywhere or veiled.mixed & set(wanted))
        and purpose in veiled.cell.purposes
        and _matches(veiled.cell, wanted)
        for veiled in published.veiled
    )
    return _number(value, is_missing_some)


def rate(*, published: Published, wanted: Wanted, purpose: str) -> Rate:
    """
    Return a purpose's opt-in rate over the groups of which its grants may be said.

    Numerator and denominators are of the same people, so that hiding a few does not bend the rate.
    """
    granted = shown = decided = 0
    is_partial = False
    for group in published.groups:
        if not _matches(group, wanted):
            continue
        part = group.purposes.get(purpose)
        if part is None or group.outcome is None:
            is_partial = is_partial or purpose in group.purposes
            continue
        granted += part
        shown += group.size
        decided += group.size if group.outcome in _DECIDED else 0
    is_partial = is_partial or any(
        (veiled.is_everywhere or veiled.mixed & set(wanted)) and _matches(veiled.cell, wanted)
        for veiled in published.veiled
    )
    return Rate(granted=granted, shown=shown, decided=decided, is_partial=is_partial)


def funnel(*, published: Published, wanted: Wanted) -> Funnel:
    """Return what became of the showings."""

    def of(*outcomes: Outcome) -> Number:
        return count(published=published, wanted=wanted, outcomes=outcomes)

    return Funnel(
        shown=count(published=published, wanted=wanted),
        decided=of(*_DECIDED),
        allowed=of(Outcome.ALLOWED),
        chosen=of(Outcome.CHOSEN),
        refused=of(Outcome.REFUSED),
        ignored=of(Outcome.IGNORED),
    )


def _matches(one: Group | Cell, wanted: Wanted) -> bool:
    return all(getattr(one, field) == value for field, value in wanted.items())


def _number(value: int, is_missing_some: bool) -> Number:
    return Number(
        value=value,
        is_hidden=is_missing_some and value == 0,
        is_partial=is_missing_some and value > 0,
    )


# --- the report


def list_days(*, today: date, days: int) -> tuple[date, ...]:
    """Return the period's days, oldest first; it ends today."""
    return tuple(today - timedelta(days=back) for back in reversed(range(days)))


def first_day_needed(*, today: date, days: int) -> date:
    """Return the oldest day that the report reads: last week's counterpart of today at least."""
    return today - timedelta(days=max(days - 1, 7))


def build_report(
    *,
    filters: Filters,
    shown: Sequence[Shown],
    decided: Sequence[Decided],
    asked: Asked,
    purpose_names: Mapping[str, Mapping[str, str]],
    publications: Sequence[Publication],
    today: date,
    k: int = SMALLEST,
) -> OptInReport:
    """Return the dashboard's numbers; `purpose_names` are those asked about now, in order."""
    days = list_days(today=today, days=filters.days)
    week_before = today - timedelta(days=7)
    every_day = (*days, week_before)
    period = frozenset(days)
    banner = publish(cells=make_banner_cells(shown=shown, decided=decided), asked=asked, k=k)
    again = publish(cells=make_again_cells(shown=shown), asked=asked, k=k)
    banner_on = {day: on_days(banner, frozenset({day})) for day in every_day}
    again_on = {day: on_days(again, frozenset({day})) for day in days}
    banner, again = on_days(banner, period), on_days(again, period)
    withdrawals = on_days(
        publish(cells=make_withdrawal_cells(decided=decided), asked=asked, k=k), period
    )
    suspects = on_days(publish(cells=make_suspect_cells(decided=decided), asked=asked, k=k), period)
    wanted = {
        field: value
        for field, value in (
            ("language", filters.language), ("device_class", filters.device_class),
        )
        if value
    }  # fmt: skip
    suspected = count(published=suspects, wanted=wanted)
    whole = funnel(published=banner, wanted=wanted)
    return OptInReport(
        filters=filters,
        smallest=k,
        today=today,
        days=days,
        funnel=whole,
        shown_again=count(published=again, wanted=wanted),
        by_day=tuple(
            DayRow(
                day=day,
                funnel=funnel(published=banner_on[day], wanted=wanted),
                shown_again=count(published=again_on[day], wanted=wanted),
            )
            for day in days
        ),
        purposes=tuple(
            PurposeReport(
                code=code,
                name=name,
                today=rate(published=banner_on[today], wanted=wanted, purpose=code),
                week_before=rate(published=banner_on[week_before], wanted=wanted, purpose=code),
                period=rate(published=banner, wanted=wanted, purpose=code),
                by_day=tuple(
                    rate(published=banner_on[day], wanted=wanted, purpose=code) for day in days
                ),
                withdrawn=count_purpose(published=withdrawals, wanted=wanted, purpose=code),
            )
            for code, name in purpose_names.items()
        ),
        breakdowns={dimension: _breakdown(banner, wanted, dimension) for dimension in Dimension},
        suspects=suspected,
        suspects_of=suspected.value + whole.decided.value,
        publications=tuple(p for p in publications if p.day in period),
        has_any=bool(shown or decided),
    )


def _breakdown(
    published: Published, wanted: Wanted, dimension: Dimension
) -> tuple[BreakdownRow, ...]:
    field = dimension.value
    ones: Iterable[Group | Cell] = (*published.groups, *(v.cell for v in published.veiled))
    values = {getattr(one, field) for one in ones if _matches(one, wanted)} - {None}
    order: Callable[[str], Any] = (lambda v: -int(v)) if dimension is Dimension.NOTICE else str
    return tuple(
        BreakdownRow(
            value=value, funnel=funnel(published=published, wanted={**wanted, field: value})
        )
        for value in sorted(values, key=order)
    )
