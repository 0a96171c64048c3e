"""Charts that are tables first: what a page prints, and a script draws from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tracking.insights.phrases import Phrases


class Form(StrEnum):
    """Lines of shares, or people piled up day by day."""

    LINES = "lines"
    STACKS = "stacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    `look` is the class that its stroke or fill has, `number` picks the points' shape; `last` is the
    newest value in words.
    """

    number: int
    look: str
    name: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a cell says, and its value; no value where nothing may be told."""

    text: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    iso: str
    name: str
    short: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that may explain a change, drawn as a line across its day."""

    number: int
    iso: str
    kind: str
    day: str
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """
    A table with a day in each row, newest first. One day alone is no trend: it is not drawn.
    """

    id: str
    form: Form
    label: str
    series: tuple[Series, ...]
    days: tuple[Day, ...]
    events: tuple[Event, ...]
    is_drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One series before it is in words: `cells` are texts and values by day, oldest first."""

    look: str
    name: str
    cells: Sequence[tuple[str, float | None]]
    last: str = ""


def build_chart(
    *,
    id: str,
    form: Form,
    label: str,
    days: Sequence[date],
    columns: Sequence[Column],
    events: Sequence[Event],
    phrases: Phrases,
) -> Chart:
    """Return a chart over these days, oldest first; each column has a cell for each of them."""
    return Chart(
        id=id,
        form=form,
        label=label,
        series=tuple(
            Series(
                number=number,
                look=column.look,
                name=column.name,
                last=column.last,
            )
            for number, column in enumerate(columns, start=1)
        ),
        days=tuple(
            Day(
                iso=day.isoformat(),
                name=phrases.day(day),
                short=phrases.short_day(day),
                points=tuple(
                    Point(text=text, value="" if value is None else f"{value:.6g}")
                    for text, value in (column.cells[at] for column in columns)
                ),
            )
            for at, day in reversed(tuple(enumerate(days)))
        ),
        events=tuple(events),
        is_drawn=any(sum(value is not None for _, value in one.cells) > 1 for one in columns),
    )


def stack(*, parts: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Return start and width, in percent, of each part of a bar that shows all of them."""
    total = sum(parts)
    if total == 0:
        return tuple((0.0, 0.0) for _ in parts)
    starts = [sum(parts[:index]) for index in range(len(parts))]
    return tuple(
        (round(100 * start / total, 3), round(100 * part / total, 3))
        for start, part in zip(starts, parts, strict=True)
    )
