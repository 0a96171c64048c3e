"""A partner's API on a free port: it enforces its contract and remembers what it was asked."""

from __future__ import annotations

import http.client
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came; header names are lower case, `query` keeps every value."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """:raises ValueError: if the body is no JSON"""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`content` is sent as JSON, unless it is bytes."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class FakeApi:
    """
    `handle` enforces the contract. `requests` are all that came, and `instead` answers that are
    given in its place, one request each: trouble that no contract excludes.
    """

    handle: Callable[[Request], Answer]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    instead: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            if self.instead:
                return self.instead.pop(0)
            return self.handle(request)


@contextmanager
def listening(handle: Callable[[Request], Answer]) -> Iterator[FakeApi]:
    """Listen for as long as the block runs; `url` has no slash at its end."""
    api = FakeApi(handle=handle)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            parts = urlsplit(self.path)
            answer = api.answer(
                Request(
                    method=self.command,
                    path=parts.path,
                    query=parse_qs(parts.query, keep_blank_values=True),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                )
            )
            content = answer.content
            if not isinstance(content, bytes):
                content = b"" if content is None else json.dumps(content).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _take

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(kw_only=True)
class Partner(ABC):
    """What every fake API has: its contract in `handle`, and the `api` that listens."""

    api: FakeApi = field(init=False)

    @abstractmethod
    def handle(self, request: Request) -> Answer: ...

    @property
    def url(self) -> str:
        return self.api.url

    @contextmanager
    def here(self) -> Iterator[Self]:
        """Listen for as long as the block runs."""
        with listening(self.handle) as self.api:
            yield self


def ask(url: str, *, method: str = "POST", headers: Mapping[str, str], body: Any = b"") -> Answer:
    """
    Ask a fake directly, past every transport and our own client.

    A body that is not bytes is sent as JSON; the answer's content is always bytes.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(
            method,
            url.removeprefix(f"http://{parts.netloc}"),
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=dict(headers),
        )
        response = connection.getresponse()
        return Answer(status=response.status, content=response.read())
    finally:
        connection.close()
