"""What a token is made of, and what it may do."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from tracking.access.types import ApiTokenInfo, Scope, State

# Programs that look for lost secrets know a token by how it begins.
PREFIX = "cmt_"
TOKEN_BYTES = 32
TAIL_LENGTH = 4
MOST_NAME = 100
# How long a token can be made for, in days; None = until somebody revokes it.
LIFETIMES: dict[str, int | None] = {"90": 90, "365": 365, "none": None}

_TOKEN = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * TOKEN_BYTES}}}")


def is_token(text: str) -> bool:
    """Return whether this looks like a token."""
    return _TOKEN.fullmatch(text) is not None


def digest(token: str) -> str:
    """
    Return the SHA-256 under which a token is kept, in hex.

    A token is 32 random bytes, so nothing slower is needed, and how long it takes to find a digest
    says nothing about the token.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def expiry(*, lifetime: str, now: datetime) -> datetime | None:
    """Return when a token ends; the shortest time where there is no such lifetime."""
    days = LIFETIMES.get(lifetime, min(filter(None, LIFETIMES.values())))
    return None if days is None else now + timedelta(days=days)


def state(*, token: ApiTokenInfo, now: datetime) -> State:
    """Return how a token stands."""
    if token.revoked_at is not None:
        return State.REVOKED
    if token.expires_at is not None and token.expires_at <= now:
        return State.EXPIRED
    return State.LIVE


def is_allowed(*, token: ApiTokenInfo, scope: Scope, site: str) -> bool:
    """Return whether a live token may do this for the site of this code."""
    return scope in token.scopes and token.site in (None, site)
