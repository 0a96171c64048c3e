"""The only writes of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tracking.audit import operations as audit
from tracking.experiments import models, queries, rules
from tracking.experiments.types import (
    ARMS,
    CONTROL,
    FEWEST_DAYS,
    Arm,
    Ending,
    Experiment,
    Plan,
    Stage,
)
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations as notice_operations
from tracking.notices import queries as notices
from tracking.registry import queries as registry

# One advisory lock class for "an experiment of this site is changed".
_LOCK_CLASS = 0x4558


class ExperimentInvalid(DomainError):
    code = "experiment_invalid"
    message = "This cannot be saved."
    status = 400


class ExperimentChanged(DomainError):
    """Somebody else saved, started or stopped it in between. Nothing was overwritten."""

    code = "experiment_changed"
    message = "The experiment has changed since you opened it."
    status = 409


class ExperimentUnfit(DomainError):
    code = "experiment_unfit"
    message = "The experiment cannot be started yet."
    status = 409


class PromotionEarly(DomainError):
    code = "promotion_early"
    message = "An arm can be promoted when it has run for seven days."
    status = 409


@transaction.atomic
def create_experiment(
    *, site_code: str, code: str, name: str, author: str, now: datetime
) -> Experiment:
    """
    Begin a draft: the published notice beside one arm that says the same so far.

    :raises ExperimentInvalid: with the fields in `fields`
    :raises NoNotice:
    :raises UnknownSite:
    """
    site_id = _lock(site_code)
    notice = notices.get_current(site_code=site_code)
    if not rules.CODE.fullmatch(code):
        raise ExperimentInvalid(fields={"code": ["code"]})
    if models.Experiment.objects.filter(site_id=site_id, code=code).exists():
        raise ExperimentInvalid(fields={"code": ["code_taken"]})
    # The first that visitors are asked about, in the notice's order.
    purpose = next(
        entry["code"]
        for entry in notice.content["purposes"]
        if f"purpose:{entry['code']}" in notice.asked_ids
    )
    plan = Plan(name=name, hypothesis="", purpose=purpose, days=14, difference=3.0)
    arms = [Arm(code=arm, share=50, wording={}) for arm in ARMS[:2]]
    _check(plan, arms, notice.content["languages"])
    models.Experiment.objects.create(
        site_id=site_id,
        code=code,
        **asdict(plan),
        draft=[asdict(arm) for arm in arms],
        author=author,
        saved_at=now,
    )
    return queries.get_experiment(site_code=site_code, code=code, now=now)


@transaction.atomic
def save_draft(
    *,
    site_code: str,
    code: str,
    plan: Plan,
    arms: Sequence[Arm],
    revision: int,
    author: str,
    now: datetime,
) -> Experiment:
    """
    Keep what an experiment is to compare. Words that are the published ones are left out.

    :raises ExperimentInvalid: with the fields in `fields`
    :raises ExperimentChanged: if it was saved or started in between
    :raises UnknownExperiment:
    """
    row = _get(site_code, code, revision=revision, stage=Stage.DRAFT)
    notice = notices.get_current(site_code=site_code)
    arms = [
        replace(arm, wording=rules.differing(arm.wording, notice.content["wording"]))
        for arm in arms
    ]
    _check(plan, arms, notice.content["languages"])
    for field, value in asdict(plan).items():
        setattr(row, field, value)
    row.draft = [asdict(arm) for arm in arms]
    row.author, row.saved_at, row.revision = author, now, revision + 1
    row.save()
    return queries.get_experiment(site_code=site_code, code=code, now=now)


@transaction.atomic
def discard_draft(*, site_code: str, code: str, revision: int, author: str, now: datetime) -> None:
    """
    Throw a draft away.

    :raises ExperimentChanged: if it was saved or started in between
    :raises UnknownExperiment:
    """
    row = _get(site_code, code, revision=revision, stage=Stage.DRAFT)
    row.delete()
    # What somebody wrote is not gone without a trace.
    _audit("experiment.discarded", site_code, code, author, now, name=row.name, arms=row.draft)


@transaction.atomic
def start(*, site_code: str, code: str, revision: int, author: str, now: datetime) -> Experiment:
    """
    Show visitors the arms from now on; what they show stays as it is.

    :raises ExperimentUnfit: with the reasons in `fields["objections"]`
    :raises ExperimentChanged: if it was saved or started in between
    :raises UnknownExperiment:
    """
    row = _get(site_code, code, revision=revision, stage=Stage.DRAFT)
    _settle(row.site_id, site_code, now)
    experiment = queries.get_experiment(site_code=site_code, code=code, now=now)
    if objections := queries.list_objections(experiment, now=now):
        raise ExperimentUnfit(fields={"objections": [one.code for one in objections]})
    notice = notices.get_current(site_code=site_code)
    models.Arm.objects.bulk_create(
        models.Arm(experiment=row, **asdict(arm)) for arm in experiment.arms
    )
    row.draft = []
    row.stage, row.notice_id, row.revision = Stage.RUNNING, notice.id, revision + 1
    row.started_by, row.started_at = author, now
    row.ends_at = now + timedelta(days=row.days)
    row.save()
    _audit(
        "experiment.started", site_code, code, author, now,
        notice=notice.number, arms={arm.code: arm.share for arm in experiment.arms},
    )  # fmt: skip
    transaction.on_commit(forget_everything)
    return queries.get_experiment(site_code=site_code, code=code, now=now)


@transaction.atomic
def stop(*, site_code: str, code: str, author: str, now: datetime) -> Experiment:
    """
    Show every visitor the published notice again. What has ended already stays as it ended.

    :raises ExperimentChanged: if it was never started
    :raises UnknownExperiment:
    """
    row = _get(site_code, code)
    if row.stage == Stage.DRAFT:
        raise ExperimentChanged
    _settle(row.site_id, site_code, now)
    row.refresh_from_db()
    if row.stage == Stage.RUNNING:
        row.stage, row.ending = Stage.STOPPED, Ending.STOPPED
        row.stopped_by, row.stopped_at = author, now
        row.save()
        _audit("experiment.stopped", site_code, code, author, now)
        transaction.on_commit(forget_everything)
    return queries.get_experiment(site_code=site_code, code=code, now=now)


@transaction.atomic
def promote(*, site_code: str, code: str, arm: str, author: str, now: datetime) -> Experiment:
    """
    Stop, and make an arm's words those of the next notice's draft; publishing it is another act.

    The draft keeps all other words. A presentation is the site's, and is changed where the site is
    declared.

    :raises PromotionEarly: before it has run for seven whole days
    :raises ExperimentChanged: if it was never started, or an arm was promoted before
    :raises UnknownExperiment: also for an arm that it does not have
    """
    found = stop(site_code=site_code, code=code, author=author, now=now)
    chosen = next((one for one in found.arms if one.code == arm), None)
    if chosen is None or arm == CONTROL:
        raise queries.UnknownExperiment
    if found.stage is not Stage.STOPPED or not found.started_at or not found.stopped_at:
        raise ExperimentChanged
    if found.stopped_at - found.started_at < timedelta(days=FEWEST_DAYS):
        raise PromotionEarly
    draft = notices.get_draft(site_code=site_code)
    if chosen.wording:
        notice_operations.save_draft(
            site_code=site_code,
            lines=chosen.wording,
            note=draft.note or found.plan.name,
            effective_at=draft.effective_at,
            revision=draft.revision,
            author=author,
            now=now,
        )
    row = _get(site_code, code)
    row.stage, row.promoted_arm = Stage.PROMOTED, arm
    row.save()
    _audit("experiment.promoted", site_code, code, author, now, arm=arm)
    return queries.get_experiment(site_code=site_code, code=code, now=now)


# --- inside


def _lock(site_code: str) -> int:
    site = registry.get_site(code=site_code)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, site.id])
    return site.id


def _get(
    site_code: str, code: str, *, revision: int | None = None, stage: Stage | None = None
) -> models.Experiment:
    site_id = _lock(site_code)
    row = models.Experiment.objects.filter(site_id=site_id, code=code).first()
    if row is None:
        raise queries.UnknownExperiment
    if revision not in (None, row.revision) or stage not in (None, row.stage):
        raise ExperimentChanged
    return row


def _check(plan: Plan, arms: Sequence[Arm], languages: Sequence[str]) -> None:
    if wrong := rules.find_mistakes(plan=plan, arms=arms, languages=languages):
        raise ExperimentInvalid(fields={field: ["invalid"] for field in wrong})


def _settle(site_id: int, site_code: str, now: datetime) -> None:
    """Write down that the one that runs has ended, if it has: the next one may run then."""
    row = models.Experiment.objects.filter(site_id=site_id, stage=Stage.RUNNING).first()
    if row is None:
        return
    found = queries.get_experiment(site_code=site_code, code=row.code, now=now)
    if found.ending is not None:
        row.stage, row.ending, row.stopped_at = found.stage, found.ending, found.stopped_at
        row.save()


def _audit(
    action: str, site_code: str, code: str, actor: str, now: datetime, **details: Any
) -> None:
    audit.append(actor=actor, action=action, site=site_code, object=code, details=details, now=now)
