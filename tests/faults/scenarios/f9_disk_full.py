"""F9: the broker's disk is full, then the database's; both get their space back later."""

import contextlib
import os

import psycopg

from tests.faults import ledger
from tests.faults.ledger import Try
from tests.faults.machine import full_disk
from tests.faults.run import Run, Skipped
from tests.faults.stack import POSTGRES, VALKEY

TITLE = "disk full: the broker's (16 MB), then PostgreSQL's write-ahead log"
WAL_MB = 128
RECOVERS_IN_S = 60


def run(run: Run) -> None:
    if os.geteuid() != 0:
        raise Skipped("needs root: only root can give a folder a disk of its own")
    stack = run.stack
    for name, folder, megabytes in (
        (VALKEY, stack.folder / "valkey", 16),
        (POSTGRES, stack.place.cluster / "pg_wal", WAL_MB),
    ):
        stack.end(name)
        stack.put_on_small_disk(folder, megabytes=megabytes)
        stack.start(name)
    stack.start("web-1", "worker-1", "beat-1")
    full_s = run.size.pick(short=6, whole=15)
    with run.load(devices=run.size.pick(short=60, whole=600), webs=("web-1",)):
        run.pause(3)
        with full_disk(stack.folder / "valkey"):
            broker_at = run.now()
            run.pause(full_s)
        resumed = run.wait_for_messages(more_than=run.count_received())
        run.pause(3)
        with full_disk(stack.place.cluster / "pg_wal"):
            database_at = run.now()
            _fill_log(run)
            run.pause(full_s)
        space_at = run.now()
        back = run.wait(lambda: _records(run, since=space_at), seconds=RECOVERS_IN_S * 2)
    run.settle()
    run.expect("older-after-newer", run.verdict.out_of_order, at_most=0)
    beside = run.decisions(since=broker_at, until=broker_at + full_s)
    errors = sum(not one.is_acknowledged for one in beside)
    run.expect(f"of {len(beside)} decisions, refused for the broker", errors, at_most=0)
    run.expect(
        "sending again, after the broker has space", resumed, at_most=RECOVERS_IN_S, unit="s"
    )
    refused = [one for one in run.decisions(since=database_at) if not one.is_acknowledged]
    run.expect_some("decisions refused for the database", len(refused))
    other = [one for one in refused if one.status != 503 or not one.retry_after]
    run.expect("of them, not 503 with Retry-After", len(other), at_most=0)
    run.expect("recording again, after it has space", back, at_most=RECOVERS_IN_S, unit="s")
    run.expect_each_recorded_once()


def _fill_log(run: Run) -> None:
    """Write until PostgreSQL finds no place for its log any more."""
    with contextlib.suppress(psycopg.Error):
        for _ in range(2 * WAL_MB):
            run.stack.ask("SELECT pg_logical_emit_message(false, 'faults', repeat('x', 1000000))")


def _records(run: Run, *, since: float) -> bool:
    """Tell whether a decision that was sent since then is acknowledged."""
    tries = ledger.read(run.stack.folder / "load.jsonl", Try)
    return any(one.sent_at >= since and one.is_acknowledged for one in tries)
