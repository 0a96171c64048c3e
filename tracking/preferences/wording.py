"""The languages of the pages: texts, dates, line breaks. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import budoux

from tracking.preferences.types import (
    Moment,
)

_DATA = Path(__file__).parent / "data"
Words = Mapping[str, str]
Content = Mapping[str, Any]


def texts(*, language: str) -> Words:
    """Return the pages' own words; a language we do not speak gets English."""
    return _texts().get(language) or _texts()["en"]


def glossary(*, language: str) -> Words:
    """Return the terms that need explaining, each with its explanation."""
    found: Words = _texts().get(language, {}).get("glossary", {})
    return found


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return tomllib.loads((_DATA / "texts.toml").read_text("utf-8"))


@cache
def _countries() -> dict[str, dict[str, str]]:
    return tomllib.loads((_DATA / "countries.toml").read_text("utf-8"))


def country_name(*, code: str, language: str) -> str:
    """Return the country in words."""
    names = _countries().get(code, {})
    return names.get(language) or names.get("en") or code


def moment(*, at: datetime, zone: str, language: str) -> Moment:
    """Return a time in the site's zone, such as 2026年11月22日（日）16:30（日本時間）."""
    local = at.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M}"
    if language == "ja":
        where = "日本時間" if zone == "Asia/Tokyo" else zone
        text = f"{day_text(at=at, zone=zone, language=language)}{clock}（{where}）"
    else:
        where = "Japan time" if zone == "Asia/Tokyo" else zone
        text = f"{day_text(at=at, zone=zone, language=language)}, {clock} ({where})"
    return Moment(text=text, iso=local.isoformat(timespec="minutes"))


def day_text(*, at: datetime, zone: str, language: str) -> str:
    """Return the day of a time in the site's zone."""
    local = at.astimezone(ZoneInfo(zone))
    if language == "ja":
        weekday = "月火水木金土日"[local.weekday()]
        return f"{local.year}年{local.month}月{local.day}日（{weekday}）"
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def phrases(*, text: str, language: str) -> tuple[str, ...]:
    """Return a heading or button in phrases, so that Japanese breaks between them only."""
    return tuple(_parser().parse(text)) if language == "ja" and text else (text,)


@cache
def _parser() -> Any:
    return budoux.load_default_japanese_parser()


def pick(texts_by_language: Mapping[str, str] | None, language: str) -> str:
    """Return the text in a language, else in any that is there."""
    if not texts_by_language:
        return ""
    return texts_by_language.get(language) or next(iter(texts_by_language.values()), "")
