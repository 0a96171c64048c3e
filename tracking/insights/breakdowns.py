"""The numbers by each thing that they can be filtered by, and by partner and data item. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tracking.insights import funnel
from tracking.insights.filtering import View
from tracking.insights.funnel import Segment
from tracking.insights.phrases import Phrases
from tracking.insights.types import BreakdownRow, Dimension, OptInReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value; its address is the page with this filter, empty where it is filtered by already."""

    name: str
    address: str
    numbers: tuple[str, ...]
    segments: tuple[Segment, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    name: str
    rows: tuple[Row, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRow:
    name: str
    granted: str
    of_shown: str
    of_shown_range: str
    of_decided: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceTable:
    name: str
    rows: tuple[ChoiceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdowns:
    """`heads` name the numbers of a row."""

    heads: tuple[str, ...]
    tables: tuple[Breakdown, ...]


def build_breakdowns(*, report: OptInReport, view: View, phrases: Phrases) -> Breakdowns:
    """Return a table for each dimension that has values, the most people first."""
    return Breakdowns(
        heads=(
            phrases.say("shown"),
            phrases.say("decided"),
            *(phrases.pick(one.name, one.code) for one in report.purposes),
        ),
        tables=tuple(
            _table(dimension, rows, report, view, phrases)
            for dimension, rows in report.breakdowns.items()
            if rows
        ),
    )


def build_choices(*, report: OptInReport, phrases: Phrases) -> tuple[ChoiceTable, ...]:
    """Return how often each partner and each data item was granted."""
    return tuple(
        ChoiceTable(name=phrases.say(f"choices_{kind}"), rows=rows)
        for kind in ("partner", "item")
        if (rows := tuple(_choices(kind, report, phrases)))
    )


def _table(
    dimension: Dimension,
    rows: Iterable[BreakdownRow],
    report: OptInReport,
    view: View,
    phrases: Phrases,
) -> Breakdown:
    ordered = (
        tuple(rows)
        if dimension is Dimension.NOTICE
        else tuple(sorted(rows, key=lambda row: (-row.funnel.shown.value, row.value)))
    )
    chosen = view.filters.where.get(dimension)
    return Breakdown(
        name=phrases.dimension(dimension),
        rows=tuple(
            Row(
                name=phrases.value(dimension, row.value),
                address="" if row.value == chosen else view.where(dimension, row.value).address(),
                numbers=(
                    phrases.number(row.funnel.shown),
                    phrases.number(row.funnel.decided),
                    *(
                        phrases.share_of(rate, view.base.share(rate))
                        for purpose in report.purposes
                        for rate in (row.rates[purpose.code],)
                    ),
                ),
                segments=funnel.segments(row.funnel),
                summary=phrases.say("list_comma").join(
                    f"{phrases.say(key)} {phrases.number(getattr(row.funnel, key))}"
                    for key in funnel.OUTCOMES
                ),
            )
            for row in ordered
        ),
        note=next((text for row in ordered if (text := funnel.note(row.funnel, phrases))), ""),
    )


def _choices(kind: str, report: OptInReport, phrases: Phrases) -> Iterable[ChoiceRow]:
    for one in report.choices:
        of_kind, _, code = one.id.partition(":")
        if of_kind != kind:
            continue
        rate = one.rate
        yield ChoiceRow(
            name=phrases.pick(one.name, code),
            granted=f"{rate.granted:,}" if rate.shown else phrases.share_of(rate, None),
            of_shown=phrases.share_of(rate, rate.of_shown),
            of_shown_range=phrases.interval(rate.granted, rate.shown),
            of_decided=phrases.share_of(rate, rate.of_decided),
        )
