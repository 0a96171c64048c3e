"""What every way to reach a partner looks like, and what they all do."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from tracking.delivery import rules
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Place, Profile, Reply
from tracking.lib.outbound_http import (
    MAX_BODY_BYTES,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
)

USER_AGENT = "ConsentManager/1"
# For answers that list every identifier of a job.
LONG_ANSWER_BYTES = 4 * 1024 * 1024

SECRET_UNREADABLE = Reply(status=None, duration_ms=0, error="secret_unreadable")
# The way of sending is an extra that was not installed.
LIBRARY_MISSING = Reply(status=None, duration_ms=0, error="library_missing")
NOT_HELD = Reply(status=None, duration_ms=0, outcome=AttemptOutcome.NOT_HELD)

# What goes into a URL path and a column of ours.
_TICKET = re.compile(r"[!-~]{1,200}")

K = TypeVar("K", bound=Hashable)


class Send(Protocol):
    """
    Send one parcel and return a reply for each of its messages, in their order.

    Whatever goes wrong on the way is a Reply too, with `status=None` and one word in `error`: the
    schedule decides what happens next, not the transport. A message may be sent again, so the
    receiver must be able to tell a repetition, or repeating must do no harm. Every message has an
    identifier of `Profile.needs` by then, and is a grant only where the profile hears them.
    """

    async def __call__(self, *, parcel: Parcel, client: OutboundClient) -> Sequence[Reply]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """
    One transport. `check` asks what became of messages that carry a `ticket`; it answers PENDING,
    DONE, FAILED, NOT_HELD or a failure to ask. `is_usable_secret` where a pattern is not enough.
    """

    profile: Profile
    send: Send
    check: Send | None = None
    is_usable_secret: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    One request's end; `status` is None without an answer, and `error` says why in one word.

    Header names are lower case.
    """

    status: int | None
    duration_ms: int
    error: str = ""
    retry_after: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, or None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def under(self, *names: str) -> Any:
        """Return what lies under these names in the JSON, or None if there is no such thing."""
        value = self.json()
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def ticket(self, *names: str) -> str:
        """Return the partner's name for the work, or "" if the answer has none that can be kept."""
        value = self.under(*names)
        return value if isinstance(value, str) and _TICKET.fullmatch(value) else ""

    def unreadable(self) -> Reply:
        """
        Return what to say of an answer without the promised content.

        A 2xx of a login page or a proxy is no yes: it is tried again.
        """
        if not self.is_ok:
            return self.reply()
        return self.reply(outcome=AttemptOutcome.UNREACHABLE, error="unreadable_answer")

    def reply(
        self,
        *,
        outcome: AttemptOutcome | None = None,
        error: str = "",
        ticket: str = "",
        check_after: timedelta | None = None,
    ) -> Reply:
        """Return what this exchange says of one message."""
        return Reply(
            status=self.status,
            duration_ms=self.duration_ms,
            error=error or self.error,
            retry_after=self.retry_after,
            outcome=outcome,
            ticket=ticket,
            check_after=check_after,
        )


async def call(
    client: OutboundClient,
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    method: str = "POST",
    most_bytes: int = MAX_BODY_BYTES,
) -> Exchange:
    """Make one request; whatever goes wrong is an Exchange too."""
    began = time.monotonic()
    try:
        answer = await client.request(
            method=method,
            url=url,
            headers={"User-Agent": USER_AGENT, **headers},
            body=body,
            most_bytes=most_bytes,
        )
    except OutboundRefused:
        return Exchange(status=None, duration_ms=_since(began), error="refused_address")
    except OutboundFailed as failure:
        return Exchange(status=None, duration_ms=_since(began), error=failure.reason)
    return Exchange(
        status=answer.status,
        duration_ms=_since(began),
        retry_after=answer.headers.get("retry-after", ""),
        headers=answer.headers,
        body=answer.body,
    )


async def each_group(
    messages: Sequence[Message],
    *,
    by: Callable[[Message], K],
    ask: Callable[[K, Sequence[Message]], Awaitable[Reply]],
    pause: timedelta = timedelta(0),
) -> list[Reply]:
    """
    Make one request for all messages with the same `by`; return a reply for each, in their order.

    Where one request gets no usable answer, the others are not made and get the same reply: a
    partner that is away or counts requests is not asked again at once.
    """
    groups: dict[K, list[Message]] = {}
    for message in messages:
        groups.setdefault(by(message), []).append(message)
    replies: dict[K, Reply] = {}
    last: Reply | None = None
    for key, group in groups.items():
        if last is None or not is_away(last):
            if last is not None:
                await asyncio.sleep(pause.total_seconds())
            last = await ask(key, group)
        replies[key] = last
    return [replies[by(message)] for message in messages]


def is_away(reply: Reply) -> bool:
    """Tell whether nobody answered, or only to say: later."""
    outcome = reply.outcome or rules.classify(reply.status).outcome
    return outcome is AttemptOutcome.UNREACHABLE


def usable_secret(place: Place, profile: Profile) -> str | None:
    """Return the credential in use, or None if it has not the shape that the profile asks for."""
    secret = place.secrets[0] if place.secrets else ""
    pattern = profile.secret.pattern if profile.secret else ""
    return secret if re.fullmatch(pattern, secret, re.DOTALL) else None


def to_all(parcel: Parcel, reply: Reply) -> list[Reply]:
    return [reply] * len(parcel.messages)


def basic(secret: str) -> str:
    """Return the Authorization header for `id:secret` (RFC 7617)."""
    return f"Basic {base64.b64encode(secret.encode()).decode()}"


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
