"""F6: one partner swallows everything and says nothing; the others must not notice."""

from tests.faults.run import Run
from tests.faults.verdict import percentile

TITLE = "one partner black-holed (SIGSTOP), the others healthy"
BLACK = "p1"
OPENS_IN_S, HEALS_IN_S = 30, 60
# Until a fresh worker and a cold database are at their normal pace.
WARM_S = 5


def run(run: Run) -> None:
    stack = run.stack
    stack.start("web-1", "worker-1", "beat-1")
    # Half of what the machine could do: else the baseline is a queue's length.
    with run.load(devices=run.size.pick(short=80, whole=1100), rate=8, webs=("web-1",)):
        run.pause(WARM_S)
        from_at = run.now()
        run.pause(run.size.pick(short=6, whole=30))
        stack.freeze(BLACK)
        black_at = run.now()
        opened = run.wait(lambda: _is_open(run), seconds=OPENS_IN_S + 10, every_s=0.5)
        run.pause(run.size.outage_s(300, short=15) - opened)
        stack.thaw(BLACK)
        healed_at = run.now()
        # What is due at the healed partner must not hide behind what is new.
        heals = run.wait(
            lambda: not _is_owed(run, before=healed_at), seconds=HEALS_IN_S * 10, every_s=0.5
        )
    run.settle()
    run.expect("older-after-newer", run.verdict.out_of_order, at_most=0)
    run.expect("the breaker opens", opened, at_most=OPENS_IN_S, unit="s")
    waits = [w for w in run.verdict.waits if w.is_revocation and w.partner != BLACK]
    base = percentile((w.seconds for w in waits if from_at <= w.sent_at < black_at), 99)
    beside = percentile((w.seconds for w in waits if black_at <= w.sent_at < healed_at), 99)
    run.note(f"the others' p99 from revocation to 2xx: {base:.3f} s, beside it {beside:.3f} s")
    run.expect("the others' p99 beside it / before", beside / base, at_most=1.2, unit="x")
    run.expect("all told, after it is back", heals, at_most=HEALS_IN_S, unit="s")


def _is_open(run: Run) -> bool:
    return bool(
        run.stack.ask(
            "SELECT 1 FROM delivery_endpoint e JOIN registry_partner p ON p.id = e.partner_id"
            " WHERE p.code = %s AND e.opened_until > now()",
            BLACK,
        )
    )


def _is_owed(run: Run, *, before: float) -> bool:
    """Tell whether the partner still waits for what was decided before a moment."""
    # Every partner of the site has a day: so the deadline tells when it was decided.
    return bool(
        run.stack.ask(
            "SELECT 1 FROM outbox_outboxevent WHERE addressee = %s"
            " AND acked_version < desired_version"
            " AND due_at < to_timestamp(%s) + interval '24 hours' LIMIT 1",
            BLACK,
            before,
        )
    )
