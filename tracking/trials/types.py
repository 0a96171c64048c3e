"""What the console knows of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracking.experiments.types import Comparison, Experiment, Objection, SampleSize, Tally
from tracking.insights.types import Rate
from tracking.notices.types import Finding, Notice
from tracking.registry.types import SiteInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a plan reckons with, where not with the site's own numbers; `baseline` in percent."""

    baseline: float | None = None
    visitors: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A site's experiments, newest first, and the notice whose words they would vary."""

    site: SiteInfo
    notice: Notice | None
    experiments: tuple[Experiment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """
    A draft: what keeps it from starting, and how long it would take.

    `own`: the purpose's rate over the last `PLAN_DAYS` days; `baseline` a share and `visitors` a
    day, as the plan reckons with them. `findings`: by arm, what the checks of notices say.
    """

    site: SiteInfo
    notice: Notice
    experiment: Experiment
    objections: tuple[Objection, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    own: Rate
    baseline: float
    visitors: float
    size: SampleSize | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    A started experiment's numbers. `mismatch`: the p-value of the arms' sizes; `left_out`: people
    in groups too small to be told of, some of whom may be of no arm.
    """

    site: SiteInfo
    notice: Notice
    experiment: Experiment
    tallies: tuple[Tally, ...]
    comparisons: tuple[Comparison, ...]
    mismatch: float
    left_out: int
