"""What Linux lets one do to processes and disks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from consentmgr.local import processes
from consentmgr.local.processes import Running

_TROUBLE = re.compile(r"CRITICAL|PANIC|FATAL|^\w[\w.]*(Error|Exception)\b")


def free_port() -> int:
    """Return a port of this machine's that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Leave no space on a folder's disk while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    try:
        yield
    finally:
        ballast.unlink()


def last_words(log: Path) -> str:
    """Return the last line that names a trouble, or else the last one."""
    lines = processes.tail(log, lines=200).splitlines()
    return next((line for line in reversed(lines) if _TROUBLE.search(line)), "".join(lines[-1:]))


def send(running: Running, number: signal.Signals) -> None:
    """
    Signal every process of a part.

    PostgreSQL's children lead groups of their own; the second look catches who forked meanwhile.
    """
    pids = family(running.process.pid) if running.process.poll() is None else set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.process.pid, number)
    for pid in pids and pids | family(running.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def family(pid: int) -> set[int]:
    """Return a process and all its descendants; Linux only."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name before the last bracket may hold anything; state and parent follow it.
            parent = int(path.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = set(), [pid]
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += children.get(one, [])
    return found
