"""Four scenarios in short, and proof that they can fail."""

from __future__ import annotations

import sys

import pytest

from consentmgr.local import servers
from tests.faults import mutations
from tests.faults.outcome import play
from tests.faults.run import Run, Size
from tests.faults.stack import Stack

pytestmark = [
    pytest.mark.worker,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="freezes and counts through /proc"),
]


@pytest.mark.parametrize("name", ["F1", "F2", "F3", "F7"])
def test_nothing_is_lost(name: str) -> None:
    outcome = play(name, size=Size(is_short=True))

    outcome.report()
    assert outcome.criteria
    assert not outcome.trouble
    # Whatever else runs on this machine must not turn a test red.
    assert [one.line() for one in outcome.criteria if not (one.is_met or one.is_timed)] == []


@pytest.mark.parametrize("mutation", mutations.ALL)
def test_a_broken_outbox_is_noticed_without_any_fault(mutation: str) -> None:
    with Stack() as stack:
        run = Run(stack=stack, size=Size(is_short=True))
        stack.ask(mutations.ALL[mutation])
        stack.start("web-1", "worker-1", "beat-1")
        with run.load(devices=60, webs=("web-1",)):
            run.pause(1)
        run.settle()

    assert run.verdict.lost > 0
    assert "lost" in [one.name for one in run.criteria if not one.is_met]


def test_nothing_is_left_of_a_stack() -> None:
    with Stack() as stack:
        stack.start("web-1")
        stack.freeze("web-1")
        pids = [one.process.pid for one in stack.running]
        assert len(pids) == 7

    assert not stack.folder.exists()
    assert not any(servers.is_alive(pid) for pid in pids)
