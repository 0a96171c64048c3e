"""A real HTTP partner on this machine: it verifies what it gets and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

MOST_BYTES = 20_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwmfKQ9r8GKYo="


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message that was signed well."""

    key: str
    timestamp: int
    type: str
    data: dict[str, Any]
    body: bytes
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """What to answer: `hang_seconds` before, `is_rude` closes the connection without a word."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_seconds: float = 0.0
    is_rude: bool = False


Answering = Callable[[Received], Say]


@dataclass(kw_only=True)
class FakePartner:
    """
    `received` holds every well-signed message in order of arrival, `refused` why others were not
    taken, `state` what the partner believes about each subject: the highest version wins. Of the
    `erased` ones it keeps no more than that version.
    """

    secrets: list[str]
    answering: Answering = lambda _: Say()
    received: list[Received] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    requests: int = 0
    most_at_once: int = 0
    url: str = ""
    _now_here: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.received]

    def versions(self, subject: str) -> list[int]:
        return [
            message.data["version"]
            for message in self.received
            if message.data["subject"] == subject
        ]

    def handle(self, headers: dict[str, str], body: bytes) -> Say:
        """Check as docs/partners.md tells partners to, then keep and answer."""
        why = self._refusal(headers, body)
        if why:
            with self._lock:
                self.refused.append(why)
            return Say(status=401 if why == "signature" else 400)
        told = json.loads(body)
        message = Received(
            key=headers["webhook-id"],
            timestamp=int(headers["webhook-timestamp"]),
            type=told["type"],
            data=told["data"],
            body=body,
            at=time.monotonic(),
        )
        with self._lock:
            self.received.append(message)
        answer = self.answering(message)
        if 200 <= answer.status < 300 and not answer.is_rude:
            with self._lock:
                self._believe(message)
        return answer

    def _believe(self, message: Received) -> None:
        subject, version = message.data["subject"], message.data["version"]
        if subject in self.state and self.state[subject]["version"] >= version:
            return
        if message.type == "device.erased":
            self.erased.add(subject)
            self.state[subject] = {"version": version}
        else:
            self.erased.discard(subject)
            self.state[subject] = message.data

    @contextmanager
    def here(self) -> Iterator[None]:
        with self._lock:
            self.requests += 1
            self._now_here += 1
            self.most_at_once = max(self.most_at_once, self._now_here)
        try:
            yield
        finally:
            with self._lock:
                self._now_here -= 1

    def _refusal(self, headers: dict[str, str], body: bytes) -> str:
        if headers.get("content-type") != "application/json":
            return "content type"
        if len(body) > MOST_BYTES:
            return "too large"
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except (WebhookVerificationError, ValueError):
                continue
            return ""
        return "signature"


@contextmanager
def fake_partner(
    *, secrets: list[str] | None = None, answering: Answering | None = None
) -> Iterator[FakePartner]:
    """Listen on a free port of this machine for as long as the block runs."""
    partner = FakePartner(secrets=secrets or [SECRET])
    if answering is not None:
        partner.answering = answering

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with partner.here():
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = partner.handle(
                    {name.lower(): value for name, value in self.headers.items()}, body
                )
                if answer.hang_seconds:
                    ending.wait(answer.hang_seconds)
            if answer.is_rude:
                self.close_connection = True
                return
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                # The other side gave up waiting.
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    ending = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    partner.url = f"http://127.0.0.1:{server.server_address[1]}/consent"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield partner
    finally:
        ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
