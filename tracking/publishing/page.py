"""The pages from a draft to a notice, ready to print in one language. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tracking.lib.errors import DomainError
from tracking.lib.moments import day_text, moment_text
from tracking.notices import diff, queries
from tracking.notices.findings import describe
from tracking.notices.types import Finding, Level, Proposal, Publication, Renewal, Stage
from tracking.publishing.types import AskedAgain, Desk, Restoration
from tracking.registry.types import SiteInfo
from tracking.web.parts import Select, pick, select

Words = Mapping[str, Any]
Content = Mapping[str, Any]

# Fewer devices than this are not told apart (policy Article 8).
_FEWEST = 10
_SOON_DAYS = 30
# A small telephone, and a desk.
_PREVIEWS = ((360, 640), (1280, 720))
_LINE = re.compile(r"line\.([A-Za-z-]{2,12})\.([a-z_]{1,40})")
# The lines of the editor, in the order in which a visitor meets them; the others come last.
_GROUPS = {
    "banner": ("banner_title", "banner_body", "banner_link", "allow", "refuse", "choose"),
    "notice": ("notice_title", "notice_body"),
    "again": ("changed_lead", "changed_new", "changed_more", "refuse_changed", "expired_lead"),
    "preferences": (
        "prefs_title", "prefs_lead", "tab_purposes", "tab_items", "tab_partners", "allow_all",
        "refuse_all", "save", "always_on", "on_by_notice", "off_consequence", "settings_link",
    ),
    "after": (
        "saved", "saved_withdrawn", "gpc_honoured", "delivery_progress", "delivery_pending",
        "delivery_sent", "delivery_overdue", "delivery_nothing", "offline_note", "reload_note",
    ),
    "rest": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a form of the editor says. `effective_wrong`: why its moment could not be read."""

    lines: Mapping[str, Mapping[str, str]]
    note: str
    effective: str
    effective_at: datetime | None
    effective_wrong: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """`anchor` leads to the line of the editor; "" = it is in what the site declares."""

    text: str
    check: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRow:
    name: str
    kind: str
    why: str
    devices: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    number: int
    effective: str
    by: str
    note: str
    hash: str
    restored: str
    is_current: bool
    is_newest: bool
    previous: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What publishing would do: what keeps it back, what changes, whom it asks again."""

    stops: tuple[FindingRow, ...]
    advice: tuple[FindingRow, ...]
    changes: tuple[tuple[str, tuple[str, ...]], ...]
    asked: str
    renewals: tuple[RenewalRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage:
    site: str
    selects: tuple[Select, ...]
    facts: tuple[tuple[str, str], ...]
    review: str
    is_review_overdue: bool
    is_review_near: bool
    current: int
    coming: str
    stage: str
    is_draft: bool
    is_in_review: bool
    is_news: bool
    takes_effect: str
    note: str
    revision: int
    newest: int
    effect: Effect
    versions: tuple[VersionRow, ...]


Pieces = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One value before and after, in pieces: text, and whether it differs from the other side."""

    label: str
    language: str
    before: Pieces
    after: Pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    title: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, tuple[Pair, ...]], ...]
    is_reordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    site: str
    title: str
    before: str
    after: str
    wording: tuple[Pair, ...]
    tables: tuple[Table, ...]
    is_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One text of the editor in one language; `built_in` where it was replaced."""

    name: str
    language: str
    language_name: str
    is_wrong: bool
    text: str
    rows: int
    built_in: str
    findings: tuple[FindingRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    code: str
    title: str
    lead: str
    is_open: bool
    lines: tuple[tuple[str, tuple[Line, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A frame with the banner in it, `width` x `height` CSS px."""

    name: str
    language: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorPage:
    site: str
    previews: tuple[Preview, ...]
    groups: tuple[Group, ...]
    note: str
    effective: str
    effective_note: str
    revision: int
    stops: str
    is_stopped: bool
    is_in_review: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationPage:
    site: str
    title: str
    lead: str
    newest: int
    is_news: bool
    effect: Effect
    comparison: ComparisonPage


