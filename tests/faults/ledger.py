"""
What is counted in the end: one line per request of a device, one per message at a partner.

A line is in the file before anybody is answered, so that no kill can take back what was counted.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

GATE = "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """
    One request of a device. `index` counts its decisions from 1; `what` is `allow`, `revoke`,
    `revoke <partner>`, or `gate` (asked, nothing decided). Times are epoch seconds.

    `status` is 0 without an answer, and `error` says why. `token` and `receipt` came with the
    answer; for the gate, `allowed` counts the tags that may fire.
    """

    device: int
    index: int
    what: str
    sent_at: float
    ended_at: float
    status: int
    error: str = ""
    retry_after: str = ""
    token: str = ""
    receipt: str = ""
    allowed: int = 0

    @property
    def is_acknowledged(self) -> bool:
        return self.status in (200, 201)

    @property
    def seconds(self) -> float:
        return self.ended_at - self.sent_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """
    One message at a partner. `at` is when its answer left; `answer` is the status it got, or
    `reset` or `hang`: taken, and then no answer; or `refused` (signature, shape), `stale` (it lay
    at the door for too long) or `followed` (came to where a redirect pointed).
    """

    at: float
    key: str = ""
    subject: str = ""
    version: int = 0
    granted: tuple[str, ...] = ()
    answer: str

    @property
    def is_taken(self) -> bool:
        """Tell whether the partner keeps what it was told."""
        return self.answer in ("204", "reset", "hang")

    @property
    def is_accepted(self) -> bool:
        """Tell whether the partner keeps it and has said so."""
        return self.answer == "204"


class Ledger:
    """An append-only file of such lines."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, entry: Try | Receipt) -> None:
        """Add a line; it outlives this process from here on."""
        os.write(self._file, json.dumps(asdict(entry)).encode() + b"\n")

    def sync(self) -> None:
        """Let what was written outlive the machine."""
        os.fsync(self._file)


Entry = TypeVar("Entry", Try, Receipt)


def read(path: Path, kind: type[Entry]) -> list[Entry]:
    """Return a ledger's whole lines in the order of writing; none if there is no file."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [kind(**_values(json.loads(line))) for line in lines]


def _values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
