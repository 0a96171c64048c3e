"""A published notice, frozen and ready to decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTerms:
    """
    What a tag needs. `needed_ids` are the choice ids that must all be granted; `is_linkable`: its
    partner can be expected to know whose data it is.
    """

    code: str
    partner: str
    purposes: tuple[str, ...]
    required_items: tuple[str, ...]
    optional_items: tuple[str, ...]
    transport: str
    is_exempt: bool
    is_linkable: bool
    needed_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTerms:
    """
    `effective_at`, epoch seconds: when a joint user's notice takes effect. `identifiers`: the kinds
    under which the partner knows a browser, and the cookie of each, "" where the site knows it.
    """

    role: str
    effective_at: int | None
    identifiers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The part of a notice that decides."""

    number: int
    tags: Mapping[str, TagTerms]
    natures: Mapping[str, str]
    partners: Mapping[str, PartnerTerms]
    material_since: Mapping[str, int]


class Level(StrEnum):
    """What a finding does to a publication: `stop` keeps it back, `advice` only speaks."""

    STOP = "stop"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something about a content that is to be mended.

    `rule` names its text in data/findings.toml, `values` fill that; `check` is the duty behind it
    (`ET-04`, `APPI 27(5)(iii)`, `plain words`). `place` leads to it through the content:
    `("tags", "ga4", "our_purpose", "ja")`, `("wording", "ja", "banner_body")`.
    """

    rule: str
    check: str
    level: Level
    place: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """
    How a version came about, and from when it holds.

    `restores`: the version whose content it brought back; `review_on`: when to look at it again.
    """

    number: int
    hash: str
    published_at: datetime
    effective_at: datetime
    author: str
    reviewer: str
    note: str
    restores: int | None
    review_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """When a site's notice in effect is to be looked at again; `email` is the address it prints."""

    site_code: str
    zone: str
    language: str
    email: str
    notice_id: int
    number: int
    review_on: date


class Stage(StrEnum):
    """Where a draft stands on its way to being published."""

    WRITING = "writing"
    IN_REVIEW = "in_review"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftInfo:
    """
    The words of the next notice: by language, what differs from the built-in ones.

    `revision` is 0 where nothing was saved yet. In review, `submitted_hash` names the content that
    is looked at.
    """

    wording: Mapping[str, Mapping[str, str]]
    note: str
    effective_at: datetime | None
    stage: Stage
    revision: int
    author: str
    saved_at: datetime | None
    submitted_by: str
    submitted_at: datetime | None
    submitted_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """
    A choice that would mean something else than before, so that whom it concerns is asked again.

    `reason`: `new`; `nature` of a purpose; `class` of a data item; `name`, `country`, `role` of a
    partner; or `receives`: the partner gets more than before, and `gained` says what: choice ids,
    `transport:server`, `linkable`.
    """

    choice: str
    reason: str
    gained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be published now; `previous` is the newest version, in effect or not yet."""

    content: Mapping[str, Any]
    hash: str
    previous: Notice | None
    is_news: bool
    findings: tuple[Finding, ...]
    renewals: tuple[Renewal, ...]

    @property
    def is_stopped(self) -> bool:
        return any(finding.level is Level.STOP for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    One published version. `content` is the frozen catalogue and wording (never change it);
    `numbers` maps a choice id to the number under which records store it, `ids` back.
    """

    id: int
    site_id: int
    site_code: str
    number: int
    hash: str
    published_at: datetime
    effective_at: datetime
    content: Mapping[str, Any]
    terms: Terms
    numbers: Mapping[str, int]
    ids: Mapping[int, str]
    # Choice ids that a visitor can answer: those that some gated tag needs or may use.
    asked_ids: frozenset[str]
