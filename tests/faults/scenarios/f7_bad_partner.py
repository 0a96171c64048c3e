"""F7: one partner answers in every wrong way, another one says that it is gone."""

from collections.abc import Sequence

from tests.faults.ledger import Receipt
from tests.faults.partner import RETRY_AFTER_S
from tests.faults.run import Run

TITLE = "partner with 500, accept-then-reset, hang, 429, 302; another with 410"
BAD, GONE = "p1", "p2"
QUIET_S = 3


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "worker-1", "beat-1")
    stack.answer(BAD, {"500": 0.10, "reset": 0.05, "hang": 0.02, "429": 0.03, "302": 0.02})
    with run.load(devices=run.size.pick(short=60, whole=700), webs=("web-1",)):
        run.pause(run.size.pick(short=3, whole=20))
        stack.answer(GONE, {"410": 1.0})
        run.pause(run.size.pick(short=3, whole=20))
    silent_since = run.now()
    run.pause(QUIET_S)
    kept = stack.ask(
        "SELECT count(*) FROM outbox_outboxevent"
        " WHERE addressee = %s AND acked_version < desired_version",
        GONE,
    )[0][0]
    heard = sum(one.at > silent_since for one in stack.receipts(GONE))
    alerts = stack.log("worker-1").count("answered 410")
    stack.answer(GONE)
    waiting = stack.operator("resume", GONE)["waiting"]
    run.settle()
    run.expect("older-after-newer", run.verdict.out_of_order, at_most=0)
    run.expect("redirects followed", run.verdict.followed, at_most=0)
    run.expect("repeated before Retry-After", _too_early(stack.receipts(BAD)), at_most=0)
    run.expect(f"messages in {QUIET_S} s to the partner that is gone", heard, at_most=0)
    run.expect_some("alerts about it in the log", alerts)
    run.expect_some("events kept for it", kept)
    run.expect_some("of those told again by `resume`", waiting, at_least=kept)
    answers = [one.answer for one in stack.receipts(BAD)]
    counts = {answer: answers.count(answer) for answer in sorted(set(answers))}
    run.note(f"answers of the bad partner: {counts}")


def _too_early(receipts: Sequence[Receipt]) -> int:
    """Count messages that came again sooner than the partner had asked."""
    asked: dict[str, float] = {}
    early = 0
    for one in receipts:
        early += one.at < asked.pop(one.key, 0.0)
        if one.answer == "429":
            asked[one.key] = one.at + RETRY_AFTER_S
    return early
