"""
Amplitude: everything that it knows of a person is deleted, after a withdrawal and an erasure alike.

The deletion takes user ids and Amplitude's own numbers, no device ids; a device's number is looked
up first. People join a batch job of one day, and the job of that day is asked about until it is
done. New events come in again: the tag must be shut.

Source: https://amplitude.com/docs/apis/analytics/user-privacy (version 1, which deletes in one
project; version 2 always deletes in the whole organization) and
https://amplitude.com/docs/apis/analytics/dashboard-rest#user-search
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
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

DELETIONS = "/api/2/deletions/users"
SEARCH = "/api/2/usersearch"
# More people than this on one device: erasing them all is for a person to decide.
MOST_PEOPLE = 5
LONGEST_DEVICE_ID = 200
LONGEST_WAIT = timedelta(days=366)
CHECK_AFTER = timedelta(hours=12)

_OUTCOMES = {
    "staging": AttemptOutcome.PENDING,
    "submitted": AttemptOutcome.PENDING,
    "done": AttemptOutcome.DONE,
}

PROFILE = Profile(
    name="Amplitude",
    effect=Effect.ERASE,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.POLL,),
    source="https://amplitude.com/docs/apis/analytics/user-privacy (2026-11)",
    url="https://amplitude.com",
    needs=("user_id", "amplitude_device_id"),
    settings=(
        Setting(
            code="requester",
            label={"ja": "申請者", "en": "Requester"},
            help={
                "ja": "Amplitudeの削除記録に残る名前またはメールアドレスです。",
                "en": "A name or an address that Amplitude keeps with the deletion.",
            },
            example="privacy@shop.example",
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "APIキーとシークレットキー", "en": "API key and secret key"},
        help={
            "ja": "プロジェクトのAPIキーとシークレットキーをコロンでつないだものです。",
            "en": "The project's API key and secret key, joined by a colon.",
        },
        pattern=r"[!-9;-~]+:[!-~]+",
        example="0a1b2c3d:4e5f6a7b",
    ),
    # The API takes 100 ids; each device may need a look-up, and may turn out to be five people.
    most_at_once=20,
    pause=timedelta(seconds=1),
    sample={"user_id": "consent-manager-test"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Have everybody in the parcel join the next deletion job."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    url = parcel.place.url.rstrip("/")
    replies: dict[int, Reply] = {}
    people: dict[int, list[str | int]] = {}
    away: Reply | None = None
    for number, message in enumerate(parcel.messages):
        if user := message.identifiers.get("user_id"):
            people[number] = [user]
        elif away is not None:
            replies[number] = away
        else:
            device = _device_id(message.identifiers["amplitude_device_id"])
            found = await _search(client, url=url, secret=secret, device=device)
            if isinstance(found, Reply):
                replies[number] = found
                away = found if base.is_away(found) else None
            else:
                people[number] = found
    if people:
        named = list(dict.fromkeys(one for ids in people.values() for one in ids))
        users = [one for one in named if isinstance(one, str)]
        numbers = [one for one in named if isinstance(one, int)]
        exchange = await base.call(
            client,
            url=url + DELETIONS,
            headers=_headers(secret),
            body=canonical_json.dumps(
                {
                    **({"user_ids": users} if users else {}),
                    **({"amplitude_ids": numbers} if numbers else {}),
                    # Else one unknown person would keep all others from being deleted.
                    "ignore_invalid_id": True,
                    "requester": parcel.place.settings.get("requester") or "Consent Manager",
                }
            ),
        )
        for number, ids in people.items():
            replies[number] = _taken(exchange, ids, now=parcel.attempted_at)
    return [replies[number] for number in range(len(parcel.messages))]


async def check(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask about the job of each day; a ticket is the day."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)

    async def ask(ticket: str, messages: Sequence[Message]) -> Reply:
        day = date.fromisoformat(ticket)
        # A day around it: the documentation does not say whether the last one is included.
        start, end = day - timedelta(days=1), day + timedelta(days=1)
        exchange = await base.call(
            client,
            method="GET",
            url=f"{parcel.place.url.rstrip('/')}{DELETIONS}?start_day={start}&end_day={end}",
            headers=_headers(secret),
            # It lists everybody in the jobs.
            most_bytes=base.LONG_ANSWER_BYTES,
        )
        return _state(exchange, day=ticket)

    return await base.each_group(
        parcel.messages, by=lambda message: message.ticket, ask=ask, pause=PROFILE.pause
    )


WAY = base.Way(profile=PROFILE, send=send, check=check)


def _headers(secret: str) -> dict[str, str]:
    return {
        "Authorization": base.basic(secret),
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _device_id(value: str) -> str:
    """
    Return the device id from Amplitude's cookie, or the value itself if it is none.

    `AMP_<key>` holds Base64 of URL-encoded JSON; the older `amp_<key>` begins with the id and a
    full stop.
    """
    try:
        content = json.loads(unquote(base64.b64decode(unquote(value), validate=True).decode()))
        device = content["deviceId"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return value.split(".")[0]
    return device if isinstance(device, str) else value


async def _search(
    client: OutboundClient, *, url: str, secret: str, device: str
) -> list[str | int] | Reply:
    """Return Amplitude's numbers for a device, or what to say instead."""
    if len(device) > LONGEST_DEVICE_ID:
        return base.NOT_HELD
    exchange = await base.call(
        client,
        method="GET",
        url=f"{url}{SEARCH}?user={quote(device, safe='')}",
        headers=_headers(secret),
    )
    matches = exchange.under("matches")
    if not exchange.is_ok or not isinstance(matches, list):
        return exchange.unreadable()
    # The same search finds numbers and the beginnings of user ids. A browser's cookie can hold
    # anything: whoever writes another person's user id into it must not have that person erased.
    if exchange.under("type") != "match_user_or_device_id":
        return exchange.reply(outcome=AttemptOutcome.NOT_HELD)
    found: list[str | int] = [
        match["amplitude_id"]
        for match in matches
        if isinstance(match, dict)
        and isinstance(match.get("amplitude_id"), int)
        and match.get("user_id") != device
    ]
    if len(found) > MOST_PEOPLE:
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="shared_device")
    return found or exchange.reply(outcome=AttemptOutcome.NOT_HELD)


