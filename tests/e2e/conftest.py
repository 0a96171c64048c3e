"""The whole product as `manage.py up` starts it, and a real browser in front of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# What belongs to the test run, not to the product that it starts.
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
OURS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "CONSENT_KEYS")


_SHELL = """
import contextlib, io, json, sys, traceback
from types import SimpleNamespace
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from tracking.lib.short_memory import forget_everything
asked, answers = sys.stdin, sys.stdout
m = SimpleNamespace(**{one.__name__: one for one in apps.get_models()})
for line in asked:
    said, error = io.StringIO(), None
    with contextlib.redirect_stdout(said):
        # What it knew may be of an hour ago, and so may its connection be.
        forget_everything()
        connection.close()
        try:
            exec(json.loads(line), {"m": m, "json": json, "call_command": call_command})
        except Exception:
            error = traceback.format_exc()
    print(json.dumps([said.getvalue(), error]), file=answers, flush=True)
"""


class Shell:
    """`manage.py shell` of a running product: started once, for every start takes seconds."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", _SHELL],
            cwd=ROOT, env=dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, code: str) -> str:
        """Run code and return what it prints."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(code), file=self._process.stdin, flush=True)
        said, error = json.loads(self._process.stdout.readline())
        assert error is None, error
        return str(said)

    def end(self) -> None:
        self._process.communicate(timeout=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running product. Vendors listen above `vendors`, in the order of the demo's catalogue."""

    port: int
    vendors: int
    data: Path
    password: str
    shell: Shell
    environment: dict[str, str]

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"

    def read(self, expression: str) -> Any:
        """Return what an expression is worth in the product's own shell; `m` are all its models."""
        return json.loads(self.run(f"print(json.dumps({expression}))"))

    def manage(self, *command: str) -> str:
        """Run a command of `manage.py` against this product and return what it says."""
        return self.run(f"call_command(*{command!r})")

    def run(self, code: str) -> str:
        """Run code in the product's own shell and return what it prints."""
        return self.shell.run(code)

    def log(self) -> dict[str, Any]:
        """Return what has reached the vendors, by partner."""
        with urlopen(f"http://127.0.0.1:{self.vendors}/log", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def reached(self) -> set[str]:
        """Return the partners that anything but a message of ours has reached."""
        return {partner for partner, log in self.log().items() if log["request_count"]}

    def forget(self) -> None:
        with urlopen(Request(f"http://127.0.0.1:{self.vendors}/log", method="DELETE"), timeout=5):
            pass


def _free_block(length: int) -> int:
    """Return the first of `length` free neighbouring ports."""
    for first in range(21_000, 60_000, 100):
        with suppress(OSError):
            for port in range(first, first + length):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("data")
    port = _free_block(20)
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= {
        "PORT": str(port),
        "DEMO_PARTNER_PORT": str(port + 1),
        "DATA_DIR": str(data),
        "DEMO_PAST_DAYS": "0",
        "CONSENT_VENV": str(Path(sys.prefix)),
    }
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while b"password" not in (data / "up.log").read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((data / "up.log").read_text("utf-8", "replace"))
            time.sleep(0.2)
        for address in (f"http://127.0.0.1:{port}/readyz", f"http://127.0.0.1:{port + 1}/log"):
            while True:
                with suppress(URLError, ConnectionError), urlopen(address, timeout=5):
                    break
                if time.monotonic() > deadline:
                    pytest.fail(f"{address} does not answer")
                time.sleep(0.2)
        shell = Shell(environment)
        yield Stack(
            port=port,
            vendors=port + 1,
            data=data,
            password=(data / "console-password").read_text("utf-8").strip(),
            environment=environment,
            shell=shell,
        )
        shell.end()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROME_BIN") or shutil.which("chromium") or shutil.which("chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[BrowserContext]:
    """A new visitor who reads Japanese, and whose browser does not say that it has no window."""
    context = browser.new_context(
        locale="ja-JP", viewport={"width": 1280, "height": 800}, user_agent=AGENT
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()
