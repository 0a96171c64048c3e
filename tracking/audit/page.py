"""The log, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.audit.types import COMMAND_LINE, Entry, Filters, Known, Listing
from tracking.web.parts import Select, pick, select, zone_name

Words = Mapping[str, Any]


class Site(Protocol):
    """What the page needs of a site: its name by language, and its IANA zone."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> Mapping[str, str]: ...
    @property
    def zone(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    at: str
    iso: str
    actor: str
    action: str
    site: str
    object: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    rows: tuple[Row, ...]
    selects: tuple[Select, ...]
    object: str
    day: str
    is_day_wrong: bool
    zone_note: str
    empty: str
    older: str
    newest: str


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def zone_of(*, sites: Sequence[Site], code: str) -> str:
    """Return the zone in which days and times are meant: the chosen site's, else the first's."""
    by_code = {site.code: site.zone for site in sites}
    return by_code.get(code) or next(iter(by_code.values()), "UTC")


def day_bounds(*, day: str, zone: str) -> tuple[datetime, datetime] | None:
    """Return the beginning of a day such as 2026-11-26 and of the next; None if it is none."""
    try:
        first = date.fromisoformat(day)
        start = datetime.combine(first, time(), tzinfo=ZoneInfo(zone))
        end = datetime.combine(first + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    except (ValueError, OverflowError):
        return None
    return start, end


def build_log(
    *,
    listing: Listing,
    known: Known,
    filters: Filters,
    day: str,
    is_first_page: bool,
    sites: Sequence[Site],
    language: str,
) -> LogPage:
    """Return the page; `day` is what was asked for, whether or not it is a day."""
    text = texts(language)
    zone = zone_of(sites=sites, code=filters.site)
    every = ("", text["filter_all"])
    asked = {
        "lang": language,
        "site": filters.site,
        "actor": filters.actor,
        "action": filters.action,
        "object": filters.object,
        "day": day,
    }
    is_filtered = any(value for name, value in asked.items() if name != "lang")
    names = {site.code: pick(site.name, language) or site.code for site in sites}

    def choose(name: str, options: list[tuple[str, str]]) -> Select:
        return select(
            name=name,
            label=text[f"filter_{name}"],
            current=asked[name],
            options=[every, *options],
        )

    return LogPage(
        rows=tuple(_row(entry, zone=zone, names=names, text=text) for entry in listing.entries),
        selects=(
            choose("site", list(names.items())),
            choose("actor", [(actor, _actor(actor, text)) for actor in known.actors]),
            choose("action", [(code, text["actions"].get(code, code)) for code in known.actions]),
        ),
        object=filters.object,
        day=day,
        is_day_wrong=bool(day) and day_bounds(day=day, zone=zone) is None,
        zone_note=text["zone_note"].format(zone=zone_name(zone, language)),
        empty="" if listing.entries else text["empty_filter" if is_filtered else "empty"],
        older=""
        if listing.before is None
        else f"?{urlencode({**asked, 'before': listing.before})}",
        newest="" if is_first_page else f"?{urlencode(asked)}",
    )


def _row(entry: Entry, *, zone: str, names: Mapping[str, str], text: Words) -> Row:
    local = entry.at.astimezone(ZoneInfo(zone))
    return Row(
        at=f"{local:%Y-%m-%d %H:%M:%S}",
        iso=local.isoformat(timespec="seconds"),
        actor=_actor(entry.actor, text),
        action=text["actions"].get(entry.action, entry.action),
        site=names.get(entry.site, entry.site),
        object=entry.object,
        details=tuple(
            (text["details_names"].get(name, name), _value(value, text))
            for name, value in entry.details.items()
            if value is not None and value != {} and value != ""
        ),
    )


def _actor(actor: str, text: Words) -> str:
    return str(text["actor_command_line"]) if actor == COMMAND_LINE else actor


def _value(value: object, text: Words) -> str:
    """Return one detail in words; `{"was": …, "is": …}` is a change."""
    if isinstance(value, bool):
        return str(text["yes" if value else "no"])
    if isinstance(value, dict):
        if value.keys() == {"was", "is"}:
            return f"{_value(value['was'], text)} → {_value(value['is'], text)}"
        return ", ".join(f"{name}={_value(one, text)}" for name, one in value.items()) or str(
            text["none"]
        )
    if value in ("", None):
        return str(text["none"])
    return str(text["details_values"].get(value, value))