def _taken(exchange: base.Exchange, ids: Sequence[str | int], *, now: datetime) -> Reply:
    """Read what became of one message's people: in the job, or unknown to Amplitude."""
    invalid = exchange.under("invalid_ids") or []
    if not exchange.is_ok or not isinstance(invalid, list):
        return exchange.unreadable()
    if {str(one) for one in ids} <= {str(one) for one in invalid}:
        return exchange.reply(outcome=AttemptOutcome.NOT_HELD)
    ticket = exchange.ticket("day")
    try:
        day = datetime.combine(date.fromisoformat(ticket), time(), tzinfo=UTC)
    except ValueError:
        return exchange.unreadable()
    if abs(day - now) > LONGEST_WAIT:
        return exchange.unreadable()
    return exchange.reply(
        outcome=AttemptOutcome.ACCEPTED,
        ticket=day.date().isoformat(),
        # Nothing is done before its day.
        check_after=max(day - now, timedelta(0)) + CHECK_AFTER,
    )


def _state(exchange: base.Exchange, *, day: str) -> Reply:
    jobs = exchange.json()
    if not exchange.is_ok or not isinstance(jobs, list):
        return exchange.unreadable()
    outcomes = {
        _OUTCOMES.get(str(job.get("status")).lower())
        for job in jobs
        if isinstance(job, dict) and job.get("day") == day
    }
    if not outcomes:
        return exchange.reply(outcome=AttemptOutcome.FAILED, error="no_such_job")
    if None in outcomes:
        return exchange.unreadable()
    if AttemptOutcome.PENDING in outcomes:
        return exchange.reply(outcome=AttemptOutcome.PENDING, check_after=CHECK_AFTER)
    return exchange.reply(outcome=AttemptOutcome.DONE)
