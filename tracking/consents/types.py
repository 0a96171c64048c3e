"""What a visitor decided, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tracking.regimes.types import Jurisdiction

# Partner code → kind → value, as `{"google": {"ga_client_id": "GA1.1.8.9"}}`.
Identifiers = Mapping[str, Mapping[str, str]]


class Method(StrEnum):
    """How a decision was made."""

    ALLOW = "allow"
    REFUSE = "refuse"
    CHOOSE = "choose"
    WITHDRAW = "withdraw"
    SIGNAL = "signal"


class Surface(StrEnum):
    """Where it was made."""

    BAR = "bar"
    CARD = "card"
    DIALOG = "dialog"
    LINK = "link"
    PREFERENCES = "preferences"
    PAGE = "page"
    API = "api"


class Prior(StrEnum):
    """What the device had decided before."""

    FIRST = "first"
    AGAIN = "again"


class AgeBand(StrEnum):
    """How old a visitor says to be; laws draw their lines at 13, 16 and 18 years."""

    UNDER_13 = "under_13"
    UNDER_16 = "under_16"
    UNDER_18 = "under_18"
    ADULT = "adult"

    @property
    def youngest(self) -> int:
        """Return the age of the youngest in it, in years."""
        return {"under_13": 0, "under_16": 13, "under_18": 16, "adult": 18}[self.value]


class DeviceClass(StrEnum):
    PHONE = "phone"
    TABLET = "tablet"
    DESKTOP = "desktop"
    UNKNOWN = "unknown"


class ReferrerClass(StrEnum):
    """The kind of place from which the visitor had come to the page; nothing finer is kept."""

    DIRECT = "direct"
    SAME_SITE = "same_site"
    SEARCH = "search"
    SOCIAL = "social"
    OTHER = "other"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """
    A device's choices as they stand. Ids look like `purpose:analytics`; what is in neither set
    was not answered. `decided_at` is epoch seconds, `notice` a version number, `with_signal` says
    that the browser sent its privacy signal when the visitor decided.
    """

    granted: frozenset[str]
    refused: frozenset[str]
    decided_at: int
    notice: int
    with_signal: bool
    seq: int

    def as_json(self) -> dict[str, object]:
        """Return what the page keeps."""
        return {
            "granted": sorted(self.granted),
            "refused": sorted(self.refused),
            "decided_at": self.decided_at,
            "notice": self.notice,
            "with_signal": self.with_signal,
            "seq": self.seq,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What the request tells about the visitor, already coarse: no address, no user agent."""

    origin: str | None
    device_token: str | None
    place: Jurisdiction | None
    device_class: DeviceClass
    # The user agent says of itself that it is none of a person's.
    is_bot: bool = False
    # Made at random by a browser that has no token yet; as secret as one, and never kept.
    device_seed: str | None = None
    # A form of our own page, which proved that (by Django's token or our Origin), needs none.
    is_own_page: bool = False
    # More came from its network within a minute than people send.
    is_flood: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """
    One decision as sent. Ids in neither set keep their earlier choice.

    `is_history`: the sender itself says that the visitor decided again since, and sends this one
    for the record only.
    """

    site: str
    notice: int
    idempotency_key: str
    client_seq: int
    method: Method
    surface: Surface
    language: str
    gpc: bool
    granted: frozenset[str]
    refused: frozenset[str]
    is_history: bool = False
    # The proof of being shown, unchecked: what is wrong with it costs no decision its effect.
    impression: str | None = None
    # What statistics count by, where the proof does not say it: the arm of an experiment, and the
    # host of the page before ("" where there was none, None = not said).
    variant: str = ""
    referrer: str | None = None
    # None = not said; a site that does not ask may not say them.
    age_band: AgeBand | None = None
    guardian_consent: bool | None = None
    # As sent and unchecked: nothing that is wrong with them may cost a refusal.
    identifiers: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """
    Whether statistics leave a decision out: as `is_suspect` says, unless `nonce` is spent with it
    for the first time.
    """

    is_suspect: bool
    nonce: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What one partner must be told after a decision."""

    partner: str
    is_revocation: bool
    granted: frozenset[str]
    withdrawn: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The visitor's copy of a record."""

    key: UUID
    recorded_at: datetime
    site: str
    notice_number: int
    notice_hash: str
    method: Method
    surface: Surface
    regime: str
    language: str
    granted: frozenset[str]
    refused: frozenset[str]
    withdrawn: frozenset[str]
    age_band: AgeBand | None = None
    guardian_consent: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what the visitor reads; an age only if one was said."""
        age: dict[str, Any] = {}
        if self.age_band is not None:
            age = {"age_band": self.age_band.value, "guardian_consent": self.guardian_consent}
        return {
            "key": str(self.key),
            "recorded_at": self.recorded_at.isoformat(timespec="seconds"),
            "site": self.site,
            "notice": {"number": self.notice_number, "hash": self.notice_hash},
            "method": self.method.value,
            "surface": self.surface.value,
            "regime": self.regime,
            "language": self.language,
            "choices": as_maps(granted=self.granted, refused=self.refused),
            **age,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCount:
    """
    Decisions of one day in the site's zone that share everything statistics count by; superseded
    ones left out, suspected ones marked.

    `granted`, `withdrawn` and `held` (before; None = nothing was answered before, or not asked for)
    are choice numbers as text of bits; `held_week` is the Monday of the week of that answer.
    """

    site_id: int
    day: date
    language: str
    device_class: str
    regime: str
    country_group: str
    presentation: str
    surface: str
    notice: str
    variant: str
    referrer_class: str
    is_first: bool
    method: Method
    is_suspect: bool
    granted: str
    withdrawn: str
    held: str | None
    held_week: date | None
    count: int


class Stage(StrEnum):
    """
    How far one partner is with what it must be told.

    SENT: it has the message, and its own word that the work is done is awaited. CONFIRMED, and only
    that, is a success. IDENTIFIER_NOT_HELD: nothing can be traced to this device there. NOT_NEEDED:
    there is nothing for it to do.
    """

    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"
    OVERDUE = "overdue"
    UNREACHABLE = "unreachable"
    IDENTIFIER_NOT_HELD = "identifier_not_held"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """
    How far one partner is.

    `sent_at`: when it took the message; `confirmed_at` only with CONFIRMED. `is_open`: more may
    come of it by itself; the others ended, or wait for a person.
    """

    partner: str
    legal_name: Mapping[str, str]
    status: Stage
    due_at: datetime
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    The answer to a decision. `device_token` is the device's newest and replaces the one that was
    sent; None when the sender is not trusted with it. `choices` are the device's as they stand now,
    whatever was sent.
    """

    receipt: Receipt
    choices: Choices
    choices_cookie: str
    device_token: str | None
    deliveries: tuple[DeliveryStatus, ...]
    is_replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """
    The answer to an erasure. `key` tells how far the partners are, without a token.

    `choices` are for the browser alone, which must not fall back on grants that its pages still
    hold: everything is refused. No row of ours has them any more.
    """

    key: UUID
    site: str
    erased_at: datetime
    choices: Choices
    choices_cookie: str
    deliveries: tuple[DeliveryStatus, ...]
    is_replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDecision:
    """A record, read back as what was sent; `regime` is the code of the rules it was made under."""

    submission: Submission
    recorded_at: datetime
    regime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """
    Who received, as the notice of that time froze it (APPI Rule 28(1)(iii); abroad, Rule 17(2)).

    `confirmation`: how it was confirmed that people had agreed. Texts are maps by language.
    """

    code: str
    role: str
    country: str
    legal_name: Mapping[str, str]
    address: Mapping[str, str]
    representative: Mapping[str, str]
    confirmation: Mapping[str, str]
    foreign_basis: str
    foreign_system: Mapping[str, str]
    foreign_measures: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedTag:
    """`is_linkable`: its partner can be expected to know whose data it is (APPI Art. 31)."""

    code: str
    transport: str
    is_linkable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """
    What one recipient could receive of a device because of a grant, and from when to when.

    `items`: code → its name by language. `agreed_on`: the version on which the device decided;
    `notice`: the one whose text names recipient and items. `closed_at` None = still open.
    """

    recipient: Recipient
    items: Mapping[str, Mapping[str, str]]
    tags: tuple[ProvidedTag, ...]
    agreed_on: int
    notice: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionDays:
    """A provision by its days in the site's zone; `last_day` None = still open."""

    recipient: Recipient
    items: Mapping[str, Mapping[str, str]]
    tags: tuple[ProvidedTag, ...]
    agreed_on: int
    notice: int
    first_day: date
    last_day: date | None


_MAP_OF = {"purpose": "purposes", "item": "data_items", "partner": "partners"}


def as_maps(*, granted: frozenset[str], refused: frozenset[str]) -> dict[str, dict[str, bool]]:
    """Return choice ids as the three maps of the API."""
    maps: dict[str, dict[str, bool]] = {"purposes": {}, "data_items": {}, "partners": {}}
    for choice in sorted(granted | refused):
        kind, _, code = choice.partition(":")
        maps[_MAP_OF[kind]][code] = choice in granted
    return maps


def from_maps(
    *, purposes: Mapping[str, bool], data_items: Mapping[str, bool], partners: Mapping[str, bool]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return (granted, refused) choice ids from the three maps of the API."""
    answers = {
        **{f"purpose:{code}": value for code, value in purposes.items()},
        **{f"item:{code}": value for code, value in data_items.items()},
        **{f"partner:{code}": value for code, value in partners.items()},
    }
    return (
        frozenset(choice for choice, value in answers.items() if value),
        frozenset(choice for choice, value in answers.items() if not value),
    )
