"""What kind of place a visitor had come from. The host itself is not kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tracking.consents.types import ReferrerClass

_FILE = Path(__file__).parent / "data" / "referrers.toml"
# `.com`, `.de`, `.co.jp`, `.com.br`
_ENDING = r"\.[a-z]{2,3}(\.[a-z]{2})?"


def classify(*, host: str | None, origins: Collection[str]) -> ReferrerClass:
    """
    Return the kind of the page before.

    :param host: its host, "" where there was no page before, None where that is not known
    :param origins: those of the site itself
    """
    if host is None:
        return ReferrerClass.UNKNOWN
    name = host.lower().partition(":")[0].rstrip(".")
    if not name:
        return ReferrerClass.DIRECT
    if name in {urlsplit(origin).hostname for origin in origins}:
        return ReferrerClass.SAME_SITE
    for kind, pattern in _known().items():
        if pattern.fullmatch(name):
            return kind
    return ReferrerClass.OTHER


@cache
def _known() -> dict[ReferrerClass, re.Pattern[str]]:
    lists = tomllib.loads(_FILE.read_text("utf-8"))
    return {
        kind: re.compile("|".join(_pattern(entry) for entry in lists[kind.value]))
        for kind in (ReferrerClass.SEARCH, ReferrerClass.SOCIAL)
    }


def _pattern(entry: str) -> str:
    if entry.endswith(".*"):
        return rf"(www\.)?{re.escape(entry[:-2])}{_ENDING}"
    return rf"(.+\.)?{re.escape(entry)}"
