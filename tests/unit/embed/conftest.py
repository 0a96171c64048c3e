"""A service to fetch the script from, and a site's settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pytest_django.fixtures import Settings

from consentmgr.embed import script_text, snippets


@dataclass
class Service:
    """Answers with `status` and `text`, under an ETag that is the text's; remembers who asked."""

    status: int = 200
    text: str = "start();"
    is_slow: threading.Event | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.path, self.headers.get("If-None-Match", "")))
            if told.is_slow is not None:
                told.is_slow.wait(20)
            body, etag = told.text.encode(), f'"{hash(told.text)}"'
            status = 304 if self.headers.get("If-None-Match") == etag else told.status
            self.send_response(status)
            self.send_header("ETag", etag)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 304:
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.address = f"http://127.0.0.1:{server.server_port}"
    settings.CONSENT_MANAGER = {"url": told.address, "site": "shop"}
    yield told
    if told.is_slow is not None:
        told.is_slow.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> Iterator[None]:
    settings.CONSENT_MANAGER = {"url": "https://consent.shop.example", "site": "shop"}
    script_text.forget_script_texts()
    snippets._last_parts.clear()
    yield
    script_text.forget_script_texts()
    snippets._last_parts.clear()
