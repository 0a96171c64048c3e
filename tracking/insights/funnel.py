"""What became of the banner's showings: over the period, day by day, of one group. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tracking.insights import charts
from tracking.insights.charts import Chart, Column, Form
from tracking.insights.phrases import Phrases
from tracking.insights.types import Funnel, Number, OptInReport

OUTCOMES = ("allowed", "chosen", "refused", "ignored")
NUMBERS = ("shown", "decided", *OUTCOMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the funnel; `start` and `width` in percent."""

    key: str
    name: str
    number: str
    share: str
    start: float
    width: float
    is_part: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    key: str
    start: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPart:
    """`facts` are what is counted apart; `outcomes` name the bars' colors."""

    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str], ...]
    note: str
    outcomes: tuple[tuple[str, str], ...]
    chart: Chart


def build_funnel(*, report: OptInReport, phrases: Phrases) -> FunnelPart:
    """Return the funnel, with what is counted beside it."""
    return FunnelPart(
        steps=_steps(report.funnel, phrases),
        facts=(
            (phrases.say("shown_again"), phrases.number(report.shown_again)),
            (phrases.say("asked_again"), phrases.number(report.asked_again)),
            (phrases.say("withdrawn"), phrases.number(report.withdrawn)),
            (
                phrases.say("suspects"),
                phrases.say(
                    "suspects_share",
                    share=phrases.small_share(report.suspects, report.suspects_of),
                ),
            ),
        ),
        note=note(report.funnel, phrases),
        outcomes=tuple((key, phrases.say(key)) for key in OUTCOMES),
        chart=charts.build_chart(
            id="volume",
            form=Form.STACKS,
            label=phrases.say("volume_title"),
            days=report.days,
            columns=[
                Column(
                    look=key,
                    name=phrases.say(key),
                    cells=[_cell(getattr(row.funnel, key), phrases) for row in report.by_day],
                )
                for key in OUTCOMES
            ],
            events=(),
            phrases=phrases,
        ),
    )


def segments(funnel: Funnel) -> tuple[Segment, ...]:
    """Return the bar of all outcomes that may be told."""
    places = charts.stack(parts=[getattr(funnel, key).value for key in OUTCOMES])
    return tuple(
        Segment(key=key, start=start, width=width)
        for key, (start, width) in zip(OUTCOMES, places, strict=True)
        if width
    )


def note(funnel: Funnel, phrases: Phrases) -> str:
    """Say that small groups are left out, where they are."""
    numbers = [getattr(funnel, key) for key in NUMBERS]
    return phrases.say("partial_note") if any(n.is_partial or n.is_hidden for n in numbers) else ""


def _cell(number: Number, phrases: Phrases) -> tuple[str, float | None]:
    return phrases.number(number), None if number.is_hidden else number.value


def _steps(funnel: Funnel, phrases: Phrases) -> tuple[Step, ...]:
    total = funnel.shown.value
    parts = [getattr(funnel, key).value for key in OUTCOMES]
    # People of unknown outcome are the rest of the whole.
    places = charts.stack(parts=[*parts, max(total - sum(parts), 0)])[: len(parts)]
    whole = charts.stack(parts=[funnel.decided.value, max(total - funnel.decided.value, 0)])
    bars = {
        "shown": (0.0, 100.0 if total else 0.0),
        "decided": whole[0],
        **dict(zip(OUTCOMES, places, strict=True)),
    }
    lines = []
    for key, (start, width) in bars.items():
        number: Number = getattr(funnel, key)
        lines.append(
            Step(
                key=key,
                name=phrases.say(key),
                number=phrases.number(number),
                share=phrases.share(
                    number.value / total if total and not number.is_hidden else None
                ),
                start=start,
                width=width,
                is_part=key in OUTCOMES,
            )
        )
    return tuple(lines)