def texts(language: str) -> Words:
    """Return the pages' words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def read_number(text: str) -> int:
    """Return a number that a form or an address names; -1, which is none, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def read_form(sent: Mapping[str, str], *, zone: str) -> Typed:
    """Return what a form of the editor says; what is no line is passed over."""
    lines: dict[str, dict[str, str]] = {}
    for name, text in sent.items():
        if match := _LINE.fullmatch(name):
            lines.setdefault(match[1], {})[match[2]] = " ".join(text.split())
    effective, at, wrong = sent.get("effective_at", "").strip(), None, ""
    if effective:
        try:
            at = datetime.fromisoformat(effective).replace(tzinfo=ZoneInfo(zone))
        except ValueError:
            wrong = "effective_wrong"
    return Typed(
        lines=lines,
        note=sent.get("note", "").strip(),
        effective=effective,
        effective_at=at,
        effective_wrong=wrong,
        revision=read_number(sent.get("revision", "")),
    )


def as_json(page: EditorPage) -> dict[str, Any]:
    """Return what the editor's script renews after it saved."""
    return {
        "revision": page.revision,
        "stops": page.stops,
        "is_stopped": page.is_stopped,
        "lines": {
            line.name: {
                "built_in": line.built_in,
                "findings": [finding.text for finding in line.findings],
            }
            for group in page.groups
            for _, lines in group.lines
            for line in lines
        },
    }


