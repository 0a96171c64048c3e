"""The only reads of endpoints and attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate, TruncHour

from tracking.delivery import models, rules
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import (
    AttemptInfo,
    AttemptOutcome,
    Breaker,
    ConfirmsBy,
    EndpointInfo,
    EndpointState,
    EventReport,
    Figures,
    HourTally,
    Incident,
    Overview,
    PartnerFigures,
    PartnerHealth,
    PartnerReport,
    RequestTotal,
    Standing,
    Transport,
    Work,
)
from tracking.outbox import queries as outbox
from tracking.outbox.types import (
    Backlog,
    Cursor,
    Due,
    EventPage,
    Punctuality,
    Replayable,
    Which,
)
from tracking.registry import queries as registry
from tracking.registry.types import PartnerInfo, SiteInfo

MOST_ATTEMPTS = 100


def find_endpoint(*, site: str, partner: str) -> EndpointInfo | None:
    """Return where a partner is told."""
    row = models.Endpoint.objects.filter(partner__site__code=site, partner__code=partner).first()
    return None if row is None else _endpoint_info(row, partner=partner)


def list_health(*, site: str, now: datetime) -> list[PartnerHealth]:
    """
    Return how each of a site's partners stands, in the site's order.

    Partners without an endpoint are among them once there is something to tell them.

    :raises UnknownSite: 404
    """
    site_id = registry.get_site(code=site).id
    return [
        health for _, _, health in _stand(site_id, registry.list_partners(site_id=site_id), now=now)
    ]


def get_overview(*, site: str, now: datetime) -> Overview:
    """
    Return how all of a site's partners stand.

    :raises UnknownSite: 404
    """
    site_id = registry.get_site(code=site).id
    partners = registry.list_partners(site_id=site_id)
    rows = _stand(site_id, partners, now=now)
    punctualities = outbox.list_punctualities(
        site_id=site_id, addressees=[partner.code for partner, _, _ in rows], now=now
    )
    standing = {partner.code for partner, _, _ in rows}
    pulse = models.Pulse.objects.order_by("-beat_at").first()
    return Overview(
        standings=tuple(
            _standing(endpoint, health, punctualities.get(partner.code))
            for partner, endpoint, health in rows
        ),
        unaddressed={
            partner.code: partner.legal_name for partner in partners if partner.code not in standing
        },
        looked_at=None if pulse is None else pulse.beat_at,
    )


def list_incidents(
    *, site: SiteInfo, first: date, last: date, now: datetime
) -> tuple[Incident, ...]:
    """
    Return the days of the site's zone on which a partner was away or late, oldest first.

    Away is who did not answer most requests of a day, and at least as many as open its breaker.
    """
    zone = ZoneInfo(site.zone)
    since = datetime.combine(first, time(), tzinfo=zone)
    until = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    away = {
        (row["day"], row["endpoint__partner__code"])
        for row in models.Tally.objects.filter(
            endpoint__partner__site_id=site.id, since__gte=since, since__lt=until
        )
        .annotate(day=TruncDate("since", tzinfo=zone))
        .values("day", "endpoint__partner__code")
        .annotate(
            sent=Sum("requests"),
            failed=Sum("requests", filter=Q(outcome__in=rules.FAILED_REQUESTS), default=0),
        )
        if row["failed"] >= max(rules.FAILURES_TO_OPEN, row["sent"] * rules.WINDOW_MOST_FAILED)
    }
    late = {
        (row.day, row.addressee)
        for row in outbox.list_late_days(
            site_id=site.id, since=since, until=until, zone=site.zone, now=now
        )
    }
    names = {one.code: one.legal_name for one in registry.list_partners(site_id=site.id)}
    return tuple(
        Incident(
            day=day,
            partner=partner,
            legal_name=names.get(partner, {}),
            is_away=(day, partner) in away,
            is_late=(day, partner) in late,
        )
        for day, partner in sorted(away | late)
    )


def get_partner_report(
    *, site: SiteInfo, partner: PartnerInfo, hours_since: datetime, now: datetime
) -> PartnerReport:
    """Return how one partner stands, and its hours since a moment; hours begin in the site's."""
    backlogs = outbox.list_backlogs(site_id=site.id, addressee=partner.code, now=now)
    endpoint = models.Endpoint.objects.filter(partner_id=partner.id).first()
    punctualities = outbox.list_punctualities(site_id=site.id, addressees=[partner.code], now=now)
    health = _health(
        partner=partner.code,
        legal_name=partner.legal_name,
        endpoint=endpoint,
        backlog=backlogs[0] if backlogs else None,
        now=now,
    )
    return PartnerReport(
        standing=_standing(endpoint, health, punctualities.get(partner.code)),
        endpoint=None if endpoint is None else _endpoint_info(endpoint, partner=partner.code),
        hours=() if endpoint is None else _hours(endpoint, since=hours_since, zone=site.zone),
    )


