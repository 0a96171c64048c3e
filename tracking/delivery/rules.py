"""When to send, when to send again, what an answer means. Pure; the schedule is data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from uuid import UUID

from tracking.delivery.types import (
    Acknowledgement,
    AttemptOutcome,
    Breaker,
    BreakerState,
    ConfirmsBy,
    EventStanding,
    Message,
    Profile,
    Recent,
    Reply,
    Verdict,
    WorkStatus,
)
from tracking.lib import strict_json
from tracking.outbox.types import (
    ClaimedEvent,
    Cursor,
    EventInfo,
    EventState,
    Outcome,
    Punctuality,
    Settlement,
    Which,
)

# Full jitter: a random moment within 1 s * 2^n, n failures so far, so that many events that failed
# together do not come back together.
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=15)
# After a day of trying, once an hour.
SLOW_AFTER = timedelta(hours=24)
SLOW_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=72)
# Partners may take weeks to erase; asking is cheap.
STOP_ASKING_AFTER = timedelta(days=60)
ASK_AGAIN_AFTER = timedelta(hours=1)
LONGEST_RETRY_AFTER = timedelta(hours=1)

FAILURES_TO_OPEN = 5
# Or when most of what is sent fails, though something gets through now and then.
WINDOW = timedelta(minutes=5)
WINDOW_LEAST_SENT = 10
WINDOW_MOST_FAILED = 0.7
FIRST_OPENING = timedelta(seconds=30)
# One probe is cheap; who is back should not wait long for what was kept for it.
LONGEST_OPENING = timedelta(seconds=40)

# How often the sweep finds what hints missed.
SWEEP = timedelta(seconds=3)
# Longer than a run waits for its last partners, when it does not look for more.
LOOKED_FOR_WITHIN = timedelta(seconds=15)
DONE_WITHIN = 2 * SWEEP

# A year, and a month to compare it with.
KEEP_TALLIES_FOR = timedelta(days=400)

ACKNOWLEDGEMENT_TYPE = "consent.acknowledged"
_OUTCOMES = {"done": True, "identifier_not_held": False}
_MESSAGE_KEY = re.compile(r"msg_[0-9a-f]{32}")
TEST_TYPE = "consent.test"
_CURSOR = re.compile(r"([a-z]{1,20})\.(\d{8}T\d{6}\.\d{6})\.(\d{1,18})", re.ASCII)

# Answers about us or our address, not about one message: every message would get them.
_MISDIRECTED = frozenset({401, 403, 404, 405, 407})
# Standard Webhooks: "come back later".
_LATER = frozenset({408, 425, 429})


class AcknowledgementInvalid(ValueError):
    """The body is no acknowledgement; the message says why."""


def message_id(key: UUID) -> str:
    """Return the `webhook-id`: the same on every retry of one version."""
    return f"msg_{key.hex}"


@cache
def classify(status: int | None) -> Verdict:
    """
    Return what an HTTP status means (None = no answer).

    Only 2xx is a yes, 410 says "never again" (Standard Webhooks 1.0.0), a redirect is a failure.
    What blames one message (400, 422, …) says nothing about the partner: it is there and answers.
    """
    if status is not None and 200 <= status < 300:
        return Verdict(outcome=AttemptOutcome.ACCEPTED, counts_against_partner=False)
    if status == 410:
        return Verdict(outcome=AttemptOutcome.GONE, counts_against_partner=True)
    if status in _MISDIRECTED:
        return Verdict(outcome=AttemptOutcome.REJECTED, counts_against_partner=True)
    if status is not None and 400 <= status < 500 and status not in _LATER:
        return Verdict(outcome=AttemptOutcome.REJECTED, counts_against_partner=False)
    return Verdict(outcome=AttemptOutcome.UNREACHABLE, counts_against_partner=True)


def judge(reply: Reply) -> Verdict:
    """Return what a reply means: what the transport read in it, or else its status."""
    if reply.outcome is None:
        return classify(reply.status)
    is_misdirected = reply.outcome is AttemptOutcome.REJECTED and reply.status in _MISDIRECTED
    return Verdict(
        outcome=reply.outcome,
        counts_against_partner=is_misdirected
        or reply.outcome in {AttemptOutcome.UNREACHABLE, AttemptOutcome.GONE},
    )


def settlement(
    *,
    event: ClaimedEvent,
    reply: Reply,
    confirms_by: ConfirmsBy,
    now: datetime,
    chance: float,
) -> Settlement:
    """
    Return what becomes of an event after a reply; `chance` is a random number from 0 to 1.

    Where a partner took a message and only the question after it fails, it stays taken: nothing is
    told twice for that, and its deadline runs on.
    """
    outcome = judge(reply).outcome
    match outcome:
        case AttemptOutcome.ACCEPTED:
            is_last = not reply.ticket and confirms_by is not ConfirmsBy.ACKNOWLEDGEMENT
            return Settlement(
                event=event,
                outcome=Outcome.CONFIRMED if is_last else Outcome.ACCEPTED,
                is_told=True,
                is_confirmed=is_last,
                ticket=reply.ticket,
                next_attempt_at=None if reply.check_after is None else now + reply.check_after,
            )
        case AttemptOutcome.DONE | AttemptOutcome.NOT_HELD | AttemptOutcome.NOT_NEEDED:
            return Settlement(event=event, outcome=_FINAL[outcome], is_told=True, is_confirmed=True)
        case AttemptOutcome.PENDING:
            return Settlement(
                event=event,
                outcome=Outcome.ACCEPTED,
                is_told=True,
                ticket=reply.ticket or event.ticket,
                next_attempt_at=now + (reply.check_after or ASK_AGAIN_AFTER),
            )
        case AttemptOutcome.FAILED | AttemptOutcome.GONE:
            # The partner's own last word: only a person can make another one of it.
            return Settlement(event=event, outcome=Outcome.REJECTED, is_told=False, is_dead=True)
        case AttemptOutcome.REJECTED | AttemptOutcome.UNREACHABLE:
            again = next_attempt_at(
                attempts=event.attempts,
                trying_since=event.trying_since,
                give_up_after=STOP_ASKING_AFTER if event.ticket else GIVE_UP_AFTER,
                retry_after=reply.retry_after,
                now=now,
                chance=chance,
            )
            return Settlement(
                event=event,
                outcome=Outcome.ACCEPTED if event.ticket else _FAILURES[outcome],
                is_told=bool(event.ticket),
                ticket=event.ticket,
                next_attempt_at=again,
                is_dead=again is None and not event.ticket,
            )


# What a request may come to that says nothing good of the partner; see `judge_request`.
FAILED_REQUESTS = frozenset({AttemptOutcome.UNREACHABLE, AttemptOutcome.GONE})


def judge_request(replies: Sequence[Reply]) -> Verdict:
    """Return what a request says of the partner: one good answer in it says that it is there."""
    verdicts = [judge(reply) for reply in replies]
    return min(verdicts, key=lambda verdict: verdict.counts_against_partner)


def window_start(moment: datetime) -> datetime:
    """Return the beginning of the five minutes that a moment lies in."""
    return moment - (moment - _EPOCH) % WINDOW


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINAL = {
    AttemptOutcome.DONE: Outcome.CONFIRMED,
    AttemptOutcome.NOT_HELD: Outcome.IDENTIFIER_NOT_HELD,
    AttemptOutcome.NOT_NEEDED: Outcome.NOT_NEEDED,
}
_LAST_WORDS = {
    Outcome.IDENTIFIER_NOT_HELD: EventStanding.NOT_HELD,
    Outcome.NOT_NEEDED: EventStanding.NOT_NEEDED,
}
_FAILURES = {
    AttemptOutcome.REJECTED: Outcome.REJECTED,
    AttemptOutcome.UNREACHABLE: Outcome.UNREACHABLE,
}


def next_attempt_at(
    *,
    attempts: int,
    trying_since: datetime,
    retry_after: str,
    now: datetime,
    chance: float,
    give_up_after: timedelta = GIVE_UP_AFTER,
) -> datetime | None:
    """
    Return when to send again after a failure, or None to give up until somebody replays it.

    `attempts` counts the one that just failed; `chance` is a random number from 0 to 1.
    """
    tried_for = now - trying_since
    if tried_for >= give_up_after:
        return None
    if tried_for >= SLOW_AFTER:
        # Spread over the hour's last tenth: hourly, yet not all at once.
        delay = SLOW_DELAY * (0.9 + 0.1 * chance)
    else:
        # 2^10 s is past the cap; the exponent must not run away.
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempts - 1, 10)) * chance
    asked = parse_retry_after(retry_after, now=now)
    return now + max(delay, min(asked, LONGEST_RETRY_AFTER))


def parse_retry_after(text: str, *, now: datetime) -> timedelta:
    """Return how long a `Retry-After` asks to wait, in seconds or as a date; zero if unreadable."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(timedelta(0), moment - now)


