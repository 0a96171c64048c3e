"""The only reads of endpoints and attempts."""

from __future__ import annotations

from datetime import datetime

from tracking.delivery import models, rules
from tracking.delivery.types import (
    AttemptInfo,
    AttemptOutcome,
    Breaker,
    ConfirmsBy,
    EndpointInfo,
    EndpointState,
    PartnerHealth,
    Transport,
)
from tracking.outbox import queries as outbox
from tracking.outbox.types import Backlog
from tracking.registry import queries as registry


def find_endpoint(*, site: str, partner: str) -> EndpointInfo | None:
    """Return where a partner is told."""
    row = models.Endpoint.objects.filter(partner__site__code=site, partner__code=partner).first()
    if row is None:
        return None
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


def list_health(*, site: str, now: datetime) -> list[PartnerHealth]:
    """
    Return how each of a site's partners stands, in the site's order.

    Partners without an endpoint are among them once there is something to tell them.

    :raises UnknownSite: 404
    """
    site_id = registry.get_site(code=site).id
    backlogs = {row.addressee: row for row in outbox.list_backlogs(site_id=site_id, now=now)}
    endpoints = {
        row.partner_id: row for row in models.Endpoint.objects.filter(partner__site_id=site_id)
    }
    return [
        _health(
            partner=partner.code,
            legal_name=partner.legal_name,
            endpoint=endpoints.get(partner.id),
            backlog=backlogs.get(partner.code),
            now=now,
        )
        for partner in registry.list_partners(site_id=site_id)
        if partner.id in endpoints or partner.code in backlogs
    ]


def list_attempts(*, event_id: int, limit: int = 100) -> list[AttemptInfo]:
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


def _health(
    *,
    partner: str,
    legal_name: dict[str, str],
    endpoint: models.Endpoint | None,
    backlog: Backlog | None,
    now: datetime,
) -> PartnerHealth:
    breaker = Breaker()
    if endpoint is not None:
        breaker = Breaker(
            failures=endpoint.consecutive_failures,
            openings=endpoint.openings,
            opened_until=endpoint.opened_until,
        )
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
