"""The only writes of the outbox: append, claim, settle, confirm, replay."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tracking.lib import prepared
from tracking.outbox import hints
from tracking.outbox.types import ClaimedEvent, News, Outcome, Slot, Told

_APPEND = """
INSERT INTO outbox_outboxevent AS event
  (site_id, addressee, subject, kind, desired_version, acked_version, payload, message_key,
   state, outcome, attempts, due_at, next_attempt_at, created_at,
   trying_since)
SELECT %(site_id)s, news.addressee, news.subject, news.kind, news.version, 0, news.payload,
       news.message_key, 'pending', '', 0, news.due_at, %(now)s, %(now)s, %(now)s
  FROM jsonb_to_recordset(%(news)s::jsonb)
       AS news (addressee text, subject text, kind text, version bigint, payload jsonb,
                message_key uuid, due_at timestamptz, only_if_told boolean)
 WHERE NOT news.only_if_told
    OR EXISTS (SELECT FROM outbox_outboxevent told
                WHERE told.site_id = %(site_id)s AND told.addressee = news.addressee
                  AND told.subject = news.subject AND told.kind = news.kind)
ON CONFLICT (site_id, addressee, subject, kind) DO UPDATE
   SET desired_version = EXCLUDED.desired_version,
       payload = EXCLUDED.payload,
       message_key = EXCLUDED.message_key,
       state = 'pending', outcome = '', attempts = 0,
       next_attempt_at = EXCLUDED.next_attempt_at,
       -- While something is unsaid, the first deadline and the first clock keep running.
       due_at = CASE WHEN event.acked_version < event.desired_version
                     THEN LEAST(event.due_at, EXCLUDED.due_at) ELSE EXCLUDED.due_at END,
       created_at = CASE WHEN event.acked_version < event.desired_version
                         THEN event.created_at ELSE EXCLUDED.created_at END,
       -- What had been given up gets its full time again.
       trying_since = CASE WHEN event.acked_version < event.desired_version
                            AND event.state = 'pending'
                           THEN event.trying_since ELSE EXCLUDED.trying_since END,
       accepted_at = NULL, confirmed_at = NULL
 WHERE EXCLUDED.desired_version > event.desired_version
"""


def append(*, site_id: int, news: Sequence[News], now: datetime) -> None:
    """
    Keep news until told. Runs inside the caller's transaction: both are kept, or neither.

    A version that is not newer than the row's changes nothing, so a late grant cannot overtake a
    revocation. After the commit a hint goes to the workers; if it is lost, the sweep finds the row.
    """
    if not news:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("outbox.append belongs in the transaction of what happened.")
    with connection.cursor() as cursor, connection.wrap_database_errors:
        prepared.execute(
            cursor,
            _APPEND,
            {
                "site_id": site_id,
                "now": now,
                # One value instead of an array per column: far cheaper to send and to plan.
                "news": json.dumps(
                    [
                        {
                            "addressee": item.addressee,
                            "subject": item.subject,
                            "kind": item.kind,
                            "version": item.version,
                            "payload": item.payload,
                            "message_key": str(uuid.uuid4()),
                            "due_at": item.due_at.isoformat(),
                            "only_if_told": item.only_if_told,
                        }
                        for item in news
                    ]
                ),
            },
        )
    transaction.on_commit(hints.hint)


_CLAIM = """
WITH slot AS (
  SELECT * FROM unnest(%(sites)s::int[], %(addressees)s::text[], %(limits)s::int[])
                AS slot (site_id, addressee, most)
), pick AS MATERIALIZED (
  SELECT due.id, due.site_id, due.addressee, due.next_attempt_at
    FROM slot CROSS JOIN LATERAL (
      SELECT event.id, event.site_id, event.addressee, event.next_attempt_at
        FROM outbox_outboxevent event
       WHERE event.site_id = slot.site_id AND event.addressee = slot.addressee
         AND event.acked_version < event.desired_version AND event.state = 'pending'
         AND event.next_attempt_at <= %(now)s
         AND (event.lease_until IS NULL OR event.lease_until < %(now)s)
       ORDER BY event.next_attempt_at
       LIMIT LEAST(%(limit)s, GREATEST(0, slot.most - (
         SELECT count(*) FROM outbox_outboxevent leased
          WHERE leased.site_id = slot.site_id AND leased.addressee = slot.addressee
            AND leased.lease_until >= %(now)s)))
         FOR UPDATE SKIP LOCKED) due
), fair AS (
  -- Everybody's first, then everybody's second, …: a long backlog waits behind nobody's turn.
  SELECT id, row_number() OVER (PARTITION BY site_id, addressee ORDER BY next_attempt_at) AS turn
    FROM pick
)
UPDATE outbox_outboxevent event
   SET lease_token = gen_random_uuid(), lease_until = %(lease_until)s, attempts = attempts + 1
 WHERE event.id IN (SELECT id FROM fair ORDER BY turn LIMIT %(limit)s)
RETURNING event.id, event.site_id, event.addressee, event.subject, event.kind,
          event.desired_version, event.payload::text, event.message_key, event.attempts,
          event.due_at, event.created_at, event.trying_since, event.lease_token,
          event.lease_until
