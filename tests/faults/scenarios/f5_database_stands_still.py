"""F5: PostgreSQL stands still: it takes connections and answers nothing."""

from tests.faults.ledger import GATE
from tests.faults.run import Run
from tests.faults.stack import POSTGRES
from tests.faults.verdict import percentile

TITLE = "PostgreSQL SIGSTOP 30 s, pool exhausted"
SLOW_S = 1.0


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "worker-1", "beat-1")
    with run.load(devices=run.size.pick(short=60, whole=750), gate_rate=5, webs=("web-1",)):
        run.pause(run.size.pick(short=4, whole=15))
        before = stack.count_threads("web-1")
        stack.freeze(POSTGRES)
        still_at = run.now()
        run.pause(run.size.pick(short=12, whole=30))
        meanwhile = stack.count_threads("web-1")
        stack.thaw(POSTGRES)
        on_at = run.now()
        run.pause(run.size.pick(short=6, whole=15))
    run.settle()
    gate = [one for one in run.tries if one.what == GATE and still_at <= one.sent_at < on_at]
    denied = sum(one.status == 200 and not one.allowed for one in gate)
    run.expect_some(f"of {len(gate)} questions to the gate, denied", denied, at_least=len(gate))
    blind = sum(one.allowed > 0 for one in gate if one.ended_at < on_at)
    run.expect("of them, allowed without a look", blind, at_most=0)
    slowest = max(one.seconds for one in gate)
    run.expect("the gate's longest answer", slowest, at_most=0.25, unit="s")
    decisions = run.decisions(since=still_at, until=on_at)
    said = sum(one.status == 503 for one in decisions)
    run.expect_some(f"of {len(decisions)} decisions, answered 503", said, at_least=len(decisions))
    slowest = max(one.seconds for one in decisions)
    run.expect("a decision's longest answer", slowest, at_most=2, unit="s")
    run.expect(f"web threads meanwhile (before: {before})", meanwhile, at_most=before + 4)
    bad = [
        one.ended_at - on_at
        for one in run.decisions(since=on_at - 60)
        if one.ended_at > on_at and (not one.is_acknowledged or one.seconds > SLOW_S)
    ]
    run.expect("last bad answer, after it goes on", max(bad, default=0.0), at_most=5, unit="s")
    p99 = percentile((one.seconds for one in run.decisions(until=still_at)), 99)
    run.note(f"a decision's p99 before: {p99:.3f} s")
    run.expect_each_recorded_once()
