"""Waiting for a PostgreSQL that stands still, behind a wire that can be held."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from consentmgr.postgres.watch import (
    ANSWER_S,
    PATIENCE_S,
    Line,
    StandsStill,
    Watch,
    WatchedConnection,
)

# A gate answers within 250 ms, whatever the database does.
SOON_S = 0.25
# Of so many the quickest counts, on a busy machine.
TRIES = 5


class Wire:
    """Carries bytes to PostgreSQL and back; held, it takes connections and carries nothing."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._flows = threading.Event()
        self._flows.set()
        self._carriers: list[threading.Thread] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def close(self) -> None:
        """Let go once the connections are closed: the test database goes next."""
        self._door.close()
        for carrier in self._carriers:
            carrier.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                carrier = threading.Thread(target=self._carry, args=(near,), daemon=True)
                self._carriers.append(carrier)
                carrier.start()

    def _carry(self, near: socket.socket) -> None:
        with closing(near), closing(socket.socket(socket.AF_UNIX)) as far, suppress(OSError):
            far.connect(str(self._server))
            while True:
                for one in select.select([near, far], [], [])[0]:
                    self._flows.wait()
                    if not (data := one.recv(65_536)):
                        return
                    (far if one is near else near).sendall(data)


@pytest.fixture
def wire(db: None) -> Iterator[Wire]:
    with closing(psycopg.connect(**_parameters())) as known:
        server = Path(known.info.host) / f".s.PGSQL.{known.info.port}"
    with closing(Wire(server)) as wire:
        yield wire


def _parameters() -> dict[str, Any]:
    return dict(connection.get_connection_params())


class Here(WatchedConnection):
    watch = Watch()


@pytest.fixture
def connect(wire: Wire) -> Iterator[Any]:
    """Opens connections over the wire that are watched by a line over it."""
    parameters = _parameters() | {"host": "127.0.0.1", "port": wire.port, "autocommit": True}
    opened: list[psycopg.Connection[Any]] = []

    def line() -> Line:
        opened.append(line := Line.connect(**parameters))
        return line

    def one() -> Here:
        opened.append(found := Here.connect(**parameters))
        return found

    Here.watch = Watch()
    Here.watch.start(line)
    one.lines = lambda: [found for found in opened if isinstance(found, Line)]  # type: ignore[attr-defined]
    yield one
    _go_on(wire)
    for found in opened:
        found.close()


def _go_on(wire: Wire) -> None:
    """Let bytes flow and wait until the watch has noticed."""
    wire.release()
    deadline = time.monotonic() + 5
    while Here.watch.is_still:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _seconds(work: Any) -> float:
    began = time.monotonic()
    with pytest.raises(StandsStill):
        work()
    return time.monotonic() - began


def test_a_slow_statement_of_a_server_that_is_well_is_waited_for(connect: Any) -> None:
    answer = connect().execute("SELECT pg_sleep(0.6), 'slow'").fetchone()

    assert answer[1] == "slow"
    assert len(connect.lines()) == 1


def test_nobody_waits_for_a_server_that_stands_still(wire: Wire, connect: Any) -> None:
    took = []
    for _ in range(TRIES):
        _go_on(wire)
        first, second = connect(), connect()
        wire.hold()
        took.append(_seconds(lambda one=first: one.execute("SELECT 1")))
        # Its answer may still come: it is of no more use.
        assert first.closed

    assert min(took) < SOON_S
    # Known to be still: nobody waits even for a moment.
    assert min(_seconds(lambda: second.execute("SELECT 1")) for _ in range(TRIES)) < PATIENCE_S
    assert not second.closed


def test_what_is_waited_for_fits_into_the_gates_time() -> None:
    assert PATIENCE_S + ANSWER_S < SOON_S


def test_all_is_as_before_once_it_goes_on(wire: Wire, connect: Any) -> None:
    first, second = connect(), connect()
    wire.hold()
    _seconds(lambda: first.execute("SELECT 1"))
    _go_on(wire)

    assert second.execute("SELECT 'well'").fetchone()[0] == "well"


def test_a_transaction_under_way_is_not_half_written(wire: Wire, connect: Any) -> None:
    reader = connect()
    reader.execute("CREATE TABLE IF NOT EXISTS half_written (n int)")

    def write(writer: Here) -> None:
        with writer.transaction():
            writer.execute("INSERT INTO half_written VALUES (1)")
            wire.hold()
            writer.execute("INSERT INTO half_written VALUES (2)")

    try:
        took = []
        for _ in range(TRIES):
            writer = connect()
            took.append(_seconds(lambda one=writer: write(one)))
            _go_on(wire)

        assert min(took) < SOON_S
        assert reader.execute("SELECT count(*) FROM half_written").fetchone()[0] == 0
    finally:
        connect().execute("DROP TABLE half_written")


def test_a_line_that_broke_with_its_server_does_not_count_as_silence(connect: Any) -> None:
    one = connect()
    one.execute("SELECT pg_sleep(0.2)")
    (line,) = connect.lines()
    one.execute("SELECT pg_terminate_backend(%s)", [line.info.backend_pid])

    assert one.execute("SELECT pg_sleep(0.2), 'slow'").fetchone()[1] == "slow"
    assert len(connect.lines()) == 2


def test_a_line_into_nowhere_is_given_up(
    wire: Wire, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentmgr.postgres.watch.LINE_S", 0.2)
    one = connect()
    one.execute("SELECT pg_sleep(0.2)")
    wire.hold()
    _seconds(lambda: one.execute("SELECT 1"))
    time.sleep(0.5)
    _go_on(wire)

    assert len(connect.lines()) == 2


def test_who_does_not_watch_waits(wire: Wire, connect: Any) -> None:
    one = connect()
    Here.watch = Watch()
    wire.hold()
    threading.Timer(0.6, wire.release).start()

    assert one.execute("SELECT 'late'").fetchone()[0] == "late"
