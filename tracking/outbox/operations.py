"""The only writes of the outbox: append, claim, settle, confirm, replay, reseal."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tracking.lib import prepared, sealing
from tracking.lib.json_text import JSONObject
from tracking.outbox import hints, models
from tracking.outbox.types import (
    ClaimedEvent,
    News,
    Outcome,
    Settlement,
    Slot,
    Told,
    sealing_context,
)

logger = logging.getLogger(__name__)

_APPEND = """
INSERT INTO outbox_outboxevent AS event
  (site_id, addressee, subject, kind, occasion, desired_version, acked_version, payload, sealed,
   message_key, state, outcome, attempts, due_at, next_attempt_at, ticket, created_at,
   trying_since)
SELECT %(site_id)s, news.addressee, news.subject, news.kind, news.occasion, news.version, 0,
       news.payload, news.sealed, news.message_key, 'pending', '', 0, news.due_at, %(now)s, '',
       %(now)s, %(now)s
  FROM jsonb_to_recordset(%(news)s::jsonb)
       AS news (addressee text, subject text, kind text, occasion text, version bigint,
                payload jsonb, sealed jsonb, message_key uuid, due_at timestamptz,
                only_if_told boolean)
 WHERE NOT news.only_if_told
    OR EXISTS (SELECT FROM outbox_outboxevent told
                WHERE told.site_id = %(site_id)s AND told.addressee = news.addressee
                  AND told.subject = news.subject AND told.kind = news.kind)
 -- The order in which a settlement locks rows, too: two writers never wait for each other.
 ORDER BY news.addressee, news.subject, news.kind, news.occasion
ON CONFLICT (site_id, addressee, subject, kind, occasion) DO UPDATE
   SET desired_version = EXCLUDED.desired_version,
       payload = EXCLUDED.payload,
       -- What was to go with an unsaid message goes with the one that replaces it.
       sealed = CASE WHEN event.confirmed_at IS NULL
                     THEN event.sealed || EXCLUDED.sealed ELSE EXCLUDED.sealed END,
       message_key = EXCLUDED.message_key,
       state = 'pending', outcome = '', attempts = 0,
       next_attempt_at = EXCLUDED.next_attempt_at, ticket = '',
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
                            "occasion": item.occasion,
                            "version": item.version,
                            "payload": item.payload,
                            "sealed": item.sealed,
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


# What is leased is the oldest that is due, so it stands in front: whoever looks at no more than a
# slot allows sees how much of that is taken, and no index must know of leases. So a claim changes
# no index either. What a dead process held counts against nobody, and is free as soon as nothing
# of its can be on the way any more.
_CLAIM = """
WITH slot AS (
  SELECT * FROM unnest(%(sites)s::int[], %(addressees)s::text[], %(limits)s::int[])
                AS slot (site_id, addressee, most)
), living AS MATERIALIZED (
  SELECT array_agg(pid) AS pids FROM pg_stat_activity
), pick AS MATERIALIZED (
  SELECT due.id, slot.site_id, slot.addressee, due.next_attempt_at
    FROM living CROSS JOIN slot CROSS JOIN LATERAL (
      SELECT id, next_attempt_at FROM outbox_outboxevent
       WHERE id = ANY (ARRAY(
               SELECT id FROM outbox_outboxevent
                WHERE site_id = slot.site_id AND addressee = slot.addressee
                  AND state = 'pending' AND next_attempt_at <= %(now)s::timestamptz
                  AND (lease_until IS NULL OR lease_until < %(gone_before)s::timestamptz
                       OR lease_holder IS NULL OR lease_holder = ANY (living.pids))
                ORDER BY next_attempt_at, id LIMIT slot.most))
         -- Of the row as it is once locked: another claim may have come in between.
         AND state = 'pending' AND next_attempt_at <= %(now)s::timestamptz
         AND (lease_until IS NULL OR lease_until < %(now)s::timestamptz
              OR (lease_until < %(gone_before)s::timestamptz
                  AND lease_holder <> ALL (living.pids)))
       ORDER BY next_attempt_at, id LIMIT %(limit)s::int
         FOR UPDATE SKIP LOCKED) due
), fair AS (
  -- Everybody's first, then everybody's second, …: a long backlog waits behind nobody's turn.
  SELECT id, row_number() OVER (PARTITION BY site_id, addressee
                                ORDER BY next_attempt_at, id) AS turn
    FROM pick
)
UPDATE outbox_outboxevent event
   SET lease_token = %(token)s::uuid, lease_until = %(lease_until)s::timestamptz,
       lease_holder = pg_backend_pid(), attempts = attempts + 1
 WHERE event.id = ANY (ARRAY(SELECT id FROM fair ORDER BY turn LIMIT %(limit)s::int))
RETURNING event.id, event.site_id, event.addressee, event.subject, event.kind,
          event.desired_version, event.payload::text, event.sealed::text, event.ticket,
          event.message_key, event.attempts, extract(epoch FROM event.trying_since)::float8
"""