class Writer:
    """Writes about one site in one language."""

    def __init__(self, *, site: SiteInfo, language: str, now: datetime) -> None:
        self._site = site
        self._language = language
        self._now = now
        self._text = texts(language)

    # --- the desk

    def desk(self, desk: Desk, *, sites: Sequence[SiteInfo]) -> DeskPage:
        """Return the page about what is published and what comes next."""
        draft, proposal = desk.draft, desk.proposal
        planned = draft.effective_at
        newest = desk.publications[-1] if desk.publications else None
        current = desk.current.number if desk.current else 0
        return DeskPage(
            site=self._site.code,
            selects=(
                select(
                    name="site",
                    label=self._text["site"],
                    current=self._site.code,
                    options=[(one.code, pick(one.name, self._language)) for one in sites],
                ),
            )
            if len(sites) > 1
            else (),
            facts=tuple(
                self._facts(next((p for p in desk.publications if p.number == current), None))
            ),
            review=self._review(desk),
            is_review_overdue=desk.review_on is not None and desk.review_on <= self._today(),
            is_review_near=desk.review_on is not None
            and (desk.review_on - self._today()).days <= _SOON_DAYS,
            current=current,
            coming=self._say(
                "coming", number=newest.number, moment=self._moment(newest.effective_at)
            )
            if newest is not None and newest.effective_at > self._now
            else "",
            stage=self._stage(desk),
            is_draft=draft.revision > 0,
            is_in_review=draft.stage is Stage.IN_REVIEW,
            is_news=proposal.is_news,
            takes_effect=self._say("takes_effect", moment=self._moment(planned))
            if planned is not None and planned > self._now
            else self._say("takes_effect_now"),
            note=draft.note,
            revision=draft.revision,
            newest=newest.number if newest else 0,
            effect=self._effect(proposal, desk.asked_again),
            versions=tuple(
                self._version(publication, current=current, newest=newest)
                for publication in reversed(desk.publications)
            ),
        )

    def _facts(self, one: Publication | None) -> Iterator[tuple[str, str]]:
        if one is None:
            return
        text = self._text
        yield text["version"], self._say("version_number", number=one.number)
        yield text["effective"], self._moment(one.effective_at)
        yield text["published_by"], self._by(one)
        if one.note:
            yield text["note"], one.note

    def _by(self, one: Publication) -> str:
        if not one.reviewer:
            return one.author
        return self._say("by_two", author=one.author, reviewer=one.reviewer)

    def _review(self, desk: Desk) -> str:
        if desk.review_on is None:
            return ""
        day = self._day(desk.review_on)
        days = (desk.review_on - self._today()).days
        key = (
            "review_overdue" if days <= 0 else "review_soon" if days <= _SOON_DAYS else "review_on"
        )
        return self._say(key, day=day, days=abs(days))

    def _stage(self, desk: Desk) -> str:
        draft = desk.draft
        if draft.stage is Stage.IN_REVIEW and draft.submitted_at is not None:
            return self._say(
                "stage_in_review", name=draft.submitted_by, moment=self._moment(draft.submitted_at)
            )
        if draft.saved_at is not None:
            return self._say(
                "stage_writing", name=draft.author, moment=self._moment(draft.saved_at)
            )
        return self._say("stage_registry" if desk.proposal.is_news else "stage_none")

    def _version(self, one: Publication, *, current: int, newest: Publication | None) -> VersionRow:
        return VersionRow(
            number=one.number,
            effective=self._moment(one.effective_at),
            by=self._by(one),
            note=one.note,
            hash=one.hash[:12],
            restored=self._say("restores", number=one.restores) if one.restores else "",
            is_current=one.number == current,
            is_newest=newest is not None and one.number == newest.number,
            previous=one.number - 1,
        )

    # --- what publishing would do

    def _effect(self, proposal: Proposal, asked: AskedAgain) -> Effect:
        content, renewals = proposal.content, proposal.renewals
        before = proposal.previous.content if proposal.previous else None
        rows = [(finding.level, self._finding(finding)) for finding in proposal.findings]
        return Effect(
            stops=tuple(row for level, row in rows if level is Level.STOP),
            advice=tuple(row for level, row in rows if level is Level.ADVICE),
            changes=() if before is None else tuple(self._summary(diff.compare(before, content))),
            asked=self._asked(asked, renewals, is_first=before is None),
            renewals=tuple(
                RenewalRow(
                    name=self._choice(renewal.choice, content),
                    kind=self._text[f"kind_{renewal.choice.partition(':')[0]}"],
                    why=self._why(renewal, content),
                    devices=self._devices(asked.by_choice[renewal.choice]),
                )
                for renewal in renewals
            ),
        )

    def _finding(self, finding: Finding) -> FindingRow:
        place = finding.place
        is_line = place[:1] == ("wording",) and len(place) >= 3
        return FindingRow(
            text=describe(finding, self._language),
            check=self._text["checks"].get(finding.check, finding.check),
            anchor=f"{place[1]}-{place[2]}" if is_line else "",
        )

    def _field(self, name: str) -> str:
        known: Mapping[str, str] = self._text["fields"]
        return known.get(name) or self._text["language_names"].get(name) or name

    def _summary(self, changes: diff.Diff) -> Iterator[tuple[str, tuple[str, ...]]]:
        text = self._text
        if changes.wording:
            count = len(changes.wording)
            yield text["tables"]["wording"], (self._say("lines_changed", count=count),)
        for table, found in changes.tables.items():
            lines = [
                *(
                    self._say("added", name=pick(one.name, self._language) or one.code)
                    for one in found.added
                ),
                *(
                    self._say("removed", name=pick(one.name, self._language) or one.code)
                    for one in found.removed
                ),
                *(
                    self._say(
                        "changed",
                        name=pick(change.name, self._language) or change.code,
                        fields=self._list(
                            dict.fromkeys(self._field(field.path[0]) for field in change.fields)
                        ),
                    )
                    for change in found.changed
                ),
            ]
            if found.is_reordered:
                lines.append(text["reordered"])
            if lines:
                yield text["tables"][table], tuple(lines)
        if changes.site:
            fields = dict.fromkeys(self._field(change.path[0]) for change in changes.site)
            yield text["tables"]["site"], (self._say("site_changed", fields=self._list(fields)),)

    def _asked(self, asked: AskedAgain, renewals: Sequence[Renewal], *, is_first: bool) -> str:
        if is_first:
            return self._say("asked_first")
        if not renewals:
            return self._say("asked_nobody")
        if not asked.devices:
            return self._say("asked_none_there")
        return self._say("asked", devices=self._devices(asked.devices))

    def _devices(self, count: int) -> str:
        if 0 < count < _FEWEST:
            return self._say("devices_few", fewest=_FEWEST)
        return self._say("devices", count=f"{count:,}")

    def _why(self, renewal: Renewal, content: Content) -> str:
        gained = self._list(self._gained(gained, content) for gained in renewal.gained)
        return self._say(f"why_{renewal.reason}", gained=gained)

    def _gained(self, gained: str, content: Content) -> str:
        if gained == "linkable" or gained.startswith("transport:"):
            return self._say(f"gained_{gained.replace(':', '_')}")
        return self._choice(gained, content)

    def _choice(self, choice: str, content: Content) -> str:
        kind, _, code = choice.partition(":")
        tables = {"purpose": "purposes", "item": "data_items", "partner": "partners"}
        return _name(content, tables[kind], code, self._language)

    # --- two versions

    def comparison(self, *, before: Content, after: Content, is_draft: bool) -> ComparisonPage:
        """Return two contents side by side."""
        found = diff.compare(before, after)
        text = self._text
        names = (
            self._say("version_number", number=before["number"]),
            text["next_version"]
            if is_draft
            else self._say("version_number", number=after["number"]),
        )
        return ComparisonPage(
            site=self._site.code,
            title=self._say("compare_title", before=names[0], after=names[1]),
            before=names[0],
            after=names[1],
            wording=tuple(
                self._pair(
                    _built_in_text(change.key, self._language),
                    change.before,
                    change.after,
                    language=change.language,
                )
                for change in found.wording
            ),
            tables=tuple(self._tables(found, before, after)),
            is_empty=found.is_empty,
        )

    def _tables(self, found: diff.Diff, before: Content, after: Content) -> Iterator[Table]:
        for code, table in found.tables.items():
            if table.is_empty:
                continue
            yield Table(
                title=self._text["tables"][code],
                added=tuple(pick(one.name, self._language) or one.code for one in table.added),
                removed=tuple(pick(one.name, self._language) or one.code for one in table.removed),
                changed=tuple(
                    (
                        pick(change.name, self._language) or change.code,
                        tuple(self._change(field, before, after) for field in change.fields),
                    )
                    for change in table.changed
                ),
                is_reordered=table.is_reordered,
            )
        if found.site:
            yield Table(
                title=self._text["tables"]["site"],
                added=(),
                removed=(),
                changed=(("", tuple(self._change(field, before, after) for field in found.site)),),
                is_reordered=False,
            )

    def _change(self, change: diff.FieldChange, before: Content, after: Content) -> Pair:
        names: Mapping[str, str] = self._text["language_names"]
        language = change.path[-1] if change.path[-1] in names else ""
        label = " › ".join(self._field(step) for step in change.path)
        return self._pair(
            label,
            self._value(change.before, change.path, before),
            self._value(change.after, change.path, after),
            language=language,
        )

    def _value(self, value: Any, path: Sequence[str], content: Content) -> str | None:
        text = self._text
        if value is None:
            return None
        if isinstance(value, bool):
            return self._say("yes" if value else "no")
        if isinstance(value, list):
            table = {"purposes": "purposes", "policy_codes": "", "items": "data_items"}.get(
                path[0], "data_items" if path[0].endswith("_items") else ""
            )
            return self._list(
                _name(content, table, one, self._language)
                if table
                else ", ".join(f"{k} {v}" for k, v in one.items())
                if isinstance(one, dict)
                else str(one)
                for one in value
            )
        if path[0] == "effective_at":
            at = datetime.fromtimestamp(value, tz=ZoneInfo(self._site.zone))
            return self._moment(at)
        values: Mapping[str, str] = text["values"]
        return values.get(str(value), str(value))

    def _pair(self, label: str, before: str | None, after: str | None, *, language: str) -> Pair:
        old, new = _side_by_side(before or "", after or "")
        return Pair(label=label, language=language, before=old, after=new)

    # --- the editor

    def editor(self, desk: Desk, *, typed: Typed | None) -> EditorPage:
        """Return the words of the next notice; what was `typed` and not kept stands instead."""
        content, draft = desk.proposal.content, desk.draft
        names: Mapping[str, str] = self._text["language_names"]
        rows = [(finding, self._finding(finding)) for finding in desk.proposal.findings]
        stops = sum(finding.level is Level.STOP for finding in desk.proposal.findings)
        effective = ""
        if draft.effective_at is not None:
            local = draft.effective_at.astimezone(ZoneInfo(self._site.zone))
            effective = f"{local:%Y-%m-%dT%H:%M}"
        return EditorPage(
            site=self._site.code,
            previews=tuple(
                Preview(
                    name=self._say(
                        "preview_name", language=names.get(language, language), width=width
                    ),
                    language=language,
                    width=width,
                    height=height,
                )
                for width, height in _PREVIEWS
                for language in content["languages"]
            ),
            groups=tuple(
                Group(
                    code=group,
                    title=self._text[f"group_{group}"],
                    lead=self._text[f"group_{group}_lead"],
                    is_open=group == "banner",
                    lines=tuple(
                        (
                            key,
                            tuple(
                                self._line(key, language, content, typed, rows)
                                for language in content["languages"]
                            ),
                        )
                        for key in keys
                    ),
                )
                for group, keys in _grouped().items()
            ),
            note=draft.note if typed is None else typed.note,
            effective=effective if typed is None else typed.effective,
            effective_note=self._say("effective_note", zone=self._site.zone),
            revision=draft.revision if typed is None else typed.revision,
            stops=self._say("editor_stops", count=stops) if stops else self._say("editor_clear"),
            is_stopped=bool(stops),
            is_in_review=draft.stage is Stage.IN_REVIEW,
        )

    def _line(
        self,
        key: str,
        language: str,
        content: Content,
        typed: Typed | None,
        rows: Iterable[tuple[Finding, FindingRow]],
    ) -> Line:
        place = ("wording", language, key)
        text: str = content["wording"][language].get(key, "")
        if typed is not None:
            text = typed.lines.get(language, {}).get(key, text)
        built_in = queries.default_wording().get(language, {}).get(key, "")
        wide = sum(2 if ord(sign) > 0x2E7F else 1 for sign in text)
        own = [(finding, row) for finding, row in rows if finding.place[:3] == place]
        return Line(
            name=f"line.{language}.{key}",
            language=language,
            language_name=self._text["language_names"].get(language, language),
            is_wrong=any(finding.level is Level.STOP for finding, _ in own),
            text=text,
            rows=min(6, 1 + wide // 52),
            built_in=built_in if built_in != text else "",
            findings=tuple(row for _, row in own),
        )

    # --- bringing a version back

    def restoration(self, found: Restoration) -> RestorationPage:
        """Return what bringing a version back would do."""
        proposal = found.proposal
        before = proposal.previous.content if proposal.previous else proposal.content
        return RestorationPage(
            site=self._site.code,
            title=self._say("restore_title", number=found.number),
            lead=self._say("restore_lead", number=found.number),
            newest=proposal.content["number"] - 1,
            is_news=proposal.is_news,
            effect=self._effect(proposal, found.asked_again),
            comparison=self.comparison(before=before, after=proposal.content, is_draft=True),
        )

    def refusal(self, error: DomainError) -> str:
        """Return why something was not done, in words."""
        known: Mapping[str, str] = self._text["refusals"]
        text = known.get(error.code, known["other"])
        if error.code == "draft_invalid" and "effective_at" in error.fields:
            return known["effective_wrong"]
        gaps = error.fields.get("gaps")
        if isinstance(gaps, list):
            return text.format(count=len(gaps))
        return text

    def _say(self, key: str, **values: object) -> str:
        text: str = self._text[key]
        return text.format(**values) if values else text

    def reviewed(self, next_on: date) -> str:
        """Return what is said after somebody looked at a notice."""
        return self._say("reviewed", day=self._day(next_on))

    def _day(self, day: date) -> str:
        at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self._site.zone))
        return day_text(at=at, zone=self._site.zone, language=self._language)

    def _moment(self, at: datetime) -> str:
        return moment_text(at=at, zone=self._site.zone, language=self._language)

    def _today(self) -> date:
        return self._now.astimezone(ZoneInfo(self._site.zone)).date()

    def _list(self, names: Iterable[str]) -> str:
        return ("、" if self._language == "ja" else ", ").join(names)


@cache
def _grouped() -> dict[str, tuple[str, ...]]:
    placed = {key for keys in _GROUPS.values() for key in keys}
    rest = tuple(key for key in queries.default_wording()["en"] if key not in placed)
    return {**_GROUPS, "rest": rest}


def _built_in_text(key: str, language: str) -> str:
    return queries.default_wording()[language].get(key, key)


def _name(content: Content, table: str, code: str, language: str) -> str:
    named_by = diff.TABLES[table]
    for entry in content.get(table, ()):
        if entry["code"] == code:
            return pick(entry[named_by], language) or code
    return code


def _side_by_side(before: str, after: str) -> tuple[Pieces, Pieces]:
    """Return two texts in pieces; words where there are blanks, else single signs."""
    old, new = _units(before), _units(after)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if i2 > i1:
            left.append(("".join(old[i1:i2]), tag != "equal"))
        if j2 > j1:
            right.append(("".join(new[j1:j2]), tag != "equal"))
    return tuple(left), tuple(right)


def _units(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9'’-]+|\s+|.", text)
