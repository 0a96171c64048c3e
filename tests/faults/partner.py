"""
A partner as a program of its own: it checks, writes down, then answers as it was told to.

    python -m tests.faults.partner PORT LEDGER      the secret comes as PARTNER_SECRET

`PUT /answering` takes `{"shares": {"500": 0.1, "hang": 0.02}, "delay_s": 0}`: how large a share of
messages gets which answer; the rest gets 204.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.faults.ledger import Ledger, Receipt

# Few wait at the door: a partner that stands still is soon not even connected to.
BACKLOG = 16
# Longer than anybody waits for an answer.
HANG_S = 60.0
RETRY_AFTER_S = 2
# Standard Webhooks: older ones may be anybody's repetition.
TOLERANCE = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True)
class Answering:
    """What messages are answered: shares by answer, and a pause before each."""

    shares: dict[str, float] = field(default_factory=dict)
    delay_s: float = 0.0


class Partner:
    """The partner's side of docs/partners.md."""

    def __init__(self, *, secret: str, ledger: Ledger) -> None:
        self._signed = Webhook(secret)
        self._ledger = ledger
        self._answering = Answering()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer whatever comes."""
        body = await request.read()
        if request.path == "/answering":
            self._answering = Answering(**json.loads(body))
            return web.Response(status=204)
        if request.path != "/consent":
            self._ledger.write(Receipt(at=time.time(), answer="followed"))
            return web.Response(status=204)
        answer = self._note(request, body)
        if self._answering.delay_s:
            await asyncio.sleep(self._answering.delay_s)
        match answer:
            case "reset":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "hang":
                await asyncio.sleep(HANG_S)
                return web.Response()
            case "refused" | "stale":
                return web.Response(status=401)
            case "429":
                return web.Response(status=429, headers={"Retry-After": str(RETRY_AFTER_S)})
            case "302":
                return web.Response(status=302, headers={"Location": "/elsewhere"})
        return web.Response(status=int(answer))

    def _note(self, request: web.BaseRequest, body: bytes) -> str:
        """Check a message, write it down, and return what it is answered."""
        # When the answer leaves: that is when the service can know.
        at = time.time() + self._answering.delay_s
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            told = self._signed.verify(body, headers)["data"]
            receipt = Receipt(
                at=at,
                key=headers["webhook-id"],
                subject=told["subject"],
                version=told["version"],
                granted=tuple(told["granted"]["purposes"]),
                answer=self._choose(),
            )
        except (WebhookVerificationError, ValueError, KeyError, TypeError):
            receipt = Receipt(at=at, answer="stale" if self._is_stale(headers, body) else "refused")
        self._ledger.write(receipt)
        return receipt.answer

    def _is_stale(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether a message is ours and lay for too long at the door of who stood still."""
        try:
            signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
            ours = self._signed.sign(headers["webhook-id"], signed_at, body.decode())
        except (ValueError, KeyError):
            return False
        return (
            datetime.now(tz=UTC) - signed_at > TOLERANCE
            and ours in headers.get("webhook-signature", "").split()
        )

    def _choose(self) -> str:
        chance = random.random()
        for answer, share in self._answering.shares.items():
            if chance < share:
                return answer
            chance -= share
        return "204"


async def serve(*, port: int, partner: Partner) -> None:
    """Listen until killed."""
    runner = web.ServerRunner(web.Server(partner.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    await asyncio.Event().wait()


def main() -> None:
    ledger = Ledger(Path(sys.argv[2]))
    partner = Partner(secret=os.environ["PARTNER_SECRET"], ledger=ledger)
    asyncio.run(serve(port=int(sys.argv[1]), partner=partner))


if __name__ == "__main__":
    main()
