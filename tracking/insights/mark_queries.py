"""Reads of what happened on the days of a trend, from the rooms that know."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracking.delivery import queries as delivery
from tracking.experiments import queries as experiments
from tracking.insights import marks
from tracking.insights.marks import Mark
from tracking.insights.types import Publication
from tracking.notices import queries as notices
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo
from tracking.scans import queries as scans


def list_marks(*, site: str, first: date, last: date, now: datetime) -> tuple[Mark, ...]:
    """
    Return what happened from the first to the last day, in the site's zone, oldest first.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    zone = ZoneInfo(info.zone)
    found = [
        *_of_publications(info, first=first, last=last, now=now),
        *marks.of_scans(
            scans.list_scans_between(
                site_code=site,
                since=datetime.combine(first, time(), tzinfo=zone),
                until=datetime.combine(last + timedelta(days=1), time(), tzinfo=zone),
            ),
            zone=info.zone,
        ),
        *marks.of_incidents(
            delivery.list_incidents(site=info, first=first, last=last, now=now), site=site
        ),
        *marks.of_experiments(
            experiments.list_experiments(site_code=site, now=now), zone=info.zone
        ),
    ]
    # The first scan is there to be held against alone, and of experiments all were read.
    within = (mark for mark in found if first <= mark.day <= last)
    return tuple(sorted(within, key=lambda mark: mark.day))


def _of_publications(site: SiteInfo, *, first: date, last: date, now: datetime) -> list[Mark]:
    zone = ZoneInfo(site.zone)
    publications = [
        Publication(
            number=one.number, day=one.effective_at.astimezone(zone).date(), at=one.effective_at
        )
        for one in notices.list_publications(site_code=site.code)
        if one.effective_at <= now
    ]
    shown = {one.number for one in publications if first <= one.day <= last}
    material = {
        number
        for number in shown
        if (notice := notices.find_version(site_code=site.code, number=number))
        and number in notice.terms.material_since.values()
    }
    return [
        mark
        for one, mark in zip(
            publications,
            marks.of_publications(publications, material=material, site=site.code),
            strict=True,
        )
        if one.number in shown
    ]
