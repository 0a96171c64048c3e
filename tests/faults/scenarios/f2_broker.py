"""F2: the broker is killed again and again and comes back with nothing in it."""

from tests.faults.run import Run
from tests.faults.stack import VALKEY

TITLE = "broker kill -9, back empty (no append-only file)"
RESUMES_IN_S = 10.0


def run(run: Run) -> None:
    stack = run.stack
    stack.end(VALKEY)
    stack.use_valkey(is_durable=False)
    stack.start(VALKEY, "web-1", "worker-1", "beat-1")
    resumed = []
    with run.load(devices=run.size.pick(short=60, whole=900), webs=("web-1",)):
        for turn in range(run.size.pick(short=2, whole=10)):
            run.pause(run.size.pick(short=2, whole=4))
            stack.kill(VALKEY)
            run.pause(0.5 + turn % 4)
            stack.start(VALKEY)
            resumed.append(run.wait_for_messages(more_than=run.count_received()))
    run.settle()
    run.expect("older-after-newer", run.verdict.out_of_order, at_most=0)
    run.expect(
        "sending again after the broker is back", max(resumed), at_most=RESUMES_IN_S, unit="s"
    )
    run.expect_no_deaths()
    run.expect_prompt_revocations()
