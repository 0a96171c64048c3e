"""The numbers by each thing that they can be filtered by, and by partner and data item. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracking.insights import funnel
from tracking.insights.filtering import View
from tracking.insights.funnel import Segment
from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, BreakdownRow, Dimension, OptInReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One value, with its numbers by name. The address is the page with this filter; empty where it is
    filtered by already.
    """

    name: str
    address: str
    numbers: tuple[tuple[str, str], ...]
    segments: tuple[Segment, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRow:
    name: str
    granted: str
    of_shown: str
    of_decided: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceTable:
    name: str
    rows: tuple[ChoiceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdowns:
    """`heads` name the numbers of a row; `width` is how many columns a table has."""

    lead: str
    heads: tuple[str, ...]
    width: int
    tables: tuple[Breakdown, ...]
    note: str


def build_breakdowns(*, report: OptInReport, view: View, phrases: Phrases) -> Breakdowns:
    """Return a table for each dimension that has values, the most people first."""
    heads = (
        phrases.say("shown"),
        phrases.say("decided"),
        *(phrases.pick(one.name, one.code) for one in report.purposes),
    )
    return Breakdowns(
        lead=phrases.say("breakdown_lead", base=phrases.say(f"of_{view.base.value}")),
        heads=heads,
        width=1 + len(heads),
        tables=tuple(
            Breakdown(
                name=phrases.dimension(dimension),
                rows=tuple(
                    _row(dimension, row, heads, report, view, phrases)
                    for row in _ordered(dimension, rows)
                ),
            )
            for dimension, rows in report.breakdowns.items()
            if rows
        ),
        note=next(
            (
                note
                for rows in report.breakdowns.values()
                for row in rows
                if (note := funnel.note(row.funnel, phrases))
            ),
            "",
        ),
    )


def build_choices(*, report: OptInReport, phrases: Phrases) -> tuple[ChoiceTable, ...]:
    """Return how often each partner and each data item was granted."""
    return tuple(
        ChoiceTable(name=phrases.say(f"choices_{kind}"), rows=rows)
        for kind in ("partner", "item")
        if (rows := tuple(_choices(kind, report, phrases)))
    )


def _ordered(dimension: Dimension, rows: Sequence[BreakdownRow]) -> Sequence[BreakdownRow]:
    """Return notice versions from the newest, anything else from the most people."""
    if dimension is Dimension.NOTICE:
        return rows
    return sorted(rows, key=lambda row: (-row.funnel.shown.value, row.value))


def _row(
    dimension: Dimension,
    row: BreakdownRow,
    heads: Sequence[str],
    report: OptInReport,
    view: View,
    phrases: Phrases,
) -> Row:
    # A banner that nobody answered was answered nowhere.
    is_of_decided = dimension is Dimension.SURFACE
    base = Base.DECIDED if is_of_decided else view.base
    numbers = (
        phrases.share(None) if is_of_decided else phrases.number(row.funnel.shown),
        phrases.number(row.funnel.decided),
        *(phrases.share_of(row.rates[one.code], base) for one in report.purposes),
    )
    is_chosen = view.filters.where.get(dimension) == row.value
    return Row(
        name=phrases.value(dimension, row.value),
        address="" if is_chosen else view.where(dimension, row.value).address(),
        numbers=tuple(zip(heads, numbers, strict=True)),
        segments=funnel.segments(row.funnel),
        summary=phrases.say("list_comma").join(
            f"{phrases.say(key)} {phrases.number(getattr(row.funnel, key))}"
            for key in funnel.OUTCOMES
        ),
    )


def _choices(kind: str, report: OptInReport, phrases: Phrases) -> Iterable[ChoiceRow]:
    for one in report.choices:
        of_kind, _, code = one.id.partition(":")
        if of_kind != kind:
            continue
        rate = one.rate
        yield ChoiceRow(
            name=phrases.pick(one.name, code),
            granted=phrases.granted(rate),
            of_shown=phrases.share_of(rate, Base.SHOWN),
            of_decided=phrases.share_of(rate, Base.DECIDED),
        )
