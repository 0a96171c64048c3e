"""
Many devices that decide, as one program; every answer is in the ledger before it counts.

    python -m tests.faults.load JSON      see `Load`; SIGTERM: no new devices, end what is open

A device allows, revokes, sometimes allows again and then sometimes revokes one partner. It sends a
decision under the same key until it is acknowledged, as the page's script does.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.ledger import GATE, Ledger, Try

ORIGIN = "https://faults.example"
SITE = "faults"
HEADER = "X-Consent-Device"
ANSWER_LIMIT_S = 10.0
FIRST_S, LONGEST_S = 2.0, 300.0
SYNC_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    What to do: `rate` new devices a second, no fewer than `at_least` before the end.

    `allowed` is the body's maps that grant everything; `gate_rate` asks the gate so often a second
    about `tags`, with the token of a device that has just decided.
    """

    ledger: str
    urls: tuple[str, ...]
    notice: int
    partners: tuple[str, ...]
    allowed: dict[str, dict[str, bool]]
    tags: tuple[str, ...]
    rate: float
    at_least: int
    gate_rate: float = 0.0
    seed: int = 1


class Crowd:
    """All devices of one run."""

    def __init__(self, *, load: Load, session: aiohttp.ClientSession) -> None:
        self._load = load
        self._session = session
        self._ledger = Ledger(Path(load.ledger))
        self._ending = asyncio.Event()
        self._token = ""

    def end(self) -> None:
        """Take no new devices once there were enough."""
        self._ending.set()

    async def run(self) -> None:
        """Return when every device has all its answers."""
        beside = [asyncio.create_task(self._sync())]
        if self._load.gate_rate:
            beside.append(asyncio.create_task(self._ask_gate()))
        began = time.monotonic()
        async with asyncio.TaskGroup() as living:
            number = 0
            while not (self._ending.is_set() and number >= self._load.at_least):
                number += 1
                living.create_task(self._live(number))
                await asyncio.sleep(began + number / self._load.rate - time.monotonic())
        for task in beside:
            task.cancel()
        self._ledger.sync()

    async def _live(self, device: int) -> None:
        chance = random.Random(self._load.seed * 1_000_003 + device)
        seed, token = secrets.token_hex(16), "new"
        for index, what in enumerate(self._life(chance), start=1):
            path, body = self._body(what)
            if token == "new":
                body["device_seed"] = seed
            answered, failures = None, 0
            while answered is None or not answered.is_acknowledged:
                answered = await self._send(device, index, what, path, body, token)
                if 400 <= answered.status < 500:
                    # Never expected; the decision stays unanswered and is counted as such.
                    return
                if not answered.is_acknowledged:
                    # As the page's script waits: full jitter, never sooner than it is asked to.
                    backoff = chance.random() * min(LONGEST_S, FIRST_S * 2**failures)
                    await asyncio.sleep(max(1.0, float(answered.retry_after or 0), backoff))
                    failures += 1
            self._token = token = answered.token or token
            await asyncio.sleep(chance.expovariate(2.0))

    def _life(self, chance: random.Random) -> Iterator[str]:
        yield "allow"
        yield "revoke"
        if chance.random() < 0.6:
            yield "allow"
            if chance.random() < 0.5:
                yield f"revoke {chance.choice(self._load.partners)}"

    def _body(self, what: str) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "site": SITE,
            "idempotency_key": secrets.token_urlsafe(16),
            "client_seq": time.time_ns() // 1_000_000,
            "surface": "bar",
            "language": "ja",
        }
        word, _, only = what.partition(" ")
        if word == "allow":
            return "/v1/consents", {
                **body, "notice": self._load.notice, "method": "allow", **self._load.allowed,
            }  # fmt: skip
        return "/v1/revocations", body | ({"partners": [only]} if only else {"all": True})

    async def _send(
        self, device: int, index: int, what: str, path: str, body: dict[str, Any], token: str
    ) -> Try:
        # Like a proxy in front of several hosts: another try may go to another one.
        url = random.choice(self._load.urls) + path
        sent_at = time.time()
        status, error, retry_after, answer = 0, "", "", {}
        try:
            async with self._session.post(
                url, json=body, headers={"Origin": ORIGIN, HEADER: token}
            ) as response:
                status = response.status
                retry_after = response.headers.get("Retry-After", "")
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            error = type(failure).__name__
        if path == "/v1/gate":
            decisions = answer.get("decisions", {}).values()
            found = {"allowed": sum(decision["allowed"] for decision in decisions)}
        else:
            key = answer.get("receipt", {}).get("key", "")
            found = {"token": answer.get("device_token", ""), "receipt": key}
        one = Try(
            device=device, index=index, what=what, sent_at=sent_at, ended_at=time.time(),
            status=status, error=error, retry_after=retry_after, **found,
        )  # fmt: skip
        self._ledger.write(one)
        return one

    async def _ask_gate(self) -> None:
        async with asyncio.TaskGroup() as asking:
            while True:
                body = {"site": SITE, "tags": list(self._load.tags)}
                asking.create_task(self._send(0, 0, GATE, "/v1/gate", body, self._token or "new"))
                await asyncio.sleep(1 / self._load.gate_rate)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            await asyncio.to_thread(self._ledger.sync)


async def work(load: Load) -> None:
    """Run one load to its end."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT_S),
    ) as session:
        crowd = Crowd(load=load, session=session)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, crowd.end)
        await crowd.run()


def main() -> None:
    asyncio.run(work(Load(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
