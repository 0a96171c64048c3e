"""Opt-in rates day by day, with what may explain a change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tracking.insights import charts
from tracking.insights.charts import Chart, Column, Event, Form
from tracking.insights.marks import Mark, MarkKind
from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, OptInReport, PurposeReport, Rate

# Between this and what is told as a range, a line shows the way it goes.
_DRAWN_WITHIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """A purpose over the whole period."""

    name: str
    granted: str
    of_shown: str
    of_shown_range: str
    of_decided: str
    of_decided_range: str
    withdrawn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    rows: tuple[PeriodRow, ...]
    note: str
    chart: Chart


def build_trend(
    *,
    report: OptInReport,
    base: Base,
    marks: Sequence[Mark],
    opens: Collection[MarkKind],
    phrases: Phrases,
) -> Trend:
    """
    Return the rates over the period and a line for each purpose, in shares of `base`.

    :param opens: the kinds of marks whose pages the reader may see
    """
    return Trend(
        rows=tuple(_row(purpose, phrases) for purpose in report.purposes),
        note=phrases.say("partial_rate_note")
        if any(purpose.period.is_partial for purpose in report.purposes)
        else "",
        chart=charts.build_chart(
            id="rates",
            form=Form.LINES,
            label=phrases.say("trend_label", base=phrases.say(f"of_{base.value}")),
            days=report.days,
            columns=[
                Column(
                    look=f"line-{number}",
                    name=phrases.pick(purpose.name, purpose.code),
                    cells=[_cell(rate, base, phrases) for rate in purpose.by_day],
                    last=_last(purpose, base, phrases),
                )
                for number, purpose in enumerate(report.purposes, start=1)
            ],
            events=_events(marks, opens, phrases),
            phrases=phrases,
        ),
    )


def cell_text(rate: Rate, base: Base, phrases: Phrases) -> str:
    """Return a share with what it is made of."""
    share = base.share(rate)
    if share is None:
        return phrases.share_of(rate, base)
    return f"{phrases.share(share)} ({rate.granted:,} / {base.whole(rate):,})"


def _row(purpose: PurposeReport, phrases: Phrases) -> PeriodRow:
    rate = purpose.period
    return PeriodRow(
        name=phrases.pick(purpose.name, purpose.code),
        granted=phrases.granted(rate),
        of_shown=phrases.share_of(rate, Base.SHOWN),
        of_shown_range=phrases.interval_of(rate, Base.SHOWN),
        of_decided=phrases.share_of(rate, Base.DECIDED),
        of_decided_range=phrases.interval_of(rate, Base.DECIDED),
        withdrawn=phrases.number(purpose.withdrawn),
    )


def _cell(rate: Rate, base: Base, phrases: Phrases) -> tuple[str, float | None]:
    """Draw the share of whom can be told of, as long as the others could not move it far."""
    share = base.share(rate)
    if share is None and base.is_vague(rate):
        bounds = base.bounds(rate)
        if bounds.high - bounds.low <= _DRAWN_WITHIN:
            share = rate.granted / base.whole(rate)
    return cell_text(rate, base, phrases), share


def _last(purpose: PurposeReport, base: Base, phrases: Phrases) -> str:
    shares = [share for rate in purpose.by_day if (share := base.share(rate)) is not None]
    return phrases.share(shares[-1]) if shares else ""


def _events(
    marks: Sequence[Mark], opens: Collection[MarkKind], phrases: Phrases
) -> tuple[Event, ...]:
    return tuple(
        Event(
            number=number,
            iso=mark.day.isoformat(),
            kind=mark.kind.value,
            day=phrases.day(mark.day),
            text=phrases.pick(mark.title, ""),
            url=_in_language(mark.url, phrases) if mark.url and mark.kind in opens else "",
        )
        for number, mark in enumerate(marks, start=1)
    )


def _in_language(url: str, phrases: Phrases) -> str:
    return f"{url}{'&' if '?' in url else '?'}lang={phrases.language}"
