"""The only reads of the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Collate, Now

from tracking.outbox import models
from tracking.outbox.types import (
    Backlog,
    Cursor,
    Due,
    EventInfo,
    EventPage,
    EventState,
    EventStatus,
    LateDay,
    Latest,
    Outcome,
    Punctuality,
    Replayable,
    TicketStatus,
    Which,
)

PUNCTUALITY_PERIOD = timedelta(days=30)


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
SELECT site_id, addressee,
       count(*) FILTER (WHERE is_unsaid AND state = 'pending'),
       count(*) FILTER (WHERE is_unsaid AND state = 'dead'),
       count(*) FILTER (WHERE due_at < %(now)s),
       min(created_at) FILTER (WHERE is_unsaid),
       min(due_at) FILTER (WHERE is_unsaid),
       count(*) FILTER (WHERE NOT is_unsaid),
       min(accepted_at) FILTER (WHERE NOT is_unsaid)
  FROM (SELECT site_id, addressee, state, created_at, due_at, accepted_at,
               acked_version < desired_version AS is_unsaid
          FROM outbox_outboxevent
         WHERE confirmed_at IS NULL
           AND (%(site_id)s::int IS NULL OR site_id = %(site_id)s)
           AND (%(addressee)s::text IS NULL OR addressee = %(addressee)s)) open_events
 GROUP BY site_id, addressee
 ORDER BY site_id, addressee
"""


def list_backlogs(
    *, site_id: int | None = None, addressee: str | None = None, now: datetime
) -> list[Backlog]:
    """
    Return what is unsaid or unconfirmed, per addressee that has any of it: of all sites, of one, or
    of one addressee alone.

    Reads every event that is not confirmed: about 20 ms for 10,000, a second for a million.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOGS, {"site_id": site_id, "addressee": addressee, "now": now})
        return [
            Backlog(
                site_id=row[0],
                addressee=row[1],
                waiting=row[2],
                dead=row[3],
                overdue=row[4],
                oldest_unsaid_at=row[5],
                oldest_due_at=row[6],
                unconfirmed=row[7],
                oldest_unconfirmed_at=row[8],
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


def find_event(*, id: int) -> EventInfo | None:
    """Return one event."""
    row = models.OutboxEvent.objects.filter(pk=id).first()
    return None if row is None else _event_info(row)


def find_event_by_key(*, site_id: int, addressee: str, message_key: UUID) -> EventInfo | None:
    """Return the addressee's event whose newest version carries this key."""
    row = models.OutboxEvent.objects.filter(
        message_key=message_key, site_id=site_id, addressee=addressee
    ).first()
    return None if row is None else _event_info(row)


# An order is an index: its rows, its column, and whether it runs backwards.
_ORDERS = {
    Which.OPEN: (Q(confirmed_at__isnull=True), "due_at", ""),
    Which.OVERDUE: (Q(confirmed_at__isnull=True), "due_at", ""),
    Which.DEAD: (Q(state=EventState.DEAD), "created_at", ""),
    Which.CONFIRMED: (Q(confirmed_at__isnull=False), "confirmed_at", "-"),
}


def list_events(
    *,
    site_id: int,
    addressee: str,
    which: Which,
    now: datetime,
    after: Cursor | None = None,
    limit: int = 50,
) -> EventPage:
    """Return one addressee's events, page by page; whatever the table's size, a page is quick."""
    orders: list[Which] = [Which.OPEN, Which.CONFIRMED] if which is Which.ALL else [which]
    if after is not None and after.order in orders:
        orders = orders[orders.index(after.order) :]
    found: list[tuple[Which, models.OutboxEvent]] = []
    for order in orders:
        rows, column, back = _ORDERS[order]
        events: QuerySet[models.OutboxEvent] = models.OutboxEvent.objects.filter(
            rows, site_id=site_id, addressee=addressee
        )
        if order is Which.OVERDUE:
            events = events.filter(due_at__lt=now)
        if after is not None and after.order is order:
            way = "lt" if back else "gt"
            events = events.filter(
                Q(**{f"{column}__{way}e": after.at})
                & (Q(**{f"{column}__{way}": after.at}) | Q(**{f"pk__{way}": after.id}))
            )
        missing = limit + 1 - len(found)
        found += [
            (order, event) for event in events.order_by(f"{back}{column}", f"{back}pk")[:missing]
        ]
        if len(found) > limit:
            break
    last = found[limit - 1] if len(found) > limit else None
    return EventPage(
        events=tuple(_event_info(event) for _, event in found[:limit]),
        after=None
        if last is None
        else Cursor(order=last[0], at=getattr(last[1], _ORDERS[last[0]][1]), id=last[1].pk),
    )


_PUNCTUALITY = """
WITH counted AS (SELECT max(hour) + interval '1 hour' AS until FROM outbox_confirmedhour)
SELECT addressee, sum(confirmed), sum(in_time)
  FROM (SELECT addressee, confirmed, in_time
          FROM outbox_confirmedhour
         WHERE site_id = %(site_id)s AND addressee = ANY(%(addressees)s) AND hour >= %(since)s
        UNION ALL
        SELECT asked.addressee, rest.confirmed, rest.in_time
          FROM unnest(%(addressees)s::text[]) AS asked (addressee)
         CROSS JOIN LATERAL (
               SELECT count(*) AS confirmed,
                      count(*) FILTER (WHERE confirmed_at <= due_at) AS in_time
                 FROM outbox_outboxevent event
                WHERE event.site_id = %(site_id)s AND event.addressee = asked.addressee
                  AND event.confirmed_at >= GREATEST((SELECT until FROM counted), %(since)s)) rest
       ) parts
 GROUP BY addressee
"""


