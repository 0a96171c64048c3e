"""Run one scenario on a fresh stack and say how it went."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from consentmgr.local.report import say
from tests.faults import mutations, scenarios
from tests.faults.run import Criterion, Run, Size, Skipped
from tests.faults.stack import Broken, Stack
from tests.faults.verdict import Verdict, percentile


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a scenario went; `trouble`: why it was not judged, `skipped`: why it was not run."""

    name: str
    verdict: Verdict = field(default_factory=Verdict)
    criteria: list[Criterion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kills: int = 0
    seconds: float = 0.0
    trouble: str = ""
    skipped: str = ""

    @property
    def word(self) -> str:
        """Return passed, FAILED or skipped."""
        if self.skipped:
            return "skipped"
        is_passed = self.criteria and all(one.is_met for one in self.criteria) and not self.trouble
        return "passed" if is_passed else "FAILED"

    def report(self) -> None:
        """Print the counts, each criterion with its measured value, and the notes."""
        if self.skipped:
            say(f"  {self.skipped}\n  skipped")
            return
        say(f"  {self.verdict.summary()}")
        waits = self.verdict.revocation_waits
        p50, p99, longest = (percentile(waits, percent) for percent in (50, 99, 100))
        say(
            f"  {len(waits):,} revocations told:"
            f" p50 {p50:.2f} s, p99 {p99:.2f} s, max {longest:.2f} s"
        )
        for criterion in self.criteria:
            say(criterion.line())
        for note in (*self.notes, *(f"e.g. {text}" for text in self.verdict.examples[:3])):
            say(f"  {note}")
        if self.trouble:
            say(f"  FAIL  {self.trouble}")
        say(f"  {self.word} in {self.seconds:.0f} s, kills {self.kills}")


def play(name: str, *, size: Size, mutation: str = "") -> Outcome:
    """
    Run a scenario by its name; nothing of it is left afterwards.

    :param mutation: how to break the outbox before, see `mutations`
    """
    began = time.monotonic()
    outcome = Outcome(name=name)
    try:
        with Stack() as stack:
            run = Run(stack=stack, size=size)
            outcome.criteria, outcome.notes = run.criteria, run.notes
            try:
                if mutation:
                    stack.ask(mutations.ALL[mutation])
                scenarios.ALL[name].run(run)
            finally:
                outcome.verdict, outcome.kills = run.verdict, stack.kills
                outcome.notes += _obituaries(stack.deaths)
    except Skipped as reason:
        outcome.skipped = str(reason)
    except (Broken, TimeoutError, OSError, psycopg.Error) as error:
        outcome.trouble = f"{type(error).__name__}: {error}"
    outcome.seconds = time.monotonic() - began
    return outcome


def _obituaries(deaths: Sequence[tuple[str, str]]) -> list[str]:
    """Return one line per part that ended by itself."""
    counts = Counter(name for name, _ in deaths)
    words = dict(reversed(deaths))
    return [f"{name} ended by itself {n} x: {words[name]}" for name, n in counts.items()]
