"""F8: two beats, four workers; one worker stands still past its lease and then goes on."""

from tests.faults.run import LEASE_S, Run
from tests.faults.stack import PARTNERS

TITLE = "two beats, four workers, one SIGSTOPped past its lease and continued"
WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
LOOKS = 40


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "beat-1", "beat-2", *WORKERS)
    for partner in PARTNERS:
        # So that something is always on its way.
        stack.answer(partner, delay_s=0.15)
    held = 0
    with run.load(devices=run.size.pick(short=100, whole=900), webs=("web-1",)):
        run.pause(6)
        for _ in range(run.size.pick(short=1, whole=2)):
            worker, count = _freeze_at_work(run)
            held += count
            run.pause(LEASE_S + 3)
            stack.thaw(worker)
            run.pause(3)
    run.settle()
    verdict = run.verdict
    # Else its lease mattered to nobody, and nothing was tried.
    run.expect_some("messages with the frozen worker, answered by the partner", held)
    run.expect_some("told again by the others, under the same id", verdict.duplicates)
    run.note(f"older-after-newer, put right by the version: {verdict.out_of_order}")
    deadlocks = stack.ask("SELECT sum(deadlocks)::int FROM pg_stat_database")[0][0]
    run.expect("deadlocks", deadlocks, at_most=0)


def _freeze_at_work(run: Run) -> tuple[str, int]:
    """Freeze a worker that has sent something and not yet noted the answer; say how much."""
    for look in range(LOOKS):
        worker = WORKERS[look % len(WORKERS)]
        run.stack.freeze(worker)
        run.pause(1)
        # The others note within half a second.
        if count := _count_unnoted(run, before=run.now() - 0.5):
            return worker, count
        run.stack.thaw(worker)
    return WORKERS[0], 0


def _count_unnoted(run: Run, *, before: float) -> int:
    """Count messages that partners have said yes to and that still count as untold."""
    untold = run.stack.ask(
        "SELECT addressee, message_key FROM outbox_outboxevent"
        " WHERE acked_version < desired_version"
    )
    said_yes = {
        (partner, one.key)
        for partner in PARTNERS
        for one in run.stack.receipts(partner)
        if one.is_accepted and one.at < before
    }
    return sum((partner, f"msg_{key.hex}") in said_yes for partner, key in untold)