def list_punctualities(
    *, site_id: int, addressees: Sequence[str], now: datetime
) -> dict[str, Punctuality]:
    """
    Return what each addressee confirmed in the last thirty days, and how much of it in time.

    Whole hours are counted beforehand (`operations.count_confirmations`); only what came after the
    last of them is looked at here.
    """
    since = now.replace(minute=0, second=0, microsecond=0) - PUNCTUALITY_PERIOD
    with connection.cursor() as cursor:
        cursor.execute(
            _PUNCTUALITY, {"site_id": site_id, "addressees": list(addressees), "since": since}
        )
        return {
            row[0]: Punctuality(confirmed=int(row[1]), in_time=int(row[2]))
            for row in cursor.fetchall()
        }


_LATE_DAYS = """
SELECT addressee, (hour AT TIME ZONE %(zone)s)::date AS day
  FROM outbox_confirmedhour
 WHERE site_id = %(site_id)s AND hour >= %(since)s AND hour < %(until)s AND in_time < confirmed
 UNION
SELECT addressee, (due_at AT TIME ZONE %(zone)s)::date
  FROM outbox_outboxevent
 WHERE site_id = %(site_id)s AND due_at >= %(since)s AND due_at < %(until)s
   AND due_at < %(now)s AND confirmed_at IS NULL
 ORDER BY day, addressee
"""


def list_late_days(
    *, site_id: int, since: datetime, until: datetime, zone: str, now: datetime
) -> list[LateDay]:
    """
    Return the days in a zone on which addressees were late, oldest first.

    What was confirmed late shows once its hour is counted (`operations.count_confirmations`).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LATE_DAYS,
            {"site_id": site_id, "since": since, "until": until, "zone": zone, "now": now},
        )
        return [LateDay(addressee=row[0], day=row[1]) for row in cursor.fetchall()]


def count_replayable(
    *,
    site_id: int,
    addressee: str,
    since: datetime | None = None,
    until: datetime | None = None,
    is_told_too: bool = False,
) -> Replayable:
    """Return what `operations.replay` would make due with the same bounds."""

    def between(column: str) -> Q:
        bounds = Q()
        if since is not None:
            bounds &= Q(**{f"{column}__gte": since})
        if until is not None:
            bounds &= Q(**{f"{column}__lt": until})
        return bounds

    events = models.OutboxEvent.objects.filter(site_id=site_id, addressee=addressee)
    # What is unsaid is not confirmed either; said so, an index holds no more than that.
    counts = events.filter(
        between("created_at"), confirmed_at__isnull=True, acked_version__lt=F("desired_version")
    ).aggregate(
        dead=Count("pk", filter=Q(state=EventState.DEAD)),
        waiting=Count("pk", filter=~Q(state=EventState.DEAD)),
    )
    told = 0
    if is_told_too:
        said = events.filter(between("accepted_at"), acked_version=F("desired_version"))
        # A confirmation never comes before the acceptance.
        confirmed = Q(confirmed_at__isnull=False)
        if since is not None:
            confirmed &= Q(confirmed_at__gte=since)
        told = said.filter(confirmed_at__isnull=True).count() + said.filter(confirmed).count()
    return Replayable(dead=counts["dead"], waiting=counts["waiting"], told=told)


def _event_info(row: models.OutboxEvent) -> EventInfo:
    return EventInfo(
        id=row.pk,
        site_id=row.site_id,
        addressee=row.addressee,
        kind=row.kind,
        message_key=row.message_key,
        state=EventState(row.state),
        outcome=Outcome(row.outcome),
        desired_version=row.desired_version,
        acked_version=row.acked_version,
        attempts=row.attempts,
        ticket=row.ticket,
        created_at=row.created_at,
        due_at=row.due_at,
        next_attempt_at=row.next_attempt_at,
        accepted_at=row.accepted_at,
        confirmed_at=row.confirmed_at,
    )


# The mirror of the claim: what it would find first, and what it would count against a slot.
_DUES = """
SELECT place.site_id, place.addressee,
       (SELECT event.next_attempt_at FROM outbox_outboxevent event
         WHERE event.site_id = place.site_id AND event.addressee = place.addressee
           AND event.state = 'pending' AND event.next_attempt_at <= %(now)s
           AND (event.lease_until IS NULL OR event.lease_until < %(now)s)
         ORDER BY event.next_attempt_at, event.id LIMIT 1),
       -- What is leased stands in front.
       EXISTS (SELECT FROM (
                 SELECT lease_until FROM outbox_outboxevent
                  WHERE site_id = place.site_id AND addressee = place.addressee
                    AND state = 'pending' AND next_attempt_at <= %(now)s
                  ORDER BY next_attempt_at, id LIMIT 64) front
                WHERE lease_until >= %(now)s)
  FROM unnest(%(sites)s::int[], %(addressees)s::text[]) AS place (site_id, addressee)
"""


def list_dues(
    *, addressees: Collection[tuple[int, str]], now: datetime
) -> dict[tuple[int, str], Due]:
    """Return what is due by (site, addressee); a few index steps each, however long the backlog."""
    with connection.cursor() as cursor:
        cursor.execute(
            _DUES,
            {
                "now": now,
                "sites": [site_id for site_id, _ in addressees],
                "addressees": [addressee for _, addressee in addressees],
            },
        )
        return {
            (site_id, addressee): Due(since=since, is_leased=is_leased)
            for site_id, addressee, since, is_leased in cursor.fetchall()
        }
