"""The only reads of experiments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tracking.experiments import models, rules
from tracking.experiments.types import Arm, Ending, Experiment, Objection, Plan, Stage
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.registry import queries as registry
from tracking.registry.types import Presentation


class UnknownExperiment(DomainError):
    code = "unknown_experiment"
    message = "There is no such experiment here."
    status = 404


def list_experiments(*, site_code: str, now: datetime) -> list[Experiment]:
    """
    Return a site's experiments as they stand, newest first.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    return [
        _read(row, now)
        for row in models.Experiment.objects.filter(site_id=site.id)
        .select_related("site", "notice")
        .prefetch_related("arm_set")
        .order_by("-id")
    ]


def get_experiment(*, site_code: str, code: str, now: datetime) -> Experiment:
    """
    Return one experiment as it stands.

    :raises UnknownExperiment:
    """
    return _read(_get_row(site_code, code), now)


def get_shown(*, site_code: str, code: str) -> Experiment:
    """
    Return an experiment as somebody started it, whether or not it has ended since.

    :raises UnknownExperiment:
    """
    return _read_row(_get_row(site_code, code))


def find_running(*, site_code: str, now: datetime) -> Experiment | None:
    """Return the experiment whose arms visitors are shown now, up to two seconds old."""
    found = _find_started(site_code=site_code)
    if found is None or found.ends_at is None:
        return None
    replaced_at = _replaced_at(site_code=site_code, number=found.notice)
    return (
        found
        if rules.find_ending(ends_at=found.ends_at, replaced_at=replaced_at, now=now) is None
        else None
    )


@remembered(seconds=2)
def _find_started(*, site_code: str) -> Experiment | None:
    row = (
        models.Experiment.objects.filter(site__code=site_code, stage=Stage.RUNNING)
        .select_related("site", "notice")
        .first()
    )
    return None if row is None else _read_row(row)


def find_presentation(*, site_code: str, variant: str) -> Presentation | None:
    """
    Return how the arm of a record's variant asks; None where it asks as the site does, or is none.

    An experiment that was just started may be unknown for two seconds.
    """
    code, _, arm = variant.partition(":")
    return _find_presentation(site_code=site_code, code=code, arm=arm) if arm else None


@remembered(seconds=2)
def _find_presentation(*, site_code: str, code: str, arm: str) -> Presentation | None:
    found = (
        models.Arm.objects.filter(experiment__site__code=site_code, experiment__code=code, code=arm)
        .values_list("presentation", flat=True)
        .first()
    )
    return Presentation(found) if found else None


def list_objections(experiment: Experiment, *, now: datetime) -> tuple[Objection, ...]:
    """Return what keeps a draft from being started."""
    notice = notices.find_current(site_code=experiment.site)
    if notice is None:
        return (Objection(code="no_notice"),)
    site = registry.get_site(code=experiment.site)
    running = find_running(site_code=experiment.site, now=now)
    others = () if running is None else (Objection(code="another_runs"),)
    return others + rules.list_objections(
        plan=experiment.plan,
        arms=experiment.arms,
        asked=notice.asked_ids,
        presentation=site.presentation.value,
        findings={
            arm.code: notices.check_variant(read_arm(notice, arm), now=now)
            for arm in experiment.arms
        },
    )


def read_arm(notice: Notice, arm: Arm) -> Notice:
    """Return a notice as an arm of an experiment shows it."""
    return notices.read_variant(notice, wording=arm.wording, presentation=arm.presentation)


# --- inside


def _get_row(site_code: str, code: str) -> models.Experiment:
    row = (
        models.Experiment.objects.filter(site__code=site_code, code=code)
        .select_related("site", "notice")
        .first()
    )
    if row is None:
        raise UnknownExperiment
    return row


def _read(row: models.Experiment, now: datetime) -> Experiment:
    """Return an experiment as it stands: it ends without anybody who writes that down."""
    found = _read_row(row)
    if found.stage is not Stage.RUNNING or found.ends_at is None:
        return found
    ended = rules.find_ending(
        ends_at=found.ends_at,
        replaced_at=_replaced_at(site_code=found.site, number=found.notice),
        now=now,
    )
    if ended is None:
        return found
    return replace(found, stage=Stage.STOPPED, ending=ended[0], stopped_at=ended[1])


def _read_row(row: models.Experiment) -> Experiment:
    return Experiment(
        site=row.site.code,
        code=row.code,
        plan=Plan(
            name=row.name,
            hypothesis=row.hypothesis,
            purpose=row.purpose,
            days=row.days,
            difference=row.difference,
        ),
        arms=tuple(Arm(**arm) for arm in row.draft)
        if row.stage == Stage.DRAFT
        else tuple(
            Arm(code=arm.code, share=arm.share, wording=arm.wording, presentation=arm.presentation)
            for arm in sorted(row.arm_set.all(), key=lambda one: one.code)
        ),
        stage=Stage(row.stage),
        revision=row.revision,
        author=row.author,
        saved_at=row.saved_at,
        notice=row.notice.number if row.notice else None,
        started_by=row.started_by,
        started_at=row.started_at,
        ends_at=row.ends_at,
        stopped_by=row.stopped_by,
        stopped_at=row.stopped_at,
        ending=Ending(row.ending) if row.ending else None,
        promoted_arm=row.promoted_arm,
    )


@remembered(seconds=2)
def _replaced_at(*, site_code: str, number: int | None) -> datetime | None:
    """Return when the version after this one takes effect."""
    return min(
        (
            one.effective_at
            for one in notices.list_publications(site_code=site_code)
            if number is not None and one.number > number
        ),
        default=None,
    )
