"""Opt-in rates day by day, with what may explain a change. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tracking.insights import charts
from tracking.insights.charts import Chart, Column, Event, Form
from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, OptInReport, PurposeReport, Rate


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


def build_trend(*, report: OptInReport, base: Base, phrases: Phrases) -> Trend:
    """Return the rates over the period and a line for each purpose, in shares of `base`."""
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
            events=_events(report, phrases),
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
    return cell_text(rate, base, phrases), base.share(rate)


def _last(purpose: PurposeReport, base: Base, phrases: Phrases) -> str:
    shares = [share for rate in purpose.by_day if (share := base.share(rate)) is not None]
    return phrases.share(shares[-1]) if shares else ""


def _events(report: OptInReport, phrases: Phrases) -> tuple[Event, ...]:
    return tuple(
        Event(
            number=number,
            iso=one.day.isoformat(),
            kind="publication",
            day=phrases.day(one.day),
            text=phrases.say("publication_line", number=one.number),
            url="",
        )
        for number, one in enumerate(report.publications, start=1)
    )
