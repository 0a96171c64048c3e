"""Counts of people, told at once, as the dashboard reads them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from tracking.insights import operations
from tracking.insights.types import Cell, Kind
from tracking.notices.types import Notice


def add_people(
    notice: Notice,
    day: date,
    *,
    shown: int,
    granted: int = 0,
    refused: int = 0,
    choices: str = "1111",
    **fields: str,
) -> None:
    """Count people of one day, of whom some granted `choices`, some refused and the rest left."""
    cell = {
        "language": "ja",
        "device_class": "phone",
        "regime": "jp-a",
        "country_group": "JP",
        "presentation": "bar",
        "notice": str(notice.number),
        "variant": "",
        "referrer_class": "",
        **fields,
    }
    counts = {
        Cell(kind=Kind.SHOWN, surface="", **cell): shown,
        Cell(kind=Kind.ALLOWED, surface="bar", choices=choices, **cell): granted,
        Cell(kind=Kind.REFUSED, surface="bar", **cell): refused,
    }
    operations.count_showings(
        batch=uuid4(),
        counts={(notice.site_id, day, of): number for of, number in counts.items() if number},
        now=datetime.combine(day, time(12), tzinfo=ZoneInfo("Asia/Tokyo")),
    )


def tell(day: date) -> None:
    """Tell all that may be told, as the rounds do until the day is over."""
    operations.tell(
        now=datetime.combine(day + timedelta(days=2), time(), tzinfo=ZoneInfo("Asia/Tokyo")),
        at_once=True,
    )
