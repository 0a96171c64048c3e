"""What mails to partners, and the page behind their links, say. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("ja", "en")
_FILE = Path(__file__).parent / "data" / "texts.toml"


def mail(*, language: str) -> Mapping[str, str]:
    """Return the sentences of a mail in one of LANGUAGES."""
    return _texts()[language]["mail"]


def acknowledge_page(*, language: str) -> Mapping[str, str]:
    """Return the sentences of the acknowledge page in one of LANGUAGES."""
    return _texts()[language]["page"]


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(_FILE.read_text("utf-8"))
