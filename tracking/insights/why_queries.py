"""Reads for the answer to a question about a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tracking.insights import mark_queries, queries, rules, why
from tracking.insights.rules import Asked
from tracking.insights.types import BANNER, MIXED, Base, CellSum, Dimension, Filters, Rate
from tracking.insights.why import DAY, WEEK, Answer
from tracking.notices import queries as notices
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

# What happened shortly before may have worked on.
_MARKS_FROM = 2


def get_answer(*, filters: Filters, purpose: str, day: date | None, now: datetime) -> Answer | None:
    """
    Return why the rate of a purpose is what it is on a day; None while a site has no purposes.

    A purpose that is not asked about any more, or none, becomes the first; no day the last that the
    filters speak of, or yesterday; of days to come there is nothing.

    :raises UnknownSite:
    """
    site = registry.get_site(code=filters.site)
    today = now.astimezone(ZoneInfo(site.zone)).date()
    names = _purpose_names(site)
    if not names:
        return None
    purpose = purpose if purpose in names else next(iter(names))
    day = min(day or filters.until or today - DAY, today)
    told = _rates(
        site,
        first=day - WEEK * rules.WEEKDAYS_BACK,
        last=day,
        where=filters.where,
        purpose=purpose,
    )
    reference = why.reference_days(day, told=why.told_days(told))
    of_day = _sum_day(site, day, filters)
    before = [cell for one in reference for cell in _sum_day(site, one, filters)]
    return Answer(
        filters=filters,
        purpose=purpose,
        purposes=names,
        day=day,
        is_running=day >= today,
        latest=today,
        reference=reference,
        why=why.explain(
            now=of_day,
            before=before,
            number=registry.list_choice_numbers(site_id=site.id)[f"purpose:{purpose}"],
            asked=_asked(site, {one.cell.notice for one in (*of_day, *before)}),
            where=filters.where,
        ),
        is_vague=day in told and Base.SHOWN.is_vague(told[day]),
        marks=mark_queries.list_marks(
            site=site.code, first=day - _MARKS_FROM * DAY, last=day, now=now
        ),
        values={
            dimension: tuple(
                sorted(
                    {
                        getattr(one.cell, dimension.value)
                        for one in (*of_day, *before)
                        if one.cell.kind in BANNER
                    }
                    - {"", MIXED}
                )
            )
            for dimension in Dimension
            if dimension is not Dimension.SURFACE
        },
    )


def _purpose_names(site: SiteInfo) -> dict[str, Mapping[str, str]]:
    return queries.list_names(
        notices.find_current(site_code=site.code), "purpose", "purposes", "name"
    )


def _sum_day(site: SiteInfo, day: date, filters: Filters) -> list[CellSum]:
    return queries.sum_cells(site_id=site.id, first=day, last=day, where=filters.where)


def _rates(
    site: SiteInfo, *, first: date, last: date, where: Mapping[Dimension, str], purpose: str
) -> dict[date, Rate]:
    """Return the rates of a purpose by day; days without anybody are not there."""
    on = queries.sum_days(site_id=site.id, first=first, last=last, where=where)
    number = registry.list_choice_numbers(site_id=site.id)[f"purpose:{purpose}"]
    asked = _asked(site, {one.notice for told in on.values() for one in told})
    return {day: rules.rate(told, number=number, asked=asked) for day, told in on.items()}


def _asked(site: SiteInfo, versions: set[str]) -> Asked:
    return queries.asked_on(queries.list_versions(site.code, versions - {MIXED}))
