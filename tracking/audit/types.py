"""Who did what in the console, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# The right to read the log.
PERMISSION = "audit.view_entry"
# Who acts where nobody signed in. No account can have this name: it holds a blank.
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One act. `action` is a stable code such as endpoint.paused, `object` what it was done to.

    `details` are JSON; secrets are never among them.
    """

    id: int
    at: datetime
    actor: str
    action: str
    site: str
    object: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to look for; empty = all. From `since` on, before `until`."""

    site: str = ""
    object: str = ""
    action: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Entries, newest first; `before` leads on to older ones, None = there are none."""

    entries: tuple[Entry, ...]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the log names at all, to choose from."""

    actors: tuple[str, ...]
    actions: tuple[str, ...]
