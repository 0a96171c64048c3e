"""What the pages show, ready to print: every text is in the visitor's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracking.consents.types import Method, Stage, Surface
from tracking.gate.types import Decision
from tracking.notices.types import Notice
from tracking.regimes.types import Jurisdiction, Regime
from tracking.registry.types import Presentation, SiteInfo


class View(StrEnum):
    """The three ways to look at the same choices."""

    PURPOSES = "purposes"
    ITEMS = "items"
    PARTNERS = "partners"


class Act(StrEnum):
    """The buttons of the two pages."""

    REFUSE = "refuse"
    SAVE = "save"
    ALLOW = "allow"
    # What an allowed purpose still lacks, named on the page.
    ADD = "add"
    # One tag of the external-transmission page.
    TAG_OFF = "tag-off"
    TAG_ON = "tag-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a page's reader asked for; nothing of it is kept. `languages`: best first, by commas."""

    languages: str
    device_token: str | None
    place: Jurisdiction | None
    gpc: bool
    shown_notice: int | None
    is_doubtful: bool


class Visit(StrEnum):
    """What an imagined visitor has done so far."""

    FIRST = "first"
    SHOWN = "shown"
    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagined:
    """A visitor who is not there. `place` is as a trusted proxy says it, "" = it says nothing."""

    place: str
    gpc: bool
    visit: Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What an imagined visitor would get: the rules, a question or none, each tag's decision."""

    site: SiteInfo
    notice: Notice
    imagined: Imagined
    jurisdiction: Jurisdiction
    regime: Regime
    presentation: Presentation
    is_asked: bool
    decisions: Mapping[str, Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a form says, as choice ids; ids in neither set keep their earlier choice."""

    method: Method
    granted: frozenset[str]
    refused: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One partner of a purpose, and what it receives for it."""

    partner: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeRow:
    """`id` is the choice id. `why` says why a necessary purpose cannot be switched off."""

    id: str
    name: str
    description: str
    is_on: bool
    is_switchable: bool
    why: tuple[str, ...]
    uses: tuple[Use, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    id: str
    name: str
    description: str
    is_on: bool
    consequences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    id: str
    code: str
    legal_name: str
    service_name: str
    country: str
    role: str
    role_detail: str
    address: str
    is_on: bool
    is_switchable: bool
    gets: tuple[str, ...]
    may_get: tuple[str, ...]
    purposes: tuple[str, ...]
    policy_url: str
    optout_url: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A purpose that is allowed while nothing of it may run, and the ids that would let it."""

    sentence: str
    ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time to print, and its ISO form for machines."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    key: str
    moment: Moment
    act: str
    surface: str
    version: str
    age: str
    granted: tuple[str, ...]
    refused: tuple[str, ...]
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEntry:
    """What a partner could receive because of a grant, from when to when."""

    partner: str
    span: str
    items: tuple[str, ...]
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressLine:
    partner: str
    status: Stage
    status_text: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far the partners are, and the `address` where that is shown.

    `refresh_seconds` is 0 when nothing more changes by itself; `closing` then says what that means.
    `is_over`: every partner has said its last word.
    """

    title: str
    summary: str
    closing: str
    total: int
    confirmed: int
    lines: tuple[ProgressLine, ...]
    refresh_seconds: int
    is_over: bool
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page of this room prints around its content."""

    site: str
    site_name: str
    language: str
    is_rtl: bool
    languages: tuple[tuple[str, str], ...]
    text: Mapping[str, str]
    wording: Mapping[str, str]
    notice: int
    has_look: bool
    company: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePage:
    frame: Frame
    title: tuple[str, ...]
    buttons: Mapping[str, tuple[str, ...]]
    purposes: tuple[PurposeRow, ...]
    items: tuple[ItemRow, ...]
    partners: tuple[PartnerRow, ...]
    partner_count: int
    gaps: tuple[Gap, ...]
    on_names: tuple[str, ...]
    off_names: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    older: str
    received: tuple[ReceivedEntry, ...]
    received_older: str
    progress: Progress | None
    # The message about the record that the address names, if it is this device's newest.
    saved: str
    signal_note: str
    history_empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of text; `gloss` explains a term, and is printed where `is_first`."""

    text: str
    gloss: str = ""
    is_first: bool = False


Glossed = tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEntry:
    """One tag of the external-transmission page."""

    code: str
    # Set on the first entry of a partner.
    anchor: str
    name: str
    partner_name: str
    service_name: str
    country: str
    role: str
    role_detail: str
    address: str
    sent: Glossed
    sent_optional: Glossed
    our_purpose: Glossed
    their_purpose: Glossed
    policy_codes: str
    transport: str
    stop: str
    effect: Glossed
    exemption: tuple[str, ...]
    cookies: tuple[str, ...]
    storage: tuple[str, ...]
    retention: Glossed
    policy_url: str
    optout_url: str
    is_on: bool
    is_exempt: bool
    reason: str
    withheld: str
    off_scope: str
    on_scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePage:
    """
    The question whether to erase a device's record, or what became of an erasure.

    `done` is the sentence that it was done, with `progress` unless nobody had to be told; empty
    while it is a question. Then `is_known` says whether there is a record of this device.
    `is_gone`: the address names an erasure that is not there, or not any more.
    """

    frame: Frame
    title: tuple[str, ...]
    button: tuple[str, ...]
    is_known: bool
    is_gone: bool
    done: str
    progress: Progress | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLayer:
    """
    The question to a browser without scripts, in the frame that the site's pages hold.

    `surface` is how it is laid out, None while there is nothing to ask: then only the link to the
    settings is there. `origins` are those of the pages that may frame it. `signal_note` says that
    the browser's signal was applied, "" where there is nothing to say.
    """

    site: str
    language: str
    wording: Mapping[str, str]
    notice: int
    has_look: bool
    surface: Surface | None
    origins: tuple[str, ...]
    signal_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """One version of the notice, and what it changed. `is_coming`: its day has not come."""

    number: int
    published: str
    effective: str
    is_coming: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmissionPage:
    """`scope` says which service it is about; `checked` when it was last held against the site."""

    frame: Frame
    title: tuple[str, ...]
    lead: Glossed
    scope: tuple[str, ...]
    gated: tuple[TagEntry, ...]
    exempt: tuple[TagEntry, ...]
    partners: tuple[tuple[str, str], ...]
    published: str
    effective: str
    checked: str
    versions: tuple[VersionEntry, ...]
    saved: str
    saved_tag: str
    signal_note: str


class Listing(StrEnum):
    """The pages that are the same for everybody, by their place in the address."""

    COOKIES = "cookies"
    PARTNERS = "partners"
    JOINT_USE = "joint-use"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to a page of somebody else."""

    address: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that an entry says: a sentence or list in each line, links below."""

    label: str
    lines: tuple[Glossed, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingEntry:
    """`tags` are codes and names of tags that the external-transmission page says more about."""

    anchor: str
    name: str
    facts: tuple[Fact, ...]
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    title: str
    lead: str
    entries: tuple[ListingEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage:
    """`nothing` is what it says where nothing is declared that could be listed."""

    frame: Frame
    listing: Listing
    title: tuple[str, ...]
    lead: Glossed
    chapters: tuple[Chapter, ...]
    nothing: str
    published: str
    effective: str