def list_events(
    *, site_id: int, partner: str, which: Which, after: Cursor | None, now: datetime
) -> EventPage:
    """Return a page of one partner's events."""
    return outbox.list_events(site_id=site_id, addressee=partner, which=which, after=after, now=now)


def find_event_id(*, site_id: int, partner: str, message_key: UUID) -> int | None:
    """Return the event that a message to a partner belongs to, also one of an older version."""
    event = outbox.find_event_by_key(site_id=site_id, addressee=partner, message_key=message_key)
    if event is not None:
        return event.id
    return (
        models.Attempt.objects.filter(
            message_key=message_key, event__site_id=site_id, event__addressee=partner
        )
        .values_list("event_id", flat=True)
        .first()
    )


def find_event_report(*, site_id: int, partner: str, event_id: int) -> EventReport | None:
    """Return one of a partner's events with its attempts."""
    event = outbox.find_event(id=event_id)
    if event is None or (event.site_id, event.addressee) != (site_id, partner):
        return None
    return EventReport(event=event, attempts=tuple(list_attempts(event_id=event_id)))


def count_replayable(
    *,
    site_id: int,
    partner: str,
    since: datetime | None,
    until: datetime | None,
    is_told_too: bool,
) -> Replayable:
    """Return what a replay with these bounds would send."""
    return outbox.count_replayable(
        site_id=site_id,
        addressee=partner,
        since=since,
        until=until,
        is_told_too=is_told_too,
    )


def get_work(*, now: datetime) -> Work:
    """Return whether partners are being told; cheap enough to ask every second."""
    endpoints = models.Endpoint.objects.filter(state=EndpointState.ACTIVE).select_related("partner")
    undone = [
        since
        for endpoint, due in _dues(endpoints, now=now)
        if (
            since := rules.undone_since(
                due_since=_due_since(endpoint, due, now=now),
                is_leased=due.is_leased,
                last_success_at=endpoint.last_success_at,
            )
        )
    ]
    looked_for_at, undone_since = _looked_for_at(), min(undone, default=None)
    return Work(
        status=rules.work_status(looked_for_at=looked_for_at, undone_since=undone_since, now=now),
        looked_for_at=looked_for_at,
        undone_since=undone_since,
    )


def get_figures(*, now: datetime) -> Figures:
    """
    Return the numbers of every partner that has an endpoint or events, of all sites.

    Its cost grows with what is open, not with what was ever told (see `outbox.list_backlogs`).
    """
    sites = {site.id: site.code for site in registry.list_sites()}
    endpoints = {_addressee(row): row for row in models.Endpoint.objects.select_related("partner")}
    dues = {
        _addressee(endpoint): _due_since(endpoint, due, now=now)
        for endpoint, due in _dues(endpoints.values(), now=now)
    }
    backlogs = {(row.site_id, row.addressee): row for row in outbox.list_backlogs(now=now)}
    totals: dict[int, list[RequestTotal]] = {}
    for row in models.Total.objects.order_by("outcome"):
        totals.setdefault(row.endpoint_id, []).append(
            RequestTotal(
                outcome=AttemptOutcome(row.outcome), requests=row.requests, total_ms=row.total_ms
            )
        )
    return Figures(
        looked_for_at=_looked_for_at(),
        partners=tuple(
            _figures(
                site=sites[site_id],
                endpoint=endpoints.get((site_id, partner)),
                backlog=backlogs.get((site_id, partner))
                or Backlog(site_id=site_id, addressee=partner),
                due_since=dues.get((site_id, partner)),
                totals=totals,
                now=now,
            )
            for site_id, partner in sorted(endpoints.keys() | backlogs.keys())
            if site_id in sites
        ),
    )


def list_attempts(*, event_id: int, limit: int = MOST_ATTEMPTS) -> list[AttemptInfo]:
    """Return the latest sendings of one outbox event, newest first."""
    return [
        AttemptInfo(
            message_key=row.message_key,
            version=row.version,
            attempted_at=row.attempted_at,
            outcome=AttemptOutcome(row.outcome),
            http_status=row.http_status,
            duration_ms=row.duration_ms,
            error_class=row.error_class,
        )
        for row in models.Attempt.objects.filter(event_id=event_id).order_by("-pk")[:limit]
    ]


def _stand(
    site_id: int, partners: list[PartnerInfo], *, now: datetime
) -> list[tuple[PartnerInfo, models.Endpoint | None, PartnerHealth]]:
    """Return the partners that are told, or that there is something to tell."""
    backlogs = {row.addressee: row for row in outbox.list_backlogs(site_id=site_id, now=now)}
    endpoints = {
        row.partner_id: row for row in models.Endpoint.objects.filter(partner__site_id=site_id)
    }
    return [
        (
            partner,
            endpoints.get(partner.id),
            _health(
                partner=partner.code,
                legal_name=partner.legal_name,
                endpoint=endpoints.get(partner.id),
                backlog=backlogs.get(partner.code),
                now=now,
            ),
        )
        for partner in partners
        if partner.id in endpoints or partner.code in backlogs
    ]


