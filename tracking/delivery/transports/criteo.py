"""
Criteo contact lists: take people out, by hashed address, advertising id or Criteo's cookie id.

One request holds one kind of identifier. Criteo answers how many it could use and shows some of
the others; what was taken is applied in its next runs.

Source: https://developers.criteo.com/marketing-solutions/docs/contact-list and the interface
description of 2026-07 (`ContactlistAmendment`).
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

VERSION = "2026-07"

# What the contract calls our kinds of identifiers.
_TYPES = {"criteo_gum": "gum", "email_sha256": "email", "madid": "madid"}

_SETTING_MISSING = Reply(
    status=None, duration_ms=0, outcome=AttemptOutcome.REJECTED, error="setting_missing"
)

PROFILE = Profile(
    name="Criteo contact lists",
    effect=Effect.STOP,
    erasure_effect=Effect.STOP,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://developers.criteo.com/marketing-solutions (2026-07)",
    url="https://api.criteo.com",
    needs=tuple(_TYPES),
    settings=(
        removal.AUDIENCE_IDS,
        Setting(
            code="gum_caller_id",
            label={"ja": "GUM Caller ID", "en": "GUM caller ID"},
            help={
                "ja": "GUM IDで削除する場合に必要です。Criteoの担当者に確認してください。",
                "en": "Needed to remove people by GUM id; Criteo's account team knows it.",
            },
            pattern=r"\d{1,9}",
            example="123",
            is_required=False,
        ),
        Setting(
            code="api_version",
            label={"ja": "APIのバージョン", "en": "API version"},
            help={
                "ja": f"空欄の場合は{VERSION}を使います。",
                "en": f"{VERSION} if left empty.",
            },
            pattern=r"20\d\d-(01|04|07|10)",
            example=VERSION,
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "クライアントIDとシークレット", "en": "Client ID and secret"},
        help={
            "ja": "「ID:シークレット」の形で、コロンでつなげて入力します。",
            "en": "Joined by a colon: id:secret.",
        },
        pattern=oauth.CLIENT_PAIR,
    ),
    most_at_once=10_000,
    sample={"email_sha256": "0" * 64},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Remove all messages' people from all lists; a repetition does no harm."""
    place = parcel.place
    url = place.url.rstrip("/")
    version = place.settings.get("api_version") or VERSION
    caller = place.settings.get("gum_caller_id", "")
    grant = oauth.client_credentials(url=f"{url}/oauth2/token", secret=place.secrets[0])

    async def ask(*, audience: str, kind: str, identifiers: Sequence[str]) -> list[Reply]:
        attributes: dict[str, object] = {
            "operation": "remove",
            "identifierType": _TYPES[kind],
            "identifiers": identifiers,
        }
        if kind == "criteo_gum":
            if not caller:
                return [_SETTING_MISSING] * len(identifiers)
            attributes["gumCallerId"] = int(caller)
        exchange = await oauth.call(
            client,
            grant=grant,
            method="PATCH",
            url=f"{url}/{version}/marketing-solutions/audience-segments/{audience}/contact-list",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(
                {"data": {"type": "ContactlistAmendment", "attributes": attributes}},
                separators=(",", ":"),
            ).encode(),
        )
        return _replies(exchange, identifiers)

    return await removal.from_lists(parcel, kinds=tuple(_TYPES), ask=ask)


WAY = base.Way(profile=PROFILE, send=send)


def _replies(exchange: base.Exchange, identifiers: Sequence[str]) -> list[Reply]:
    if not exchange.is_ok:
        return [exchange.reply()] * len(identifiers)
    answer = exchange.json()
    if isinstance(answer, dict) and answer.get("errors"):
        refused = exchange.reply(outcome=AttemptOutcome.REJECTED, error="refused")
        return [refused] * len(identifiers)
    counts = _attributes(answer)
    valid, invalid = counts.get("nbValidIdentifiers"), counts.get("nbInvalidIdentifiers")
    if not (isinstance(valid, int) and isinstance(invalid, int)) or (
        valid + invalid < len(identifiers)
    ):
        unread = exchange.unreadable()
        return [unread] * len(identifiers)
    taken = exchange.reply(outcome=AttemptOutcome.ACCEPTED)
    useless = exchange.reply(outcome=AttemptOutcome.REJECTED, error="invalid_entries")
    samples = counts.get("sampleInvalidIdentifiers")
    shown = samples if isinstance(samples, list) else []
    named = {identifier for identifier in identifiers if identifier in shown}
    if invalid > len(named):
        # The sample leaves some unnamed, so it is open who was removed.
        return [useless] * len(identifiers)
    return [useless if identifier in named else taken for identifier in identifiers]


def _attributes(answer: Any) -> dict[str, Any]:
    """Return what Criteo says of the list, or nothing if it does not."""
    data = answer.get("data") if isinstance(answer, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return attributes if isinstance(attributes, dict) else {}
