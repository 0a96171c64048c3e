"""What a scan is held against, and what the console shows of scans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from tracking.consents.types import Choices
from tracking.gate import queries as gate
from tracking.gate import rules as gate_rules
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.registry import queries as registry
from tracking.scanner.types import Basis, Report
from tracking.scans import queries as scans
from tracking.scans.types import Visitor


def get_report(*, site_code: str, scan_id: int | None) -> Report:
    """Return the newest scans of a site and one to show: the newest, or the one with this id."""
    newest = scans.list_scans(site_code=site_code)
    if scan_id is None:
        shown = next(iter(newest), None)
    else:
        shown = scans.find_scan(site_code=site_code, scan_id=scan_id)
    held_against = shown and notices.find_version(site_code=site_code, number=shown.notice_number)
    return Report(
        scans=tuple(newest),
        shown=shown,
        tag_names={
            tag["code"]: tag["name"]
            for tag in (held_against.content["tags"] if held_against else ())
        },
    )


def get_basis(*, site_code: str, now: datetime) -> Basis:
    """
    Return what a site is held against at this moment.

    The gate's rules say what each visitor's tags may do, by the regime of the site's own country:
    a scanner sits there, or the service is told nothing of places.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    regime = regimes.resolve(place=None, site=site, on=now.date()).regime
    overdue = gate.list_overdue_partners(site_id=site.id)
    return Basis(
        site_code=site.code,
        language=site.languages[0],
        notice_number=notice.number,
        content=notice.content,
        asked_ids=notice.asked_ids,
        allowed={
            visitor: frozenset(
                code
                for code in notice.terms.tags
                if gate_rules.decide(
                    tag_code=code,
                    terms=notice.terms,
                    regime=regime,
                    choices=choices,
                    gpc=False,
                    # Every page may be the first one that a newcomer sees.
                    shown_notice=None,
                    overdue=overdue,
                    now=int(now.timestamp()),
                ).allowed
            )
            for visitor, choices in _choices(notice, now).items()
        },
        own_hosts=frozenset(urlsplit(origin).netloc for origin in site.origins),
    )


def _choices(notice: Notice, now: datetime) -> Mapping[Visitor, Choices | None]:
    def decided(*, granted: frozenset[str], refused: frozenset[str]) -> Choices:
        return Choices(
            granted=granted,
            refused=refused,
            decided_at=int(now.timestamp()),
            notice=notice.number,
            with_signal=False,
            seq=1,
        )

    nothing: frozenset[str] = frozenset()
    return {
        Visitor.NEWCOMER: None,
        Visitor.REFUSER: decided(granted=nothing, refused=notice.asked_ids),
        Visitor.ACCEPTER: decided(granted=notice.asked_ids, refused=nothing),
    }
