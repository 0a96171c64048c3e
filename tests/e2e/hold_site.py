"""A small site and a vendor on two ports of this machine; the vendor notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

HOLD = (Path(__file__).parents[2] / "static" / "dist" / "hold.js").read_text("utf-8")
SCRIPT = b"(window.ran ??= []).push(document.currentScript?.src ?? '');"


@dataclass
class Site:
    """`pages` are path → (HTML, headers); `asked` are the paths the vendor was asked for."""

    port: int
    vendor_port: int
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def vendor(self) -> str:
        return f"http://127.0.0.1:{self.vendor_port}"

    def names(self) -> set[str]:
        return {path.strip("/") for path in self.asked}

    def serve(
        self, body: str, *, head: str = "", hold: bool = True, nonce: str = "", policy: str = ""
    ) -> str:
        """Put a page up whose first script holds, and answer its address."""
        script = f'<script nonce="{nonce}">{HOLD if hold else ""}</script>'
        html = f"<!doctype html><html><head>{script}{head}</head><body>{body}</body></html>"
        path = f"/page-{len(self.pages)}"
        self.pages[path] = (html, {"Content-Security-Policy": policy} if policy else {})
        return f"http://127.0.0.1:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a browser hangs up on what it no longer wants."""


def _server(answer: Callable[[str], tuple[bytes, dict[str, str]]]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body, headers = answer(self.path)
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_OPTIONS = do_GET

        def log_message(self, *args: object) -> None:
            pass

    return _Server(("127.0.0.1", 0), Handler)


@contextmanager
def running() -> Iterator[Site]:
    def page(path: str) -> tuple[bytes, dict[str, str]]:
        html, headers = site.pages.get(path, ("", {}))
        return html.encode(), {"Content-Type": "text/html; charset=utf-8", **headers}

    def asked(path: str) -> tuple[bytes, dict[str, str]]:
        site.asked.append(path)
        kind = "text/css" if "css" in path else "text/javascript"
        return SCRIPT if kind.endswith("script") else b"", {
            "Content-Type": "text/html" if "frame" in path else kind,
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "*",
        }

    servers = [_server(page), _server(asked)]
    site = Site(port=servers[0].server_port, vendor_port=servers[1].server_port)
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
