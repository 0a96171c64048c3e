"""
Mixpanel: everything under a distinct id is deleted, after a withdrawal and an erasure alike.

One request makes one task, which is asked about until it is done. New events come in again: the
tag must be shut.

Source: https://docs.mixpanel.com/reference/gdpr-api and
https://docs.mixpanel.com/openapi/gdpr.openapi.yaml
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote, unquote

from tracking.delivery.transports import base
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Message,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib import canonical_json
from tracking.lib.outbound_http import OutboundClient

PATH = "/api/app/data-deletions/v3.0"
CHECK_AFTER = timedelta(hours=12)

_OUTCOMES = {
    "PENDING": AttemptOutcome.PENDING,
    "STAGING": AttemptOutcome.PENDING,
    "STARTED": AttemptOutcome.PENDING,
    # Its state is not known; the task is.
    "UNKNOWN": AttemptOutcome.PENDING,
    "SUCCESS": AttemptOutcome.DONE,
    "FAILURE": AttemptOutcome.FAILED,
    "REVOKED": AttemptOutcome.FAILED,
    "NOT_FOUND": AttemptOutcome.FAILED,
}

PROFILE = Profile(
    name="Mixpanel",
    effect=Effect.ERASE,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.POLL,),
    source="https://docs.mixpanel.com/reference/gdpr-api (2026-11)",
    url="https://mixpanel.com",
    needs=("mixpanel_distinct_id",),
    settings=(
        Setting(
            code="project_token",
            label={"ja": "プロジェクトトークン", "en": "Project token"},
            help={
                "ja": "プロジェクト設定にある、32文字のトークンです。",
                "en": "The 32 characters from the project's settings.",
            },
            pattern=r"[0-9A-Za-z]{32}",
            example="591b3354bb2bdd96f72f23bf56911673",
        ),
        Setting(
            code="compliance_type",
            label={"ja": "根拠となる法令", "en": "Compliance type"},
            help={
                "ja": "GDPRまたはCCPA。空欄ならGDPRです。",
                "en": "GDPR or CCPA; empty = GDPR.",
            },
            pattern=r"GDPR|CCPA",
            example="GDPR",
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "GDPR用のOAuthトークン", "en": "GDPR OAuth token"},
        help={
            "ja": "有効期間は1年です。期限の前に新しいトークンへ替えてください。",
            "en": "It ends after a year; replace it before that.",
        },
        pattern=r"[!-~]+",
    ),
    most_at_once=2000,
    pause=timedelta(seconds=1),
    sample={"mixpanel_distinct_id": "consent-manager-test"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Create one task for everybody in the parcel."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    ids = [_distinct_id(m.identifiers["mixpanel_distinct_id"]) for m in parcel.messages]
    exchange = await base.call(
        client,
        url=_url(parcel),
        headers=_headers(secret),
        body=canonical_json.dumps(
            {
                "distinct_ids": list(dict.fromkeys(ids)),
                "compliance_type": parcel.place.settings.get("compliance_type") or "GDPR",
            }
        ),
    )
    ticket = exchange.ticket("results", "task_id")
    if not exchange.is_ok or not ticket:
        return base.to_all(parcel, exchange.unreadable())
    return base.to_all(
        parcel,
        exchange.reply(outcome=AttemptOutcome.ACCEPTED, ticket=ticket, check_after=CHECK_AFTER),
    )


async def check(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask what became of each task."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)

    async def ask(ticket: str, messages: Sequence[Message]) -> Reply:
        exchange = await base.call(
            client,
            method="GET",
            url=_url(parcel, ticket),
            headers=_headers(secret),
            # It lists every id of the task.
            most_bytes=base.LONG_ANSWER_BYTES,
        )
        status = exchange.under("results", "status")
        outcome = _OUTCOMES.get(status) if isinstance(status, str) else None
        if not exchange.is_ok or outcome is None:
            return exchange.unreadable()
        return exchange.reply(
            outcome=outcome,
            error=str(status).lower() if outcome is AttemptOutcome.FAILED else "",
            check_after=CHECK_AFTER if outcome is AttemptOutcome.PENDING else None,
        )

    return await base.each_group(
        parcel.messages, by=lambda message: message.ticket, ask=ask, pause=PROFILE.pause
    )


WAY = base.Way(profile=PROFILE, send=send, check=check)


def _url(parcel: Parcel, ticket: str = "") -> str:
    """Return the address; the project's token is no secret, and belongs into the query."""
    token = quote(parcel.place.settings["project_token"], safe="")
    return f"{parcel.place.url.rstrip('/')}{PATH}/{quote(ticket, safe='')}?token={token}"


def _headers(secret: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _distinct_id(value: str) -> str:
    """Return the id from the cookie `mp_<token>_mixpanel` (URL-encoded JSON), or the value."""
    try:
        found = json.loads(unquote(value))["distinct_id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return value
    return found if isinstance(found, str) else value
