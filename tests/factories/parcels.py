"""Parcels as the engine makes them, handed to one transport over a real client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from tests.partner_apis.base import Answer
from tracking.delivery.transports.base import Send, Way
from tracking.delivery.types import Message, Parcel, Place, Reply
from tracking.lib.outbound_http import MAX_BODY_BYTES, OutboundClient

REVOKED, ERASED = "consent.revoked", "device.erased"
DECIDED_AT = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)
ATTEMPTED_AT = datetime(2026, 4, 1, 15, 0, 2, tzinfo=UTC)

# What comes over HTTP though no partner's contract promises it: another program answers, or only
# half of the answer arrives.
NONSENSE = [
    pytest.param(Answer(status=status, content=content), id=name)
    for name, status, content in [
        ("nothing", 200, None),
        ("html", 200, b"<!doctype html><title>Sign in</title>"),
        ("not utf-8", 200, b'{"data": "\xff\xfe\x00"}'),
        ("deep", 200, b"[" * 50_000),
        ("deep and cut", 200, b'{"data": ' + b"[" * MAX_BODY_BYTES),
        ("cut", 200, b'{"data": {"id": "' + b"x" * MAX_BODY_BYTES + b'"}}'),
        ("null", 200, b"null"),
        ("text", 200, "yes"),
        ("empty list", 200, []),
        ("list", 200, [{"status": 1}, None]),
        ("empty object", 200, {}),
        (
            "wrong types",
            200,
            {
                "data": None,
                "results": 7,
                "status": [],
                "deleted": "many",
                "requestId": 7,
                "requestStatusPerDestination": "SUCCESS",
            },
        ),
        (
            "wrong types inside",
            201,
            {
                "data": {"regulateId": {"a": 1}, "regulation": {"overallStatus": ["FINISHED"]}},
                "results": {"task_id": 7, "status": {}},
                "day": 7,
                "amplitude_ids": "x",
                "invalid_ids": 3,
                "subject_request_id": None,
                "request_status": {},
                "requestStatusPerDestination": ["SUCCESS"],
                "acJWT": 1,
            },
        ),
    ]
]


def message(
    type: str = REVOKED,
    *,
    number: int | None = None,
    subject: str = "",
    ticket: str = "",
    due_at: str = "2026-04-02T15:00:00+00:00",
    purposes: Sequence[str] = ("advertising",),
    **identifiers: str,
) -> Message:
    """
    Return what one device's partner is told; `identifiers` are the partner's own by their kind.

    The same `number` is the same message, with its key, its subject and its minute; without one,
    every message is another.
    """
    subject = subject or f"subject{number or 0:04}"
    decided_at = (DECIDED_AT + timedelta(minutes=number or 0)).isoformat()
    return Message(
        key=uuid4() if number is None else uuid5(NAMESPACE_URL, f"message-{number}"),
        subject=subject,
        payload={
            "type": type,
            "timestamp": decided_at,
            "data": {
                "subject": subject,
                "version": 3,
                "decided_at": decided_at,
                "due_at": due_at,
                "withdrawn": {"purposes": list(purposes), "data_items": ["activity.url"]},
                "granted": {"purposes": [], "data_items": []},
            },
        },
        identifiers=identifiers,
        ticket=ticket,
    )


def parcel(
    *messages: Message,
    url: str = "",
    secret: str = "",
    attempted_at: datetime = ATTEMPTED_AT,
    **settings: str,
) -> Parcel:
    """Return a parcel for the place `adco`; without messages it holds message number 1."""
    return Parcel(
        place=Place(
            partner="adco",
            url=url,
            settings=settings,
            secrets=(secret,) if secret else (),
            site_id=1,
        ),
        messages=messages or (message(number=1),),
        attempted_at=attempted_at,
    )


def send(way: Way, what: Parcel, **how: Any) -> list[Reply]:
    """Hand a parcel over; `how` is that of `_replies`."""
    return _replies(way.send, what, **how)


def check(way: Way, what: Parcel, **how: Any) -> list[Reply]:
    """Ask what became of a parcel; `how` is that of `_replies`."""
    assert way.check is not None
    return _replies(way.check, what, **how)


def _replies(
    call: Send, what: Parcel, *, times: int = 1, at_once: int = 1, **client: Any
) -> list[Reply]:
    """
    Call `times` times in a row, each by `at_once` together, and return the last replies.

    `client` are settings of the client, which may reach this machine unless they say otherwise.
    """

    async def run() -> Sequence[Reply]:
        async with OutboundClient(**{"allow_loopback": True, **client}) as opened:
            for _ in range(times):
                *_, replies = await asyncio.gather(
                    *(call(parcel=what, client=opened) for _ in range(at_once))
                )
        return replies

    replies = list(asyncio.run(run()))
    assert len(replies) == len(what.messages)
    return replies
