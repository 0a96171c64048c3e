"""Times as people read them, in the zone of a site."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

_JAPAN = "Asia/Tokyo"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment_text(*, at: datetime, zone: str, language: str) -> str:
    """Return a time such as 2026年11月22日（日）16:30（日本時間）; English for other languages."""
    clock = f"{at.astimezone(ZoneInfo(zone)):%H:%M}"
    day = day_text(at=at, zone=zone, language=language)
    if language == "ja":
        return f"{day}{clock}（{'日本時間' if zone == _JAPAN else zone}）"
    return f"{day}, {clock} ({'Japan time' if zone == _JAPAN else zone})"


def day_text(*, at: datetime, zone: str, language: str) -> str:
    """Return the day of a time, such as 2026年11月22日（日） or Sun 22 Nov 2026."""
    local = at.astimezone(ZoneInfo(zone))
    if language == "ja":
        return f"{local.year}年{local.month}月{local.day}日（{'月火水木金土日'[local.weekday()]}）"
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
