"""What a site declares, as words and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Nature(StrEnum):
    """What a purpose is to the law; regimes speak of natures, never of a site's own codes."""

    NECESSARY = "necessary"
    ANALYTICS = "analytics"
    ADVERTISING = "advertising"
    PERSONALISATION = "personalisation"
    FUNCTIONAL = "functional"


class Role(StrEnum):
    """What a partner is to the site (APPI Art. 27(5), Art. 31)."""

    SELF = "self"
    PROCESSOR = "processor"
    THIRD_PARTY = "third_party"
    JOINT_USER = "joint_user"


class RecipientClass(StrEnum):
    """The three kinds of recipient that the privacy policy names (Article 9)."""

    ADVERTISER = "advertiser"
    INFORMATION_PROVIDER = "information_provider"
    SERVICE_PROVIDER = "service_provider"


class ForeignBasis(StrEnum):
    """
    What lets a recipient abroad have personal data (APPI Art. 28): the person's consent, a country
    that the authority named (Art. 28(1)), or equivalent measures (Rule 16).
    """

    CONSENT = "consent"
    ADEQUATE = "adequate"
    EQUIVALENT = "equivalent"


class ExceptionBasis(StrEnum):
    """
    What lets a third party have something without consent (policy Article 4, numbers 2 to 7).

    The law behind each (APPI): 2 = Art. 27(1)(i), 4 = (ii), 5 = (iii), 6 = (iv), 7 = 27(5)(ii).
    Number 3, to protect one's own rights, has none.
    """

    LAW = "art4-2"
    OUR_RIGHTS = "art4-3"
    LIFE_AND_PROPERTY = "art4-4"
    PUBLIC_HEALTH = "art4-5"
    PUBLIC_DUTY = "art4-6"
    SUCCESSION = "art4-7"


class Transport(StrEnum):
    CLIENT = "client"
    SERVER = "server"


class OptoutKind(StrEnum):
    """Telecom Business Act Regs 22-2-31 item 2: which of the two measures an opt-out is."""

    STOP_SENDING = "stop_sending"
    STOP_USE = "stop_use"


class TagStatus(StrEnum):
    DRAFT = "draft"
    LIVE = "live"
    RETIRED = "retired"


class Vendor(StrEnum):
    """Whose consent call a tag's script understands; `none` when it is not one of these."""

    NONE = "none"
    GOOGLE = "google"
    MICROSOFT_UET = "microsoft_uet"
    MICROSOFT_CLARITY = "microsoft_clarity"
    META = "meta"
    TIKTOK = "tiktok"
    MATOMO = "matomo"
    ADOBE = "adobe"
    SEGMENT = "segment"
    SHOPIFY = "shopify"
    LINE = "line"
    YAHOO_JAPAN = "yahoo_japan"


class ChoiceKind(StrEnum):
    """The prefix of a choice id, as in `purpose:analytics`."""

    PURPOSE = "purpose"
    ITEM = "item"
    PARTNER = "partner"


class Presentation(StrEnum):
    BAR = "bar"
    CARD = "card"
    DIALOG = "dialog"
    LINK = "link"


class HoldMode(StrEnum):
    """
    What a page may ask of other hosts by itself, without its tags being written for the gate.

    `observe` only looks; `permissive` holds the hosts that tags declare; `strict` also keeps away
    every other host that is not the site's own.
    """

    OFF = "off"
    OBSERVE = "observe"
    PERMISSIVE = "permissive"
    STRICT = "strict"


# For these a person's wish is all that counts: no exception of the law opens them.
NEVER_EXCEPTED = frozenset({Nature.ADVERTISING, Nature.ANALYTICS, Nature.PERSONALISATION})
# An exception is looked at again after a year at the latest.
MOST_EXCEPTION_DAYS = 365

# What a partner's declared identifiers look like: regular expressions for the whole text.
IDENTIFIER_KIND = "[a-z0-9_]{1,40}"
IDENTIFIER_COOKIE = "[A-Za-z0-9_.-]{0,80}"
MOST_IDENTIFIERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteInfo:
    """`origins` are scheme://host[:port] of the pages; `zone` is an IANA zone."""

    id: int
    code: str
    name: dict[str, str]
    origins: frozenset[str]
    zone: str
    default_country: str
    profile: str
    languages: tuple[str, ...]
    presentation: Presentation
    quarantines_overdue_partners: bool
    hold_mode: HoldMode
    replays_held: bool
    asks_age: bool = False
    counts_page_views: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerInfo:
    id: int
    site_id: int
    code: str
    legal_name: dict[str, str]
    sla_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrustmentInfo:
    """
    A processor, and what was agreed with it (policy Article 3, APPI Art. 25).

    `uses_for_itself`: a tag of its says so, and notices publish it as the third party it then is.
    """

    partner: str
    legal_name: Mapping[str, str]
    country: str
    contract_ref: str
    scope: Mapping[str, str]
    sub_processors: tuple[str, ...]
    review_on: date | None
    uses_for_itself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionInfo:
    """An approval to send something of a tag without consent, for a time."""

    id: int
    tag: str
    basis: ExceptionBasis
    approver: str
    reason: str
    approved_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_live(self, *, now: datetime) -> bool:
        """Say whether it holds at a moment: approved, neither ended nor expired."""
        ends = self.expires_at if self.ended_at is None else min(self.ended_at, self.expires_at)
        return self.approved_at <= now < ends


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTag:
    """A live tag that sends from the server, and the natures of its purposes as declared now."""

    code: str
    name: Mapping[str, str]
    natures: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorInfo:
    """
    What a vendor can be told on a page.

    `natures` are those it listens to; none = it has no consent call, only not loading it helps.
    `stops`: a script that runs sends nothing more once told, without a reload; false where in
    doubt. `remains` says what goes on all the same, `source` is the vendor's own document.
    """

    natures: frozenset[Nature]
    stops: bool
    remains: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCookieInfo:
    """
    What the Open Cookie Database says of a cookie. `name` is without its `*`; `retention` is a text
    as people wrote it, such as "13 months".
    """

    source_id: str
    name: str
    is_wildcard: bool
    platform: str
    nature: Nature
    description: str
    retention: str
    controller: str
    policy_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    added: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerInfo:
    """Who a host belongs to, as third-party-web has it. `company` may be what `name` is."""

    name: str
    company: str
    category: str
    homepage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """
    A tag to start from, with its partner, as a catalogue has them.

    `verify` names the fields that nobody has checked, those of the partner as `partner.country`.
    `known_as` are the partner's names in third-party-web; `unknown_hosts` says of each host that it
    does not have why.
    """

    code: str
    tag: Mapping[str, Any]
    partner: Mapping[str, Any]
    known_as: tuple[str, ...]
    unknown_hosts: Mapping[str, str]
    source: tuple[str, ...]
    verify: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHost:
    """A host, and everything below it, whose tags the library does not describe."""

    host: str
    name: Mapping[str, str]
    optout_url: str
    note: str
    verify: tuple[str, ...]