def claim(
    *,
    slots: Sequence[Slot],
    limit: int,
    lease_seconds: float,
    now: datetime,
    longest_seconds: float | None = None,
) -> list[ClaimedEvent]:
    """
    Lease what is due for these addressees, at most `limit` events, and return them.

    One statement: two processes never get the same event, and neither waits for the other. What a
    slot allows counts the leases of every process; two claims in the same instant may exceed it
    once, and so may a newer version of what is out. A lease that ran out is free again, whatever
    became of its holder; that of a holder whose connection is gone after `longest_seconds`, the
    longest that telling can take (else after the whole lease).
    """
    if not slots or limit < 1:
        return []
    token, lease_until = uuid.uuid4(), now + timedelta(seconds=lease_seconds)
    longest_seconds = lease_seconds if longest_seconds is None else longest_seconds
    with connection.cursor() as cursor, connection.wrap_database_errors:
        rows = prepared.execute(
            cursor,
            _CLAIM,
            {
                "sites": [slot.site_id for slot in slots],
                "addressees": [slot.addressee for slot in slots],
                "limits": [slot.limit for slot in slots],
                "limit": limit,
                "now": now,
                "token": token,
                "lease_until": lease_until,
                "gone_before": lease_until - timedelta(seconds=longest_seconds),
            },
        ).fetchall()
    return [_claimed(row, token, lease_until) for row in rows]


def _claimed(row: tuple[Any, ...], token: uuid.UUID, lease_until: datetime) -> ClaimedEvent:
    return ClaimedEvent(
        id=row[0],
        site_id=row[1],
        addressee=row[2],
        subject=row[3],
        kind=row[4],
        version=row[5],
        payload=JSONObject(row[6]),
        sealed={} if row[7] == "{}" else json.loads(row[7]),
        ticket=row[8],
        message_key=row[9],
        attempts=row[10],
        trying_since=datetime.fromtimestamp(row[11], UTC),
        lease_token=token,
        lease_until=lease_until,
    )


# Before anything is changed, and in the order in which appends lock: nothing can deadlock.
_HOLD = """
SELECT event.id, event.desired_version, event.confirmed_at IS NULL
  FROM outbox_outboxevent event
  JOIN unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS mine (id, lease_token)
    ON event.id = mine.id AND event.lease_token = mine.lease_token
 ORDER BY event.site_id, event.addressee, event.subject, event.kind, event.occasion
   FOR UPDATE OF event
"""

