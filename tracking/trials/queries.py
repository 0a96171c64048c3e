"""What the console reads of experiments."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tracking.banner import queries as banner
from tracking.experiments import queries as experiments
from tracking.experiments import statistics
from tracking.experiments.queries import UnknownExperiment
from tracking.experiments.types import Experiment, Tally
from tracking.insights import queries as insights
from tracking.notices import queries as notices
from tracking.notices.queries import NoNotice
from tracking.registry import queries as registry
from tracking.trials.rules import BASELINE, PLAN_DAYS
from tracking.trials.types import Desk, Drafted, Guess, Result


def get_desk(*, site_code: str, now: datetime) -> Desk:
    """
    Return a site's experiments.

    :raises UnknownSite:
    """
    return Desk(
        site=registry.get_site(code=site_code),
        notice=notices.find_current(site_code=site_code),
        experiments=tuple(experiments.list_experiments(site_code=site_code, now=now)),
    )


def get_draft(experiment: Experiment, *, guess: Guess, now: datetime) -> Drafted:
    """
    Return what is to be said about a draft, saved or not.

    :raises NoNotice:
    :raises UnknownSite:
    """
    site = registry.get_site(code=experiment.site)
    notice = notices.get_current(site_code=site.code)
    today = now.astimezone(ZoneInfo(site.zone)).date()
    own = insights.get_rate(
        site=site.code,
        purpose=experiment.plan.purpose,
        since=today - timedelta(days=PLAN_DAYS),
        until=today - timedelta(days=1),
    )
    baseline = (own.of_shown or BASELINE) if guess.baseline is None else guess.baseline / 100
    visitors = own.shown / PLAN_DAYS if guess.visitors is None else guess.visitors
    shares = [arm.share for arm in experiment.arms]
    return Drafted(
        site=site,
        notice=notice,
        experiment=experiment,
        objections=experiments.list_objections(experiment, now=now),
        findings={
            arm.code: notices.check_variant(experiments.read_arm(notice, arm), now=now)
            for arm in experiment.arms
        },
        own=own,
        baseline=baseline,
        visitors=visitors,
        size=statistics.plan(
            baseline=baseline,
            smallest=experiment.plan.difference / 100,
            shares=shares,
            visitors_a_day=visitors,
        )
        if min(shares) > 0 and experiment.plan.difference > 0 and 0 < baseline < 1
        else None,
    )


def get_result(experiment: Experiment, *, now: datetime) -> Result:
    """
    Return the numbers of an experiment that was started.

    :raises UnknownExperiment: if it was not
    """
    if experiment.started_at is None or experiment.notice is None:
        raise UnknownExperiment
    site = registry.get_site(code=experiment.site)
    notice = notices.find_version(site_code=site.code, number=experiment.notice)
    if notice is None:
        raise NoNotice
    zone = ZoneInfo(site.zone)
    counted = insights.count_arms(
        site=site.code,
        experiment=experiment.code,
        arms=[arm.code for arm in experiment.arms],
        purpose=experiment.plan.purpose,
        since=experiment.started_at.astimezone(zone).date(),
        until=(experiment.stopped_at or now).astimezone(zone).date(),
    )
    tallies = tuple(
        Tally(arm=arm, shown=rate.shown, decided=rate.decided, granted=rate.granted)
        for arm, rate in counted.rates.items()
    )
    return Result(
        site=site,
        notice=notice,
        experiment=experiment,
        tallies=tallies,
        comparisons=statistics.compare(tallies=tallies, smallest=experiment.plan.difference / 100),
        mismatch=statistics.find_mismatch(
            tallies=tallies, shares={arm.code: arm.share for arm in experiment.arms}
        ),
        left_out=counted.left_out,
    )


def get_preview(
    *, site_code: str, code: str, arm: str, language: str, endpoint: str, now: datetime
) -> str:
    """
    Return the banner's script as an arm shows it, with the words that were saved.

    :raises UnknownExperiment: also for an arm that it does not have
    :raises NoNotice: if the notice has no such language
    """
    experiment = experiments.get_experiment(site_code=site_code, code=code, now=now)
    shown = next((one for one in experiment.arms if one.code == arm), None)
    if shown is None:
        raise UnknownExperiment
    notice = (
        notices.get_current(site_code=site_code)
        if experiment.notice is None
        else notices.find_version(site_code=site_code, number=experiment.notice)
    )
    if notice is None or language not in notice.content["languages"]:
        raise NoNotice
    return banner.get_preview(
        site_code=site_code,
        notice=experiments.read_arm(notice, shown),
        language=language,
        endpoint=endpoint,
        now=now,
        presentation=shown.presentation,
    )
