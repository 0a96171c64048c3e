"""Parcels as the engine makes them, handed to one transport over real HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from tests.partner_apis.base import Answer
from tracking.delivery.transports.base import Way
from tracking.delivery.types import Message, Parcel, Place, Reply
from tracking.lib import outbound_http
from tracking.lib.outbound_http import OutboundClient

REVOKED, ERASED = "consent.revoked", "device.erased"
DECIDED_AT = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)
ATTEMPTED_AT = datetime(2026, 4, 1, 15, 0, 2, tzinfo=UTC)

# Each is a well-formed HTTP answer that no contract of a partner promises.
NONSENSE = [
    Answer(status=200),
    Answer(status=200, content=b"<html><title>Sign in</title></html>"),
    Answer(status=200, content=b'{"data": ' + b"[" * 70_000),
    Answer(status=200, content=b'{"data": {"id": "' + b"x" * 70_000),
    Answer(status=200, content=b"\xff\xfe\x00"),
    Answer(status=200, content="yes"),
    Answer(status=200, content=[]),
    Answer(status=200, content=[{"status": 1}, None]),
    Answer(status=200, content={}),
    Answer(status=200, content={"data": None, "results": 7, "status": [], "deleted": "many"}),
    Answer(
        status=201,
        content={
            "data": {"regulateId": {"a": 1}, "regulation": {"overallStatus": ["FINISHED"]}},
            "results": {"task_id": 7, "status": {}},
            "day": 7,
            "amplitude_ids": "x",
            "invalid_ids": 3,
            "subject_request_id": None,
            "request_status": {},
            "acJWT": 1,
        },
    ),
]
NONSENSE_NAMES = [str(number) for number in range(len(NONSENSE))]


def message(
    type: str = REVOKED, *, ticket: str = "", key: UUID | None = None, **ids: str
) -> Message:
    """`ids` are the partner's identifiers by their kind."""
    return Message(
        key=key or uuid4(),
        subject="subject",
        payload={
            "type": type,
            "timestamp": DECIDED_AT.isoformat(timespec="seconds"),
            "data": {"subject": "subject", "version": 2},
        },
        identifiers=ids,
        ticket=ticket,
    )


def parcel(*messages: Message, url: str, secret: str, **settings: str) -> Parcel:
    return Parcel(
        place=Place(partner="partner", url=url, settings=settings, secrets=(secret,)),
        messages=messages,
        attempted_at=ATTEMPTED_AT,
    )


def send(way: Way, what: Parcel) -> list[Reply]:
    async def run() -> list[Reply]:
        async with OutboundClient(allow_loopback=True) as client:
            return list(await way.send(parcel=what, client=client))

    return asyncio.run(run())


def check(way: Way, what: Parcel) -> list[Reply]:
    async def run() -> list[Reply]:
        assert way.check is not None
        async with OutboundClient(allow_loopback=True) as client:
            return list(await way.check(parcel=what, client=client))

    return asyncio.run(run())


def ask(
    url: str, *, method: str = "POST", headers: dict[str, str], body: Any = b""
) -> outbound_http.Answer:
    """Call a partner's API without a transport; a body that is not bytes is sent as JSON."""

    async def run() -> outbound_http.Answer:
        async with OutboundClient(allow_loopback=True) as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await client.request(method=method, url=url, headers=headers, body=content)

    return asyncio.run(run())
