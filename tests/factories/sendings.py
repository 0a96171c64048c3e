"""Messages and parcels as the engine hands them to a transport, and a real client to send them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.partner_apis.base import Answer
from tracking.delivery.transports.base import Send
from tracking.delivery.types import Message, Parcel, Place, Reply
from tracking.lib.outbound_http import MAX_BODY_BYTES, OutboundClient

# What no contract excludes: another program answers, or only half of the answer comes.
NONSENSE = [
    pytest.param(Answer(status=200, content=b"<!doctype html><title>Welcome</title>"), id="html"),
    pytest.param(Answer(status=200, content=b""), id="empty"),
    pytest.param(Answer(status=200, content=[]), id="list"),
    pytest.param(Answer(status=200, content="fine"), id="text"),
    pytest.param(Answer(status=200, content=b"null"), id="null"),
    pytest.param(Answer(status=200, content={"data": 1, "requestId": 7}), id="wrong types"),
    pytest.param(Answer(status=200, content=b"[" * 50_000), id="deep"),
    pytest.param(
        Answer(status=200, content=b'{"text":"' + b"x" * MAX_BODY_BYTES + b'"}'), id="cut"
    ),
    pytest.param(Answer(status=200, content=b'{"a":"\xff\xfe"}'), id="not utf-8"),
]


def message(*, ticket: str = "", type: str = "consent.revoked", **identifiers: str) -> Message:
    return Message(
        key=uuid4(),
        subject="Zk3u0cV1Yy0p0X0m0gkq2l8w",
        payload={"type": type, "data": {}},
        identifiers=identifiers,
        ticket=ticket,
    )


def send(
    way: Send,
    messages: Sequence[Message],
    *,
    url: str,
    secret: str,
    settings: Mapping[str, str],
    times: int = 1,
    at_once: int = 1,
    total_seconds: float = 5.0,
) -> list[Reply]:
    """
    Hand one parcel over `times` times in a row, each by `at_once` senders together, and return the
    replies of the last.
    """
    parcel = Parcel(
        place=Place(partner="adco", url=url, settings=settings, secrets=(secret,)),
        messages=tuple(messages),
        attempted_at=datetime.now(tz=UTC),
    )

    async def run() -> list[Reply]:
        replies: Sequence[Reply] = []
        async with OutboundClient(allow_loopback=True, total_seconds=total_seconds) as client:
            for _ in range(times):
                *_, replies = await asyncio.gather(
                    *(way(parcel=parcel, client=client) for _ in range(at_once))
                )
        assert len(replies) == len(messages)
        return list(replies)

    return asyncio.run(run())
