"""Tokens for machines that read numbers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

# The right to see which tokens there are.
PERMISSION = "access.view_apitoken"
# The right to make and to revoke them.
CHANGE_PERMISSION = "access.change_apitoken"


class Scope(StrEnum):
    """What a token may do."""

    INSIGHTS_READ = "insights:read"


class State(StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenInfo:
    """
    What is known of a token; the token itself is kept nowhere.

    `site` is a site's code, None = all sites; `tail` the token's last characters;
    `last_used_on` a day in UTC.
    """

    id: int
    name: str
    tail: str
    scopes: frozenset[Scope]
    site: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiToken:
    """A token that was just made. This is the only time that it can be read."""

    name: str
    token: str = field(repr=False)
    scopes: frozenset[Scope]
    site: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    """What was written into the form, and the codes of what is wrong with it, by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset(Scope)
    faults: Mapping[str, object] = field(default_factory=dict)