"""


def claim(
    *, slots: Sequence[Slot], limit: int, lease_seconds: float, now: datetime
) -> list[ClaimedEvent]:
    """
    Lease what is due for these addressees, at most `limit` events, and return them.

    One statement: two processes never get the same event, and neither waits for the other. What a
    slot allows counts the leases of every process; two claims in the same instant may exceed it
    once. A lease that ran out is free again, whatever became of its holder.
    """
    if not slots or limit < 1:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "sites": [slot.site_id for slot in slots],
                "addressees": [slot.addressee for slot in slots],
                "limits": [slot.limit for slot in slots],
                "limit": limit,
                "now": now,
                "lease_until": now + timedelta(seconds=lease_seconds),
            },
        )
        return [
            ClaimedEvent(
                id=row[0],
                site_id=row[1],
                addressee=row[2],
                subject=row[3],
                kind=row[4],
                version=row[5],
                payload=json.loads(row[6]),
                message_key=row[7],
                attempts=row[8],
                due_at=row[9],
                created_at=row[10],
                trying_since=row[11],
                lease_token=row[12],
                lease_until=row[13],
            )
            for row in cursor.fetchall()
        ]


# In every settlement: only the holder of the lease, and a newer version that arrived meanwhile
# keeps its own outcome and its own next attempt, as its append wrote them.
_SETTLE_ACCEPTED = """
UPDATE outbox_outboxevent
   SET lease_token = NULL, lease_until = NULL,
       acked_version = GREATEST(acked_version, %(version)s),
       accepted_at = CASE WHEN desired_version = %(version)s
                          THEN COALESCE(accepted_at, %(now)s) ELSE accepted_at END,
       outcome = CASE WHEN desired_version = %(version)s AND confirmed_at IS NULL
                      THEN %(outcome)s ELSE outcome END,
       confirmed_at = CASE WHEN desired_version = %(version)s AND %(is_confirmed)s
                           THEN COALESCE(confirmed_at, %(now)s) ELSE confirmed_at END
 WHERE id = %(id)s AND lease_token = %(lease_token)s
"""

_SETTLE_FAILED = """
UPDATE outbox_outboxevent
   SET lease_token = NULL, lease_until = NULL,
       outcome = CASE WHEN desired_version = %(version)s AND acked_version < %(version)s
                      THEN %(outcome)s ELSE outcome END,
       next_attempt_at = CASE WHEN desired_version = %(version)s AND acked_version < %(version)s
                              THEN COALESCE(%(next_attempt_at)s, next_attempt_at)
                              ELSE next_attempt_at END,
       state = CASE WHEN desired_version = %(version)s AND acked_version < %(version)s
                         AND %(is_dead)s
                    THEN 'dead' ELSE state END
 WHERE id = %(id)s AND lease_token = %(lease_token)s
"""


def settle_accepted(*, event: ClaimedEvent, is_confirmed: bool, now: datetime) -> bool:
    """
    Note that the addressee took the claimed version; `is_confirmed` if its yes was final.

    Returns False, and changes nothing, when the lease was lost: somebody else will tell it again.
    """
    return _settle(
        _SETTLE_ACCEPTED,
        event,
        now=now,
        is_confirmed=is_confirmed,
        outcome=Outcome.CONFIRMED if is_confirmed else Outcome.ACCEPTED,
    )


def settle_failed(*, event: ClaimedEvent, outcome: Outcome, next_attempt_at: datetime) -> bool:
    """Note a failure and when to try again; False when the lease was lost."""
    return _settle(
        _SETTLE_FAILED, event, outcome=outcome, next_attempt_at=next_attempt_at, is_dead=False
    )


def settle_dead(*, event: ClaimedEvent, outcome: Outcome) -> bool:
    """Give up until a replay or a newer version; the event stays. False when the lease was lost."""
    return _settle(_SETTLE_FAILED, event, outcome=outcome, next_attempt_at=None, is_dead=True)


def _settle(statement: str, event: ClaimedEvent, **values: Any) -> bool:
    return _changes(
        statement,
        {"id": event.id, "lease_token": event.lease_token, "version": event.version, **values},
    )


_CONFIRM = """
UPDATE outbox_outboxevent
   SET acked_version = desired_version, state = 'pending', outcome = %(outcome)s,
       accepted_at = COALESCE(accepted_at, %(now)s), confirmed_at = COALESCE(confirmed_at, %(now)s)
 WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND message_key = %(message_key)s
"""


def confirm(
    *, site_id: int, addressee: str, message_key: uuid.UUID, outcome: Outcome, now: datetime
) -> bool:
    """
    Note the addressee's own word for the version that carries this key; safe to repeat.

    It may come before the answer to the sending itself. Returns False when no event of that
    addressee carries the key now: unknown, or a newer version has replaced it.
    """
    return _changes(
        _CONFIRM,
        {
            "site_id": site_id,
            "addressee": addressee,
            "message_key": message_key,
            "outcome": outcome,
            "now": now,
        },
    )


_REPLAY = """
UPDATE outbox_outboxevent
   SET state = 'pending', attempts = 0, next_attempt_at = %(now)s, trying_since = %(now)s
 WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND acked_version < desired_version
