"""What vendors can be told, how identifiers are declared, what may be excepted. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tracking.registry.types import (
    IDENTIFIER_COOKIE,
    IDENTIFIER_KIND,
    MOST_IDENTIFIERS,
    NEVER_EXCEPTED,
    Nature,
    Transport,
    Vendor,
    VendorInfo,
)

# JSON, because the front end's tests read it, too: static/src/vendors/ must do what it says.
_FILE = Path(__file__).parent / "data" / "vendors.json"


@cache
def load_vendors() -> Mapping[Vendor, VendorInfo]:
    """Return what each vendor can be told; read once per process."""
    table = json.loads(_FILE.read_text("utf-8"))
    return {
        Vendor(code): VendorInfo(
            natures=frozenset(Nature(nature) for nature in fields["natures"]),
            stops=fields["stops"],
            remains=fields["remains"],
            source=fields["source"],
        )
        for code, fields in table.items()
    }


def may_be_excepted(*, transport: str, natures: Iterable[str]) -> bool:
    """Say whether an exception of the law may open a tag: never in a page, never for these."""
    return transport == Transport.SERVER and NEVER_EXCEPTED.isdisjoint(natures)


def read_identifiers(declared: object) -> list[dict[str, str]]:
    """
    Return a partner's identifiers, each with its `kind` and its `cookie`, "" where it has none.

    :raises ValueError: saying what is wrong with them
    """
    if not isinstance(declared, list) or len(declared) > MOST_IDENTIFIERS:
        raise ValueError(f"identifiers must be a list of at most {MOST_IDENTIFIERS}")
    found: dict[str, dict[str, str]] = {}
    for entry in declared:
        if not isinstance(entry, dict) or not {"kind"} <= entry.keys() <= {"kind", "cookie"}:
            raise ValueError("an identifier is written as a `kind` and, if it has one, a `cookie`")
        kind, cookie = entry["kind"], entry.get("cookie", "")
        if not isinstance(kind, str) or not re.fullmatch(IDENTIFIER_KIND, kind):
            raise ValueError("the kind of an identifier is 1 to 40 characters of a-z, 0-9 and _")
        if not isinstance(cookie, str) or not re.fullmatch(IDENTIFIER_COOKIE, cookie):
            raise ValueError(f"{kind} names its cookie exactly, without `*`")
        if kind in found:
            raise ValueError(f"{kind} is declared twice")
        found[kind] = {"kind": kind, "cookie": cookie}
    return list(found.values())
