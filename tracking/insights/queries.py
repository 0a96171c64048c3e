"""The only reads of insights."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracking.consents import queries as consents
from tracking.consents.types import Prior
from tracking.delivery import queries as delivery
from tracking.delivery.types import EndpointState, PartnerHealth
from tracking.insights import models, rules
from tracking.insights.types import (
    Decided,
    Filters,
    Health,
    OptInReport,
    PartnerLine,
    Publication,
    Shown,
)
from tracking.notices import queries as notices
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo


def list_sites() -> tuple[SiteInfo, ...]:
    """Return the sites there are numbers of."""
    return registry.list_sites()


def get_opt_in_report(*, filters: Filters, now: datetime) -> OptInReport:
    """
    Return the dashboard's numbers, in groups of at least ten people.

    :raises UnknownSite:
    """
    site = registry.get_site(code=filters.site)
    zone = ZoneInfo(site.zone)
    today = now.astimezone(zone).date()
    first = rules.first_day_needed(today=today, days=filters.days)
    decided = [
        Decided(
            day=date.fromisoformat(row.day),
            language=row.language,
            device_class=row.device_class,
            regime=row.regime,
            notice=row.notice,
            is_first=row.prior == Prior.FIRST,
            is_suspect=row.is_suspect,
            method=row.method,
            granted=row.granted,
            withdrawn=row.withdrawn,
            count=row.count,
        )
        for row in consents.count_decisions(
            site=site,
            since=datetime.combine(first, time(), tzinfo=zone),
            until=datetime.combine(today + timedelta(days=1), time(), tzinfo=zone),
        )
    ]
    shown = [
        Shown(
            day=row.day,
            language=row.language,
            device_class=row.device_class,
            regime=row.regime,
            notice=row.notice_number,
            is_first=row.is_first,
            count=row.count,
        )
        for row in models.DailyShown.objects.filter(site_id=site.id, day__gte=first, day__lte=today)
    ]
    numbers = {row.notice for row in shown} | {row.notice for row in decided}
    return rules.build_report(
        filters=filters,
        shown=shown,
        decided=decided,
        asked={str(number): _asked_purposes(site.code, number) for number in numbers},
        purpose_names=_purpose_names(site.code),
        publications=_list_publications(site, zone),
        today=today,
    )


def get_health(*, site: str, now: datetime) -> Health:
    """
    Return how the telling of a site's partners stands.

    :raises UnknownSite:
    """
    lines = tuple(_line(partner, now) for partner in delivery.list_health(site=site, now=now))
    return Health(
        lines=lines,
        oldest_unconfirmed_seconds=max(
            (s for line in lines if (s := line.oldest_unconfirmed_seconds) is not None),
            default=None,
        ),
        overdue=sum(line.overdue for line in lines),
    )


# --- inside


def _line(partner: PartnerHealth, now: datetime) -> PartnerLine:
    # Not told yet, or told and not confirmed: both are promises that are still open.
    open_since = [
        at for at in (partner.oldest_unsaid_at, partner.oldest_unconfirmed_at) if at is not None
    ]
    return PartnerLine(
        code=partner.partner,
        legal_name=partner.legal_name,
        is_working=partner.state is EndpointState.ACTIVE and partner.consecutive_failures == 0,
        waiting=partner.waiting + partner.unconfirmed,
        overdue=partner.overdue,
        dead=partner.dead,
        oldest_unconfirmed_seconds=max(0, int((now - min(open_since)).total_seconds()))
        if open_since
        else None,
    )


def _asked_purposes(site_code: str, number: int) -> frozenset[str]:
    notice = notices.find_version(site_code=site_code, number=number)
    if notice is None:
        return frozenset()
    return frozenset(
        choice.removeprefix("purpose:")
        for choice in notice.asked_ids
        if choice.startswith("purpose:")
    )


def _purpose_names(site_code: str) -> dict[str, dict[str, str]]:
    """Return the purposes that the current notice asks about, in its order."""
    notice = notices.find_current(site_code=site_code)
    if notice is None:
        return {}
    return {
        purpose["code"]: purpose["name"]
        for purpose in notice.content["purposes"]
        if f"purpose:{purpose['code']}" in notice.asked_ids
    }


def _list_publications(site: SiteInfo, zone: ZoneInfo) -> list[Publication]:
    return [
        Publication(
            number=one.number, day=one.effective_at.astimezone(zone).date(), at=one.effective_at
        )
        for one in notices.list_publications(site_code=site.code)
    ]
