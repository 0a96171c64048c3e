"""What every way to reach a partner looks like, and what they all do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from tracking.delivery.types import AttemptOutcome, Parcel, Profile, Reply
from tracking.lib.outbound_http import OutboundClient, OutboundFailed, OutboundRefused

USER_AGENT = "ConsentManager/1"


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
    """One request's end; `status` is None without an answer, and `error` says why in one word."""

    status: int | None
    duration_ms: int
    error: str = ""
    retry_after: str = ""
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
) -> Exchange:
    """Make one request; whatever goes wrong is an Exchange too."""
    began = time.monotonic()
    try:
        answer = await client.request(
            method=method, url=url, headers={"User-Agent": USER_AGENT, **headers}, body=body
        )
    except OutboundRefused:
        return Exchange(status=None, duration_ms=_since(began), error="refused_address")
    except OutboundFailed as failure:
        return Exchange(status=None, duration_ms=_since(began), error=failure.reason)
    return Exchange(
        status=answer.status,
        duration_ms=_since(began),
        retry_after=answer.headers.get("retry-after", ""),
        body=answer.body,
    )


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
