"""Count under faults what devices decided and what partners were told. See docs/faults.md."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from consentmgr.local.report import say
from tests.faults import mutations, scenarios
from tests.faults.outcome import Outcome, play
from tests.faults.run import Criterion, Size

# What a whole run has to have counted, and how often it has to have killed, to mean anything.
LEAST_STATES, LEAST_KILLS = 30_000, 30
DEFAULT_SCALE = 0.2
MUTATED = "F2"


def main(arguments: Sequence[str]) -> int:
    """Return 0 when every criterion is met, 1 when not, 2 for a command that cannot be read."""
    chosen = _parse(arguments)
    if chosen.list:
        for name, module in scenarios.ALL.items():
            say(f"{name}  {module.TITLE}")
        return 0
    if sys.platform != "linux":
        say("The scenarios need Linux: they freeze and count processes through /proc.")
        return 1
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    size = Size(is_short=chosen.short, scale=chosen.scale)
    try:
        if chosen.mutate:
            return _mutate(chosen.names or [MUTATED], size=size)
        return _run(chosen.names or list(scenarios.ALL), size=size)
    except KeyboardInterrupt:
        say("\nStopped; nothing is left running.")
        return 130


def _run(names: Sequence[str], *, size: Size) -> int:
    began = time.monotonic()
    outcomes = []
    for name in names:
        say(f"\n{name}  {scenarios.ALL[name].TITLE}")
        outcomes.append(play(name, size=size))
        outcomes[-1].report()
    is_whole = set(names) == set(scenarios.ALL) and not size.is_short
    is_passed = _report_all(outcomes, is_whole=is_whole)
    say(f"{'passed' if is_passed else 'FAILED'} in {time.monotonic() - began:.0f} s")
    return 0 if is_passed else 1


def _mutate(names: Sequence[str], *, size: Size) -> int:
    """Break the outbox and pass only if every scenario fails on it."""
    is_caught = True
    for mutation in mutations.ALL:
        for name in names:
            say(f"\n{name} with a broken outbox ({mutation})  {scenarios.ALL[name].TITLE}")
            outcome = play(name, size=size, mutation=mutation)
            outcome.report()
            is_caught &= outcome.verdict.lost > 0 and not outcome.trouble
    say("\nThe broken outbox was noticed." if is_caught else "\nFAILED: it was not noticed.")
    return 0 if is_caught else 1


def _report_all(outcomes: Sequence[Outcome], *, is_whole: bool) -> bool:
    """Print the sum of all scenarios and return whether everything holds."""
    say()
    for one in outcomes:
        say(f"{one.word:<8}{one.name}  {one.seconds:6.1f} s  {one.verdict.summary()}")
    found = [one.verdict for one in outcomes]
    states, kills = sum(v.final_states for v in found), sum(one.kills for one in outcomes)
    say(
        f"recorded {sum(v.recorded for v in found):,}, final states {states:,},"
        f" delivered {sum(v.delivered for v in found):,}, lost {sum(v.lost for v in found):,},"
        f" older-after-newer {sum(v.out_of_order for v in found):,}"
        f" (last word: {sum(v.older_last for v in found):,}),"
        f" duplicates {sum(v.duplicates for v in found):,} (same id); kills {kills}"
    )
    criteria = [
        Criterion.at_least("final states over the set", states, LEAST_STATES),
        Criterion.at_least("kills over the set", kills, LEAST_KILLS),
    ]
    for criterion in criteria if is_whole else ():
        say(criterion.line())
    return all(one.word != "FAILED" for one in outcomes) and (
        not is_whole or all(criterion.is_met for criterion in criteria)
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="manage.py faults", description=__doc__)
    options.add_argument(
        "names", nargs="*", type=str.upper, metavar="NAME", help="such as F1 F6; default: all"
    )
    options.add_argument("--list", action="store_true", help="name the scenarios and end")
    options.add_argument("--short", action="store_true", help="few devices and kills")
    options.add_argument(
        "--scale",
        type=float,
        default=DEFAULT_SCALE,
        help="length of the outages that last five minutes at 1 (default %(default)s)",
    )
    options.add_argument(
        "--mutate",
        action="store_true",
        help=f"break the outbox first and pass only if that is noticed (default: {MUTATED})",
    )
    chosen = options.parse_args(arguments)
    for name in chosen.names:
        if name not in scenarios.ALL:
            options.error(f"there is no scenario {name}; there are {', '.join(scenarios.ALL)}")
    if not 0 < chosen.scale <= 1:
        options.error("--scale is a number above 0 and at most 1")
    return chosen


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
