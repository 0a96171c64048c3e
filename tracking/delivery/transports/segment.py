"""
Twilio Segment: its door is shut for a member's events; an erasure deletes what is there as well.

A withdrawal is the regulation SUPPRESS_ONLY, an erasure SUPPRESS_WITH_DELETE. Grants are not told
(UNSUPPRESS): one member has many devices, so the yes of one would lift the no of another, and
Segment, which works regulations off within hours to days, promises no order between two of them.

Source: https://docs.segmentapis.com/tag/Deletion-and-Suppression and
https://segment.com/docs/privacy/user-deletion-and-suppression/
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

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

CONTENT_TYPE = "application/vnd.segment.v1+json"

_REGULATIONS = {
    "consent.revoked": ("SUPPRESS_ONLY", timedelta(hours=1)),
    "device.erased": ("SUPPRESS_WITH_DELETE", timedelta(hours=12)),
}
_OUTCOMES = {
    "INITIALIZED": AttemptOutcome.PENDING,
    "RUNNING": AttemptOutcome.PENDING,
    "FINISHED": AttemptOutcome.DONE,
    "PARTIAL_SUCCESS": AttemptOutcome.FAILED,
    "FAILED": AttemptOutcome.FAILED,
    "INVALID": AttemptOutcome.FAILED,
    "NOT_SUPPORTED": AttemptOutcome.FAILED,
}

PROFILE = Profile(
    name="Twilio Segment",
    effect=Effect.STOP,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.POLL,),
    source="https://docs.segmentapis.com/tag/Deletion-and-Suppression (2026-11)",
    url="https://api.segmentapis.com",
    needs=("user_id",),
    settings=(
        Setting(
            code="source_id",
            label={"ja": "ソースID", "en": "Source ID"},
            help={
                "ja": "1つのソースに限る場合に指定します。空欄ならワークスペース全体が対象です。",
                "en": "To regulate one source only; empty = the whole workspace.",
            },
            pattern=r"\w+",
            example="rh5BDZp6QDHvXFCkibm1pR",
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "Public APIのトークン", "en": "Public API token"},
        help={
            "ja": "Workspace Ownerの権限が必要です。",
            "en": "It needs the role Workspace Owner.",
        },
        pattern=r"[!-~]+",
    ),
    most_at_once=5000,
    pause=timedelta(seconds=1),
    sample={"user_id": "consent-manager-test"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Create one regulation for the withdrawals and one for the erasures."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    source = parcel.place.settings.get("source_id", "")
    path = f"/regulations/sources/{source}" if source else "/regulations"

    async def regulate(message_type: str, messages: Sequence[Message]) -> Reply:
        regulation, check_after = _REGULATIONS[message_type]
        exchange = await base.call(
            client,
            url=parcel.place.url.rstrip("/") + path,
            headers=_headers(secret),
            body=canonical_json.dumps(
                {
                    "regulationType": regulation,
                    "subjectType": "USER_ID",
                    # Two devices of one member are one subject.
                    "subjectIds": list(dict.fromkeys(m.identifiers["user_id"] for m in messages)),
                }
            ),
        )
        ticket = exchange.ticket("data", "regulateId")
        if not exchange.is_ok or not ticket:
            return exchange.unreadable()
        return exchange.reply(
            outcome=AttemptOutcome.ACCEPTED, ticket=ticket, check_after=check_after
        )

    return await base.each_group(
        parcel.messages, by=lambda message: message.type, ask=regulate, pause=PROFILE.pause
    )


async def check(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask what became of each regulation."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)

    async def ask(ticket: str, messages: Sequence[Message]) -> Reply:
        exchange = await base.call(
            client,
            method="GET",
            url=f"{parcel.place.url.rstrip('/')}/regulations/{quote(ticket, safe='')}",
            headers=_headers(secret),
            # It lists every destination of every source.
            most_bytes=base.LONG_ANSWER_BYTES,
        )
        status = exchange.under("data", "regulation", "overallStatus")
        outcome = _OUTCOMES.get(status) if isinstance(status, str) else None
        if not exchange.is_ok or outcome is None:
            return exchange.unreadable()
        if outcome is AttemptOutcome.FAILED and _is_all_done_that_can_be(exchange):
            outcome = AttemptOutcome.DONE
        if outcome is AttemptOutcome.FAILED:
            return exchange.reply(outcome=outcome, error=str(status).lower())
        _, check_after = _REGULATIONS[messages[0].type]
        return exchange.reply(
            outcome=outcome,
            check_after=check_after if outcome is AttemptOutcome.PENDING else None,
        )

    return await base.each_group(
        parcel.messages, by=lambda message: message.ticket, ask=ask, pause=PROFILE.pause
    )


WAY = base.Way(profile=PROFILE, send=send, check=check)


def _headers(secret: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {secret}",
        "Content-Type": CONTENT_TYPE,
        "Accept": CONTENT_TYPE,
    }


def _is_all_done_that_can_be(exchange: base.Exchange) -> bool:
    """
    Tell whether Segment says FAILED only because of destinations that cannot delete.

    The documentation names this case; such a destination is a partner of its own here.
    """
    streams = exchange.under("data", "regulation", "streamStatus")
    try:
        statuses = [place["status"] for stream in streams for place in stream["destinationStatus"]]
    except (TypeError, KeyError):
        return False
    return "FINISHED" in statuses and all(
        status in ("FINISHED", "NOT_SUPPORTED") for status in statuses
    )
