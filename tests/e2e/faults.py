"""
What stands between a visitor and the service when something is wrong, and a browser that can die.

A customer's page lies on one origin and the service on another. Each visitor has a line of their
own to the service, so that faults do not touch the page, nor the other visitors.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import BrowserContext, BrowserType

from tests.e2e.conftest import FLAGS


class Fault(StrEnum):
    """What happens to a request on a line."""

    NONE = "none"
    # Nobody listens: connection refused.
    DOWN = "down"
    # Taken, and never heard of again.
    HANG = "hang"
    # Done by the service, but the answer does not arrive.
    LOST_ANSWER = "lost-answer"
    ERROR = "error"
    # A grant does not arrive at the service until the line lets it; everything else is quick.
    LATE_GRANT = "late-grant"
    # A grant arrives at once, and its answer is held back instead.
    LATE_GRANT_ANSWER = "late-grant-answer"


# Longer than the page waits for an answer.
LONG_S = 60

# The browser went away in the middle.
_GONE = (ConnectionError, asyncio.IncompleteReadError)

_PAGE = """<!doctype html>
<html lang="ja"><head><meta charset="utf-8"><title>shop</title><link rel="icon" href="data:,">
<script src="{service}/b/kloset.js"></script></head>
<body><h1>shop</h1>
<template data-cm-tag="ga4"></template>
<template data-cm-tag="criteo"></template>
<template data-cm-tag="karte"></template>
</body></html>"""


@dataclass
class Sent:
    """A decision as it came along a line; `status` is what the service answered, or None."""

    key: str
    method: str
    status: int | None = None


@dataclass
class Line:
    """
    One visitor's way to the service.

    `fault` holds for everything, or for `/v1/` alone where `is_script_there` (the page's script
    comes from a cache or a network of copies, as it may in real life).
    """

    network: Network
    host: str
    fault: Fault = Fault.NONE
    is_script_there: bool = False
    sent: list[Sent] = field(default_factory=list)
    port: int = 0
    _is_free: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def page(self) -> str:
        """Address of the customer's page for this visitor."""
        return f"http://{self.host}:{self.network.port}/{self.port}"

    @property
    def service(self) -> str:
        return f"http://{self.host}:{self.port}"

    def break_(self, fault: Fault, *, is_script_there: bool = False) -> None:
        """Let a fault begin, also for what is on its way."""
        self.fault, self.is_script_there = fault, is_script_there
        self.network.call(self._apply())

    def heal(self) -> None:
        self.break_(Fault.NONE)

    def let_go(self) -> None:
        """Let through what is late."""

        async def free() -> None:
            self._is_free.set()

        self.network.call(free())

    async def _apply(self) -> None:
        if self.fault is Fault.DOWN and not self.is_script_there:
            await self._close()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            # Cancelled at the end of a test, with an answer still held back.
            with suppress(*_GONE, asyncio.CancelledError):
                head, body = await _read_request(reader)
                await self._carry(head, body, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _carry(self, head: list[str], body: bytes, writer: asyncio.StreamWriter) -> None:
        method, path, _ = head[0].split(" ", 2)
        is_spared = self.is_script_there and not path.startswith("/v1/")
        fault = Fault.NONE if is_spared else self.fault
        sent = None
        if method == "POST" and path == "/v1/consents":
            decision = json.loads(body)
            sent = Sent(decision["idempotency_key"], decision["method"])
            self.sent.append(sent)
        is_grant = sent is not None and sent.method == "allow"

        if fault is Fault.DOWN:
            writer.transport.abort()
            return
        if fault is Fault.HANG:
            await asyncio.sleep(LONG_S)
            return
        # A page may read the service's own 500; what asks for permission first gets it.
        if fault is Fault.ERROR and method != "OPTIONS":
            writer.write(_error(head))
            await writer.drain()
            return
        if fault is Fault.LATE_GRANT and is_grant:
            await self._is_free.wait()
        answer = await self.network.ask(head, body)
        if sent is not None:
            sent.status = int(answer.split(b" ", 2)[1])
        if fault is Fault.LATE_GRANT_ANSWER and is_grant:
            await self._is_free.wait()
        if fault is Fault.LOST_ANSWER and method == "POST":
            await asyncio.sleep(LONG_S)
            return
        writer.write(answer)
        await writer.drain()


class Network:
    """The customer's page, and the lines to the service at `127.0.0.1:service_port`."""

    def __init__(self, service_port: int) -> None:
        self.service_port = service_port
        self.port = 0
        self.lines: dict[str, Line] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._shop = self.call(asyncio.start_server(self._serve_page, "127.0.0.1", 0))
        self.port = self._shop.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def line(self, name: str) -> Line:
        """Return a new visitor's line; the page's cookies are theirs alone."""
        line = Line(self, f"{name}.localhost")
        self.call(line._apply())
        self.lines[name] = line
        return line

    async def ask(self, head: list[str], body: bytes) -> bytes:
        """Hand a request to the service, as a proxy in front of it would, and read all of it."""
        dropped = ("host:", "connection:", "accept-encoding:")
        kept = [line for line in head[1:] if not line.lower().startswith(dropped)]
        lines = [head[0], f"Host: localhost:{self.service_port}", "Connection: close", *kept]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service_port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return await reader.read(-1)
        finally:
            writer.close()

    async def _serve_page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Cancelled at the end, as a browser may hold a spare line on which it asks nothing.
            with suppress(*_GONE, asyncio.CancelledError):
                head, _ = await _read_request(reader)
                host = next(line for line in head if line.lower().startswith("host:"))
                name = host.split(":")[1].strip()
                service = f"http://{name}:{head[0].split(' ')[1].strip('/')}"
                page = _PAGE.format(service=service).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                    b"Cache-Control: no-store\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(page), page)
                )
                await writer.drain()
        finally:
            writer.close()

    async def _stop(self) -> None:
        self._shop.close()
        for line in self.lines.values():
            await line._close()
        own = asyncio.current_task()
        # Those just accepted begin first: cancelled before that, they would close nothing.
        await asyncio.sleep(0)
        rest = [task for task in asyncio.all_tasks() if task is not own]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> tuple[list[str], bytes]:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    head = text.split("\r\n")[:-2]
    length = next((line[15:] for line in head if line.lower().startswith("content-length:")), "0")
    return head, await reader.readexactly(int(length))


