"""The demo's own texts, Japanese and English."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("ja", "en")


@cache
def get_texts(name: str, language: str) -> dict[str, Any]:
    """Return the texts of `texts/<name>.toml` in a language."""
    texts: dict[str, dict[str, Any]] = tomllib.loads(
        (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    )
    return texts[language]
