"""Geometry of the dashboard's charts: shares in, coordinates out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The drawing is stretched to its place, so these are proportions and not pixels.
WIDTH, HEIGHT = 1000, 100
_TOPS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`number` picks the stroke; `path` is SVG path data with a gap where a share is missing."""

    name: str
    number: int
    path: str
    last: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """
    `ticks` are the labels of the axis from top to bottom, `marks` x positions of events. One day
    alone is no trend: then there is nothing to draw.
    """

    is_trend: bool
    lines: tuple[Line, ...]
    ticks: tuple[str, ...]
    marks: tuple[float, ...]


def line_chart(
    *, series: Sequence[tuple[str, Sequence[float | None]]], marks: Sequence[int]
) -> LineChart:
    """Return lines over equally spaced days; `marks` are indexes of days."""
    highest = max(
        (share for _, shares in series for share in shares if share is not None), default=0.0
    )
    top = next(limit for limit in _TOPS if highest <= limit or limit == _TOPS[-1])
    days = max((len(shares) for _, shares in series), default=0)
    return LineChart(
        is_trend=any(sum(share is not None for share in shares) > 1 for _, shares in series),
        lines=tuple(
            Line(
                name=name,
                number=number,
                path=_path(shares, top),
                last=next((share for share in reversed(shares) if share is not None), None),
            )
            for number, (name, shares) in enumerate(series, start=1)
        ),
        ticks=tuple(f"{top * quarter / 4:.0%}" for quarter in (4, 3, 2, 1, 0)),
        marks=tuple(_x(index, days) for index in marks),
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


def _path(shares: Sequence[float | None], top: float) -> str:
    commands: list[str] = []
    is_drawing = False
    for index, share in enumerate(shares):
        if share is None:
            is_drawing = False
            continue
        y = round(HEIGHT * (1 - min(share / top, 1.0)), 2)
        # A point without neighbors is a line too short to see but for its round ends.
        commands.append(f"{'L' if is_drawing else 'M'}{_x(index, len(shares))} {y}")
        if not is_drawing:
            commands.append("h0.01")
        is_drawing = True
    return "".join(commands)


def _x(index: int, days: int) -> float:
    return round(WIDTH * index / max(days - 1, 1), 2)