"""

_REPLAY_TOLD = """
UPDATE outbox_outboxevent
   SET acked_version = 0, outcome = '', accepted_at = NULL, confirmed_at = NULL,
       state = 'pending', attempts = 0, next_attempt_at = %(now)s, trying_since = %(now)s,
       created_at = %(now)s,
       -- As much time as it had before: telling again is no breach of the first deadline.
       due_at = %(now)s + (due_at - created_at)
 WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND acked_version = desired_version
   AND accepted_at >= %(since)s
"""


def replay(*, site_id: int, addressee: str, now: datetime, since: datetime | None = None) -> int:
    """
    Make everything unsaid due now, also what was given up; return how many events that are.

    With `since`, also tell again what the addressee accepted since then (it lost its data, say).
    Keys stay the same, so that an addressee that did keep them sees a repetition.
    """
    values: dict[str, Any] = {
        "site_id": site_id,
        "addressee": addressee,
        "now": now,
        "since": since,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_REPLAY, values)
        count = int(cursor.rowcount)
        if since is not None:
            cursor.execute(_REPLAY_TOLD, values)
            count += int(cursor.rowcount)
        if count:
            transaction.on_commit(hints.hint)
    return count


def _changes(statement: str, values: Mapping[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount == 1)


# --- what an addressee fetches itself, a page at a time

_CLAIM_PAGE = """
WITH pick AS MATERIALIZED (
  SELECT id FROM outbox_outboxevent
   WHERE site_id = %(site_id)s AND addressee = %(addressee)s
     AND state = 'pending' AND next_attempt_at IS NOT NULL AND acked_version < desired_version
     AND (lease_until IS NULL OR lease_until < %(now)s)
   ORDER BY next_attempt_at
   LIMIT %(limit)s
     FOR UPDATE SKIP LOCKED
)
UPDATE outbox_outboxevent event
   SET lease_token = %(token)s, lease_until = %(lease_until)s, attempts = attempts + 1
  FROM pick
 WHERE event.id = pick.id
RETURNING event.id, event.site_id, event.addressee, event.subject, event.kind,
          event.desired_version, event.payload::text, event.sealed::text, event.ticket,
          event.message_key, event.attempts, event.due_at, event.created_at, event.trying_since,
          event.lease_token, event.lease_until
"""


def claim_page(
    *, site_id: int, addressee: str, limit: int, lease_seconds: float, now: datetime
) -> list[ClaimedEvent]:
    """
    Lease what one addressee has not been told, all under one token, and return it.

    Pauses after failures do not count here: the addressee asks by itself. Two pages at the same
    time never hold the same event.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_PAGE,
            {
                "site_id": site_id,
                "addressee": addressee,
                "limit": limit,
                "token": uuid.uuid4(),
                "now": now,
                "lease_until": now + timedelta(seconds=lease_seconds),
            },
        )
        return [_claimed(row) for row in cursor.fetchall()]


# Only an append or a replay sets `attempts` to zero: what was on the page is not what is due now.
_SETTLE_PAGE = """
WITH page AS MATERIALIZED (
  SELECT id FROM outbox_outboxevent
   WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND lease_token = %(token)s
   -- The order in which appends lock: nothing can deadlock.
   ORDER BY subject, kind, occasion
     FOR UPDATE
)
UPDATE outbox_outboxevent event
   SET lease_token = NULL, lease_until = NULL,
       acked_version = desired_version, next_attempt_at = NULL,
       outcome = CASE WHEN confirmed_at IS NULL THEN %(outcome)s ELSE outcome END,
       accepted_at = COALESCE(accepted_at, %(now)s),
       confirmed_at = CASE WHEN %(is_confirmed)s THEN COALESCE(confirmed_at, %(now)s)
                           ELSE confirmed_at END,
       sealed = CASE WHEN %(is_confirmed)s THEN '{}' ELSE sealed END
  FROM page
 WHERE event.id = page.id AND event.attempts > 0
RETURNING event.id, event.desired_version, event.message_key
"""

_RELEASE_PAGE = """
UPDATE outbox_outboxevent SET lease_token = NULL, lease_until = NULL
 WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND lease_token = %(token)s
"""


def settle_page(
    *, site_id: int, addressee: str, token: uuid.UUID, is_confirmed: bool, now: datetime
) -> list[Told]:
    """
    Note that the addressee has everything that it got under this token; return what that was.

    What a newer version has replaced meanwhile is not among it: it is free for the next page. So
    is nothing that another page holds by now, and a token of somebody else changes nothing.
    """
    values: dict[str, Any] = {
        "site_id": site_id,
        "addressee": addressee,
        "token": token,
        "is_confirmed": is_confirmed,
        "outcome": Outcome.CONFIRMED if is_confirmed else Outcome.ACCEPTED,
        "now": now,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTLE_PAGE, values)
        told = [
            Told(event_id=row[0], version=row[1], message_key=row[2]) for row in cursor.fetchall()
        ]
        cursor.execute(_RELEASE_PAGE, values)
    return told
