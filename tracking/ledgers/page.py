"""The ledgers, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tracking.gate.types import ExceptionUses
from tracking.ledgers import rules
from tracking.ledgers.types import (
    ContractState,
    ExceptionForm,
    ExceptionState,
    Ledgers,
    PartnerCount,
)
from tracking.lib import moments
from tracking.registry.types import EntrustmentInfo, ExceptionBasis, ExceptionInfo, SiteInfo
from tracking.web.parts import Select, pick, select, zone_name

Words = Mapping[str, Any]

_MARKS: Mapping[str, str] = {
    ContractState.MISSING: "dead",
    ContractState.OVERDUE: "dead",
    ContractState.UNDATED: "retrying",
    ContractState.FINE: "good",
    ExceptionState.LIVE: "good",
    ExceptionState.ENDED: "none",
    ExceptionState.EXPIRED: "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A state: `key` picks the sign beside the words."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrustmentRow:
    name: str
    country: str
    mark: Mark
    contract: str
    scope: str
    sub_processors: str
    review_on: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRow:
    id: int
    tag: str
    basis: str
    warning: str
    reason: str
    mark: Mark
    approved: str
    until: str
    uses: str
    is_live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    partner: str
    name: str
    devices: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    site: str
    site_name: str
    sites: Select
    attention: str
    entrustments: tuple[EntrustmentRow, ...]
    exceptions: tuple[ExceptionRow, ...]
    # None: no tag can have an exception.
    tags: Select | None
    bases: Select
    form: Mapping[str, str]
    faults: Mapping[str, str]
    # None: nobody is in the ledger yet.
    partners: Select | None
    since: str
    until: str
    is_period_wrong: bool
    counts: tuple[CountRow, ...] | None
    zone_note: str


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_page(
    *,
    ledgers: Ledgers,
    counts: Sequence[PartnerCount] | None,
    since: str,
    until: str,
    is_period_wrong: bool,
    form: ExceptionForm,
    site: SiteInfo,
    sites: Sequence[SiteInfo],
    language: str,
) -> LedgerPage:
    """Return the page; `counts` None = nobody asked to count."""
    text = texts(language)
    names = {one.code: pick(one.legal_name, language) or one.code for one in ledgers.recipients}
    urgent = sum(
        state in (ContractState.MISSING, ContractState.OVERDUE) for _, state in ledgers.entrustments
    )
    return LedgerPage(
        site=site.code,
        site_name=pick(site.name, language) or site.code,
        sites=select(
            name="site",
            label=text["site"],
            current=site.code,
            options=[(one.code, pick(one.name, language) or one.code) for one in sites],
        ),
        attention=text["attention"].format(count=urgent) if urgent else "",
        entrustments=tuple(
            _entrustment(info, state, text, language) for info, state in ledgers.entrustments
        ),
        exceptions=tuple(
            _exception(info, state, uses, text, site.zone, language)
            for info, state, uses in ledgers.exceptions
        ),
        tags=select(
            name="tag",
            label=text["tag"],
            current=form.values.get("tag", ""),
            options=[
                ("", text["choose"]),
                *((tag.code, pick(tag.name, language)) for tag in ledgers.exceptable),
            ],
        )
        if ledgers.exceptable
        else None,
        bases=select(
            name="basis",
            label=text["basis"],
            current=form.values.get("basis", ""),
            options=[("", text["choose"]), *text["bases"].items()],
        ),
        form=form.values,
        faults={name: text["faults"][f"{name}_{code}"] for name, code in form.faults.items()},
        partners=select(
            name="partner", label=text["partner"], current="", options=list(names.items())
        )
        if names
        else None,
        since=since,
        until=until,
        is_period_wrong=is_period_wrong,
        counts=None
        if counts is None
        else tuple(
            CountRow(
                partner=one.partner,
                name=names.get(one.partner, one.partner),
                devices=_number(one.devices, text),
                kept=_number(one.kept, text),
            )
            for one in counts
        ),
        zone_note=text["zone_note"].format(zone=zone_name(site.zone, language)),
    )


def _entrustment(
    info: EntrustmentInfo, state: ContractState, text: Words, language: str
) -> EntrustmentRow:
    return EntrustmentRow(
        name=pick(info.legal_name, language) or info.partner,
        country=info.country,
        mark=Mark(key=_MARKS[state], text=text[f"contract_{state}"]),
        contract=info.contract_ref or text["none"],
        scope=pick(info.scope, language) or text["none"],
        sub_processors=text["comma"].join(info.sub_processors) or text["none"],
        review_on=text["none"] if info.review_on is None else info.review_on.isoformat(),
        note=text["own_use"] if info.uses_for_itself else "",
    )


def _exception(
    info: ExceptionInfo,
    state: ExceptionState,
    uses: ExceptionUses | None,
    text: Words,
    zone: str,
    language: str,
) -> ExceptionRow:
    def at(moment: datetime) -> str:
        return moments.moment_text(at=moment, zone=zone, language=language)

    def day(moment: datetime) -> str:
        return moments.day_text(at=moment, zone=zone, language=language)

    ended = info.ended_at if state is ExceptionState.ENDED else None
    return ExceptionRow(
        id=info.id,
        tag=info.tag,
        basis=text["bases"][info.basis.value],
        warning=text["without_law"] if info.basis is ExceptionBasis.OUR_RIGHTS else "",
        reason=info.reason,
        mark=Mark(key=_MARKS[state], text=text[f"exception_{state}"]),
        approved=text["approved"].format(name=info.approver, date=day(info.approved_at)),
        until=day(info.expires_at) if ended is None else at(ended),
        uses=text["uses_none"]
        if uses is None
        else text["uses"].format(count=f"{uses.count:,}", date=at(uses.last_at)),
        is_live=state is ExceptionState.LIVE,
    )


def _number(count: int | None, text: Words) -> str:
    return text["few"].format(count=rules.SMALLEST) if count is None else f"{count:,}"


def last_moment(*, day: str, zone: str) -> datetime | None:
    """Return the end of a day such as 2026-11-26, None if it is none."""
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59, 59), tzinfo=ZoneInfo(zone))
    except ValueError:
        return None
