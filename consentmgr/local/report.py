"""Say what happens on the terminal: finished lines, and one that is rewritten while work runs."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO


def say(text: str = "") -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


class Progress:
    """
    Show that something long is still running: elapsed seconds and a detail.

    On a terminal one line is rewritten twice a second; elsewhere one is added every five seconds.
    """

    def __init__(self, label: str, *, stream: TextIO | None = None) -> None:
        self.label = label
        self.detail = ""
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._interval_s = 0.5 if self._is_terminal else 5.0
        self._started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the work began."""
        return time.monotonic() - self._started

    def __enter__(self) -> Progress:
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._is_terminal:
            self._write()
            self._stream.write("\n")
            self._stream.flush()

    def _run(self) -> None:
        while not self._done.wait(self._interval_s):
            self._write()

    def _write(self) -> None:
        line = f"{self.label} {self.elapsed_s:3.0f} s  {self.detail}".rstrip()
        # Erase to the end of the line: the new text may be shorter than the old one.
        self._stream.write(f"\r{line[:100]}\x1b[K" if self._is_terminal else f"{line}\n")
        self._stream.flush()
