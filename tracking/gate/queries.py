"""The gate's reads: one look at the device, then rules."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseError
from django.db.models import Count, Max
from psycopg_pool import PoolTimeout

from tracking.consents import queries as consents
from tracking.consents.types import Choices
from tracking.gate import models, rules
from tracking.gate.types import Decision, ExceptionUses, Reason
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.outbox import queries as outbox
from tracking.regimes import rules as regimes
from tracking.regimes.types import Jurisdiction, Regime
from tracking.registry import queries as registry
from tracking.registry.types import ExceptionInfo, SiteInfo

logger = logging.getLogger(__name__)

Keys = Mapping[str, bytes]


class TagDenied(DomainError):
    code = "tag_denied"
    message = "This tag may not fire for this device."
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks: the device's token, its browser signal, the notice it was shown, its place."""

    device_token: str | None
    gpc: bool
    shown_notice: int | None
    place: Jurisdiction | None
    # Two cookies of one name, or one that cannot be read: nothing may be concluded from them.
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """`exceptions`: tag → id of the exception that opened it."""

    by_tag: Mapping[str, Decision]
    notice: int | None
    regime: str
    site_id: int | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)


def decide_tags(
    *,
    site_code: str,
    tag_codes: Sequence[str],
    asking: Asking,
    keys: Keys,
    now: datetime,
    in_page: bool = False,
) -> Decisions:
    """
    Decide for many tags of one device. Never raises for what a visitor can send; what cannot be
    read is denied. `in_page`: what is decided for a page, where no exception opens anything.
    """
    try:
        site = registry.find_site(code=site_code)
        notice = None if site is None else notices.find_current(site_code=site_code)
        if site is None or notice is None:
            return _all_denied(tag_codes, Reason.UNKNOWN_TAG)
        regime = _regime(site, asking, now)
        choices = (
            consents.find_gate_choices(
                site_code=site_code, token_text=asking.device_token, keys=keys
            )
            if asking.device_token and not asking.is_doubtful
            else None
        )
        overdue = list_overdue_partners(site_id=site.id)
        excepted = {
            one.tag: one.id
            for one in reversed(_list_exceptions(site_id=site.id))
            if one.is_live(now=now) and not in_page
        }
    except (DatabaseError, PoolTimeout) as error:
        logger.error("gate closed: %s", type(error).__name__)
        return _all_denied(tag_codes, Reason.DOUBT)
    by_tag = {
        code: _decide(code, notice, regime, choices, asking, overdue, now) for code in tag_codes
    }
    for code in by_tag.keys() & excepted.keys():
        by_tag[code] = rules.except_tag(
            decision=by_tag[code], tag_code=code, terms=notice.terms, choices=choices
        )
    return Decisions(
        by_tag=by_tag,
        notice=notice.number,
        regime=regime.code,
        site_id=site.id,
        exceptions={
            code: excepted[code]
            for code, decision in by_tag.items()
            if decision.reason is Reason.LAWFUL_EXCEPTION
        },
    )


def get_loader(
    *, site_code: str, tag_code: str, asking: Asking, keys: Keys, now: datetime
) -> tuple[Decision, str]:
    """Return the decision and the JavaScript of the literal gate: a loader, or nothing."""
    decision = decide_tags(
        site_code=site_code, tag_codes=[tag_code], asking=asking, keys=keys, now=now, in_page=True
    ).by_tag[tag_code]
    if not decision.allowed:
        return decision, f"/* {decision.reason.value} */\n"
    tag = _declared(notices.get_current(site_code=site_code), tag_code)
    if not tag["loader_url"]:
        return decision, "/* nothing to load */\n"
    address = json.dumps(tag["loader_url"]).replace("<", "\\u003c")
    return decision, (
        "(function(d){var s=d.createElement('script');s.async=true;"
        f"s.src={address};(d.head||d.documentElement).appendChild(s)}})(document);\n"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StrippedPayload:
    payload: Mapping[str, object]
    dropped: Sequence[Mapping[str, str]]


def strip_payload(
    *, site_code: str, tag_code: str, payload: Mapping[str, object], decision: Decision
) -> StrippedPayload:
    """
    Return an event without the fields that this device withholds or the tag never declared.

    :raises TagDenied: with the reason in `fields["reason"]`
    """
    if not decision.allowed:
        raise TagDenied(fields={"reason": decision.reason.value})
    fields = _declared(notices.get_current(site_code=site_code), tag_code)["payload_fields"]
    kept: dict[str, object] = {}
    dropped: list[dict[str, str]] = []
    for name, value in payload.items():
        item = fields.get(name)
        if item is None:
            dropped.append({"field": name, "data_item": "", "reason": "undeclared"})
        elif item in decision.withheld:
            dropped.append({"field": name, "data_item": item, "reason": "data_item_refused"})
        else:
            kept[name] = value
    return StrippedPayload(payload=kept, dropped=dropped)


def count_exception_uses(*, site_id: int) -> list[ExceptionUses]:
    """Return how often each exception of a site opened the gate."""
    rows = (
        models.ExceptionUse.objects.filter(site_id=site_id)
        .values("exception_id")
        .annotate(count=Count("pk"), last_at=Max("at"))
    )
    return [
        ExceptionUses(exception=row["exception_id"], count=row["count"], last_at=row["last_at"])
        for row in rows
    ]


@remembered(seconds=1)
def list_overdue_partners(*, site_id: int) -> frozenset[str]:
    """Return the partners whose tags are shut until they catch up, up to one second old."""
    site = next((site for site in registry.list_sites() if site.id == site_id), None)
    if site is None or not site.quarantines_overdue_partners:
        return frozenset()
    return outbox.list_overdue_addressees(site_id=site_id)


@remembered(seconds=1)
def _list_exceptions(*, site_id: int) -> tuple[ExceptionInfo, ...]:
    return registry.list_exceptions(site_id=site_id)


def _regime(site: SiteInfo, asking: Asking, now: datetime) -> Regime:
    return regimes.resolve(place=asking.place, site=site, on=now.date()).regime


def _decide(
    code: str,
    notice: Notice,
    regime: Regime,
    choices: Choices | None,
    asking: Asking,
    overdue: frozenset[str],
    now: datetime,
) -> Decision:
    decision = rules.decide(
        tag_code=code,
        terms=notice.terms,
        regime=regime,
        choices=choices,
        gpc=asking.gpc,
        shown_notice=None if asking.is_doubtful else asking.shown_notice,
        overdue=overdue,
        now=int(now.timestamp()),
    )
    if asking.is_doubtful and decision.reason is not Reason.EXEMPT:
        return Decision(
            allowed=False,
            reason=decision.reason if decision.reason is Reason.UNKNOWN_TAG else Reason.DOUBT,
        )
    return decision


def _all_denied(codes: Sequence[str], reason: Reason) -> Decisions:
    denied = Decision(allowed=False, reason=reason)
    return Decisions(by_tag=dict.fromkeys(codes, denied), notice=None, regime="unknown")


def _declared(notice: Notice, code: str) -> Mapping[str, Any]:
    tag: Mapping[str, Any] = next(t for t in notice.content["tags"] if t["code"] == code)
    return tag
