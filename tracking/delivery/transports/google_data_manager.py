"""
Google Ads and Display & Video 360 audiences: take people out, by hashed address or phone number.

Google checks the whole request at once and refuses all of it for one malformed record; what it
accepts, it works through within a day, and tells audience by audience how that went. Nobody is
forgotten by it: that a person was on a list stays with Google, so an erasure does no more than a
withdrawal.

Source: https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/remove and
https://developers.google.com/data-manager/api/devguides/diagnostics
"""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

from tracking.delivery.transports import base, oauth, removal
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Message,
    Parcel,
    Place,
    Profile,
    Reply,
    Setting,
)
from tracking.lib.outbound_http import OutboundClient

SCOPE = "https://www.googleapis.com/auth/datamanager"

# What Google recommends: a first look after half an hour, later ones up to an hour apart.
FIRST_LOOK = timedelta(minutes=30)
NEXT_LOOK = timedelta(minutes=60)

# What the contract calls our kinds of identifiers. Advertising ids would need requests of their
# own: it does not allow kinds of records to be mixed.
_FIELDS = {"email_sha256": "emailAddress", "phone_sha256": "phoneNumber"}

PROFILE = Profile(
    name="Google Data Manager (audiences)",
    effect=Effect.STOP,
    erasure_effect=Effect.STOP,
    confirms_by=(ConfirmsBy.POLL,),
    source="https://developers.google.com/data-manager/api (v1, 2026-11)",
    url="https://datamanager.googleapis.com",
    needs=("email_sha256", "phone_sha256"),
    settings=(
        Setting(
            code="account_type",
            label={"ja": "アカウントの種類", "en": "Account type"},
            help={
                "ja": "Google広告はGOOGLE_ADS、ディスプレイ＆ビデオ360は"
                "DISPLAY_VIDEO_ADVERTISERまたはDISPLAY_VIDEO_PARTNERです。",
                "en": "GOOGLE_ADS, or for Display & Video 360 DISPLAY_VIDEO_ADVERTISER or "
                "DISPLAY_VIDEO_PARTNER.",
            },
            pattern="GOOGLE_ADS|DISPLAY_VIDEO_ADVERTISER|DISPLAY_VIDEO_PARTNER",
            example="GOOGLE_ADS",
        ),
        Setting(
            code="account_id",
            label={"ja": "アカウントID", "en": "Account ID"},
            help={
                "ja": "オーディエンスを持つアカウントの番号です。ハイフンを除いて入力します。",
                "en": "The number of the account that owns the audiences, without dashes.",
            },
            pattern=r"\d{1,20}",
            example="1234567890",
        ),
        Setting(
            code="login_account_id",
            label={"ja": "ログインアカウントID", "en": "Login account ID"},
            help={
                "ja": "サービスアカウントがMCC（クライアントセンター）経由でアクセスする場合に、"
                "MCCの番号を入力します。",
                "en": "The manager account's number, if the service account gets in through one.",
            },
            pattern=r"\d{1,20}",
            example="9876543210",
            is_required=False,
        ),
        removal.AUDIENCE_IDS,
    ),
    secret=Setting(
        code="secret",
        label={"ja": "サービスアカウントの鍵（JSON）", "en": "Service account key (JSON)"},
        help={
            "ja": "Google Cloudで作成した鍵ファイルの内容を、そのまま貼り付けます。",
            "en": "The whole content of the key file made in Google Cloud.",
        },
        pattern=oauth.SERVICE_ACCOUNT,
    ),
    # The contract allows 10,000; one bad record would then hold up as many.
    most_at_once=1_000,
    sample={"email_sha256": "0" * 64},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Remove all messages' people from all audiences in one request; a repetition does no harm."""
    members = [_member(message) for message in parcel.messages]
    readable = [member for member in members if member is not None]
    if not readable:
        return [removal.MALFORMED] * len(members)
    body = {
        "destinations": _destinations(parcel.place),
        "audienceMembers": readable,
        "encoding": "HEX",
    }
    exchange = await _call(parcel, client, path="audienceMembers:remove", body=body)
    reply = _taken(exchange)
    return [removal.MALFORMED if member is None else reply for member in members]


async def check(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask once for each request of ours what became of it."""
    replies: dict[str, Reply] = {}
    trouble: Reply | None = None
    for ticket in dict.fromkeys(message.ticket for message in parcel.messages):
        path = f"requestStatus:retrieve?requestId={quote(ticket, safe='')}"
        reply = trouble or _state(await _call(parcel, client, path=path), ticket=ticket)
        if removal.would_repeat(reply):
            trouble = reply
        replies[ticket] = reply
    return [replies[message.ticket] for message in parcel.messages]


WAY = base.Way(profile=PROFILE, send=send, check=check)


async def _call(
    parcel: Parcel, client: OutboundClient, *, path: str, body: object = None
) -> base.Exchange:
    place = parcel.place
    return await oauth.call(
        client,
        grant=oauth.service_account(secret=place.secrets[0], scope=SCOPE, at=parcel.attempted_at),
        url=f"{place.url.rstrip('/')}/v1/{path}",
        headers={"Content-Type": "application/json"} if body else {},
        body=json.dumps(body).encode() if body else b"",
        method="POST" if body else "GET",
    )


def _destinations(place: Place) -> list[dict[str, object]]:
    settings = place.settings
    accounts: dict[str, object] = {
        "operatingAccount": {
            "accountType": settings["account_type"],
            "accountId": settings["account_id"],
        }
    }
    if settings.get("login_account_id"):
        accounts["loginAccount"] = {
            "accountType": settings["account_type"],
            "accountId": settings["login_account_id"],
        }
    return [
        {**accounts, "productDestinationId": audience} for audience in removal.audience_ids(place)
    ]


def _member(message: Message) -> dict[str, object] | None:
    """Return the record of one person, or None if an identifier would have all refused."""
    identifiers = []
    for kind, field in _FIELDS.items():
        if kind in message.identifiers:
            identifier = removal.readable(kind, message.identifiers[kind])
            if identifier is None:
                return None
            identifiers.append({field: identifier})
    return {"userData": {"userIdentifiers": identifiers}}


def _taken(exchange: base.Exchange) -> Reply:
    if not exchange.is_ok:
        return exchange.reply()
    answer = exchange.json()
    ticket = answer.get("requestId") if isinstance(answer, dict) else None
    if not isinstance(ticket, str) or not ticket:
        return exchange.unreadable()
    return exchange.reply(outcome=AttemptOutcome.ACCEPTED, ticket=ticket, check_after=FIRST_LOOK)


def _state(exchange: base.Exchange, *, ticket: str) -> Reply:
    if exchange.status in {400, 404}:
        # Google does not know the request: nothing will become of it.
        return exchange.reply(outcome=AttemptOutcome.FAILED, error="ticket_unknown")
    if not exchange.is_ok:
        return exchange.reply()
    answer = exchange.json()
    places = answer.get("requestStatusPerDestination", []) if isinstance(answer, dict) else None
    if not isinstance(places, list) or not all(isinstance(place, dict) for place in places):
        return exchange.unreadable()
    states = {str(place.get("requestStatus")) for place in places}
    if states == {"SUCCESS"}:
        return exchange.reply(outcome=AttemptOutcome.DONE, ticket=ticket)
    if states and states <= {"SUCCESS", "FAILED", "PARTIAL_SUCCESS"}:
        # Which of the people it was is not told, so none of them counts as removed.
        return exchange.reply(outcome=AttemptOutcome.FAILED, ticket=ticket, error="not_all_removed")
    return exchange.reply(outcome=AttemptOutcome.PENDING, ticket=ticket, check_after=NEXT_LOOK)
