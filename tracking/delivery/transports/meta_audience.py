"""
Meta custom audiences made from customer files: take people out, by hash or advertising id.

The call takes its parameters from the body, the access token among them, so that neither it nor
anybody's hash stands in a URL. What Meta answers to a failure is mostly a 400; the code in the body
says whether the token, the haste or the request is at fault.

Source: https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users and
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tracking.delivery.transports import base, oauth, removal
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib.outbound_http import OutboundClient

VERSION = "v26.0"

# What the contract calls our kinds of identifiers; one request holds one of them.
_SCHEMAS = {
    "email_sha256": "EMAIL_SHA256",
    "phone_sha256": "PHONE_SHA256",
    "madid": "MOBILE_ADVERTISER_ID",
}
# The token, or what it may do. All of 200 to 299 are permissions.
_CREDENTIAL = frozenset({10, 102, 190, *range(200, 300)})
# Too much, or a fault of Meta's that passes: "wait and retry". The 800xx are limits by use case,
# 80003 the one of custom audiences.
_LATER = frozenset({1, 2, 4, 17, 32, 341, 368, 613, *range(80000, 80015)})

PROFILE = Profile(
    name="Meta custom audiences",
    effect=Effect.STOP,
    erasure_effect=Effect.STOP,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://developers.facebook.com/docs/marketing-api (v26.0, 2026-11)",
    url="https://graph.facebook.com",
    needs=tuple(_SCHEMAS),
    settings=(
        removal.AUDIENCE_IDS,
        Setting(
            code="api_version",
            label={"ja": "APIのバージョン", "en": "API version"},
            help={
                "ja": f"空欄の場合は{VERSION}を使います。",
                "en": f"{VERSION} if left empty.",
            },
            pattern=r"v\d{1,3}\.\d",
            example=VERSION,
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "アクセストークン", "en": "Access token"},
        help={
            "ja": "システムユーザーのトークンです。ads_managementの権限が必要です。",
            "en": "A system user's token with the permission ads_management.",
        },
        pattern=r"[!-~]+",
    ),
    most_at_once=10_000,
    sample={"email_sha256": "0" * 64},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Remove all messages' people from all audiences; a repetition does no harm."""
    place = parcel.place
    version = place.settings.get("api_version") or VERSION

    async def ask(*, audience: str, kind: str, identifiers: Sequence[str]) -> list[Reply]:
        body = {
            "payload": {"schema": _SCHEMAS[kind], "is_raw": False, "data": identifiers},
            "access_token": place.secrets[0],
        }
        exchange = await base.call(
            client,
            method="DELETE",
            url=f"{place.url.rstrip('/')}/{version}/{audience}/users",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body, separators=(",", ":")).encode(),
        )
        return [_reply(exchange, sent=len(identifiers))] * len(identifiers)

    return await removal.from_lists(parcel, kinds=tuple(_SCHEMAS), ask=ask)


WAY = base.Way(profile=PROFILE, send=send)


def _reply(exchange: base.Exchange, *, sent: int) -> Reply:
    answer = exchange.json()
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        return _refusal(exchange, answer["error"])
    if not exchange.is_ok:
        return exchange.reply()
    counts = answer if isinstance(answer, dict) else {}
    if counts.get("num_received") != sent:
        return exchange.unreadable()
    if counts.get("num_invalid_entries"):
        # Which of them is not told for certain, so none counts as removed.
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="invalid_entries")
    return exchange.reply(outcome=AttemptOutcome.ACCEPTED)


def _refusal(exchange: base.Exchange, error: dict[str, Any]) -> Reply:
    code = error.get("code")
    if error.get("is_transient") is True or (isinstance(code, int) and code in _LATER):
        return exchange.reply(outcome=AttemptOutcome.UNREACHABLE, error="later")
    if isinstance(code, int) and code in _CREDENTIAL:
        return oauth.refused(exchange).reply()
    if exchange.is_ok:
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="refused")
    return exchange.reply()
