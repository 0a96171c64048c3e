"""Findings in words, for the console and the command line. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tracking.notices.types import Finding

_FILE = Path(__file__).parent / "data" / "findings.toml"
# Values that are words of ours, not of the site.
_WORDS = frozenset({"front", "back", "mode", "unit"})
# Whose entries have a code, the second step of a place.
_LISTS = frozenset({"purposes", "data_items", "partners", "joint_uses", "tags"})


def describe(finding: Finding, language: str) -> str:
    """
    Return what is wrong, where, and what to do, in `ja` or `en`; other languages get English.

    Of the place a text may use `{field}` and `{language}`.
    """
    if language != "ja":
        language = "en"
    table, *steps = finding.place
    if table == "wording":
        steps.reverse()
    elif table in _LISTS:
        steps = steps[1:]
    field, in_language = (*steps, "", "")[:2]
    values = {
        **finding.values,
        **{name: _word(finding.values[name], language) for name in _WORDS & finding.values.keys()},
        "field": _word(field, language),
        "language": _word(in_language, language),
    }
    where = _texts()["tables"][table][language]
    if table in _LISTS:
        where += f" {finding.place[1]}"
    sentence = _texts()["rules"][finding.rule][language]
    if in_language and table != "look" and "{field}" not in sentence:
        where += _texts()["line"][language].format(**values)
    colon = "：" if language == "ja" else ": "
    return f"{where}{colon}{sentence.format(**values)}"


def _word(code: str, language: str) -> str:
    """Return a field, language or colour by its name; what has none is printed as it is."""
    return str(_texts()["words"].get(code, {}).get(language, code))


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text("utf-8"))
