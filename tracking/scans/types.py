"""What a real browser saw of a site, held against what the site has published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# The right to read scans.
PERMISSION = "scans.view_scan"


class Visitor(StrEnum):
    """Who looks: somebody new on every page, somebody who refused all, who allowed all."""

    NEWCOMER = "newcomer"
    REFUSER = "refuser"
    ACCEPTER = "accepter"


class Rule(StrEnum):
    """What a finding is about; each has its words in the console and in docs/scanning.md."""

    UNKNOWN_HOST = "unknown_host"
    HOST_LEAK = "host_leak"
    UNKNOWN_COOKIE = "unknown_cookie"
    COOKIE_LEAK = "cookie_leak"
    LONG_COOKIE = "long_cookie"
    UNKNOWN_STORAGE = "unknown_storage"
    STORAGE_LEAK = "storage_leak"
    NO_SCRIPT = "no_script"
    NO_LINK = "no_link"
    STALE_TAG = "stale_tag"
    UNREAD_PAGE = "unread_page"


class Level(StrEnum):
    """An alarm says that the site is not as published, or hides it; advice only speaks."""

    ALARM = "alarm"
    ADVICE = "advice"


ADVICE = frozenset({Rule.STALE_TAG, Rule.UNREAD_PAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something that a scan found, once, however often it was seen.

    `subject` is the host, cookie, storage key or reason; `tags` are those that it belongs to, or
    none; `pages` are path and query. `about` has what else is to be said: of a cookie `domain`,
    `days` (how long it lives, null = as long as the browser runs) and `is_http_only`, and of one
    that lives too long also `declared_days`.
    """

    rule: Rule
    subject: str
    tags: tuple[str, ...]
    visitors: tuple[Visitor, ...]
    pages: tuple[str, ...]
    about: Mapping[str, str | int | bool | None] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        return Level.ADVICE if self.rule in ADVICE else Level.ALARM

    def as_json(self) -> dict[str, object]:
        """Return it as it is kept and as `scan --json` prints it."""
        return {
            "level": self.level.value,
            "rule": self.rule.value,
            "subject": self.subject,
            "tags": list(self.tags),
            "visitors": [visitor.value for visitor in self.visitors],
            "pages": list(self.pages),
            "about": dict(self.about),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanInfo:
    """A scan; `notice_number` is the version that it was held against. Alarms come first."""

    id: int
    site_code: str
    started_at: datetime
    finished_at: datetime
    notice_number: int
    pages: tuple[str, ...]
    findings: tuple[Finding, ...]
    alarms: int