# Not `is_newest`: a newer version that arrived meanwhile keeps its own outcome and its own next
# attempt, as its append wrote them; so does what the addressee has confirmed meanwhile.
_SETTLE = """
UPDATE outbox_outboxevent event
   SET lease_token = NULL, lease_until = NULL, lease_holder = NULL,
       acked_version = CASE WHEN done.is_told THEN GREATEST(acked_version, done.version)
                            WHEN done.is_newest THEN LEAST(acked_version, done.version - 1)
                            ELSE acked_version END,
       outcome = CASE WHEN done.is_newest THEN done.outcome ELSE event.outcome END,
       ticket = CASE WHEN done.is_newest THEN done.ticket ELSE event.ticket END,
       state = CASE WHEN done.is_newest AND done.is_dead THEN 'dead' ELSE state END,
       next_attempt_at = CASE WHEN done.is_newest THEN done.next_attempt_at
                              ELSE event.next_attempt_at END,
       -- Taken: from now on it is the question after the ticket that is counted and timed.
       attempts = CASE WHEN done.is_newest AND done.is_told AND event.ticket = '' THEN 0
                       ELSE attempts END,
       trying_since = CASE WHEN done.is_newest AND done.is_told AND event.ticket = ''
                           THEN %(now)s::timestamptz ELSE trying_since END,
       accepted_at = CASE WHEN NOT done.is_newest THEN accepted_at
                          WHEN done.is_told THEN COALESCE(accepted_at, %(now)s::timestamptz) END,
       confirmed_at = CASE WHEN done.is_newest AND done.is_confirmed THEN %(now)s::timestamptz
                           ELSE confirmed_at END,
       sealed = CASE WHEN done.is_newest AND done.is_confirmed THEN '{}' ELSE sealed END
  FROM jsonb_to_recordset(%(done)s::jsonb)
       AS done (id bigint, version bigint, outcome text, is_told boolean, is_confirmed boolean,
                ticket text, next_attempt_at timestamptz, is_dead boolean, is_newest boolean)
 WHERE event.id = done.id
"""


def settle(*, settlements: Sequence[Settlement], now: datetime) -> frozenset[int]:
    """
    Note how events ended, all at once; return the ids of those that were still leased to us.

    The others were lost to somebody else, who will tell them again: nothing of them is changed. An
    addressee's own word that came before the answer to the sending stays.
    """
    if not settlements:
        return frozenset()
    # Part of the caller's transaction where there is one, without a savepoint of its own.
    with (
        transaction.atomic(savepoint=False),
        connection.cursor() as cursor,
        connection.wrap_database_errors,
    ):
        rows = prepared.execute(
            cursor,
            _HOLD,
            {
                "ids": [done.event.id for done in settlements],
                "tokens": [done.event.lease_token for done in settlements],
            },
        ).fetchall()
        held = {row[0]: (row[1], row[2]) for row in rows}
        prepared.execute(
            cursor,
            _SETTLE,
            {
                "now": now,
                "done": json.dumps(
                    [
                        {
                            "id": done.event.id,
                            "version": done.event.version,
                            "outcome": done.outcome,
                            "is_told": done.is_told,
                            "is_confirmed": done.is_confirmed,
                            "ticket": done.ticket,
                            "next_attempt_at": done.next_attempt_at
                            and done.next_attempt_at.isoformat(),
                            "is_dead": done.is_dead,
                            "is_newest": held[done.event.id] == (done.event.version, True),
                        }
                        for done in settlements
                        if done.event.id in held
                    ]
                ),
            },
        )
    return frozenset(held)


_CONFIRM = """
UPDATE outbox_outboxevent
   SET acked_version = desired_version, state = 'pending', outcome = %(outcome)s,
       -- The ticket stays, so that it can be asked whether and when it was confirmed.
       next_attempt_at = NULL, sealed = '{}',
       accepted_at = COALESCE(accepted_at, %(now)s), confirmed_at = COALESCE(confirmed_at, %(now)s)
 WHERE site_id = %(site_id)s AND addressee = %(addressee)s AND {which}
"""


def confirm(
    *, site_id: int, addressee: str, message_key: uuid.UUID, outcome: Outcome, now: datetime
) -> bool:
    """
    Note the addressee's own word for the version that carries this key; safe to repeat.

    It may come before the answer to the sending itself. Returns False when no event of that
    addressee carries the key now: unknown, or a newer version has replaced it.
    """
    which = {"message_key": message_key}
    return _confirm(which, site_id=site_id, addressee=addressee, outcome=outcome, now=now) == 1


