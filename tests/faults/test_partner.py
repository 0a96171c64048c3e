"""The fake partner keeps docs/partners.md, and answers only what it has written down."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consentmgr.local.bootstrap import ROOT
from tests.fakes import SECRET
from tests.faults import ledger
from tests.faults.ledger import Receipt
from tests.faults.machine import free_port
from tracking.delivery.transports import webhook
from tracking.lib import canonical_json

MESSAGE = {
    "type": "consent.revoked",
    "data": {"subject": "s1", "version": 2, "granted": {"purposes": ["advertising"]}},
}


class Partner:
    """A running partner, and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "partner.jsonl"
        self.port = free_port()
        command = ["-m", "tests.faults.partner", str(self.port), str(self.file)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={"PARTNER_SECRET": SECRET, "PYTHONPATH": str(ROOT)},
        )

    def send(self, method: str, path: str, body: bytes, **headers: str) -> str:
        """Return all that comes back to one request, "" for a closed connection."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join(
            [f"{method} {path} HTTP/1.1", "Host: p", f"Content-Length: {len(body)}",
             "Connection: close", *lines, "", ""]
        )  # fmt: skip
        with socket.create_connection(("127.0.0.1", self.port), 5) as line:
            line.sendall(head.encode() + body)
            try:
                return b"".join(iter(lambda: line.recv(4096), b"")).decode()
            except ConnectionResetError:
                return ""

    def tell(
        self, *, secret: str = SECRET, path: str = "/consent", ago: timedelta = timedelta(0)
    ) -> str:
        body = canonical_json.dumps(MESSAGE)
        at = datetime.now(tz=UTC) - ago
        headers = webhook.sign(key="msg_1", body=body, secrets=[secret], attempted_at=at)
        return self.send("POST", path, body, **headers)

    def answering(self, **values: Any) -> None:
        assert "204" in self.send("PUT", "/answering", json.dumps(values).encode())

    @property
    def receipts(self) -> list[Receipt]:
        return ledger.read(self.file, Receipt)


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    partner = Partner(tmp_path)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", partner.port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield partner
    partner.process.kill()
    partner.process.wait()


def test_a_message_as_the_product_signs_it_is_taken(partner: Partner) -> None:
    assert partner.tell().startswith("HTTP/1.1 204")

    (receipt,) = partner.receipts
    assert (receipt.key, receipt.subject, receipt.version) == ("msg_1", "s1", 2)
    assert receipt.granted == ("advertising",)
    assert receipt.is_accepted


def test_a_message_that_somebody_else_signed_is_refused(partner: Partner) -> None:
    other = "whsec_" + "A" * 32

    assert partner.tell(secret=other).startswith("HTTP/1.1 401")
    assert [one.answer for one in partner.receipts] == ["refused"]


def test_a_message_that_lay_at_the_door_for_too_long_is_refused_as_that(partner: Partner) -> None:
    ago = timedelta(minutes=6)

    assert partner.tell(ago=ago).startswith("HTTP/1.1 401")
    assert partner.tell(ago=ago, secret="whsec_" + "A" * 32).startswith("HTTP/1.1 401")
    assert [one.answer for one in partner.receipts] == ["stale", "refused"]


@pytest.mark.parametrize(
    ("answer", "line", "header"),
    [
        ("500", "HTTP/1.1 500", ""),
        ("410", "HTTP/1.1 410", ""),
        ("429", "HTTP/1.1 429", "Retry-After: 2"),
        ("302", "HTTP/1.1 302", "Location: /elsewhere"),
        ("reset", "", ""),
    ],
)
def test_it_answers_as_it_is_told_and_has_written_it_down_before(
    partner: Partner, answer: str, line: str, header: str
) -> None:
    partner.answering(shares={answer: 1.0})

    said = partner.tell()

    assert said.startswith(line) if line else said == ""
    assert header in said
    assert [one.answer for one in partner.receipts] == [answer]


def test_whoever_follows_a_redirect_is_noted(partner: Partner) -> None:
    partner.tell(path="/elsewhere")

    assert [one.answer for one in partner.receipts] == ["followed"]


def test_a_half_written_line_is_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "half.jsonl"
    ledger.Ledger(file).write(Receipt(at=1.0, answer="204"))
    with file.open("a") as more:
        more.write('{"at": 2.0, "ans')

    assert [one.at for one in ledger.read(file, Receipt)] == [1.0]
    assert ledger.read(tmp_path / "none.jsonl", Receipt) == []
