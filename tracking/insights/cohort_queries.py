"""Reads of what became of grants."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tracking.insights import cohorts, queries
from tracking.insights.cohorts import CohortReport
from tracking.notices import queries as notices
from tracking.regimes import rules as regimes
from tracking.registry import queries as registry


def get_cohort_report(*, site: str, purpose: str, weeks: int, now: datetime) -> CohortReport | None:
    """
    Return the cohorts of a purpose, by week; None while a site has no purposes.

    A purpose that is not asked about any more, or none, becomes the first.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    names = queries.list_names(notices.find_current(site_code=site), "purpose", "purposes", "name")
    if not names:
        return None
    purpose = purpose if purpose in names else next(iter(names))
    today = now.astimezone(ZoneInfo(info.zone)).date()
    found = cohorts.build_cohorts(
        queries.list_cohorts(site_id=info.id),
        number=registry.list_choice_numbers(site_id=info.id)[f"purpose:{purpose}"],
        first=cohorts.first_week(weeks=weeks, today=today),
        today=today,
        lifetime=lambda regime, week: regimes.get_regime(code=regime, on=week).renew_days_granted,
    )
    return CohortReport(
        site=site,
        purpose=purpose,
        purposes=names,
        weeks=weeks,
        until=today,
        cohorts=found,
        together=cohorts.add_up(found),
    )