def _standing(
    endpoint: models.Endpoint | None, health: PartnerHealth, punctuality: Punctuality | None
) -> Standing:
    return Standing(
        health=health,
        transport=None if endpoint is None else Transport(endpoint.transport),
        punctuality=punctuality or Punctuality(confirmed=0, in_time=0),
    )


def _endpoint_info(row: models.Endpoint, *, partner: str) -> EndpointInfo:
    return EndpointInfo(
        partner=partner,
        url=row.url,
        transport=Transport(row.transport),
        settings=row.settings,
        state=EndpointState(row.state),
        confirms_by=ConfirmsBy(row.confirms_by),
        concurrency=row.concurrency,
        is_for_erasures_only=row.is_for_erasures_only,
        is_rotating=bool(row.previous_secret_sealed),
    )


def _hours(endpoint: models.Endpoint, *, since: datetime, zone: str) -> tuple[HourTally, ...]:
    rows = (
        models.Tally.objects.filter(endpoint=endpoint, since__gte=since)
        .annotate(hour=TruncHour("since", tzinfo=ZoneInfo(zone)))
        .values("hour", "outcome")
        .annotate(
            request_count=Sum("requests"),
            message_count=Sum("messages"),
            time_spent=Sum("total_ms"),
        )
        .order_by("hour", "outcome")
    )
    hours: dict[datetime, list[Any]] = {}
    for row in rows:
        hours.setdefault(row["hour"], []).append(row)
    return tuple(
        HourTally(
            hour=hour,
            requests={AttemptOutcome(row["outcome"]): row["request_count"] for row in parts},
            messages=sum(row["message_count"] for row in parts),
            total_ms=sum(row["time_spent"] for row in parts),
        )
        for hour, parts in hours.items()
    )


def _health(
    *,
    partner: str,
    legal_name: dict[str, str],
    endpoint: models.Endpoint | None,
    backlog: Backlog | None,
    now: datetime,
) -> PartnerHealth:
    breaker = _breaker(endpoint)
    return PartnerHealth(
        partner=partner,
        legal_name=legal_name,
        state=None if endpoint is None else EndpointState(endpoint.state),
        confirms_by=None if endpoint is None else ConfirmsBy(endpoint.confirms_by),
        breaker=rules.breaker_state(breaker, now=now),
        opened_until=breaker.opened_until,
        consecutive_failures=breaker.failures,
        last_success_at=None if endpoint is None else endpoint.last_success_at,
        waiting=backlog.waiting if backlog else 0,
        dead=backlog.dead if backlog else 0,
        overdue=backlog.overdue if backlog else 0,
        oldest_unsaid_at=backlog.oldest_unsaid_at if backlog else None,
        oldest_due_at=backlog.oldest_due_at if backlog else None,
        unconfirmed=backlog.unconfirmed if backlog else 0,
        oldest_unconfirmed_at=backlog.oldest_unconfirmed_at if backlog else None,
    )


def _figures(
    *,
    site: str,
    endpoint: models.Endpoint | None,
    backlog: Backlog,
    due_since: datetime | None,
    totals: Mapping[int, list[RequestTotal]],
    now: datetime,
) -> PartnerFigures:
    return PartnerFigures(
        site=site,
        partner=backlog.addressee,
        state=None if endpoint is None else EndpointState(endpoint.state),
        breaker=rules.breaker_state(_breaker(endpoint), now=now),
        backlog=backlog,
        due_since=due_since,
        totals=() if endpoint is None else tuple(totals.get(endpoint.pk, ())),
    )


def _breaker(endpoint: models.Endpoint | None) -> Breaker:
    if endpoint is None:
        return Breaker()
    return Breaker(
        failures=endpoint.consecutive_failures,
        openings=endpoint.openings,
        opened_until=endpoint.opened_until,
    )


def _addressee(endpoint: models.Endpoint) -> tuple[int, str]:
    return endpoint.partner.site_id, endpoint.partner.code


def _dues(
    endpoints: Iterable[models.Endpoint], *, now: datetime
) -> list[tuple[models.Endpoint, Due]]:
    """Return what is due for those of the endpoints that we send to."""
    told = {
        _addressee(endpoint): endpoint
        for endpoint in endpoints
        if endpoint.state == EndpointState.ACTIVE
        and not TRANSPORTS[Transport(endpoint.transport)].profile.is_pulled
    }
    dues = outbox.list_dues(addressees=told.keys(), now=now)
    return [(endpoint, dues[addressee]) for addressee, endpoint in told.items()]


def _due_since(endpoint: models.Endpoint, due: Due, *, now: datetime) -> datetime | None:
    return rules.due_since(
        oldest=due.since,
        breaker=_breaker(endpoint),
        next_request_at=endpoint.next_request_at,
        now=now,
    )


def _looked_for_at() -> datetime | None:
    return models.Pulse.objects.filter(name=models.PULSE).values_list("beat_at", flat=True).first()
