"""The only reads of the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Q
from django.db.models.functions import Collate, Now

from tracking.outbox import models
from tracking.outbox.types import Backlog, EventState, EventStatus, Latest, Outcome, TicketStatus


def list_statuses(*, site_id: int, subjects: Iterable[str], kind: str) -> list[EventStatus]:
    """Return what is known of these subjects, in no particular order."""
    return [
        EventStatus(
            addressee=row.addressee,
            subject=row.subject,
            kind=row.kind,
            desired_version=row.desired_version,
            acked_version=row.acked_version,
            state=EventState(row.state),
            outcome=Outcome(row.outcome),
            due_at=row.due_at,
            trying_since=row.trying_since,
            accepted_at=row.accepted_at,
            confirmed_at=row.confirmed_at,
        )
        for row in models.OutboxEvent.objects.filter(
            site_id=site_id, subject__in=list(subjects), kind=kind
        )
    ]


def list_sealed(*, site_id: int, subjects: Iterable[str], kind: str) -> dict[str, dict[str, str]]:
    """Return the sealed values that still go with news of these subjects, by addressee."""
    rows = models.OutboxEvent.objects.filter(
        site_id=site_id, subject__in=list(subjects), kind=kind
    ).exclude(sealed={})
    return dict(rows.values_list("addressee", "sealed"))


def list_overdue_addressees(*, site_id: int) -> frozenset[str]:
    """Return who has not confirmed something past its deadline."""
    return frozenset(
        models.OutboxEvent.objects.filter(
            site_id=site_id, confirmed_at__isnull=True, due_at__lt=Now()
        )
        .values_list("addressee", flat=True)
        .distinct()
    )


_BACKLOGS = """
SELECT addressee,
       count(*) FILTER (WHERE is_unsaid AND state = 'pending'),
       count(*) FILTER (WHERE is_unsaid AND state = 'dead'),
       count(*) FILTER (WHERE due_at < %(now)s),
       min(created_at) FILTER (WHERE is_unsaid),
       min(due_at) FILTER (WHERE is_unsaid),
       count(*) FILTER (WHERE NOT is_unsaid),
       min(accepted_at) FILTER (WHERE NOT is_unsaid)
  FROM (SELECT addressee, state, created_at, due_at, accepted_at,
               acked_version < desired_version AS is_unsaid
          FROM outbox_outboxevent
         WHERE site_id = %(site_id)s AND confirmed_at IS NULL) open_events
 GROUP BY addressee
 ORDER BY addressee
"""


def list_backlogs(*, site_id: int, now: datetime) -> list[Backlog]:
    """Return what is unsaid or unconfirmed, per addressee that has any of it."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOGS, {"site_id": site_id, "now": now})
        return [
            Backlog(
                addressee=row[0],
                waiting=row[1],
                dead=row[2],
                overdue=row[3],
                oldest_unsaid_at=row[4],
                oldest_due_at=row[5],
                unconfirmed=row[6],
                oldest_unconfirmed_at=row[7],
            )
            for row in cursor.fetchall()
        ]


def list_latest(*, site_id: int, addressee: str, kind: str, after: str, limit: int) -> list[Latest]:
    """Return one addressee's subjects that follow `after`, in the database's order of texts."""
    return [
        Latest(subject=row.subject, version=row.desired_version, payload=row.payload)
        for row in models.OutboxEvent.objects.filter(
            site_id=site_id, addressee=addressee, kind=kind, subject__gt=after
        ).order_by("subject")[:limit]
    ]


def iterate_latest(*, site_id: int, addressee: str, kind: str) -> Iterator[Latest]:
    """Yield all of one addressee's subjects in the order of their bytes, without holding them."""
    rows = models.OutboxEvent.objects.filter(site_id=site_id, addressee=addressee, kind=kind)
    for row in rows.order_by(Collate("subject", "C")).iterator(chunk_size=2000):
        yield Latest(subject=row.subject, version=row.desired_version, payload=row.payload)


def get_ticket(*, site_id: int, addressee: str, ticket: str) -> TicketStatus:
    """Return what is left under a ticket; nothing is, once newer versions replaced it all."""
    found = models.OutboxEvent.objects.filter(
        site_id=site_id, addressee=addressee, ticket=ticket
    ).exclude(ticket="").aggregate(
        events=Count("pk"),
        open=Count("pk", filter=Q(confirmed_at__isnull=True)),
        confirmed_at=Max("confirmed_at"),
    )  # fmt: skip
    return TicketStatus(
        events=found["events"], confirmed_at=None if found["open"] else found["confirmed_at"]
    )
