"""What a browser saw, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracking.scans.types import ScanInfo, Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie as it lay in the browser; `days` it has to live, None = until the browser ends."""

    name: str
    domain: str
    days: int | None
    is_http_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """
    One page as one visitor got it. `page` is path and query; `hosts` are all that were asked while
    it was open (`name` or `name:port`); cookies and storage are those of every host.
    """

    page: str
    visitor: Visitor
    hosts: frozenset[str]
    cookies: frozenset[Cookie]
    storage_keys: frozenset[str]
    has_script: bool
    has_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that was seen; `unread` says of pages that could not be read, why."""

    views: tuple[PageView, ...]
    unread: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """
    What a site is held against: its notice, and the tags that the gate allows each visitor.

    `own_hosts` are those of the site's pages; `asked_ids` the choices that a visitor can answer.
    """

    site_code: str
    language: str
    notice_number: int
    content: Mapping[str, object]
    asked_ids: frozenset[str]
    allowed: Mapping[Visitor, frozenset[str]]
    own_hosts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The newest scans, one to show or none, and the names of its notice's tags, by code."""

    scans: tuple[ScanInfo, ...]
    shown: ScanInfo | None
    tag_names: Mapping[str, Mapping[str, str]]
