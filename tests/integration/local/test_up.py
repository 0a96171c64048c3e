"""`manage.py up` as a newcomer runs it: everything starts, is watched, and ends without a trace."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from consentmgr.local import servers, supervisor
from consentmgr.local.bootstrap import ROOT

pytestmark = [pytest.mark.worker, pytest.mark.timeout(180)]

START = """
from consentmgr.local import bootstrap, supervisor
# A minute is for those who are not waiting for it.
supervisor.NO_WORK_LIMIT_S = 3.0
bootstrap.hand_over(['manage.py', 'up'])
"""
# The servers and secrets of this test run are not those of the service under test.
OWN = {
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "CONSENT_KEYS",
    "METRICS_TOKEN",
    "ALLOWED_HOSTS",
    "DEMO",
    "COOKIE_SECURE",
    "ALLOW_LOOPBACK_PARTNERS",
    "DJANGO_ALLOW_ASYNC_UNSAFE",
}


@dataclass(slots=True, kw_only=True)
class Up:
    """One `manage.py up` on a data folder."""

    data: Path
    port: int
    partner_port: int
    output: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def text(self) -> str:
        return self.output.read_text("utf-8")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if name not in OWN}
                | {
                    "DATA_DIR": str(self.data),
                    "PORT": str(self.port),
                    "DEMO_PARTNER_PORT": str(self.partner_port),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_until_ready(self, *, seconds: float) -> None:
        assert self.process is not None
        ended = self.process.poll
        assert _wait(lambda: "Console account" in self.text or ended() is not None, seconds=seconds)
        assert ended() is None, self.text
        assert "Ready after" in self.text, self.text

    def get(self, path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def descendants(self) -> dict[int, str]:
        """Return every process below the supervisor by id, with its command line."""
        rows = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # Name in brackets, state, parent; the name may hold blanks and brackets.
                parent = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                rows.append((int(folder.name), int(parent), command))
        found: dict[int, str] = {}
        below = {self.pid}
        while below:
            new = {pid: command for pid, parent, command in rows if parent in below}
            found |= new
            below = set(new)
        return found

    def leader(self, text: str) -> int:
        """Return the process that leads the group of the program with this command line."""
        [pid] = [
            pid
            for pid, command in self.descendants().items()
            if text in command and os.getsid(pid) == pid
        ]
        return pid


def _wait(is_true: Callable[[], bool], *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_true():
            return True
        time.sleep(0.05)
    return False


def _free_block() -> int:
    """Return the first of enough neighbouring ports that nobody listens on."""
    length = 1 + supervisor.demo_ports()
    for first in range(20_000 + os.getpid() % 20_000, 64_000, length):
        if all(supervisor.is_free(port) for port in range(first, first + length)):
            return first
    raise AssertionError("no free ports")


@pytest.fixture
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="cm-up-", ignore_cleanup_errors=True) as name:
        port = _free_block()
        one = Up(
            data=Path(name) / "data",
            port=port,
            partner_port=port + 1,
            output=Path(name) / "output",
        )
        yield one
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_up_from_start_to_end(up: Up) -> None:
    up.start()
    up.wait_until_ready(seconds=60)
    base = f"http://localhost:{up.port}"
    for address in (
        f"{base}/demo/",
        f"{base}/preferences/kloset/",
        f"{base}/external-transmission/kloset/",
        f"{base}/console/",
        f"{base}/v1/docs/",
        f"http://127.0.0.1:{up.partner_port}/",
    ):
        assert re.search(rf"{re.escape(address)}$", up.text, flags=re.MULTILINE), up.text
    for path in ("/readyz", "/demo/", "/preferences/kloset/", "/external-transmission/kloset/"):
        assert up.get(path) == 200, path
    password = (up.data / "console-password").read_text("utf-8").strip()
    assert f"admin, password {password}" in up.text
    assert f"{base}/metrics (token in {up.data}/metrics-token)" in up.text
    token = (up.data / "metrics-token").read_text("utf-8").strip()
    assert up.get("/metrics") == 401
    assert up.get("/metrics", Authorization=f"Bearer {token}") == 200
    for private in ("keys.env", "console-password", "metrics-token"):
        assert (up.data / private).stat().st_mode & 0o777 == 0o600

    second = Up(data=up.data, port=up.port, partner_port=up.partner_port, output=up.data / "second")
    second.start()
    assert second.process is not None
    assert second.process.wait(20) == 1
    assert f"Already running here (process {up.pid}): {base}/" in second.text

    worker = up.leader("consentmgr worker")
    os.kill(worker, signal.SIGKILL)
    told = "worker was ended by SIGKILL; starting it again in 0.5 s"
    assert _wait(lambda: told in up.text, seconds=5), up.text
    assert _wait(
        lambda: any("consentmgr worker" in command for command in up.descendants().values()),
        seconds=5,
    )

    family = up.descendants()
    assert len(family) >= 8
    assert up.process is not None
    up.process.kill()
    up.process.wait()
    # At once: the new run has to wait for what the old one left.
    up.start()
    up.wait_until_ready(seconds=60)
    assert not [command for pid, command in family.items() if servers.is_alive(pid)]
    assert up.get("/demo/") == 200

    family = up.descendants()
    assert len(family) >= 8
    os.kill(up.pid, signal.SIGINT)
    assert up.process.wait(10) == 0, up.text
    assert not [command for pid, command in family.items() if servers.is_alive(pid)]
    assert up.text.endswith("Stopped.\n")
    assert "Had to kill" not in up.text


def test_who_is_up_and_does_no_work_is_replaced(up: Up) -> None:
    up.start()
    up.wait_until_ready(seconds=60)
    assert _wait(lambda: up.get("/workz") == 200, seconds=20)

    # Alive for whoever counts processes: they neither end nor answer.
    for name in ("worker", "beat"):
        os.killpg(up.leader(f"consentmgr {name}"), signal.SIGSTOP)
    told = "worker and beat are up and do no work; ending them."
    assert _wait(lambda: told in up.text, seconds=40), up.text
    assert _wait(lambda: up.get("/workz") == 200, seconds=20)
    for name in ("worker", "beat"):
        assert f"{name} was ended by SIGKILL; starting it again in 0.5 s" in up.text
    assert up.text.count(told) == 1
    os.kill(up.pid, signal.SIGINT)
    assert up.process is not None
    assert up.process.wait(10) == 0, up.text


@pytest.mark.parametrize(
    ("status", "body", "is_no_work"),
    [
        (200, b'{"status": "ok"}', False),
        (503, b'{"status": "nobody looks for work"}', True),
        (503, b'{"status": "due work is not done"}', True),
        (503, b'{"status": "database away"}', False),
        (503, b"<h1>Bad gateway</h1>", False),
        (503, b"[]", False),
    ],
)
def test_only_its_own_word_counts_as_no_work(status: int, body: bytes, is_no_work: bool) -> None:
    asked = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert supervisor.says_no_work(port, host="consent.example") is is_no_work
        thread.join()
    assert asked == [("/workz", "consent.example")]
    # Nobody answers now: that says nothing of the work.
    assert supervisor.says_no_work(port, host="consent.example") is False


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = Up(data=tmp_path / "data", port=port, partner_port=1, output=tmp_path / "output")
        one.start()
        assert one.process is not None
        assert one.process.wait(20) == 1
    assert f"Port {port} is in use" in one.text
    assert f"PORT={port + 1} python3 manage.py up" in one.text


@pytest.mark.parametrize("port", ["", "8000"])
def test_the_port_is_8000_unless_told(port: str) -> None:
    assert supervisor.port_number({"PORT": port}) == 8000


@pytest.mark.parametrize("port", ["x", "-1", "0", "70000", "８０００"])
def test_a_strange_port_is_refused(port: str) -> None:
    with pytest.raises(supervisor.UpFailed, match="must be a number from 1 to 64535"):
        supervisor.port_number({"PORT": port})
