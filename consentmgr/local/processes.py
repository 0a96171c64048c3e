"""
Start programs that cannot outlive this process, and stop them in order.

Every child leads a session of its own: the terminal's Ctrl-C reaches only the supervisor, and what
a child leaves behind can be ended as a group.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consentmgr.local.launch import NOBODY

# The kernel's death signal exists on Linux only; elsewhere a pipe tells that the parent is gone.
KERNEL_KEEPS_WATCH = sys.platform == "linux"
NO_LIFELINE = -1
# Past this size a log starts anew when its program starts; one older log is kept.
LOG_LIMIT_BYTES = 5_000_000

SETPRIV = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    # access(2) looks at the real user's rights; without this the kernel drops them at the change.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)


class Identity(enum.Enum):
    """Whom a program runs as."""

    SAME = "same"
    NAMESPACE = "namespace"
    SETPRIV = "setpriv"


class UserNotPossible(Exception):
    """PostgreSQL refuses this user and there is no way around; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    What to run and how to end it.

    `stop` lists signals with the seconds each gets before the next; SIGKILL to the group follows.
    `death_signal` is what the child gets when this process is gone; it inherits the descriptors
    `keep_open`. `is_guarded` programs get a process that watches over them: they may hang after the
    signal, or leave children behind.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    stop: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0),)
    death_signal: signal.Signals = signal.SIGTERM
    identity: Identity = Identity.SAME
    folder: Path | None = None
    keep_open: tuple[int, ...] = ()
    is_guarded: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started program."""

    program: Program
    process: subprocess.Popen[bytes]


def start(program: Program) -> Running:
    """
    Start a program with its output appended to its log.

    Call it from the main thread only: the kernel's death signal is bound to the starting thread.

    :raises OSError: if the log cannot be written
    """
    program.log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(program.log)
    lifeline = _lifeline() if program.is_guarded or not KERNEL_KEEPS_WATCH else NO_LIFELINE
    with program.log.open("ab") as log:
        process = subprocess.Popen(
            launched(
                program.command,
                identity=program.identity,
                death_signal=program.death_signal,
                lifeline=lifeline,
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environ),
            start_new_session=True,
            pass_fds=(*program.keep_open, *([lifeline] if lifeline != NO_LIFELINE else [])),
        )
    return Running(program=program, process=process)


def run_as(identity: Identity, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command under an identity and return its answer."""
    if identity is Identity.SAME:
        return subprocess.run(command, capture_output=True, text=True)
    return subprocess.run(
        launched(command, identity=identity, death_signal=signal.SIGTERM, lifeline=NO_LIFELINE),
        capture_output=True,
        text=True,
    )


def launched(
    command: Sequence[str], *, identity: Identity, death_signal: signal.Signals, lifeline: int
) -> list[str]:
    """Return the command line that ties a command's life to this process's (see `launch`)."""
    if identity is Identity.SETPRIV:
        # The change of user clears a death signal that was set before it.
        name = death_signal.name.removeprefix("SIG")
        command = [*SETPRIV, f"--pdeathsig={name}", *command]
    return [
        sys.executable,
        "-I",
        "-S",
        str(Path(__file__).with_name("launch.py")),
        "namespace" if identity is Identity.NAMESPACE else "same",
        str(int(death_signal)),
        str(os.getpid()),
        str(lifeline),
        *command,
    ]


def postgres_identity() -> Identity:
    """
    Return whom PostgreSQL can run as here; it refuses root and users without a name.

    :raises UserNotPossible: if this system offers no way around that
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Identity.SAME
    if KERNEL_KEEPS_WATCH:
        if run_as(Identity.NAMESPACE, ["true"]).returncode == 0:
            return Identity.NAMESPACE
        may_change = os.geteuid() == 0 and shutil.which("setpriv")
        if may_change and run_as(Identity.SETPRIV, ["true"]).returncode == 0:
            return Identity.SETPRIV
    raise UserNotPossible(
        "PostgreSQL runs neither as root nor as a user without a name, and there are neither\n"
        "user namespaces nor setpriv here. Run this as a normal user, or set DATABASE_URL to a\n"
        "server of your own."
    )


def stop(running: Sequence[Running]) -> list[str]:
    """
    Stop several programs at the same time and return the names of those that had to be killed.

    Whatever is left of a program's group is killed in the end: it may die before its children.
    """
    began = time.monotonic()
    waiting = {one.program.name: one for one in running}
    sent = dict.fromkeys(waiting, 0)
    killed = []
    while waiting:
        waited = time.monotonic() - began
        for name, one in list(waiting.items()):
            if one.process.poll() is not None:
                kill_group(one)
                del waiting[name]
                continue
            steps, past = one.program.stop, 0.0
            for index, (number, seconds) in enumerate(steps):
                if waited >= past and sent[name] == index:
                    one.process.send_signal(number)
                    sent[name] += 1
                past += seconds
            if waited >= past and name not in killed:
                kill_group(one)
                killed.append(name)
        time.sleep(0.02)
    return killed


def kill_group(one: Running) -> None:
    """Kill what is left of a child's group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(one.process.pid, signal.SIGKILL)


def tail(log: Path, *, lines: int = 20) -> str:
    """Return a log's last lines ("" without a log)."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


@functools.cache
def _lifeline() -> int:
    """Return the reading end of a pipe whose writing end lives exactly as long as this process."""
    reading, _writing = os.pipe()
    return reading


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _rotate(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