def breaker_state(breaker: Breaker, *, now: datetime) -> BreakerState:
    if breaker.opened_until is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < breaker.opened_until else BreakerState.PROBING


def places(breaker: Breaker, *, concurrency: int, now: datetime) -> int:
    """Return how many messages may be on their way to a partner at the same time."""
    match breaker_state(breaker, now=now):
        case BreakerState.CLOSED:
            return concurrency
        case BreakerState.PROBING:
            return 1
        case BreakerState.OPEN:
            return 0


def due_since(
    *, oldest: datetime | None, breaker: Breaker, next_request_at: datetime | None, now: datetime
) -> datetime | None:
    """
    Return since when a partner's oldest due event could have been sent, None = it cannot be now.

    Neither an open breaker nor the pause of a partner that counts requests is anybody's delay.
    """
    if oldest is None:
        return None
    moments = (oldest, breaker.opened_until, next_request_at)
    since = max(moment for moment in moments if moment is not None)
    return since if since <= now else None


def undone_since(
    *, due_since: datetime | None, is_leased: bool, last_success_at: datetime | None
) -> datetime | None:
    """
    Return since when nobody has done anything about what is due, None = somebody is at it.

    A long backlog is old and waits for its turn; that is no standstill.
    """
    if due_since is None or is_leased:
        return None
    return max(due_since, last_success_at or due_since)


