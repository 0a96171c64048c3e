"""Tokens, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tracking.access import rules
from tracking.access.types import ApiTokenInfo, NewApiToken, Scope, State, TokenForm
from tracking.lib import moments
from tracking.registry.types import SiteInfo
from tracking.web.parts import Choice, Select, pick, select, zone_name

Words = Mapping[str, Any]

_MARKS = {State.LIVE: "good", State.EXPIRED: "none", State.REVOKED: "none"}
# A call that shows what a scope is good for.
_CALLS = {Scope.INSIGHTS_READ: "/v1/insights/opt-in?site={site}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    id: int
    name: str
    tail: str
    mark: str
    state: str
    scopes: str
    site: str
    made: str
    used: str
    ends: str
    is_live: bool
    revoke_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The token that was just made, and calls to try it with."""

    title: str
    token: str = field(repr=False)
    commands: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPage:
    made: Made | None
    rows: tuple[Row, ...]
    zone_note: str
    name: str
    most_name: int
    scopes: tuple[Choice, ...]
    sites: Select
    lifetimes: Select
    faults: Mapping[str, str]


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_page(
    *,
    tokens: Sequence[ApiTokenInfo],
    sites: Sequence[SiteInfo],
    form: TokenForm,
    made: NewApiToken | None,
    origin: str,
    language: str,
    now: datetime,
) -> TokenPage:
    """Return the page; `origin` is where this service answers. Days are the first site's."""
    text = texts(language)
    names = {site.code: pick(site.name, language) or site.code for site in sites}
    zone = next((site.zone for site in sites), "UTC")
    return TokenPage(
        made=None if made is None else _made(made, names=names, origin=origin, text=text),
        rows=tuple(
            _row(token, names=names, zone=zone, language=language, now=now) for token in tokens
        ),
        zone_note=text["zone_note"].format(zone=zone_name(zone, language)),
        name=form.values.get("name", ""),
        most_name=rules.MOST_NAME,
        scopes=tuple(
            Choice(value=scope, name=text["scopes"][scope], is_current=scope in form.scopes)
            for scope in Scope
        ),
        sites=select(
            name="site",
            label=text["site"],
            current=form.values.get("site", ""),
            options=[("", text["every_site"]), *names.items()],
        ),
        lifetimes=select(
            name="lifetime",
            label=text["lifetime"],
            current=form.values.get("lifetime", "365"),
            options=[(code, text["lifetimes"][code]) for code in rules.LIFETIMES],
        ),
        faults={name: text["faults"][f"{name}_{code}"] for name, code in form.faults.items()},
    )


def _row(
    token: ApiTokenInfo, *, names: Mapping[str, str], zone: str, language: str, now: datetime
) -> Row:
    text = texts(language)
    state = rules.state(token=token, now=now)

    def day(at: datetime) -> str:
        return moments.day_text(at=at, zone=zone, language=language)

    return Row(
        id=token.id,
        name=token.name,
        tail=f"…{token.tail}",
        mark=_MARKS[state],
        state=text["states"][state],
        scopes=text["comma"].join(text["scopes"][scope] for scope in sorted(token.scopes)),
        site=text["every_site"] if token.site is None else names.get(token.site, token.site),
        made=text["made"].format(date=day(token.created_at), name=token.created_by),
        used=text["never_used"] if token.last_used_on is None else f"{token.last_used_on} UTC",
        ends=_end(token, day=day, text=text),
        is_live=state is State.LIVE,
        revoke_label=text["revoke_label"].format(name=token.name),
    )


def _end(token: ApiTokenInfo, *, day: Any, text: Words) -> str:
    if token.revoked_at is not None:
        return str(text["revoked_on"].format(date=day(token.revoked_at)))
    return str(text["no_end"] if token.expires_at is None else day(token.expires_at))


def _made(made: NewApiToken, *, names: Mapping[str, str], origin: str, text: Words) -> Made:
    site = made.site or next(iter(names), "shop")
    return Made(
        title=text["made_title"].format(name=made.name),
        token=made.token,
        commands=tuple(
            f'curl -H "Authorization: Bearer {made.token}"'
            f' "{origin}{_CALLS[scope].format(site=site)}"'
            for scope in sorted(made.scopes)
        ),
    )
