"""The pages about deliveries, ready to print in one language. Pure."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.delivery import rules
from tracking.delivery.types import (
    AttemptInfo,
    AttemptOutcome,
    BreakerState,
    Effect,
    EndpointInfo,
    EndpointState,
    EventReport,
    EventStanding,
    HourTally,
    Overview,
    PartnerHealth,
    PartnerReport,
    Profile,
    Standing,
    Transport,
)
from tracking.lib.moments import moment_text
from tracking.outbox.types import EventInfo, EventPage, Replayable, Which
from tracking.registry.types import SiteInfo
from tracking.web.parts import Select, pick, select, zone_name

Words = Mapping[str, Any]
Profiles = Mapping[Transport, Profile]

HOURS = 48
# Work is looked for every three seconds; so long it may take where a machine is busy.
STOPPED_AFTER = timedelta(seconds=15)
WHICH = (Which.OPEN, Which.OVERDUE, Which.DEAD, Which.ALL)
GROUPS = {
    "good": (
        AttemptOutcome.ACCEPTED,
        AttemptOutcome.PENDING,
        AttemptOutcome.DONE,
        AttemptOutcome.NOT_HELD,
        AttemptOutcome.NOT_NEEDED,
    ),
    "rejected": (AttemptOutcome.REJECTED, AttemptOutcome.FAILED, AttemptOutcome.GONE),
    "unreachable": (AttemptOutcome.UNREACHABLE,),
}
# Bars stand 10 apart on a drawing that is stretched to its place.
BAR_STEP, BAR_WIDTH, CHART_HEIGHT = 10, 7, 100


# --- what the templates print


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A state: `key` picks the sign beside the words, `note` explains it."""

    key: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its name; `key` is bad or empty, `address` where its note leads."""

    name: str
    value: str
    note: str = ""
    key: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    text: str
    iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    code: str
    name: str
    transport: str
    mark: Mark
    waiting: str
    unconfirmed: str
    overdue: str
    dead: str
    is_overdue: bool
    is_dead: bool
    oldest: str
    share: str
    last_success: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    site: str
    site_name: str
    as_of: str
    sites: Select
    stopped: str
    figures: tuple[Figure, ...]
    dead: int
    rows: tuple[PartnerRow, ...]
    unaddressed: tuple[tuple[str, str], ...]
    zone_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    x: int
    y: float
    height: float
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    hour: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourChart:
    """`ticks` from top to bottom; the newest hour is on the right, and first in `rows`."""

    bars: tuple[Bar, ...]
    width: int
    ticks: tuple[str, ...]
    first: str
    last: str
    rows: tuple[HourRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    id: int
    short: str
    message: str
    kind: str
    mark: Mark
    deadline: Moment
    is_late: bool
    attempts: str
    next: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    name: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    rows: tuple[EventRow, ...]
    older: str
    newest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """What an endpoint is, as pairs of a name and a value."""

    facts: tuple[tuple[str, str], ...]
    is_paused: bool
    is_rotating: bool
    has_secret: bool
    secret_label: str
    secret_help: str
    rotate_what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPage:
    site: str
    site_name: str
    partner: str
    name: str
    transport: str
    mark: Mark
    figures: tuple[Figure, ...]
    chart: HourChart | None
    tabs: tuple[Tab, ...]
    events: EventTable
    is_find_vain: bool
    sought: str
    endpoint: EndpointFacts | None
    dead: int
    zone_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    at: Moment
    mark: Mark
    version: int
    status: str
    took: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPageView:
    site: str
    partner: str
    name: str
    message: str
    mark: Mark
    is_late: bool
    facts: tuple[tuple[str, str], ...]
    attempts: tuple[AttemptRow, ...]
    is_cut: bool
    zone_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadPage:
    """`count` is what a press sends; `wrong` names the fields that hold no moment."""

    site: str
    site_name: str
    sites: Select
    partners: Select
    partner: str
    since: str
    until: str
    is_told_too: bool
    wrong: tuple[str, ...]
    found: str
    count: int
    press: str
    held: str
    dead: int
    events: EventTable
    zone_note: str


# --- words


def texts(language: str) -> Words:
    """Return the words of these pages."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "console.toml"
    return tomllib.loads(path.read_text("utf-8"))


