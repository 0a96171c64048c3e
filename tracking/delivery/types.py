"""How partners are told and how it went, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class EndpointState(StrEnum):
    """PAUSED by an operator; GONE since the partner answered 410."""

    ACTIVE = "active"
    PAUSED = "paused"
    GONE = "gone"


class ConfirmsBy(StrEnum):
    """RESPONSE: a 2xx is the partner's last word. ACKNOWLEDGEMENT: it reports back when done."""

    RESPONSE = "response"
    ACKNOWLEDGEMENT = "acknowledgement"


class Transport(StrEnum):
    """The ways to reach a partner; one file each in `transports/`."""

    WEBHOOK = "webhook"


class BreakerState(StrEnum):
    """OPEN: nothing is sent. PROBING: one message at a time, to see whether the partner is back."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class AttemptOutcome(StrEnum):
    """How one sending ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One sending, ready to go. `secrets` sign it: the current one first."""

    transport: Transport
    url: str
    secrets: tuple[str, ...]
    key: UUID
    payload: Mapping[str, Any]
    attempted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What came back from a sending.

    `status` is None when nothing did, and `error` says why in one word; `retry_after` is the
    partner's header as sent.
    """

    status: int | None
    duration_ms: int
    error: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reply means; `counts_against_partner` moves the breaker."""

    outcome: AttemptOutcome
    counts_against_partner: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """`openings` counts how often in a row it opened."""

    failures: int = 0
    openings: int = 0
    opened_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A partner's own report on the message `message_key`."""

    message_key: UUID
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one run did: events sent, and how many of them were accepted."""

    sent: int
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointInfo:
    """Where a partner is told; the secrets never leave the room."""

    partner: str
    url: str
    transport: Transport
    state: EndpointState
    confirms_by: ConfirmsBy
    concurrency: int
    is_rotating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerHealth:
    """
    One partner's standing for operators. `state` is None without an endpoint: its news wait.

    `waiting` and `dead` are untold events, `overdue` of them past their deadline; `unconfirmed`
    were accepted and lack the partner's own confirmation. Times are UTC, None = nothing such.
    """

    partner: str
    legal_name: Mapping[str, str]
    state: EndpointState | None
    confirms_by: ConfirmsBy | None
    breaker: BreakerState
    opened_until: datetime | None
    consecutive_failures: int
    last_success_at: datetime | None
    waiting: int
    dead: int
    overdue: int
    oldest_unsaid_at: datetime | None
    oldest_due_at: datetime | None
    unconfirmed: int
    oldest_unconfirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptInfo:
    """One sending as it happened."""

    message_key: UUID
    version: int
    attempted_at: datetime
    outcome: AttemptOutcome
    http_status: int | None
    duration_ms: int
    error_class: str
