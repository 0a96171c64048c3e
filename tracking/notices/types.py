"""A published notice, frozen and ready to decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    """When a version was published, and from when it holds."""

    number: int
    published_at: datetime
    effective_at: datetime


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
