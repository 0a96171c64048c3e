"""What of an experiment's numbers can be relied on. Pure."""

from __future__ import annotations

from tracking.experiments.statistics import MISMATCH
from tracking.trials.types import Result

PLAN_DAYS = 28
# Without numbers of its own a plan reckons with these.
BASELINE = 0.3
VISITORS = 0.0
# Rare answers are left out more often than common ones, more so in the smaller arm: where so many
# are, as a share of those who are told of, arms can no longer be compared.
MOST_LEFT_OUT = 0.05


def is_mismatched(result: Result) -> bool:
    """Say whether something other than chance and the shares chose who is shown which arm."""
    return result.mismatch < MISMATCH


def is_thin(result: Result) -> bool:
    """Say whether too many people are left out for the rest to speak for them."""
    told = sum(tally.shown for tally in result.tallies)
    return result.left_out > MOST_LEFT_OUT * told
