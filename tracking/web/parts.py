"""Pieces that several pages of the console print. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An option of a select."""

    value: str
    name: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    name: str
    label: str
    choices: tuple[Choice, ...]


def select(*, name: str, label: str, current: str, options: Iterable[tuple[str, str]]) -> Select:
    """Return a select of `(value, name)` options."""
    return Select(
        name=name,
        label=label,
        choices=tuple(
            Choice(value=value, name=text, is_current=value == current) for value, text in options
        ),
    )


def zone_name(zone: str, language: str) -> str:
    """Return a zone as the text around it calls it."""
    if zone == "Asia/Tokyo":
        return "日本時間" if language == "ja" else "Japan time"
    return zone


def pick(names: Mapping[str, str], language: str) -> str:
    """Return a name in this language, or else in any."""
    return names.get(language) or next(iter(names.values()), "")
