"""The page for reports by mail, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tracking.insights import subscriptions
from tracking.insights.subscriptions import LANGUAGES, Every, Failure, Subscription
from tracking.lib import moments
from tracking.registry.types import SiteInfo
from tracking.web.parts import Select, pick, select, zone_name

Words = Mapping[str, Any]

_USUAL_HOUR = "9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was entered, and a code for each field that is wrong."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One address. `may_change`: this account may try and stop it."""

    id: int
    email: str
    every: str
    language: str
    next: str
    state: str
    is_failing: bool
    owner: str
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsPage:
    site: str
    site_name: str
    sites: Select
    rows: tuple[Row, ...]
    email: str
    every: Select
    hour: Select
    language: Select
    faults: Mapping[str, str]
    zone_note: str


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


def build_page(
    *,
    found: Sequence[Subscription],
    form: Form,
    site: SiteInfo,
    sites: Sequence[SiteInfo],
    account: str,
    may_add: bool,
    may_change_all: bool,
    language: str,
) -> ReportsPage:
    """Return the page; `account` is the name of whoever looks at it."""
    text = texts(language)
    hours = [(str(hour), text["at_hour"].format(hour=hour)) for hour in range(24)]
    return ReportsPage(
        site=site.code,
        site_name=pick(site.name, language) or site.code,
        sites=select(
            name="site",
            label=text["site"],
            current=site.code,
            options=[(one.code, pick(one.name, language) or one.code) for one in sites],
        ),
        rows=tuple(
            _row(
                one,
                text,
                language,
                may_change=may_change_all or (may_add and one.owner == account),
            )
            for one in found
        ),
        email=form.values.get("email", ""),
        every=select(
            name="every",
            label=text["every"],
            current=form.values.get("every", Every.WEEK),
            options=[(every.value, text[f"every_{every.value}"]) for every in Every],
        ),
        hour=select(
            name="hour",
            label=text["hour"],
            current=form.values.get("hour", _USUAL_HOUR),
            options=hours,
        ),
        language=select(
            name="language",
            label=text["language"],
            current=form.values.get("language", language),
            options=[(code, text[f"language_{code}"]) for code in LANGUAGES],
        ),
        faults={name: text[f"fault_{name}_{code}"] for name, code in form.faults.items()},
        zone_note=text["zone_note"].format(zone=zone_name(site.zone, language)),
    )


def _row(one: Subscription, text: Words, language: str, *, may_change: bool) -> Row:
    due = subscriptions.period_of(every=one.every, day=one.last_sent_for + timedelta(days=1))
    return Row(
        id=one.id,
        email=one.email,
        every=text[f"every_{one.every.value}"],
        language=text[f"language_{one.language}"],
        next=moments.moment_text(
            at=subscriptions.due_at(one, due), zone=one.zone, language=language
        ),
        state=_state(one, text, language),
        is_failing=one.failure is not None,
        owner=one.owner,
        may_change=may_change,
    )


def _state(one: Subscription, text: Words, language: str) -> str:
    sentence: str
    if one.failure is not None and one.failed_at is not None:
        at = moments.moment_text(at=one.failed_at, zone=one.zone, language=language)
        sentence = text["state_away" if one.failure is Failure.AWAY else "state_refused"]
        return sentence.format(date=at)
    sentence = text["state_fine" if subscriptions.has_sent(one) else "state_none"]
    return sentence.format(date=_day(one.last_sent_for, one.zone, language))


def _day(day: date, zone: str, language: str) -> str:
    midnight = datetime.combine(day, time(), tzinfo=ZoneInfo(zone))
    return moments.day_text(at=midnight, zone=zone, language=language)


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "data" / "reports.toml").read_text("utf-8"))