def parse_moment(text: str, *, zone: str) -> datetime | None:
    """Return the moment that a form's `datetime-local` names in a zone; None if it names none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None


def first_hour(now: datetime) -> datetime:
    """Return where the chart begins."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour - timedelta(hours=HOURS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes one site's pages in one language. `profiles` describe the ways there are."""

    language: str
    site: SiteInfo
    sites: Sequence[SiteInfo]
    profiles: Profiles
    now: datetime

    # --- the overview

    def overview(self, overview: Overview) -> OverviewPage:
        text = self.text
        healths = [standing.health for standing in overview.standings]
        return OverviewPage(
            site=self.site.code,
            site_name=self.site_name,
            as_of=text["as_of"].format(date=self.long_moment(self.now)),
            sites=self.site_select(),
            stopped=self._stopped(overview.looked_at),
            figures=self._figures(overview.standings, looked_at=overview.looked_at),
            dead=sum(health.dead for health in healths),
            rows=tuple(self._partner_row(standing) for standing in overview.standings),
            unaddressed=tuple(
                (code, pick(name, self.language) or code)
                for code, name in overview.unaddressed.items()
            ),
            zone_note=self.zone_note,
        )

    def _stopped(self, looked_at: datetime | None) -> str:
        if looked_at is None:
            return str(self.text["stopped_never"])
        if self.now - looked_at > STOPPED_AFTER:
            return str(self.text["stopped"]).format(date=self.long_moment(looked_at))
        return ""

    def _figures(
        self, standings: Sequence[Standing], *, looked_at: datetime | None
    ) -> tuple[Figure, ...]:
        text = self.text
        overdue = sum(standing.health.overdue for standing in standings)
        dead = sum(standing.health.dead for standing in standings)
        confirmed = sum(standing.punctuality.confirmed for standing in standings)
        in_time = sum(standing.punctuality.in_time for standing in standings)
        total = confirmed + overdue
        oldest = [
            at for standing in standings if (at := self.open_since(standing.health)) is not None
        ]
        return (
            Figure(
                name=text["card_oldest"],
                value=self.age(min(oldest)) if oldest else text["no_number"],
                note="" if oldest else text["card_oldest_none"],
            ),
            Figure(
                name=text["card_share"],
                value=self.share(in_time / total if total else None),
                note=text["card_share_note"],
            ),
            Figure(
                name=text["card_overdue"],
                value=f"{overdue:,}",
                note=text["card_overdue_note"] if overdue else "",
                key="bad" if overdue else "",
            ),
            Figure(
                name=text["card_dead"],
                value=f"{dead:,}",
                note=text["card_dead_link" if dead else "card_dead_none"],
                key="bad" if dead else "",
                address=f"dead/{self._query()}" if dead else "",
            ),
            Figure(
                name=text["card_looked"],
                value=text["looked_never"]
                if looked_at is None
                else text["looked_ago"].format(age=self.age(looked_at)),
                key="bad" if self._stopped(looked_at) else "",
            ),
        )

    def _partner_row(self, standing: Standing) -> PartnerRow:
        health = standing.health
        since = self.open_since(health)
        return PartnerRow(
            code=health.partner,
            name=pick(health.legal_name, self.language) or health.partner,
            transport="" if standing.transport is None else self.way(standing.transport),
            mark=self.mark(standing),
            waiting=f"{health.waiting:,}",
            unconfirmed=f"{health.unconfirmed:,}",
            overdue=f"{health.overdue:,}",
            dead=f"{health.dead:,}",
            is_overdue=health.overdue > 0,
            is_dead=health.dead > 0,
            oldest=self.text["no_number"] if since is None else self.age(since),
            share=self.share(rules.punctual_share(standing.punctuality, overdue=health.overdue)),
            last_success=self.moment(health.last_success_at),
        )

    def mark(self, standing: Standing) -> Mark:
        """Return a partner's state with what it means."""
        health, text = standing.health, self.text
        profile = None if standing.transport is None else self.profiles.get(standing.transport)
        key = {
            None: "none",
            EndpointState.PAUSED: "paused",
            EndpointState.GONE: "gone",
            EndpointState.ACTIVE: {
                BreakerState.CLOSED: "sending",
                BreakerState.PROBING: "probing",
                BreakerState.OPEN: "resting",
            }[health.breaker],
        }[health.state]
        if key == "sending" and profile is not None and profile.is_pulled:
            key = "pulled"
        until = "" if health.opened_until is None else self.clock(health.opened_until)
        return Mark(
            key=key, text=text[f"state_{key}"], note=text[f"note_{key}"].format(until=until)
        )

    # --- one partner

    def partner(
        self,
        report: PartnerReport,
        events: EventPage,
        *,
        which: Which,
        is_first_page: bool,
        sought: str,
    ) -> PartnerPage:
        """Return the page; `sought` is a message id that was looked for in vain, or empty."""
        text, health = self.text, report.standing.health
        since = self.open_since(health)
        last = health.last_success_at
        share = rules.punctual_share(report.standing.punctuality, overdue=health.overdue)
        return PartnerPage(
            site=self.site.code,
            site_name=self.site_name,
            partner=health.partner,
            name=pick(health.legal_name, self.language) or health.partner,
            transport=""
            if report.standing.transport is None
            else self.way(report.standing.transport),
            mark=self.mark(report.standing),
            figures=(
                Figure(name=text["waiting"], value=f"{health.waiting:,}"),
                Figure(name=text["unconfirmed"], value=f"{health.unconfirmed:,}"),
                Figure(
                    name=text["overdue"],
                    value=f"{health.overdue:,}",
                    key="bad" if health.overdue else "",
                ),
                Figure(
                    name=text["dead"], value=f"{health.dead:,}", key="bad" if health.dead else ""
                ),
                Figure(
                    name=text["card_oldest"],
                    value=text["no_number"] if since is None else self.age(since),
                ),
                Figure(
                    name=text["card_share"], value=self.share(share), note=text["card_share_note"]
                ),
                Figure(
                    name=text["last_success"],
                    value=text["never"] if last is None else self.clock(last),
                ),
            ),
            chart=self.chart(report.hours),
            tabs=tuple(
                Tab(
                    name=text[f"which_{one}"],
                    address=self._query(which=one),
                    is_current=one is which and not sought,
                )
                for one in WHICH
            ),
            events=self.event_table(
                events, is_first_page=is_first_page, asked={"which": str(which)}
            ),
            is_find_vain=bool(sought),
            sought=sought,
            endpoint=None if report.endpoint is None else self._facts(report.endpoint),
            dead=health.dead,
            zone_note=self.zone_note,
        )

    def chart(self, hours: Sequence[HourTally]) -> HourChart | None:
        """Return bars for the last hours, or None where nothing was sent."""
        if not hours:
            return None
        start = first_hour(self.now)
        counts = {
            tally.hour: {
                key: sum(tally.requests.get(outcome, 0) for outcome in outcomes)
                for key, outcomes in GROUPS.items()
            }
            for tally in hours
        }
        top = _round_up(max(sum(parts.values()) for parts in counts.values()))
        bars: list[Bar] = []
        for hour, parts in counts.items():
            x = round((hour - start) / timedelta(hours=1)) * BAR_STEP
            foot = float(CHART_HEIGHT)
            for key, count in parts.items():
                # What happened at all can be seen.
                height = max(round(CHART_HEIGHT * count / top, 2), 1.0) if count else 0.0
                foot -= height
                if count:
                    bars.append(Bar(x=x, y=round(foot, 2), height=height, key=key))
        return HourChart(
            bars=tuple(bars),
            width=HOURS * BAR_STEP,
            ticks=(f"{top:,}", f"{top // 2:,}" if top % 2 == 0 else "", "0"),
            first=self.clock(start),
            last=self.clock(start + timedelta(hours=HOURS - 1)),
            rows=tuple(
                HourRow(
                    hour=self.clock(tally.hour),
                    cells=(
                        *(f"{counts[tally.hour][key]:,}" for key in GROUPS),
                        f"{tally.messages:,}",
                        self.text["milliseconds"].format(
                            count=f"{round(tally.total_ms / sum(tally.requests.values())):,}"
                        ),
                    ),
                )
                for tally in reversed(hours)
            ),
        )

    def event_table(
        self, page: EventPage, *, is_first_page: bool, asked: Mapping[str, str]
    ) -> EventTable:
        return EventTable(
            rows=tuple(self._event_row(event) for event in page.events),
            older=""
            if page.after is None
            else self._query(**asked, after=rules.cursor_text(page.after)),
            newest="" if is_first_page else self._query(**asked),
        )

    def _event_row(self, event: EventInfo) -> EventRow:
        message = rules.message_id(event.message_key)
        next_at = self.moment(event.next_attempt_at)
        deadline = self.moment(event.due_at)
        return EventRow(
            id=event.id,
            short=f"{message[:12]}…",
            message=message,
            kind=self.kind(event),
            mark=self.event_mark(event),
            deadline=deadline or Moment(text="", iso=""),
            is_late=self.is_late(event),
            # They are counted anew for each question after a ticket, and forgotten at the end.
            attempts=str(event.attempts or self.text["no_number"]),
            next=self.text["no_number"] if next_at is None else next_at.text,
            outcome=self.text[f"outcome_{event.outcome or 'none'}"],
        )

    def _facts(self, endpoint: EndpointInfo) -> EndpointFacts:
        text, profile = self.text, self.profiles[endpoint.transport]
        labels = {one.code: pick(one.label, self.language) for one in profile.settings}
        facts = [(text["way"], self.way(endpoint.transport))]
        if endpoint.url:
            facts.append((text["url"], endpoint.url))
        facts += [(labels.get(code, code), value) for code, value in endpoint.settings.items()]
        if profile.secret is not None:
            kept = "secret_two" if endpoint.is_rotating else "secret_kept"
            facts.append((pick(profile.secret.label, self.language), text[kept]))
        facts += [
            (text["confirms_by"], text[f"confirms_{endpoint.confirms_by}"]),
            (text["concurrency"], str(endpoint.concurrency)),
            (text["erasures_only"], text["yes" if endpoint.is_for_erasures_only else "no"]),
        ]
        signs = profile.effect is Effect.TELL
        return EndpointFacts(
            facts=tuple(facts),
            is_paused=endpoint.state is not EndpointState.ACTIVE,
            is_rotating=endpoint.is_rotating,
            has_secret=profile.secret is not None,
            secret_label=pick(profile.secret.label, self.language) if profile.secret else "",
            secret_help=pick(profile.secret.help, self.language) if profile.secret else "",
            rotate_what=text["rotate_what" if signs else "rotate_what_other"],
        )

    # --- one event

    def event(self, report: EventReport, *, name: str, most: int) -> EventPageView:
        text, event = self.text, report.event
        facts = [
            (text["kind"], self.kind(event)),
            (
                text["event_version"],
                text["event_version_value"].format(
                    desired=event.desired_version, acked=event.acked_version
                ),
            ),
            (text["event_created"], self.long_moment(event.created_at)),
            (text["deadline"], self.long_moment(event.due_at)),
            (text["event_next"], self._next(event)),
        ]
        if event.ticket:
            facts.append((text["event_ticket"], event.ticket))
        if event.accepted_at is not None:
            facts.append((text["event_accepted"], self.long_moment(event.accepted_at)))
        if event.confirmed_at is not None:
            facts.append((text["event_confirmed"], self.long_moment(event.confirmed_at)))
        return EventPageView(
            site=self.site.code,
            partner=event.addressee,
            name=name,
            message=rules.message_id(event.message_key),
            mark=self.event_mark(event),
            is_late=self.is_late(event),
            facts=tuple(facts),
            attempts=tuple(self._attempt_row(attempt) for attempt in report.attempts),
            is_cut=len(report.attempts) >= most,
            zone_note=self.zone_note,
        )

    def _next(self, event: EventInfo) -> str:
        standing = rules.event_standing(event)
        if standing is EventStanding.DEAD:
            return str(self.text["event_next_dead"])
        if event.next_attempt_at is None:
            return str(self.text["event_next_none"])
        way = "ask" if standing is EventStanding.AT_WORK else "send"
        return str(self.text[f"event_next_{way}"]).format(
            date=self.long_moment(event.next_attempt_at)
        )

    def _attempt_row(self, attempt: AttemptInfo) -> AttemptRow:
        group = next(key for key, outcomes in GROUPS.items() if attempt.outcome in outcomes)
        return AttemptRow(
            at=self.moment(attempt.attempted_at) or Moment(text="", iso=""),
            mark=Mark(key=group, text=self.text[f"outcome_{attempt.outcome}"]),
            version=attempt.version,
            status=str(attempt.http_status or self.text["no_number"]),
            took=self.text["milliseconds"].format(count=f"{attempt.duration_ms:,}"),
            error=self.error(attempt.error_class),
        )

    # --- what was given up

    def dead(
        self,
        *,
        standings: Sequence[Standing],
        partner: str,
        events: EventPage,
        is_first_page: bool,
        since: str,
        until: str,
        is_told_too: bool,
        wrong: tuple[str, ...],
        replayable: Replayable,
    ) -> DeadPage:
        text = self.text
        chosen = next((one for one in standings if one.health.partner == partner), None)
        asked = {"partner": partner, "since": since, "until": until}
        if is_told_too:
            asked["told"] = "1"
        count = replayable.dead + replayable.waiting + replayable.told
        mark = None if chosen is None else self.mark(chosen)
        return DeadPage(
            site=self.site.code,
            site_name=self.site_name,
            sites=self.site_select(),
            partners=select(
                name="partner",
                label=text["partner"],
                current=partner,
                options=[
                    (
                        one.health.partner,
                        f"{pick(one.health.legal_name, self.language) or one.health.partner}"
                        f" ({one.health.dead:,})",
                    )
                    for one in standings
                ],
            ),
            partner=partner,
            since=since,
            until=until,
            is_told_too=is_told_too,
            wrong=wrong,
            found=text["replay_found_told" if is_told_too else "replay_found"].format(
                dead=f"{replayable.dead:,}",
                waiting=f"{replayable.waiting:,}",
                told=f"{replayable.told:,}",
            ),
            count=count,
            press=text["replay_do"].format(count=f"{count:,}"),
            held=text["replay_held"].format(state=mark.text)
            if mark is not None and mark.key in {"paused", "gone", "none"}
            else "",
            dead=sum(one.health.dead for one in standings),
            events=self.event_table(events, is_first_page=is_first_page, asked=asked),
            zone_note=self.zone_note,
        )

    # --- small words

    @property
    def text(self) -> Words:
        return texts(self.language)

    @property
    def site_name(self) -> str:
        return pick(self.site.name, self.language) or self.site.code

    @property
    def zone_note(self) -> str:
        zone = zone_name(self.site.zone, self.language)
        return str(self.text["zone_note"]).format(zone=zone)

    def site_select(self) -> Select:
        return select(
            name="site",
            label=self.text["site"],
            current=self.site.code,
            options=[(one.code, pick(one.name, self.language) or one.code) for one in self.sites],
        )

    def way(self, transport: Transport) -> str:
        """Return a transport's name: ours where its own is only English."""
        own: str = self.text["transports"].get(transport, "")
        return own or (
            self.profiles[transport].name if transport in self.profiles else str(transport)
        )

    def identifier(self, kind: str) -> str:
        name: str = self.text["identifiers"].get(kind, "")
        if not name:
            return kind
        return f"{name}（{kind}）" if self.language == "ja" else f"{name} ({kind})"

    def sentences(self, *texts: str) -> str:
        return ("" if self.language == "ja" else " ").join(texts)

    def example(self, text: str) -> str:
        return str(self.text["example"]).format(text=text) if text else ""

    def error(self, code: str) -> str:
        return str(self.text["errors"].get(code, code))

    def kind(self, event: EventInfo) -> str:
        return str(self.text.get(f"kind_{event.kind}", event.kind))

    def event_mark(self, event: EventInfo) -> Mark:
        standing = rules.event_standing(event)
        return Mark(key=str(standing), text=self.text[f"standing_{standing}"])

    def is_late(self, event: EventInfo) -> bool:
        return event.confirmed_at is None and event.due_at < self.now

    def open_since(self, health: PartnerHealth) -> datetime | None:
        """Return since when something is untold or unconfirmed."""
        moments = [
            at for at in (health.oldest_unsaid_at, health.oldest_unconfirmed_at) if at is not None
        ]
        return min(moments, default=None)

    def share(self, share: float | None) -> str:
        """Return a share rounded down: a hundred percent means all."""
        if share is None:
            return str(self.text["no_number"])
        return f"{math.floor(share * 1000) / 10:.1f}%"

    def age(self, since: datetime) -> str:
        seconds = max(0, int((self.now - since).total_seconds()))
        days, rest = divmod(seconds, 86_400)
        clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
        if not days:
            return clock
        return f"{days}日 {clock}" if self.language == "ja" else f"{days} d {clock}"

    def moment(self, at: datetime | None) -> Moment | None:
        if at is None:
            return None
        local = at.astimezone(ZoneInfo(self.site.zone))
        return Moment(
            text=f"{local:%Y-%m-%d %H:%M:%S}", iso=local.isoformat(timespec="milliseconds")
        )

    def long_moment(self, at: datetime) -> str:
        return moment_text(at=at, zone=self.site.zone, language=self.language)

    def clock(self, at: datetime) -> str:
        """Return day and time without the year."""
        return f"{at.astimezone(ZoneInfo(self.site.zone)):%m-%d %H:%M}"

    def _query(self, **asked: object) -> str:
        given = {name: str(value) for name, value in asked.items() if value}
        return f"?{urlencode({'lang': self.language, 'site': self.site.code, **given})}"


def _round_up(count: int) -> int:
    """Return the next 1, 2 or 5 with zeros: a scale that can be read."""
    size = int(10 ** (len(str(count)) - 1))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= count)


def short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:12]}…"