def confirm_ticket(
    *, site_id: int, addressee: str, ticket: str, outcome: Outcome, now: datetime
) -> int:
    """
    Note the addressee's own word for all that it took under one ticket; return how many that is.

    Safe to repeat; the time of the first word stays.
    """
    if not ticket:
        return 0
    which = {"ticket": ticket}
    return _confirm(which, site_id=site_id, addressee=addressee, outcome=outcome, now=now)


def _confirm(which: Mapping[str, Any], **values: Any) -> int:
    [column] = which
    statement = _CONFIRM.replace("{which}", f"{column} = %({column})s")
    with connection.cursor() as cursor:
        cursor.execute(statement, {**which, **values})
        return int(cursor.rowcount)


# A part at a time, in the order of the unique key: a backlog of a million is no million locks.
_REPLAY = """
WITH part AS (
  SELECT id, subject, kind, occasion FROM outbox_outboxevent
   WHERE site_id = %(site_id)s AND addressee = %(addressee)s
     AND (subject, kind, occasion) > (%(subject)s, %(kind)s, %(occasion)s)
     AND {which}
   ORDER BY subject, kind, occasion LIMIT %(limit)s
     FOR UPDATE
), changed AS (
  UPDATE outbox_outboxevent event
     SET {change}
         state = 'pending', attempts = 0, next_attempt_at = %(now)s, trying_since = %(now)s
    FROM part WHERE event.id = part.id
)
SELECT subject, kind, occasion FROM part ORDER BY subject, kind, occasion
"""
_REPLAY_UNSAID = _REPLAY.format(
    which="""acked_version < desired_version
     AND created_at >= COALESCE(%(since)s::timestamptz, '-infinity')
     AND created_at < COALESCE(%(until)s::timestamptz, 'infinity')""",
    change="",
)
_REPLAY_TOLD = _REPLAY.format(
    which="""acked_version = desired_version
     AND accepted_at >= COALESCE(%(since)s::timestamptz, '-infinity')
     AND accepted_at < COALESCE(%(until)s::timestamptz, 'infinity')""",
    # As much time as it had before: telling again is no breach of the first deadline.
    change="""acked_version = 0, outcome = '', accepted_at = NULL, confirmed_at = NULL,
       ticket = '', created_at = %(now)s, due_at = %(now)s + (due_at - created_at),""",
)
_REPLAY_PART = 5000


def replay(
    *,
    site_id: int,
    addressee: str,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    is_told_too: bool = False,
) -> int:
    """
    Make what is unsaid due now, also what was given up; return how many events that are.

    `since` and `until` bound when its oldest unsaid version was appended. With `is_told_too`, also
    tell again what the addressee accepted in that time (it lost its data, say). Keys stay the same,
    so that an addressee that did keep them sees a repetition.
    """
    values = {
        "site_id": site_id,
        "addressee": addressee,
        "now": now,
        "since": since,
        "until": until,
        "limit": _REPLAY_PART,
    }
    count = _replay(_REPLAY_UNSAID, values)
    if is_told_too:
        count += _replay(_REPLAY_TOLD, values)
    if count:
        transaction.on_commit(hints.hint)
    return count


def _replay(statement: str, values: Mapping[str, Any]) -> int:
    count, last = 0, ("", "", "")
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            place = dict(zip(("subject", "kind", "occasion"), last, strict=True))
            cursor.execute(statement, {**values, **place})
            rows = cursor.fetchall()
        count += len(rows)
        if len(rows) < _REPLAY_PART:
            return count
        last = rows[-1]


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
   SET lease_token = %(token)s, lease_until = %(lease_until)s, lease_holder = NULL,
       attempts = attempts + 1
  FROM pick
 WHERE event.id = pick.id
RETURNING event.id, event.site_id, event.addressee, event.subject, event.kind,
          event.desired_version, event.payload::text, event.sealed::text, event.ticket,
          event.message_key, event.attempts, extract(epoch FROM event.trying_since)::float8
