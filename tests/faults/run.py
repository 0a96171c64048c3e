"""One scenario at work: the stack, the load on it, and what was measured against its bounds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from unittest.mock import patch

from consentmgr import env
from consentmgr.local.processes import Running
from tests.faults import ledger
from tests.faults.ledger import GATE, Try
from tests.faults.load import Load
from tests.faults.site import PURPOSES
from tests.faults.stack import PARTNERS, Broken, Stack
from tests.faults.verdict import Verdict, judge, percentile
from tracking.lib import device_token

# Every decision that waited for the service must be in by then, and every partner be told.
ANSWERED_LIMIT_S = 90.0
TOLD_LIMIT_S = 180.0
LEASE_S = 30.0
LATENCY_LIMIT_S = 15.0


class Skipped(Exception):
    """The scenario cannot run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """
    How large a scenario is: short for CI, or the whole of it.

    `scale` multiplies the outages that the criteria want to last five minutes.
    """

    is_short: bool = False
    scale: float = 0.2

    def pick(self, *, short: float, whole: float) -> int:
        """Return a number of devices, kills or seconds."""
        return int(short if self.is_short else whole)

    def outage_s(self, seconds: float, *, short: float) -> float:
        """Return how long a long outage lasts."""
        return short if self.is_short else seconds * self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """
    One bound with what was measured; `unit` is s (seconds), x (times as long as before) or r (asked
    to come again later, which a busy machine does by itself).
    """

    name: str
    measured: float
    bound: str
    is_met: bool
    unit: str = ""

    @classmethod
    def at_most(cls, name: str, measured: float, most: float, unit: str = "") -> Criterion:
        return cls(
            name=name, measured=measured, bound=f"<= {most:g}", is_met=measured <= most, unit=unit
        )

    @classmethod
    def at_least(cls, name: str, measured: float, least: float, unit: str = "") -> Criterion:
        return cls(
            name=name, measured=measured, bound=f">= {least:g}", is_met=measured >= least, unit=unit
        )

    @property
    def is_timed(self) -> bool:
        """Tell whether a busy machine alone can miss it."""
        return bool(self.unit)

    def line(self) -> str:
        """Return it as one line of a table."""
        word = "ok  " if self.is_met else "FAIL"
        value = (
            f"{self.measured:,.2f}" if isinstance(self.measured, float) else f"{self.measured:,}"
        )
        return f"  {word}  {self.name:<58} {value:>10} {self.unit:<2} {self.bound}"


