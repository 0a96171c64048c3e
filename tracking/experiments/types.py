"""Two or more ways to put the same question: what each says, and how far the comparison is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tracking.notices.types import Finding

# Who may look; write drafts; start, stop and promote.
PERMISSION = "experiments.view_experiment"
CHANGE_PERMISSION = "experiments.change_experiment"
RUN_PERMISSION = "experiments.add_arm"

# What is published. Every other arm is held against it.
CONTROL = "a"
ARMS = (CONTROL, "b", "c", "d")
# The lines of the first layer that an arm may say in other words; nothing else differs.
LINES = (
    "banner_title", "banner_body", "banner_link", "allow", "refuse", "choose", "notice_title",
    "notice_body",
)  # fmt: skip
# How an arm may ask. Not "link": it shows no refusal.
PRESENTATIONS = ("bar", "card", "dialog")

# Weekdays differ.
FEWEST_DAYS = 7
MOST_DAYS = 91
# An arm that hardly anybody is shown tells nothing in that time.
SMALLEST_SHARE = 10

Wording = Mapping[str, Mapping[str, str]]


class Stage(StrEnum):
    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    PROMOTED = "promoted"


class Ending(StrEnum):
    """
    Why an experiment has stopped: somebody stopped it, its days are over, or another notice took
    effect, whose words were not compared.
    """

    STOPPED = "stopped"
    DAYS_OVER = "days_over"
    REPUBLISHED = "republished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """
    One way to ask, for `share` percent of the visitors.

    `wording` holds the lines that differ from the published ones, by language; `presentation` is ""
    where it is the published one.
    """

    code: str
    share: int
    wording: Wording
    presentation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What somebody wants to find out. `purpose` is the one whose opt-in rate is compared,
    `difference` the smallest one worth knowing, in percentage points.
    """

    name: str
    hypothesis: str
    purpose: str
    days: int
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """
    One comparison as it stands now. `notice` is the version whose words it varies; None and the
    moments after it in a draft.
    """

    site: str
    code: str
    plan: Plan
    arms: tuple[Arm, ...]
    stage: Stage
    revision: int
    author: str
    saved_at: datetime
    notice: int | None = None
    started_by: str = ""
    started_at: datetime | None = None
    ends_at: datetime | None = None
    stopped_by: str = ""
    stopped_at: datetime | None = None
    ending: Ending | None = None
    promoted_arm: str = ""

    def variant(self, arm: str) -> str:
        """Return what records and counts call an arm."""
        return f"{self.code}:{arm}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """
    Why an experiment cannot start. `code` names the reason; `finding` is what the checks of notices
    say about an arm.
    """

    code: str
    arm: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the first showings of one arm, as far as it may be told."""

    arm: str
    shown: int
    decided: int
    granted: int

    @property
    def rate(self) -> float | None:
        return self.granted / self.shown if self.shown else None


class Verdict(StrEnum):
    """What can be said of an arm beside the published notice."""

    TOO_EARLY = "too_early"
    BETTER = "better"
    WORSE = "worse"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    An arm beside the published notice. Differences are shares (0.03 = three points); `low` to
    `high` holds the true one; all None before there are enough people.
    """

    arm: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """
    First showings that are needed in all: looked at once at the end, and looked at every day.
    `days` for the latter; None without visitors.
    """

    fixed: int
    sequential: int
    smallest_arm: int
    days: int | None

    @property
    def longer(self) -> float:
        return self.sequential / self.fixed
