"""How an entrustment and an exception stand, and which numbers are too small to tell. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from tracking.ledgers.types import ContractState, ExceptionState, Period
from tracking.registry.types import EntrustmentInfo, ExceptionInfo

# As for the opt-in rates (policy Article 8). Whoever may see this page may also export every line:
# this guards screens and pictures of them.
SMALLEST = 10

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


def contract_state(*, info: EntrustmentInfo, today: date) -> ContractState:
    """Say how an entrustment stands (policy Article 3: necessary and appropriate supervision)."""
    if not info.contract_ref.strip():
        return ContractState.MISSING
    if info.review_on is None:
        return ContractState.UNDATED
    return ContractState.OVERDUE if info.review_on < today else ContractState.FINE


def exception_state(*, info: ExceptionInfo, now: datetime) -> ExceptionState:
    """Say whether an exception holds, or what ended it."""
    if info.is_live(now=now):
        return ExceptionState.LIVE
    ended = info.ended_at is not None and info.ended_at < info.expires_at
    return ExceptionState.ENDED if ended else ExceptionState.EXPIRED


def tell(count: int) -> int | None:
    """Return a number, or None for some that are too few to be told of."""
    return None if 0 < count < SMALLEST else count


def parse_period(*, since: str, until: str) -> Period:
    """
    Return the days of whole months such as 2026-11, both included; an empty end is open.

    Whole months, so that the difference of two periods is not a single day.

    :raises ValueError: if an end names no month, or they are in the wrong order
    """
    first = _month(since) if since else None
    last = _next(_month(until)) - timedelta(days=1) if until else None
    if first is not None and last is not None and first > last:
        raise ValueError("The period ends before it begins.")
    return Period(since=first, until=last)


def _month(text: str) -> date:
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError("A month is written like 2026-11.")
    return date(int(found[1]), int(found[2]), 1)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
