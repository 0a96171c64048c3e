"""
Notice a PostgreSQL that takes connections and answers nothing, and stop waiting for it.

A frozen server, or one whose host is gone, is silent and breaks nothing: no time limit of libpq
or of the server ends such a wait, and the few threads that answer requests would all stand in it.
A wait as such says little: a statement may be slow and the server well. So whoever has waited a
moment has a thread ask PostgreSQL by a line of its own; where that is silent too, everybody who
waits is told so at once, and so is everybody who comes, until the line answers.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg import abc, waiting

# Together with the wait for a free thread less than the 250 ms within which the gate answers.
PATIENCE_S = 0.04
ANSWER_S = 0.16
# A line that is silent for so long may lead to a host that is gone: a new one is tried.
LINE_S = 2.0
REDIAL_S = 0.25

Result = TypeVar("Result")
Connect = Callable[[], psycopg.Connection[Any]]


class StandsStill(psycopg.OperationalError):
    """PostgreSQL does not answer; nothing is known about the statement that waited for it."""


class Watch:
    """One process's knowledge of whether PostgreSQL answers; before `start` it never doubts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_asked = threading.Event()
        self._is_heard = threading.Event()
        self.is_started = False
        self.is_still = False

    def start(self, connect: Connect) -> None:
        """Begin to doubt; `connect` opens the line to ask by."""
        self.is_started = True
        threading.Thread(
            target=self._listen, args=(connect,), name="postgres-watch", daemon=True
        ).start()

    def check(self) -> None:
        """:raises StandsStill: if PostgreSQL is known to be silent"""
        if self.is_still:
            raise StandsStill("PostgreSQL does not answer")

    def doubt(self) -> None:
        """
        Ask PostgreSQL whether it answers at all; one question serves all who doubt at the time.

        :raises StandsStill: if no answer comes
        """
        self.check()
        with self._lock:
            if not self._is_asked.is_set():
                self._is_heard.clear()
                self._is_asked.set()
        if self._is_heard.wait(ANSWER_S):
            return
        with self._lock:
            self.is_still = not self._is_heard.is_set()
        self.check()

    def _listen(self, connect: Connect) -> None:
        line: psycopg.Connection[Any] | None = None
        while True:
            self._is_asked.wait()
            is_new = line is None
            try:
                line = line or connect()
                line.execute("SELECT 1")
            except psycopg.Error:
                if line is not None:
                    line.close()
                    line = None
                # An old line breaks with the server that it led to; the next one is here.
                time.sleep(REDIAL_S if is_new else 0)
                continue
            with self._lock:
                self.is_still = False
                self._is_asked.clear()
                self._is_heard.set()


WATCH = Watch()


class WatchedConnection(psycopg.Connection[Any]):
    """A connection on which nobody waits for a PostgreSQL that stands still."""

    watch: ClassVar[Watch] = WATCH

    def wait(
        self,
        gen: abc.PQGen[Result],
        interval: float = PATIENCE_S,
        timeout: float | None = None,
    ) -> Result:
        """:raises StandsStill: instead of waiting on; where the statement was sent, closed"""
        if not self.watch.is_started:
            return super().wait(gen, timeout=timeout)
        self.watch.check()
        try:
            return super().wait(self._doubted(gen), interval=PATIENCE_S, timeout=timeout)
        except StandsStill:
            # The answer may still come; nobody must take it for that to the next statement.
            with contextlib.suppress(psycopg.Error):
                self.close()
            raise

    def _doubted(self, gen: abc.PQGen[Result]) -> abc.PQGen[Result]:
        """Wait for the same as `gen`, and doubt each time that nothing came for a while."""
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready == waiting.READY_NONE:
                    self.watch.doubt()
                state = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result


class Line(psycopg.Connection[Any]):
    """The connection that a watch asks by."""

    def wait(
        self, gen: abc.PQGen[Result], interval: float = LINE_S, timeout: float | None = None
    ) -> Result:
        """Wait for two seconds at most."""
        return super().wait(gen, timeout=LINE_S)
