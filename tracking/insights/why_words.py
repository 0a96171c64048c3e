"""The words about changes. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tracking.insights import phrases
from tracking.insights.phrases import Words
from tracking.insights.why import Change


def texts(language: str) -> Words:
    """Return the words of pages about changes, among those of all pages about numbers."""
    return {**phrases.texts(language=language), **_texts()[language]}


def question_key(change: Change) -> str:
    """Return under which key a change is asked about."""
    if change.is_noise:
        return "same"
    return "rose" if change.difference > 0 else "fell"


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "why.toml"
    return tomllib.loads(path.read_text("utf-8"))