@dataclass(slots=True, kw_only=True)
class Run:
    """
    What a scenario works with.

    `tries` and `verdict` are there once `settle` has returned.
    """

    stack: Stack
    size: Size
    criteria: list[Criterion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    _load: Running | None = None

    # --- the load

    @contextlib.contextmanager
    def load(
        self, *, devices: int, rate: float = 12.0, gate_rate: float = 0.0, webs: tuple[str, ...]
    ) -> Iterator[None]:
        """
        Let devices decide while the block runs, and until there were enough of them.

        Begins with the first answer, and returns when every decision is acknowledged.

        :raises Broken: if the load itself ends early
        """
        written = self.stack.folder / "load.jsonl"
        wanted = Load(
            ledger=str(written),
            urls=tuple(self.stack.url(web) for web in webs),
            notice=self.stack.site["notice"],
            partners=PARTNERS,
            allowed=self.stack.site["allowed"],
            tags=PARTNERS,
            rate=rate,
            at_least=devices,
            gate_rate=gate_rate,
        )
        program = self.stack.program("load", "-m", "tests.faults.load", json.dumps(asdict(wanted)))
        running = self.stack.launch(program)
        # On a busy machine a program that is still starting would die of the signal to end.
        self.wait(
            lambda: ledger.read(written, Try) or running.process.poll() is not None,
            seconds=ANSWERED_LIMIT_S,
        )
        yield
        if running.process.poll() is not None:
            raise Broken(f"The load ended early.\n{self.stack.log('load')}")
        running.process.send_signal(signal.SIGTERM)
        limit = ANSWERED_LIMIT_S + devices / rate
        self.wait(lambda: running.process.poll() is not None, seconds=limit)
        if running.process.poll() not in (None, 0):
            raise Broken(f"The load broke.\n{self.stack.log('load')}")

    def now(self) -> float:
        """Return epoch seconds, the clock of all ledgers."""
        return time.time()

    def pause(self, seconds: float) -> None:
        """Let things happen."""
        self.wait(lambda: False, seconds=seconds)

    def wait(self, happens: Callable[[], object], *, seconds: float, every_s: float = 0.1) -> float:
        """Wait for something, at most so long, and return how many seconds it took."""
        began = time.monotonic()
        while not happens() and time.monotonic() - began < seconds:
            self.stack.tend()
            time.sleep(every_s)
        return time.monotonic() - began

    def wait_for_messages(self, *, more_than: int, seconds: float = 30.0) -> float:
        """Wait until partners have had more messages and return how many seconds it took."""
        return self.wait(lambda: self.count_received() > more_than, seconds=seconds)

    def count_received(self) -> int:
        """Return how many messages have reached partners so far, cheaply."""
        files = (self.stack.folder / f"{name}.jsonl" for name in PARTNERS)
        return sum(file.read_bytes().count(b"\n") for file in files if file.exists())

    # --- the count

    def settle(self, *, within_s: float = TOLD_LIMIT_S) -> float:
        """
        Wait until nothing is left to tell, count, and hold the counts to what always must be.

        Returns how long the wait was. What is still untold after `within_s` counts as lost.
        """
        pending = "SELECT 1 FROM outbox_outboxevent WHERE acked_version < desired_version LIMIT 1"
        took = self.wait(lambda: not self.stack.ask(pending), seconds=within_s)
        self.tries = ledger.read(self.stack.folder / "load.jsonl", Try)
        receipts = {name: self.stack.receipts(name) for name in PARTNERS}
        self.verdict = judge(
            tries=self.tries,
            receipts=receipts,
            subjects=self._subjects(),
            purposes=dict.fromkeys(PARTNERS, PURPOSES),
            told=self._told(),
        )
        found = self.verdict
        self.expect("lost", found.lost, at_most=0)
        self.expect("decisions without an answer", found.unanswered, at_most=0)
        self.expect("older message as a partner's last word", found.older_last, at_most=0)
        self.expect("another id for a version that had one", found.second_ids, at_most=0)
        self.expect("messages that contradict the decision", found.contradictions, at_most=0)
        self.expect("messages without a decision", found.unexplained, at_most=0)
        self.expect("counted as told without the partner's yes", found.unproven, at_most=0)
        self.expect("messages not signed well", found.refused, at_most=0)
        return took

    def expect(self, name: str, measured: float, *, at_most: float, unit: str = "") -> None:
        """Hold a measured value to an upper bound."""
        self.criteria.append(Criterion.at_most(name, measured, at_most, unit))

    def expect_some(self, name: str, measured: float, *, at_least: float = 1) -> None:
        """Hold a count to a lower bound."""
        self.criteria.append(Criterion.at_least(name, measured, at_least))

    def note(self, text: str) -> None:
        """Add a line that is printed and not judged."""
        self.notes.append(text)

    def expect_prompt_revocations(self) -> None:
        """Hold the time from a revocation to the partner's 2xx to its bound under faults."""
        waits = self.verdict.revocation_waits
        self.expect(
            "revocation to the partner's 2xx, p99", percentile(waits, 99),
            at_most=LATENCY_LIMIT_S, unit="s",
        )  # fmt: skip

    def expect_no_deaths(self) -> None:
        """Hold all parts to not having ended by themselves."""
        self.expect("processes that ended by themselves", len(self.stack.deaths), at_most=0)

    def expect_each_recorded_once(self) -> None:
        """
        Ask the service for every device's history and compare it with what was acknowledged.

        A record without an acknowledgement cannot be: the load goes on until each has one.
        """
        given: dict[int, set[str]] = defaultdict(set)
        tokens = {}
        for one in self.decisions():
            if one.is_acknowledged:
                given[one.device].add(one.receipt)
                tokens[one.device] = one.token
        wrong = sum(
            sorted(self.stack.history(tokens[device])) != sorted(receipts)
            for device, receipts in given.items()
        )
        self.expect(f"of {len(given):,} devices, history not exactly that", wrong, at_most=0)

    def decisions(self, *, since: float = 0.0, until: float = float("inf")) -> list[Try]:
        """Return the decisions' requests that were sent in a time."""
        return [t for t in self.tries if t.what != GATE and since <= t.sent_at < until]

    def _subjects(self) -> dict[tuple[int, str], str]:
        """Return the id under which each partner knows each device."""
        with patch.dict(os.environ, self.stack.environ):
            keys = env.keys("CONSENT_KEYS")
        found = {}
        for one in self.tries:
            token = device_token.verify(one.token, keys=keys) if one.token else None
            if token is not None:
                for partner in PARTNERS:
                    found[one.device, partner] = device_token.pairwise_id(
                        device=token.device, partner=partner, site_id=token.site_id, keys=keys
                    )
        return found

    def _told(self) -> dict[tuple[str, str], int]:
        rows = self.stack.ask(
            "SELECT addressee, subject, acked_version FROM outbox_outboxevent"
            " WHERE kind = 'consent'"
        )
        return {(addressee, subject): version for addressee, subject, version in rows}
