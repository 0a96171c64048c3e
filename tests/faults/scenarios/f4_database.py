"""F4: PostgreSQL is killed again and again; decisions wait in the browser until it is back."""

from tests.faults.run import Run
from tests.faults.stack import POSTGRES

TITLE = "PostgreSQL kill -9"


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "worker-1", "beat-1")
    with run.load(devices=run.size.pick(short=60, whole=750), webs=("web-1",)):
        for _ in range(run.size.pick(short=2, whole=5)):
            run.pause(4)
            stack.kill(POSTGRES)
            run.pause(3)
            stack.start(POSTGRES)
        back_at = run.now()
        run.pause(3)
    run.settle()
    run.expect("older-after-newer", run.verdict.out_of_order, at_most=0)
    decisions = run.decisions()
    refused = [one for one in decisions if not one.is_acknowledged]
    other = [one for one in refused if one.status != 503 or not one.retry_after]
    run.expect(f"of {len(refused)} refusals, not 503 with Retry-After", len(other), at_most=0)
    for status, error in sorted({(one.status, one.error) for one in other}):
        run.note(f"refused otherwise: {status or 'no answer'} {error}")
    failed = {(one.device, one.index) for one in refused}
    queued = [one for one in decisions if (one.device, one.index) in failed and one.is_acknowledged]
    last = max((one.ended_at - back_at for one in queued), default=0.0)
    run.expect("queued decisions all in, after it is back", last, at_most=60, unit="s")
    run.expect_each_recorded_once()
    run.expect_no_deaths()
