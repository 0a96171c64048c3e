"""Days of made-up people, counted as real ones are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from tracking.insights import operations
from tracking.insights.types import Cell, Kind
from tracking.notices.types import Notice


def cell(kind: Kind, *, granted: frozenset[int] = frozenset(), notice: int = 1) -> Cell:
    """Return where people on phones are counted who grant the choices of these numbers."""
    length = max(granted, default=-1) + 1
    return Cell(
        kind=kind,
        language="ja",
        device_class="phone",
        regime="jp-a",
        country_group="JP",
        presentation="bar",
        surface="" if kind in {Kind.SHOWN, Kind.SHOWN_AGAIN} else "bar",
        notice=str(notice),
        variant="",
        referrer_class="",
        choices="".join("1" if n in granted else "0" for n in range(length)),
    )


def count_day(
    notice: Notice,
    day: date,
    *,
    shown: int,
    allowed: int = 0,
    refused: int = 0,
    suspects: int = 0,
    chosen: Mapping[frozenset[int], int] | None = None,
) -> None:
    """Count one day's people; `chosen` by the numbers of the choices that they granted."""
    everything = frozenset(notice.numbers[choice] for choice in notice.asked_ids)
    found = {
        cell(Kind.SHOWN): shown,
        cell(Kind.ALLOWED, granted=everything): allowed,
        cell(Kind.REFUSED): refused,
        cell(Kind.SUSPECT): suspects,
        **{cell(Kind.CHOSEN, granted=some): n for some, n in (chosen or {}).items()},
    }
    operations.count_showings(
        batch=uuid4(),
        counts={(notice.site_id, day, one): number for one, number in found.items() if number},
        now=datetime.combine(day, datetime.min.time(), tzinfo=UTC),
    )


def close_days(day: date) -> None:
    """Tell all that may be told of this day and those before."""
    operations.tell(now=datetime.combine(day + timedelta(days=2), datetime.min.time(), tzinfo=UTC))