def work_status(
    *, looked_for_at: datetime | None, undone_since: datetime | None, now: datetime
) -> WorkStatus:
    """Return whether partners are being told; a process that is up proves nothing."""
    if looked_for_at is None or now - looked_for_at > LOOKED_FOR_WITHIN:
        return WorkStatus.NOT_LOOKED_FOR
    if undone_since is not None and now - undone_since > DONE_WITHIN:
        return WorkStatus.NOT_DONE
    return WorkStatus.OK


def after_success() -> Breaker:
    """Return the breaker of a partner that answered yes: closed, all forgotten."""
    return Breaker()


def after_failure(
    breaker: Breaker, *, attempted_at: datetime, now: datetime, recent: Recent
) -> Breaker:
    """
    Return the breaker after one more failure; `recent` counts this one, too.

    It opens after FAILURES_TO_OPEN in a row, or when WINDOW_MOST_FAILED of what was sent lately
    failed, and for twice as long each time a probe fails. A sending that was on its way before it
    opened proves nothing new and does not prolong it.
    """
    failures = breaker.failures + 1
    was_on_its_way = breaker.opened_until is not None and attempted_at < breaker.opened_until
    is_mostly_failing = (
        recent.sent >= WINDOW_LEAST_SENT and recent.failed >= recent.sent * WINDOW_MOST_FAILED
    )
    if was_on_its_way or (failures < FAILURES_TO_OPEN and not is_mostly_failing):
        return Breaker(
            failures=failures, openings=breaker.openings, opened_until=breaker.opened_until
        )
    pause = min(LONGEST_OPENING, FIRST_OPENING * 2 ** min(breaker.openings, 10))
    return Breaker(failures=failures, openings=breaker.openings + 1, opened_until=now + pause)


def event_standing(event: EventInfo) -> EventStanding:
    """Return how far an event is."""
    if event.confirmed_at is not None:
        return _LAST_WORDS.get(event.outcome, EventStanding.CONFIRMED)
    if event.state is EventState.DEAD:
        return EventStanding.DEAD
    if event.acked_version >= event.desired_version:
        return EventStanding.AT_WORK if event.ticket else EventStanding.UNCONFIRMED
    return EventStanding.RETRYING if event.attempts else EventStanding.WAITING


