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

from tracking.gate.types import Decision, Reason
from tracking.lib import moments
from tracking.preferences.types import Moment

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


def field_names(*, language: str) -> Words:
    """Return what the pages call the fields of a notice's entries."""
    found: Words = (_texts().get(language) or _texts()["en"])["fields"]
    return found


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return tomllib.loads((_DATA / "texts.toml").read_text("utf-8"))


@cache
def own_storage() -> tuple[Content, ...]:
    """Return what this product itself keeps in a browser."""
    return tuple(tomllib.loads((_DATA / "own_storage.toml").read_text("utf-8"))["entries"])


@cache
def _countries() -> dict[str, dict[str, str]]:
    return tomllib.loads((_DATA / "countries.toml").read_text("utf-8"))


def country_name(*, code: str, language: str) -> str:
    """Return the country in words."""
    names = _countries().get(code, {})
    return names.get(language) or names.get("en") or code


def country_codes() -> tuple[str, ...]:
    """Return the countries that have a name."""
    return tuple(_countries())


def reason_key(decision: Decision) -> str:
    """Return the text that says why."""
    if decision.allowed and decision.reason is Reason.NEEDS_RENEWAL:
        return "reason_needs_renewal_on"
    key = f"reason_{decision.reason.value}"
    return key if key in _texts()["en"] else "reason_unknown"


def moment(*, at: datetime, zone: str, language: str) -> Moment:
    """Return a time in the site's zone."""
    return Moment(
        text=moments.moment_text(at=at, zone=zone, language=language),
        iso=at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes"),
    )


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
