"""The Open Cookie Database (Apache-2.0): its CSV, and what it says of a site's cookies. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from io import StringIO
from typing import Any

from tracking.registry.types import KnownCookieInfo, Nature

COLUMNS = (
    "ID",
    "Platform",
    "Category",
    "Cookie / Data Key name",
    "Domain",
    "Description",
    "Retention period",
    "Data Controller",
    "User Privacy & GDPR Rights Portals",
    "Wildcard match",
)
_NATURES = {
    "functional": Nature.FUNCTIONAL,
    "marketing": Nature.ADVERTISING,
    "analytics": Nature.ANALYTICS,
    "security": Nature.NECESSARY,
    "necessary": Nature.NECESSARY,
    "personalization": Nature.PERSONALISATION,
}
MOST_CHARACTERS = 20_000_000
# A shorter beginning, such as `CT`, would speak of cookies that it never meant.
SHORTEST_WILDCARD = 4


class NotTheDatabase(ValueError):
    """The file is not the Open Cookie Database, or broken in a line."""


def read(text: str) -> list[KnownCookieInfo]:
    """
    Return the cookies of the database's CSV, in its order.

    Tolerates a byte order mark, space around values and a `*` written into a name.

    :raises NotTheDatabase: naming the line
    """
    if len(text) > MOST_CHARACTERS:
        raise NotTheDatabase(f"The file is longer than {MOST_CHARACTERS} characters.")
    rows = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise NotTheDatabase("The first line does not name the database's columns.")
        found: dict[str, KnownCookieInfo] = {}
        for row in rows:
            cookie = _read_row(row, rows.line_num)
            if cookie.source_id in found:
                raise NotTheDatabase(f"Line {rows.line_num}: the id is there twice.")
            found[cookie.source_id] = cookie
    except csv.Error as error:
        raise NotTheDatabase(f"Line {rows.line_num}: {error}.") from error
    if not found:
        raise NotTheDatabase("The file holds no cookie.")
    return list(found.values())


def _read_row(row: Sequence[str], line: int) -> KnownCookieInfo:
    if len(row) != len(COLUMNS):
        raise NotTheDatabase(f"Line {line}: {len(COLUMNS)} values are expected, not {len(row)}.")
    source_id, platform, category, name, _, description, retention, controller, policy, wild = (
        value.strip() for value in row
    )
    if category.lower() not in _NATURES:
        raise NotTheDatabase(f"Line {line}: the category {category!r} is not known.")
    if not source_id or not name.rstrip("*") or wild not in {"0", "1"}:
        raise NotTheDatabase(f"Line {line}: id, name or wildcard mark is missing.")
    return KnownCookieInfo(
        source_id=source_id,
        name=name.rstrip("*"),
        is_wildcard=wild == "1" or name.endswith("*"),
        platform=platform,
        nature=_NATURES[category.lower()],
        description=description,
        retention=retention,
        controller=controller,
        policy_url=policy,
    )


def match(name: str, known: Sequence[KnownCookieInfo]) -> list[KnownCookieInfo]:
    """Return those that speak of a name: the exact ones, or else the longest beginnings."""
    base = name.rstrip("*")
    exact = [cookie for cookie in known if cookie.name == base]
    if exact:
        return exact
    begins = [
        cookie
        for cookie in known
        if cookie.is_wildcard
        and len(cookie.name) >= SHORTEST_WILDCARD
        and base.startswith(cookie.name)
    ]
    longest = max((len(cookie.name) for cookie in begins), default=0)
    return [cookie for cookie in begins if len(cookie.name) == longest]


_DAYS = {
    "second": 1 / 86400, "sec": 1 / 86400, "minute": 1 / 1440, "min": 1 / 1440, "hour": 1 / 24,
    "day": 1.0, "week": 7.0, "month": 365 / 12, "year": 365.0,
}  # fmt: skip
_LIFETIME = re.compile(rf"(\d+)\s*({'|'.join(_DAYS)})s?")


def lifetime_in_days(retention: str) -> float | None:
    """Return how long a cookie lives as a number of days, 0 for a session; None if it is unsaid."""
    text = retention.strip().lower()
    if "session" in text:
        return 0.0
    found = _LIFETIME.fullmatch(text)
    return None if found is None else int(found[1]) * _DAYS[found[2]]


def advise(
    cookie: Mapping[str, Any], *, natures: Set[str], known: Sequence[KnownCookieInfo]
) -> Iterator[str]:
    """Yield, in words, where a declared cookie is not what is known of it."""
    name = cookie["name"]
    if not known:
        yield f"{name} is not in the Open Cookie Database."
        return
    declared = cookie.get("lifetime_days") or 0
    lifetimes = [lifetime_in_days(one.retention) for one in known]
    if not any(days is None or _is_about(declared, days) for days in lifetimes):
        said = " or ".join(sorted({one.retention for one in known}))
        yield f"{name} is declared with {declared} days, it is known with {said}."
    if not natures & {one.nature.value for one in known}:
        said = " or ".join(sorted({one.nature.value for one in known}))
        yield f"{name} is known for {said}, the tag's purposes are {', '.join(sorted(natures))}."


def _is_about(declared: int, known: float) -> bool:
    """Months and years have no exact length, and less than a day is declared as one or none."""
    return abs(declared - known) <= max(1.0, known / 20)