def _error(head: list[str]) -> bytes:
    origin = next((line[7:].strip() for line in head if line.lower().startswith("origin:")), "")
    body = b'{"code": "server_error", "message": "Something broke.", "fields": {}}'
    lines = [
        "HTTP/1.1 500 Internal Server Error",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(
            [f"Access-Control-Allow-Origin: {origin}", "Access-Control-Allow-Credentials: true"]
            if origin
            else []
        ),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Chromium:
    """A browser whose processes are ours to kill; its profile stays."""

    def __init__(self, profile: Path, kind: BrowserType) -> None:
        self.profile = profile
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> BrowserContext:
        """Start on the profile as it was left."""
        self.profile.mkdir(exist_ok=True)
        door = self.profile / "DevToolsActivePort"
        door.unlink(missing_ok=True)
        program = os.environ.get("CHROME_BIN") or shutil.which("chromium") or shutil.which("chrome")
        assert program
        self._process = subprocess.Popen(
            [
                program, *FLAGS, "--headless=new", "--remote-debugging-port=0",
                "--hide-crash-restore-bubble", f"--user-data-dir={self.profile}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (door.exists() and door.read_text("utf-8").count("\n")):
            assert self._process.poll() is None, "the browser ended"
            assert time.monotonic() < deadline, "the browser does not start"
            time.sleep(0.02)
        port = door.read_text("utf-8").splitlines()[0]
        self._browser = self._kind.connect_over_cdp(f"http://127.0.0.1:{port}")
        context = self._browser.contexts[0]
        context.set_default_timeout(30_000)
        return context

    def kill(self) -> None:
        """End every process of it at once, as a crash would; nothing is written any more."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def is_gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        if self._process is not None:
            self.kill()
            self._process.wait(30)
            self._browser.close()
            self._process = None

    def quit(self) -> None:
        """Leave as a visitor does: what is to be stored gets stored."""
        assert self._process is not None
        self._browser.new_browser_cdp_session().send("Browser.close")
        self._process.wait(30)
        self.end()
