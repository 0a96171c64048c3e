"""The only write of scans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from tracking.registry import queries as registry
from tracking.scans import models
from tracking.scans.types import Finding, Level


@transaction.atomic
def record_scan(
    *,
    site_code: str,
    notice_number: int,
    pages: Sequence[str],
    findings: Sequence[Finding],
    started_at: datetime,
    now: datetime,
) -> int:
    """
    Keep what a scan that ended `now` found, and return its id. It causes no event.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    sorted_findings = sorted(findings, key=lambda one: one.level is not Level.ALARM)
    scan = models.Scan.objects.create(
        site_id=site.id,
        notice_number=notice_number,
        started_at=started_at,
        finished_at=now,
        pages=list(pages),
        findings=[one.as_json() for one in sorted_findings],
        alarms=sum(one.level is Level.ALARM for one in findings),
    )
    return scan.pk
