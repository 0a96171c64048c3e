"""F1: the worker tree is killed again and again, then everything is restarted in turn."""

from tests.faults.run import LEASE_S, Run
from tests.faults.stack import PARTNERS

TITLE = "worker tree kill -9, then a rolling SIGTERM restart of web and workers"
# How many messages one partner gets at the same time.
IN_FLIGHT = 8


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "web-2", "worker-1", "beat-1")
    for partner in PARTNERS:
        # As far away as partners are, so that a kill meets messages on their way.
        stack.answer(partner, delay_s=0.05)
    kills = run.size.pick(short=2, whole=20)
    with run.load(devices=run.size.pick(short=60, whole=1500), webs=("web-1", "web-2")):
        for _ in range(kills):
            run.pause(run.size.pick(short=2, whole=5))
            stack.kill("worker-1")
            stack.start("worker-1")
        restarts_at = run.now()
        for name in ("web-1", "web-2", "worker-1", "beat-1"):
            stack.end(name)
            stack.start(name)
    run.settle()
    verdict = run.verdict
    in_flight = IN_FLIGHT * len(PARTNERS)
    run.expect("older-after-newer", verdict.out_of_order, at_most=0)
    run.expect(
        f"duplicates, {kills} kills x {in_flight} in flight",
        verdict.duplicates,
        at_most=kills * in_flight,
    )
    oldest = max((wait.seconds for wait in verdict.waits), default=0.0)
    run.expect("oldest untold news (lease + 10 s)", oldest, at_most=LEASE_S + 10, unit="s")
    run.expect_prompt_revocations()
    restarted = run.decisions(since=restarts_at)
    put_off = sum(one.status == 503 and one.retry_after != "" for one in restarted)
    errors = sum(one.status >= 500 for one in restarted) - put_off
    run.expect(f"5xx of {len(restarted):,} requests while restarting", errors, at_most=0)
    run.expect("of them asked to come again (503, Retry-After)", put_off, at_most=0, unit="r")
    unanswered = sum(one.status == 0 for one in restarted)
    run.note(f"requests that met a closed door while restarting, sent again: {unanswered}")
