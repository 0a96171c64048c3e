"""The only reads of scans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tracking.lib.short_memory import remembered
from tracking.registry import queries as registry
from tracking.scans import models
from tracking.scans.types import Finding, Rule, ScanInfo, Visitor

MOST = 30


def find_last_scan(site_code: str) -> ScanInfo | None:
    """Return the newest scan of a site."""
    return next(iter(list_scans(site_code=site_code, limit=1)), None)


def find_scan(*, site_code: str, scan_id: int) -> ScanInfo | None:
    """Return one scan of a site."""
    row = _rows().filter(site__code=site_code, pk=scan_id).first()
    return None if row is None else _info(row)


def list_scans(*, site_code: str, limit: int = MOST) -> list[ScanInfo]:
    """Return the newest scans of a site, newest first."""
    rows = _rows().filter(site__code=site_code).order_by("-finished_at", "-pk")
    return [_info(row) for row in rows[:limit]]


def list_scans_between(*, site_code: str, since: datetime, until: datetime) -> list[ScanInfo]:
    """
    Return the scans of a site that ended from `since` to before `until`, oldest first, with the one
    before them in front where there is one.
    """
    rows = _rows().filter(site__code=site_code)
    before = rows.filter(finished_at__lt=since).order_by("-finished_at", "-pk")[:1]
    within = rows.filter(finished_at__gte=since, finished_at__lt=until)
    return [_info(row) for row in (*before, *within.order_by("finished_at", "pk"))]


def list_last_scans() -> list[ScanInfo]:
    """Return the newest scan of each site that has one, by site."""
    rows = _rows().order_by("site__code", "-finished_at", "-pk").distinct("site__code")
    return [_info(row) for row in rows]


@remembered(seconds=60)
def last_checked_on(site_code: str) -> date | None:
    """
    Return the day, in the site's zone, on which a scan last found the site as it is published, up
    to a minute old.

    A scan with an alarm does not count: it compared, and it did not fit. Advice does not matter.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    newest = (
        models.Scan.objects.filter(site_id=site.id, alarms=0)
        .order_by("-finished_at")
        .values_list("finished_at", flat=True)
        .first()
    )
    return None if newest is None else newest.astimezone(ZoneInfo(site.zone)).date()


def _rows() -> Any:
    return models.Scan.objects.select_related("site")


def _info(row: models.Scan) -> ScanInfo:
    return ScanInfo(
        id=row.pk,
        site_code=row.site.code,
        started_at=row.started_at,
        finished_at=row.finished_at,
        notice_number=row.notice_number,
        pages=tuple(row.pages),
        findings=tuple(_finding(one) for one in row.findings),
        alarms=row.alarms,
    )


def _finding(kept: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=Rule(kept["rule"]),
        subject=kept["subject"],
        tags=tuple(kept["tags"]),
        visitors=tuple(Visitor(one) for one in kept["visitors"]),
        pages=tuple(kept["pages"]),
        about=kept["about"],
    )
