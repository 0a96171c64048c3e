"""Language tags: which of those offered suits a reader, and which run from right to left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_MOST_CHARACTERS = 200
_PREFERENCE = re.compile(
    r"\s*([a-z]{1,8}(?:-[a-z0-9]{1,8})*)\s*"
    r"(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_RTL_LANGUAGES = frozenset(
    {"ar", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
_RTL_SCRIPTS = frozenset({"adlm", "arab", "hebr", "nkoo", "syrc", "thaa"})


def negotiate(wanted: str, offered: Sequence[str]) -> str:
    """
    Return the offered language that suits best, else the first one (there must be one).

    `wanted` is an Accept-Language header (RFC 9110) or a plain tag; whatever cannot be read in it
    is passed over. Each wish is looked up from its full tag to its first part (RFC 4647 §3.4), and
    a wish without a region takes any: en-GB gets en, pt gets pt-BR. Chinese goes by its script:
    zh-TW gets zh-Hant and never zh-Hans.
    """
    known: dict[str, str] = {}
    for spell in (str, _spelled):
        for language in offered:
            known.setdefault(spell(language.lower()), language)
    for wish in _wishes(wanted):
        tag = _spelled(wish)
        while tag:
            # "zh" is left over from a script that is not offered: no other script will do.
            wider = () if tag == "zh" else (k for k in known if k.startswith(f"{tag}-"))
            found = tag if tag in known else next(iter(wider), None)
            if found is not None:
                return known[found]
            tag = tag.rpartition("-")[0]
    return offered[0]


def is_rtl(language: str) -> bool:
    """Say whether a language is written from right to left; a script in its tag decides."""
    first, *more = language.lower().split("-")
    script = next((part for part in more if len(part) == 4 and part.isalpha()), None)
    return first in _RTL_LANGUAGES if script is None else script in _RTL_SCRIPTS


def _wishes(wanted: str) -> Iterator[str]:
    """Yield the tags, best first; those of equal weight as they came."""
    read = wanted[:_MOST_CHARACTERS]
    if len(wanted) > _MOST_CHARACTERS:
        # The last one may have been cut into another language.
        read = read.rpartition(",")[0]
    found = [
        (float(match[2] or 1), match[1])
        for part in read.lower().split(",")
        if (match := _PREFERENCE.fullmatch(part))
    ]
    for weight, tag in sorted(found, key=lambda wish: -wish[0]):
        if weight:
            yield tag


def _spelled(tag: str) -> str:
    """Return a tag as we know it: Chinese by script, Portuguese of no country as Brazil's."""
    first, *more = tag.split("-")
    if first == "zh":
        is_traditional = "hans" not in more and not _TRADITIONAL.isdisjoint(more)
        return "zh-hant" if is_traditional else "zh-hans"
    return "pt-br" if tag == "pt" else tag
