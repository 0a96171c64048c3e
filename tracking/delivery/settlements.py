"""
What is written while partners are told: how sendings ended, whose turn it is, that work goes on.

The run in `run.py` is the only caller.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from tracking.delivery import models, rules
from tracking.delivery.types import (
    AttemptOutcome,
    Breaker,
    ConfirmsBy,
    EndpointState,
    Recent,
    Reply,
    Verdict,
)
from tracking.lib import prepared
from tracking.lib.outbound_http import TOTAL_SECONDS
from tracking.outbox import operations as outbox
from tracking.outbox.types import ClaimedEvent, Slot

logger = logging.getLogger(__name__)

# Three times the longest sending: what a killed process held is free again after that.
LEASE_SECONDS = 3 * TOTAL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Events that were claimed together, and a reply for each."""

    confirms_by: ConfirmsBy
    attempted_at: datetime
    events: Sequence[ClaimedEvent]
    replies: Sequence[Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to a partner, as its breaker and the charts count it."""

    verdict: Verdict
    attempted_at: datetime
    messages: int
    duration_ms: int


def settle(*, ended: Sequence[Ended], chance: Callable[[], float], now: datetime) -> int:
    """
    Note how sendings ended, on the events and as attempts; return how many were accepted.

    One transaction. Attempts are kept also where the lease was lost: it was sent, whoever settles
    it.
    """
    settlements = [
        rules.settlement(
            event=event, reply=reply, confirms_by=one.confirms_by, now=now, chance=chance()
        )
        for one in ended
        for event, reply in zip(one.events, one.replies, strict=True)
    ]
    with transaction.atomic():
        outbox.settle(settlements=settlements, now=now)
        _keep_attempts(ended)
    for done in settlements:
        if done.is_dead:
            logger.error("gave up telling partner %s event %s", done.event.addressee, done.event.id)
    return sum(done.is_told for done in settlements)


_KEEP_ATTEMPTS = """
INSERT INTO delivery_attempt
  (event_id, version, message_key, attempted_at, outcome, http_status, duration_ms, error_class)
SELECT event_id, version, message_key, attempted_at, outcome, http_status, duration_ms, error_class
  FROM jsonb_to_recordset(%(attempts)s::jsonb)
       AS attempt (event_id bigint, version bigint, message_key uuid, attempted_at timestamptz,
                   outcome text, http_status smallint, duration_ms integer, error_class text)
"""


def _keep_attempts(ended: Sequence[Ended]) -> None:
    rows = [
        {
            "event_id": event.id,
            "version": event.version,
            "message_key": event.message_key.hex,
            "attempted_at": one.attempted_at.isoformat(),
            "outcome": rules.judge(reply).outcome,
            "http_status": reply.status,
            "duration_ms": reply.duration_ms,
            "error_class": reply.error,
        }
        for one in ended
        for event, reply in zip(one.events, one.replies, strict=True)
    ]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        prepared.execute(cursor, _KEEP_ATTEMPTS, {"attempts": json.dumps(rows)})


_COUNT = """
WITH counted AS (
  SELECT since, outcome, requests, messages, total_ms
    FROM jsonb_to_recordset(%(counts)s::jsonb)
         AS counted (since timestamptz, outcome text, requests int, messages int, total_ms bigint)
), tallied AS (
  INSERT INTO delivery_tally AS tally (endpoint_id, since, outcome, requests, messages, total_ms)
  SELECT %(endpoint)s, since, outcome, requests, messages, total_ms FROM counted
  ON CONFLICT (endpoint_id, since, outcome) DO UPDATE
     SET requests = tally.requests + EXCLUDED.requests,
         messages = tally.messages + EXCLUDED.messages,
         total_ms = tally.total_ms + EXCLUDED.total_ms
)
INSERT INTO delivery_total AS total (endpoint_id, outcome, requests, total_ms)
SELECT %(endpoint)s, outcome, sum(requests), sum(total_ms) FROM counted GROUP BY outcome
ON CONFLICT (endpoint_id, outcome) DO UPDATE
   SET requests = total.requests + EXCLUDED.requests,
       total_ms = total.total_ms + EXCLUDED.total_ms
"""


@transaction.atomic
def note_requests(*, endpoint_id: int, requests: Sequence[Request], now: datetime) -> None:
    """
    Count what was sent to one partner, and let its breaker know.

    Apart from the events' transaction: its rows are locked one partner at a time, so nothing can
    deadlock. Lost with the process, these counts would be missed in a chart and nowhere else.
    """
    # Held to the end, so that tallies and breaker move together whoever else sends there.
    endpoint = models.Endpoint.objects.select_for_update().get(pk=endpoint_id)
    _tally(endpoint_id, requests)
    before = after = breaker_of(endpoint)
    fields: dict[str, object] = {}
    for request in requests:
        outcome = request.verdict.outcome
        if request.verdict.counts_against_partner:
            after = rules.after_failure(
                after,
                attempted_at=request.attempted_at,
                now=now,
                recent=_recent(endpoint_id, now=now),
            )
        elif outcome is not AttemptOutcome.REJECTED:
            after = rules.after_success()
            fields["last_success_at"] = now
        if outcome is AttemptOutcome.GONE and endpoint.state == EndpointState.ACTIVE:
            logger.error("endpoint %s answered 410: no longer told", endpoint_id)
            fields["state"] = EndpointState.GONE
    if after.openings > before.openings:
        logger.warning(
            "endpoint %s does not answer; next try after %s", endpoint_id, after.opened_until
        )
    if after != before:
        fields |= breaker_fields(after)
    if fields:
        models.Endpoint.objects.filter(pk=endpoint_id).update(**fields)


def _tally(endpoint_id: int, requests: Sequence[Request]) -> None:
    counts: dict[tuple[datetime, AttemptOutcome], list[int]] = {}
    for request in requests:
        key = rules.window_start(request.attempted_at), request.verdict.outcome
        counted = counts.setdefault(key, [0, 0, 0])
        counted[0] += 1
        counted[1] += request.messages
        counted[2] += request.duration_ms
    rows = [
        {
            "since": since.isoformat(),
            "outcome": outcome,
            "requests": counted[0],
            "messages": counted[1],
            "total_ms": counted[2],
        }
        for (since, outcome), counted in counts.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"endpoint": endpoint_id, "counts": json.dumps(rows)})


def _recent(endpoint_id: int, *, now: datetime) -> Recent:
    """Return what was sent in this five minutes and the five before."""
    found = models.Tally.objects.filter(
        endpoint_id=endpoint_id, since__gte=rules.window_start(now - rules.WINDOW)
    ).aggregate(
        sent=Coalesce(Sum("requests"), 0),
        failed=Coalesce(Sum("requests", filter=Q(outcome__in=rules.FAILED_REQUESTS)), 0),
    )
    return Recent(sent=found["sent"], failed=found["failed"])


def claim_in_turn(
    *, endpoint_id: int, slot: Slot, limit: int, pause: timedelta, now: datetime
) -> list[ClaimedEvent]:
    """
    Lease what is due for a partner that counts requests; empty before its pause is over.

    The endpoint's row is the turn: whoever holds it claims, and everybody else passes by.
    """
    with transaction.atomic():
        is_my_turn = (
            models.Endpoint.objects.select_for_update(skip_locked=True)
            .filter(Q(next_request_at=None) | Q(next_request_at__lte=now), pk=endpoint_id)
            .exists()
        )
        if not is_my_turn:
            return []
        events = outbox.claim(slots=[slot], limit=limit, lease_seconds=LEASE_SECONDS, now=now)
        if events:
            models.Endpoint.objects.filter(pk=endpoint_id).update(next_request_at=now + pause)
    return events


def beat(*, now: datetime) -> None:
    """Note that somebody looked for work just now."""
    models.Pulse.objects.update_or_create(name=models.PULSE, defaults={"beat_at": now})


def breaker_of(endpoint: models.Endpoint) -> Breaker:
    """Return what a row says of its partner's breaker."""
    return Breaker(
        failures=endpoint.consecutive_failures,
        openings=endpoint.openings,
        opened_until=endpoint.opened_until,
    )


def breaker_fields(breaker: Breaker) -> dict[str, object]:
    """Return a breaker as columns of its endpoint."""
    return {
        "consecutive_failures": breaker.failures,
        "openings": breaker.openings,
        "opened_until": breaker.opened_until,
    }