"""


def claim_page(
    *, site_id: int, addressee: str, limit: int, lease_seconds: float, now: datetime
) -> list[ClaimedEvent]:
    """
    Lease what one addressee has not been told, all under one token, and return it.

    Pauses after failures do not count here: the addressee asks by itself. Two pages at the same
    time never hold the same event.
    """
    token, lease_until = uuid.uuid4(), now + timedelta(seconds=lease_seconds)
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_PAGE,
            {
                "site_id": site_id,
                "addressee": addressee,
                "limit": limit,
                "token": token,
                "now": now,
                "lease_until": lease_until,
            },
        )
        return [_claimed(row, token, lease_until) for row in cursor.fetchall()]


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
   SET lease_token = NULL, lease_until = NULL, lease_holder = NULL,
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
UPDATE outbox_outboxevent SET lease_token = NULL, lease_until = NULL, lease_holder = NULL
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


def reseal(*, keys: Mapping[str, bytes]) -> sealing.Resealed:
    """
    Seal what goes with events with the first key, each event in a transaction of its own.

    May be stopped and begun again. What changes meanwhile is found by the next run, if it needs it.
    """
    changed = unreadable = 0
    events = models.OutboxEvent.objects.exclude(sealed={}).order_by("pk")
    for event in events.only("site_id", "addressee", "subject", "sealed").iterator():
        context = sealing_context(
            site_id=event.site_id, addressee=event.addressee, subject=event.subject
        )
        anew: dict[str, str] = {}
        for name, sealed in event.sealed.items():
            try:
                text = sealing.reseal_text(sealed, keys=keys, context=context)
            except sealing.CannotOpen as error:
                logger.error("event %s cannot be sealed anew: %s", event.pk, error)
                unreadable += 1
            else:
                anew |= {name: text} if text is not None else {}
        if anew:
            same = models.OutboxEvent.objects.filter(pk=event.pk, sealed=event.sealed)
            changed += len(anew) * same.update(sealed={**event.sealed, **anew})
    return sealing.Resealed(changed=changed, unreadable=unreadable)


# Whoever it is that events were told to, without reading every event: from one to the next in the
# index of the unique key.
_COUNT_CONFIRMATIONS = """
WITH RECURSIVE known (site_id, addressee) AS (
  (SELECT site_id, addressee FROM outbox_outboxevent ORDER BY site_id, addressee LIMIT 1)
  UNION ALL
  SELECT following.site_id, following.addressee
    FROM known CROSS JOIN LATERAL (
      SELECT event.site_id, event.addressee FROM outbox_outboxevent event
       WHERE (event.site_id, event.addressee) > (known.site_id, known.addressee)
       ORDER BY event.site_id, event.addressee LIMIT 1) following
)
INSERT INTO outbox_confirmedhour (site_id, addressee, hour, confirmed, in_time)
SELECT known.site_id, known.addressee, date_trunc('hour', event.confirmed_at, 'UTC'), count(*),
       count(*) FILTER (WHERE event.confirmed_at <= event.due_at)
  FROM known
  JOIN outbox_outboxevent event
    ON event.site_id = known.site_id AND event.addressee = known.addressee
   AND event.confirmed_at >= %(since)s AND event.confirmed_at < %(until)s
 GROUP BY known.site_id, known.addressee, date_trunc('hour', event.confirmed_at, 'UTC')
ON CONFLICT DO NOTHING
"""
# A settlement carries its own `now`, and is committed a moment later.
_UNSETTLED = timedelta(minutes=5)
_KEEP_HOURS = timedelta(days=40)


def count_confirmations(*, now: datetime) -> None:
    """
    Count what was confirmed in the hours that are over and not counted yet; safe to repeat.

    One event counts in the hour in which its present version was confirmed.
    """
    until = (now - _UNSETTLED).replace(minute=0, second=0, microsecond=0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT max(hour) + interval '1 hour' FROM outbox_confirmedhour")
        [(since,)] = cursor.fetchall()
        cursor.execute(
            _COUNT_CONFIRMATIONS, {"since": since or until - _KEEP_HOURS, "until": until}
        )
        cursor.execute("DELETE FROM outbox_confirmedhour WHERE hour < %s", [until - _KEEP_HOURS])
