"""What the outbox keeps, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class EventState(StrEnum):
    """PENDING covers both "to be sent" and "sent, all versions acknowledged"."""

    PENDING = "pending"
    DEAD = "dead"


class Outcome(StrEnum):
    """How the last attempt ended, or what the addressee said later."""

    NONE = ""
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    IDENTIFIER_NOT_HELD = "identifier_not_held"
    NOT_NEEDED = "not_needed"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """
    What `append` takes: tell `addressee` about `subject`.

    One row is kept per (site, addressee, subject, kind, occasion): a newer version replaces what
    was still unsaid. News that nothing may replace names an occasion of its own. `only_if_told`:
    keep silent towards an addressee that never heard of the subject. `sealed` goes with it and is
    forgotten when the addressee has confirmed.
    """

    addressee: str
    subject: str
    kind: str
    version: int
    payload: Mapping[str, Any]
    due_at: datetime
    occasion: str = ""
    only_if_told: bool = False
    sealed: Mapping[str, str] = field(default_factory=dict)


def sealing_context(*, site_id: int, addressee: str, subject: str) -> str:
    """Return the context under which the values in `News.sealed` are sealed."""
    return f"outbox:{site_id}:{addressee}:{subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStatus:
    """How far one addressee is; times are UTC, None = not yet."""

    addressee: str
    subject: str
    kind: str
    desired_version: int
    acked_version: int
    state: EventState
    outcome: Outcome
    due_at: datetime
    trying_since: datetime
    accepted_at: datetime | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """How many events of one addressee may be out at the same time, over all processes."""

    site_id: int
    addressee: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedEvent:
    """
    A leased event: whoever holds `lease_token` may settle it until `lease_until`.

    With a `ticket` it has been taken, and what is due is the question what became of it. `attempts`
    counts this one too; `trying_since` is the clock of giving up.
    """

    id: int
    site_id: int
    addressee: str
    subject: str
    kind: str
    version: int
    payload: Mapping[str, Any]
    sealed: Mapping[str, str]
    ticket: str
    message_key: UUID
    attempts: int
    trying_since: datetime
    lease_token: UUID
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    How telling an event, or asking after it, ended.

    `is_told`: the addressee has this version; `is_confirmed`: and that was its last word. `ticket`
    is its name for what it still works on. `next_attempt_at` is when to act again, None = not by
    ourselves; `is_dead` then says that we gave up.
    """

    event: ClaimedEvent
    outcome: Outcome
    is_told: bool
    is_confirmed: bool = False
    ticket: str = ""
    next_attempt_at: datetime | None = None
    is_dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    What one addressee is still owed or still owes us; None = nothing of that sort.

    `waiting` and `dead` are unsaid; `unconfirmed` was accepted and waits for the addressee's own
    confirmation; `overdue` is any of it past its deadline.
    """

    site_id: int
    addressee: str
    waiting: int = 0
    dead: int = 0
    overdue: int = 0
    oldest_unsaid_at: datetime | None = None
    oldest_due_at: datetime | None = None
    unconfirmed: int = 0
    oldest_unconfirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """
    What one addressee could be told, or be asked, at this moment.

    `since` is when the oldest of it became due, None = nothing is; `is_leased` says that somebody
    is telling the addressee something else just now.
    """

    since: datetime | None = None
    is_leased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One version of an event that its addressee has fetched."""

    event_id: int
    version: int
    message_key: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest version of what one subject's addressee should know, told or not."""

    subject: str
    version: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketStatus:
    """
    What is left of the events that an addressee took under one ticket.

    `events` still carry it and no newer version; `confirmed_at` is when the last of them was
    confirmed, None = not all of them.
    """

    events: int
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInfo:
    """
    One event as an operator sees it: neither the subject nor what is told. Times are UTC.

    `next_attempt_at` is None when nothing is left to do by itself; `ticket` is the addressee's name
    for what it has taken; `created_at` is when the oldest unsaid version was appended.
    """

    id: int
    site_id: int
    addressee: str
    kind: str
    message_key: UUID
    state: EventState
    outcome: Outcome
    desired_version: int
    acked_version: int
    attempts: int
    ticket: str
    created_at: datetime
    due_at: datetime
    next_attempt_at: datetime | None
    accepted_at: datetime | None
    confirmed_at: datetime | None


class Which(StrEnum):
    """
    Which events of an addressee to list, and in which order.

    OPEN: not confirmed, the nearest deadline first. OVERDUE: those past it. DEAD: given up, the
    oldest first. CONFIRMED: the latest first. ALL: the open ones, then the confirmed.
    """

    OPEN = "open"
    OVERDUE = "overdue"
    DEAD = "dead"
    CONFIRMED = "confirmed"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last event of a page: the order it was in, its time in that order, its id."""

    order: Which
    at: datetime
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """`after` leads on to the next page, None = there is none."""

    events: tuple[EventInfo, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateDay:
    """
    A day on which an addressee confirmed something past its deadline, or on which a deadline passed
    that it has not kept to this moment.
    """

    addressee: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuality:
    """Events that were confirmed in a time, and those of them by their deadline."""

    confirmed: int
    in_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayable:
    """What a replay would send: given up, waiting anyway, and accepted before."""

    dead: int
    waiting: int
    told: int
