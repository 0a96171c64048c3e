"""How partners are told and how it went, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from tracking.outbox.types import Backlog, EventInfo, Punctuality

# The rights to look at deliveries, and to change how partners are told.
PERMISSION = "delivery.view_endpoint"
CHANGE_PERMISSION = "delivery.change_endpoint"


class EndpointState(StrEnum):
    """PAUSED by an operator; GONE since the partner answered 410."""

    ACTIVE = "active"
    PAUSED = "paused"
    GONE = "gone"


class ConfirmsBy(StrEnum):
    """
    What the partner's last word is.

    RESPONSE: its 2xx. ACKNOWLEDGEMENT: it reports back when done. POLL: we ask until it is done.
    """

    RESPONSE = "response"
    ACKNOWLEDGEMENT = "acknowledgement"
    POLL = "poll"


class Transport(StrEnum):
    """The ways to reach a partner; one file each in `transports/`."""

    WEBHOOK = "webhook"
    PULL_FEED = "pull_feed"
    EMAIL = "email"
    S3_FILE = "s3_file"
    SFTP_FILE = "sftp_file"
    OPENDSR = "opendsr"
    IAB_DELETION = "iab_deletion"
    GOOGLE_ANALYTICS = "google_analytics"
    GOOGLE_DATA_MANAGER = "google_data_manager"
    META_AUDIENCE = "meta_audience"
    SEGMENT = "segment"
    BRAZE = "braze"
    CRITEO = "criteo"
    AMPLITUDE = "amplitude"
    MIXPANEL = "mixpanel"


class Effect(StrEnum):
    """
    What a message does at the partner.

    TELL: says what the visitor wants, and the partner acts on it. STOP: no further use. ERASE:
    what was collected is deleted; new data would come in again.
    """

    TELL = "tell"
    STOP = "stop"
    ERASE = "erase"


class BreakerState(StrEnum):
    """OPEN: nothing is sent. PROBING: one message at a time, to see whether the partner is back."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class AttemptOutcome(StrEnum):
    """
    How one sending, or one question after it, ended.

    ACCEPTED: taken. PENDING: taken, and still at work when we asked. DONE: the partner's last word.
    NOT_HELD: nobody holds an identifier under which this partner could find the device.
    NOT_NEEDED: nothing for this transport to do, such as a grant where it only removes. FAILED: the
    partner took it, worked on it and gave up.
    """

    ACCEPTED = "accepted"
    PENDING = "pending"
    DONE = "done"
    NOT_HELD = "not_held"
    NOT_NEEDED = "not_needed"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    One thing an operator fills in for a transport; texts are maps from language to text.

    `pattern` is a regular expression that the whole value must match.
    """

    code: str
    label: Mapping[str, str]
    help: Mapping[str, str]
    pattern: str = r"\S(.*\S)?"
    example: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    What a way to reach partners is, for whoever sets one up and for whoever sends.

    `effect` is what a withdrawal does there, `erasure_effect` what an erasure does. `needs` are the
    kinds of identifiers it can use, best first: one that is held suffices; none named = it needs
    only the pairwise subject. `url` is prefilled; empty = the operator's own. `secret` describes
    the credential (None: it has none). `most_at_once` messages go into one request, and `pause`
    lies between two requests, for partners that count them. `has_url` is false where a setting says
    all; `is_pulled` where the partner comes for it. `sample` are made-up identifiers for a test
    message. `source` is the contract it was written from.
    """

    name: str
    effect: Effect
    erasure_effect: Effect
    confirms_by: tuple[ConfirmsBy, ...]
    source: str
    url: str = ""
    needs: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    secret: Setting | None = None
    most_at_once: int = 1
    pause: timedelta = timedelta(0)
    hears_grants: bool = False
    has_url: bool = True
    is_pulled: bool = False
    sample: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where one partner is told. `secrets` are opened, the current one first.

    `site_id` is for transports that write links back to us.
    """

    partner: str
    url: str
    settings: Mapping[str, str]
    secrets: tuple[str, ...]
    site_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What one device's partner is told.

    `key` is the same on every retry. `payload` is the whole body that a webhook carries, its `type`
    consent.revoked, consent.granted or device.erased. `identifiers` are the partner's own, opened.
    `ticket` is the partner's name for work it has taken, empty until then.
    """

    key: UUID
    subject: str
    payload: Mapping[str, Any]
    identifiers: Mapping[str, str]
    ticket: str = ""

    @property
    def type(self) -> str:
        return str(self.payload["type"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What goes into one request: as many messages as the transport's profile allows."""

    place: Place
    messages: tuple[Message, ...]
    attempted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What came back for one message.

    `status` is None when nothing did, and `error` says why in one word; `retry_after` is the
    partner's header as sent. `outcome` is given where the status alone does not tell. With a
    `ticket`, the partner is to be asked again `check_after` from now.
    """

    status: int | None
    duration_ms: int
    error: str = ""
    retry_after: str = ""
    outcome: AttemptOutcome | None = None
    ticket: str = ""
    check_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reply means; `counts_against_partner` moves the breaker."""

    outcome: AttemptOutcome
    counts_against_partner: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """`failures` are those in a row, `openings` how often in a row it opened."""

    failures: int = 0
    openings: int = 0
    opened_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Requests to one partner in the last minutes, and how many of them it failed."""

    sent: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A partner's own report on the message `message_key`."""

    message_key: UUID
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one run did: events sent, and how many of them were accepted."""

    sent: int
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointInfo:
    """Where a partner is told; the secrets never leave the room."""

    partner: str
    url: str
    transport: Transport
    settings: Mapping[str, str]
    state: EndpointState
    confirms_by: ConfirmsBy
    concurrency: int
    is_for_erasures_only: bool
    is_rotating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerHealth:
    """
    One partner's standing for operators. `state` is None without an endpoint: its news wait.

    `waiting` and `dead` are untold events; `overdue` are unconfirmed past their deadline;
    `unconfirmed` were accepted and lack the partner's own confirmation. Times are UTC, None =
    nothing such.
    """

    partner: str
    legal_name: Mapping[str, str]
    state: EndpointState | None
    confirms_by: ConfirmsBy | None
    breaker: BreakerState
    opened_until: datetime | None
    consecutive_failures: int
    last_success_at: datetime | None
    waiting: int
    dead: int
    overdue: int
    oldest_unsaid_at: datetime | None
    oldest_due_at: datetime | None
    unconfirmed: int
    oldest_unconfirmed_at: datetime | None


class WorkStatus(StrEnum):
    """
    Whether partners are being told.

    NOT_LOOKED_FOR: no process has looked for something to tell of late. NOT_DONE: it is looked for,
    and yet what could be sent is not.
    """

    OK = "ok"
    NOT_LOOKED_FOR = "nobody looks for work"
    NOT_DONE = "due work is not done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    What is known of the processes that tell partners, whoever they are.

    `looked_for_at` is when work was last looked for, None = never; `undone_since` is since when
    nobody has done anything about something that could be sent, None = all is being done.
    """

    status: WorkStatus
    looked_for_at: datetime | None
    undone_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTotal:
    """All requests to one partner that ended alike, since the first one."""

    outcome: AttemptOutcome
    requests: int
    total_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFigures:
    """
    One partner's numbers for monitoring. `state` is None without an endpoint.

    `due_since` is since when something could have been sent and was not; None = nothing could.
    """

    site: str
    partner: str
    state: EndpointState | None
    breaker: BreakerState
    backlog: Backlog
    due_since: datetime | None
    totals: tuple[RequestTotal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What monitoring reads; partners by site and code. `looked_for_at` as in `Work`."""

    looked_for_at: datetime | None
    partners: tuple[PartnerFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptInfo:
    """One sending, or one question after it, as it happened."""

    message_key: UUID
    version: int
    attempted_at: datetime
    outcome: AttemptOutcome
    http_status: int | None
    duration_ms: int
    error_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """
    What a partner that fetches gets at once.

    `cursor` names this page in the next call, empty for an empty one. `has_more` is false where the
    next page is sure to be empty.
    """

    items: tuple[Mapping[str, Any], ...]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDigest:
    """How many subjects a partner should know, and the hex SHA-256 over their states."""

    subjects: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeLink:
    """
    What a link in a mail carries, signed: the mail's `ticket` and how many messages it held.

    `sent_at` is in UTC, whole seconds.
    """

    site_id: int
    partner: str
    ticket: str
    messages: int
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgePage:
    """
    What the page behind such a link shows; names are maps from language to text.

    `is_open`: something under the ticket still waits for the partner's word. Neither open nor
    confirmed: newer messages have replaced it all, or the mail is only just on its way.
    """

    site_name: Mapping[str, str]
    partner_name: Mapping[str, str]
    zone: str
    messages: int
    sent_at: datetime
    is_open: bool
    confirmed_at: datetime | None


class EventStanding(StrEnum):
    """
    How far one event is.

    WAITING: not tried yet. RETRYING: tried, and tried again. DEAD: given up. AT_WORK: taken, and we
    ask until it is done. UNCONFIRMED: taken, and the partner's own word is missing. The others are
    a partner's last word.
    """

    WAITING = "waiting"
    RETRYING = "retrying"
    DEAD = "dead"
    AT_WORK = "at_work"
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    NOT_HELD = "not_held"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one partner stands, and how punctual it was lately; without an endpoint no transport."""

    health: PartnerHealth
    transport: Transport | None
    punctuality: Punctuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """
    How a site's partners stand. `unaddressed` have no endpoint, and nothing waits for them yet:
    names by code. `looked_at` is when work was last looked for, None = never.
    """

    standings: tuple[Standing, ...]
    unaddressed: Mapping[str, Mapping[str, str]]
    looked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTally:
    """One hour's requests to a partner by outcome, the messages in them, the time they took."""

    hour: datetime
    requests: Mapping[AttemptOutcome, int]
    messages: int
    total_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """
    A day on which a partner could hardly be told (`is_away`: most requests found nobody), or was
    told too late (`is_late`).
    """

    day: date
    partner: str
    legal_name: Mapping[str, str]
    is_away: bool
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerReport:
    """One partner as an operator sees it; `endpoint` is None until somebody sets it."""

    standing: Standing
    endpoint: EndpointInfo | None
    hours: tuple[HourTally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReport:
    """One event and its latest attempts, newest first."""

    event: EventInfo
    attempts: tuple[AttemptInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    One request and its answer as a person may see them: credentials are masked, texts are cut.

    `status` is None without an answer, and `error` says why in one word.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int | None
    error: str
    answer_headers: tuple[tuple[str, str], ...]
    answer_body: str
    is_answer_cut: bool
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a test message came to; `exchanges` are empty where a transport speaks no HTTP."""

    outcome: AttemptOutcome
    error: str
    exchanges: tuple[Recorded, ...]
