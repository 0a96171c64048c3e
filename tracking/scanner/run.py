"""One scan from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from django.urls import reverse

from tracking.scanner import browser, queries, rules
from tracking.scans import operations as scans
from tracking.scans import queries as kept
from tracking.scans.types import ScanInfo


def scan(
    *,
    site_code: str,
    start: str,
    service: str,
    pages: int,
    program: str | None,
    clock: Callable[[], datetime],
) -> ScanInfo:
    """
    Look at a site with a browser, hold it against the notice in effect, and keep what was found.

    `start` is where to begin, `service` the origin under which pages reach this service; for the
    rest see `browser.look`. Takes some seconds per page.

    :raises UnknownSite:
    :raises NoNotice:
    :raises ScanFailed: nothing is kept then
    """
    started_at = clock()
    basis = queries.get_basis(site_code=site_code, now=started_at)
    sight = browser.look(
        start=start,
        pages=pages,
        asked_ids=basis.asked_ids,
        ways_out=[
            reverse(f"preferences:{name}", kwargs={"site": basis.site_code})
            for name in ("page", "transmission")
        ],
        language=basis.language,
        program=program,
    )
    scan_id = scans.record_scan(
        site_code=basis.site_code,
        notice_number=basis.notice_number,
        pages=list(dict.fromkeys(view.page for view in sight.views)),
        findings=rules.compare(
            sight=sight,
            content=basis.content,
            allowed=basis.allowed,
            own_hosts={*basis.own_hosts, urlsplit(start).netloc, urlsplit(service).netloc},
        ),
        started_at=started_at,
        now=clock(),
    )
    found = kept.find_scan(site_code=basis.site_code, scan_id=scan_id)
    assert found is not None  # noqa: S101  # written a moment ago
    return found
