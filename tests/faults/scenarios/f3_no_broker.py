"""F3: there is no broker for a long time; `manage.py deliver --loop` tells partners meanwhile."""

from tests.faults.run import Run
from tests.faults.stack import LOOP, VALKEY
from tests.faults.verdict import percentile

TITLE = "broker absent; partners are told by `deliver --loop`"


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "worker-1", "beat-1", LOOP)
    before_s = run.size.pick(short=4, whole=25)
    with run.load(devices=run.size.pick(short=60, whole=1000), webs=("web-1",)):
        run.pause(before_s)
        stack.kill(VALKEY)
        gone_at = run.now()
        run.pause(run.size.outage_s(300, short=6))
        back_at = run.now()
        stack.start(VALKEY)
    run.settle()
    # The first requests find everything cold; they are nobody's normal.
    normal = run.decisions(since=run.tries[0].sent_at + 2, until=gone_at)
    without = run.decisions(since=gone_at, until=back_at)
    errors = sum(not one.is_acknowledged for one in without)
    run.expect(f"decisions refused of {len(without):,} without a broker", errors, at_most=0)
    base = percentile((one.seconds for one in normal), 99)
    slow = percentile((one.seconds for one in without), 99)
    run.note(f"a decision's p99 with the broker {base:.3f} s, without {slow:.3f} s")
    run.expect("a decision's p99 without / with the broker", slow / base, at_most=1.5, unit="x")
    late = stack.ask("SELECT count(*) FROM outbox_outboxevent WHERE accepted_at > due_at")[0][0]
    run.expect("events told after their deadline", late, at_most=0)
    run.note("the product has no rate limiter, so that none can be watched here")
