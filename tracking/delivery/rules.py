"""When to send, when to send again, what an answer means. Pure; the schedule is data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from tracking.delivery.types import (
    Acknowledgement,
    AttemptOutcome,
    Breaker,
    BreakerState,
    Verdict,
)
from tracking.lib import strict_json

# Full jitter: a random moment within 1 s * 2^n, n failures so far, so that many events that failed
# together do not come back together.
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=15)
# After a day of trying, once an hour.
SLOW_AFTER = timedelta(hours=24)
SLOW_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=72)
LONGEST_RETRY_AFTER = timedelta(hours=1)

FAILURES_TO_OPEN = 5
FIRST_OPENING = timedelta(seconds=30)
LONGEST_OPENING = timedelta(minutes=10)

ACKNOWLEDGEMENT_TYPE = "consent.acknowledged"
_OUTCOMES = {"done": True, "identifier_not_held": False}
_MESSAGE_KEY = re.compile(r"msg_[0-9a-f]{32}")

# Answers about us or our address, not about one message: every message would get them.
_MISDIRECTED = frozenset({401, 403, 404, 405, 407})
# Standard Webhooks: "come back later".
_LATER = frozenset({408, 425, 429})


class AcknowledgementInvalid(ValueError):
    """The body is no acknowledgement; the message says why."""


def message_id(key: UUID) -> str:
    """Return the `webhook-id`: the same on every retry of one version."""
    return f"msg_{key.hex}"


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


def next_attempt_at(
    *, attempts: int, trying_since: datetime, retry_after: str, now: datetime, chance: float
) -> datetime | None:
    """
    Return when to send again after a failure, or None to give up until somebody replays it.

    `attempts` counts the one that just failed; `chance` is a random number from 0 to 1.
    """
    tried_for = now - trying_since
    if tried_for >= GIVE_UP_AFTER:
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


def after_success() -> Breaker:
    """Return the breaker of a partner that answered yes: closed, all forgotten."""
    return Breaker()


def after_failure(breaker: Breaker, *, attempted_at: datetime, now: datetime) -> Breaker:
    """
    Return the breaker after one more failure.

    It opens after FAILURES_TO_OPEN in a row, and for twice as long each time a probe fails. A
    sending that was on its way before it opened proves nothing new and does not prolong it.
    """
    failures = breaker.failures + 1
    was_on_its_way = breaker.opened_until is not None and attempted_at < breaker.opened_until
    if failures < FAILURES_TO_OPEN or was_on_its_way:
        return Breaker(
            failures=failures, openings=breaker.openings, opened_until=breaker.opened_until
        )
    pause = min(LONGEST_OPENING, FIRST_OPENING * 2 ** min(breaker.openings, 10))
    return Breaker(failures=failures, openings=breaker.openings + 1, opened_until=now + pause)


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