def punctual_share(punctuality: Punctuality, *, overdue: int) -> float | None:
    """
    Return the share that was confirmed by its deadline, or None if nothing was due.

    What is overdue and still open counts as not in time; what has time left does not count yet.
    """
    total = punctuality.confirmed + overdue
    return punctuality.in_time / total if total else None


def cursor_text(cursor: Cursor) -> str:
    """Return a cursor as it stands in an address."""
    return f"{cursor.order}.{cursor.at.astimezone(UTC):%Y%m%dT%H%M%S.%f}.{cursor.id}"


def parse_cursor(text: str) -> Cursor | None:
    """Return the cursor that `cursor_text` wrote, or None."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        return None
    try:
        at = datetime.strptime(found[2], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        return Cursor(order=Which(found[1]), at=at, id=int(found[3]))
    except ValueError:
        return None


def parse_message_id(text: str) -> UUID | None:
    """Return the key in a `webhook-id`, with or without its prefix, or None if it is none."""
    text = text.strip()
    try:
        return UUID(text.removeprefix("msg_"))
    except ValueError:
        return None


def test_message(*, profile: Profile, key: UUID, subject: str, now: datetime) -> Message:
    """
    Return a message about nobody, with the identifiers that a profile names as its sample.

    Where a partner is told by identifiers of its own, none of ours harms anybody who has another:
    there it is a withdrawal like any other. Where a partner reads the message itself, its type says
    that it is a test.
    """
    return Message(
        key=key,
        subject=subject,
        payload={
            "type": "consent.revoked" if profile.sample else TEST_TYPE,
            "timestamp": now.isoformat(timespec="seconds"),
            "data": {
                "subject": subject,
                "version": 1,
                "decided_at": now.isoformat(timespec="seconds"),
                "due_at": (now + timedelta(days=1)).isoformat(timespec="seconds"),
                "notice": {"number": 0, "hash": ""},
                "withdrawn": {"purposes": ["test"], "data_items": []},
                "granted": {"purposes": [], "data_items": []},
            },
        },
        identifiers=dict(profile.sample or {}),
    )


def parse_acknowledgement(body: bytes) -> Acknowledgement:
    """
    Read a partner's acknowledgement.

    Shape: `{"type": "consent.acknowledged", "timestamp": …, "data": {"id": "msg_…", "outcome":
    "done" | "identifier_not_held"}}`; `timestamp` may be left out, nothing else may be added.

    :raises AcknowledgementInvalid: for anything else
    """
    try:
        value = strict_json.loads(body)
    except strict_json.InvalidJSON as error:
        raise AcknowledgementInvalid(str(error)) from error
    if not isinstance(value, dict) or not {"type", "data"} <= value.keys() <= {
        "type",
        "timestamp",
        "data",
    }:
        raise AcknowledgementInvalid("The body needs `type` and `data`, and may have `timestamp`.")
    if value["type"] != ACKNOWLEDGEMENT_TYPE:
        raise AcknowledgementInvalid(f"`type` must be {ACKNOWLEDGEMENT_TYPE}.")
    if not isinstance(value.get("timestamp", ""), str):
        raise AcknowledgementInvalid("`timestamp` must be a text.")
    data = value["data"]
    if not isinstance(data, dict) or data.keys() != {"id", "outcome"}:
        raise AcknowledgementInvalid("`data` needs `id` and `outcome`, and nothing else.")
    return Acknowledgement(message_key=_message_key(data), is_held=_is_held(data))


def _message_key(data: Mapping[str, object]) -> UUID:
    key = data["id"]
    if not isinstance(key, str) or not _MESSAGE_KEY.fullmatch(key):
        raise AcknowledgementInvalid("`id` must be the webhook-id of a message of ours.")
    return UUID(hex=key.removeprefix("msg_"))


def _is_held(data: Mapping[str, object]) -> bool:
    outcome = data["outcome"]
    if not isinstance(outcome, str) or outcome not in _OUTCOMES:
        raise AcknowledgementInvalid("`outcome` must be done or identifier_not_held.")
    return _OUTCOMES[outcome]
