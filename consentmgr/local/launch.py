"""
Become another program that cannot outlive its parent.

Run as `launch.py IDENTITY SIGNAL PARENT LIFELINE COMMAND...`; a function run by subprocess between
fork and exec would do the same, but not safely in a process with threads.

IDENTITY  `same`, or `namespace`: the same user outside, nobody inside a user namespace
SIGNAL    number to send to the command when the parent is gone
PARENT    the parent's process id
LIFELINE  descriptor of a pipe that only the parent can write to, for programs that may hang or have
          children of their own; -1: the kernel keeps watch (Linux only)
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
# What a program gets to end by itself once the parent is gone.
GRACE_S = 4.0


def main(argv: Sequence[str]) -> NoReturn:
    """Carry out the command line described above; the exit status is the command's."""
    identity, death_signal, parent, lifeline = argv[1], int(argv[2]), int(argv[3]), int(argv[4])
    command = list(argv[5:])
    # A shell may have started us with signals ignored, which programs would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if lifeline >= 0:
        sys.exit(watch_over(command, death_signal=death_signal, lifeline=lifeline))
    libc = ctypes.CDLL(None, use_errno=True)
    if identity == "namespace":
        enter_namespace(libc)
    # After the change of identity: that change clears the death signal.
    libc.prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit("the parent is gone already")
    os.execvp(command[0], command)


def enter_namespace(libc: ctypes.CDLL) -> None:
    """
    Become nobody inside a new user namespace, while files stay the starting user's outside.

    The inner user must exist in the password file, else initdb cannot find its own name.

    :raises OSError: where user namespaces are refused
    """
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="ascii")


def watch_over(command: Sequence[str], *, death_signal: int, lifeline: int) -> int:
    """
    Run the command; when the lifeline reads as closed, end it with its whole group.

    Signals are passed on, and a command that dies of a signal makes this process die of it too.
    Returns the exit status.
    """
    child = subprocess.Popen(command)
    is_orphan = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))

    def end_with_parent() -> None:
        while os.read(lifeline, 1):
            pass
        is_orphan.set()
        child.send_signal(death_signal)
        threading.Event().wait(GRACE_S)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()
    status = child.wait()
    if is_orphan.is_set():
        # Nobody else is left to end what the child has left behind; this process goes with it.
        os.killpg(0, signal.SIGKILL)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    main(sys.argv)
