"""The pages about experiments, ready to print in one language. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from tracking.experiments.types import (
    ARMS,
    CONTROL,
    FEWEST_DAYS,
    LINES,
    PRESENTATIONS,
    Arm,
    Comparison,
    Experiment,
    Objection,
    Plan,
    Stage,
    Tally,
    Verdict,
)
from tracking.lib.errors import DomainError
from tracking.lib.moments import moment_text
from tracking.notices.findings import describe
from tracking.notices.types import Level, Notice
from tracking.registry.types import SiteInfo
from tracking.trials import rules
from tracking.trials.types import Desk, Drafted, Guess, Result
from tracking.web.parts import Choice, Select, pick, select

Words = Mapping[str, Any]

_FIELD = re.compile(r"(share|presentation|line)\.([a-d])(?:\.([A-Za-z-]{2,12})\.([a-z_]{1,40}))?")
# The lines of an arm that are seen where visitors are told, not asked; the others come first.
_TOLD = ("notice_title", "notice_body")
# A small telephone, and a desk.
_PREVIEWS = ((360, 640), (1280, 720))
# Of the drawing of an interval, which is stretched to its place.
WIDTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a draft's form says; numbers that cannot be read are 0, which no plan allows."""

    plan: Plan
    arms: tuple[Arm, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An experiment in the list."""

    code: str
    name: str
    stage: str
    mark: str
    started: str
    arms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage:
    site: str
    selects: tuple[Select, ...]
    has_notice: bool
    rows: tuple[Row, ...]
    suggested: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    language: str
    language_name: str
    text: str
    published: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A frame with the banner in it, `width` x `height` CSS px."""

    name: str
    language: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmForm:
    code: str
    title: str
    is_published: bool
    share: int
    presentations: tuple[Choice, ...]
    lines: tuple[tuple[str, tuple[Line, ...]], ...]
    told: tuple[tuple[str, tuple[Line, ...]], ...]
    stops: tuple[str, ...]
    advice: tuple[str, ...]
    previews: tuple[Preview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many visitors and days it takes, in words."""

    sentence: str
    longer: str
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPage:
    site: str
    code: str
    name: str
    hypothesis: str
    purposes: Select
    days: int
    difference: str
    revision: int
    arms: tuple[ArmForm, ...]
    can_add: bool
    stops: tuple[str, ...]
    size: Size | None
    baseline: str
    visitors: str
    own: str
    saved: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where an interval and its middle lie on a line of `WIDTH`; `zero` is no difference."""

    left: float
    width: float
    middle: float
    zero: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    code: str
    title: str
    share: str
    shown: str
    decided: str
    granted: str
    rate: str
    says: str
    mark: str
    interval: Interval | None
    p_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that an arm says or shows otherwise."""

    label: str
    language: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    code: str
    title: str
    said: tuple[Said, ...]
    previews: tuple[Preview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    site: str
    code: str
    name: str
    facts: tuple[tuple[str, str], ...]
    standing: str
    mark: str
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
    rows: tuple[ArmRow, ...]
    ends: tuple[str, str]
    shown: tuple[Shown, ...]
    is_running: bool
    can_promote: tuple[tuple[str, str], ...]
    promotable_from: str
    presentation_note: str


def texts(language: str) -> Words:
    """Return the pages' words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def read_number(text: str) -> float | None:
    """Return a number that a form or an address names, None for anything else."""
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text.strip()) else None


def read_guess(address: Mapping[str, str]) -> Guess:
    """Return what a plan is to reckon with instead of the site's own numbers."""
    baseline = read_number(address.get("baseline", ""))
    return Guess(
        baseline=baseline if baseline is not None and 0 < baseline < 100 else None,
        visitors=read_number(address.get("visitors", "")),
    )


def read_form(sent: Mapping[str, str]) -> Typed:
    """Return what a draft's form says, with an arm more or less if its button was pressed."""
    found: dict[str, Arm] = {}
    for name, text in sent.items():
        match = _FIELD.fullmatch(name)
        if match is None:
            continue
        field, code, language, line = match.groups()
        arm = found.setdefault(code, Arm(code=code, share=0, wording={}))
        if field == "share":
            found[code] = replace(arm, share=int(read_number(text) or 0))
        elif field == "presentation":
            found[code] = replace(arm, presentation=text)
        elif language:
            lines = {**arm.wording.get(language, {}), line: " ".join(text.split())}
            found[code] = replace(arm, wording={**arm.wording, language: lines})
    arms = [found[code] for code in sorted(found)]
    removed = sent.get("remove", "")
    if removed and removed != CONTROL and len(arms) > 2:
        arms = [arm for arm in arms if arm.code != removed]
    if "add" in sent and len(arms) < len(ARMS):
        arms.append(Arm(code="", share=0, wording={}))
    if len(arms) != len(found):
        arms = [
            replace(arm, share=share) for arm, share in zip(arms, _even(len(arms)), strict=True)
        ]
    return Typed(
        plan=Plan(
            name=sent.get("name", "").strip(),
            hypothesis=sent.get("hypothesis", "").strip(),
            purpose=sent.get("purpose", ""),
            days=int(read_number(sent.get("days", "")) or 0),
            difference=read_number(sent.get("difference", "")) or 0.0,
        ),
        # Letters follow each other.
        arms=tuple(replace(arm, code=code) for arm, code in zip(arms, ARMS, strict=False)),
        revision=int(read_number(sent.get("revision", "")) or 0),
    )


def _even(count: int) -> list[int]:
    return [100 // count + (1 if place < 100 % count else 0) for place in range(count)]


class Writer:
    """Writes about one site in one language."""

    def __init__(self, *, site: SiteInfo, language: str, now: datetime) -> None:
        self._site = site
        self._language = language
        self._now = now
        self._text = texts(language)

    # --- the list

    def desk(self, desk: Desk, *, sites: Sequence[SiteInfo]) -> DeskPage:
        """Return the list of a site's experiments."""
        taken = {one.code for one in desk.experiments}
        number = next(n for n in range(1, 1000) if f"test-{n}" not in taken)
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
            has_notice=desk.notice is not None,
            rows=tuple(
                Row(
                    code=one.code,
                    name=one.plan.name,
                    stage=self._standing(one),
                    mark=_mark(one),
                    started=self._moment(one.started_at) if one.started_at else "–",
                    arms=len(one.arms),
                )
                for one in desk.experiments
            ),
            suggested=f"test-{number}",
        )

    # --- a draft

    def draft(self, found: Drafted) -> DraftPage:
        """Return a draft's form, with what keeps it from starting and how long it would take."""
        one, plan = found.experiment, found.experiment.plan
        return DraftPage(
            site=one.site,
            code=one.code,
            name=plan.name,
            hypothesis=plan.hypothesis,
            purposes=select(
                name="purpose",
                label=self._text["purpose"],
                current=plan.purpose,
                options=self._purposes(found.notice),
            ),
            days=plan.days,
            difference=f"{plan.difference:g}",
            revision=one.revision,
            arms=tuple(self._arm_form(arm, found) for arm in one.arms),
            can_add=len(one.arms) < len(ARMS),
            stops=tuple(self._objections(found.objections)),
            size=self._size(found),
            baseline=f"{100 * found.baseline:.1f}",
            visitors=f"{found.visitors:.0f}",
            own=self._say(
                "own_numbers",
                days=rules.PLAN_DAYS,
                rate=f"{found.own.of_shown:.1%}",
                visitors=f"{found.own.shown / rules.PLAN_DAYS:,.0f}",
            )
            if found.own.of_shown is not None
            else self._say("own_numbers_none", days=rules.PLAN_DAYS),
            saved=self._say("saved_by", name=one.author, moment=self._moment(one.saved_at)),
        )

    def _purposes(self, notice: Notice) -> list[tuple[str, str]]:
        return [
            (entry["code"], pick(entry["name"], self._language))
            for entry in notice.content["purposes"]
            if f"purpose:{entry['code']}" in notice.asked_ids
        ]

    def _arm_form(self, arm: Arm, found: Drafted) -> ArmForm:
        notice = found.notice
        findings = found.findings[arm.code]
        own = self._site.presentation.value
        return ArmForm(
            code=arm.code,
            title=self._arm(arm.code),
            is_published=arm.code == CONTROL,
            share=arm.share,
            presentations=select(
                name="presentation",
                label="",
                current=arm.presentation,
                options=[
                    ("", self._say("as_published", name=self._text["presentations"][own])),
                    *(
                        (code, self._text["presentations"][code])
                        for code in PRESENTATIONS
                        if code != own
                    ),
                ],
            ).choices,
            lines=self._lines(arm, notice, [key for key in LINES if key not in _TOLD]),
            told=self._lines(arm, notice, _TOLD),
            stops=tuple(
                describe(one, self._language) for one in findings if one.level is Level.STOP
            ),
            advice=tuple(
                dict.fromkeys(
                    describe(one, self._language)
                    for one in findings
                    if one.level is Level.ADVICE
                    and one.place[0] == "wording"
                    # What is advised about the published words is said where they are written.
                    and one.place[2:3]
                    and one.place[2] in arm.wording.get(one.place[1], {})
                )
            ),
            previews=self._previews(notice),
        )

    def _lines(
        self, arm: Arm, notice: Notice, keys: Iterable[str]
    ) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        published = notice.content["wording"]
        return tuple(
            (
                self._text["lines"][key],
                tuple(
                    self._line(arm, language, key, published[language].get(key, ""))
                    for language in notice.content["languages"]
                ),
            )
            for key in keys
        )

    def _line(self, arm: Arm, language: str, key: str, published: str) -> Line:
        text = arm.wording.get(language, {}).get(key) or published
        wide = sum(2 if ord(sign) > 0x2E7F else 1 for sign in text)
        return Line(
            name=f"line.{arm.code}.{language}.{key}",
            language=language,
            language_name=self._language_name(language),
            text=text,
            published=published if published != text else "",
            rows=min(6, 1 + wide // 52),
        )

    def _previews(self, notice: Notice) -> tuple[Preview, ...]:
        return tuple(
            Preview(
                name=self._say("preview_name", language=self._language_name(language), width=width),
                language=language,
                width=width,
                height=height,
            )
            for width, height in _PREVIEWS
            for language in notice.content["languages"]
        )

    def _size(self, found: Drafted) -> Size | None:
        size = found.size
        if size is None:
            return None
        planned, needed = found.experiment.plan.days, size.days
        if needed is None:
            sentence = self._say("size_visitors", visitors=f"{size.sequential:,}")
            warning = self._say("size_no_visitors")
        else:
            sentence = self._say("size", visitors=f"{size.sequential:,}", days=f"{needed:,}")
            warning = self._say("size_too_short", days=planned) if needed > planned else ""
        return Size(
            sentence=sentence + self._say("size_arm", visitors=f"{size.smallest_arm:,}"),
            longer=self._say("size_longer", fixed=f"{size.fixed:,}", longer=f"{size.longer:.1f}"),
            warning=warning,
        )

    def _objections(self, objections: Iterable[Objection]) -> Iterator[str]:
        for one in objections:
            arm = self._arm(one.arm) if one.arm else ""
            if one.finding is None:
                yield self._text["objections"][one.code].format(arm=arm)
            else:
                yield self._say("arm_says", arm=arm, text=describe(one.finding, self._language))

    # --- numbers

    def result(self, found: Result) -> ResultPage:
        """Return what can be said of an experiment that was started."""
        one = found.experiment
        compared = {comparison.arm: comparison for comparison in found.comparisons}
        scale = max(
            (
                max(abs(comparison.low), abs(comparison.high))
                for comparison in found.comparisons
                if comparison.low is not None and comparison.high is not None
            ),
            default=0.0,
        )
        can_promote = one.stage in (Stage.RUNNING, Stage.STOPPED) and self._days_run(
            one
        ) >= timedelta(days=FEWEST_DAYS)
        return ResultPage(
            site=one.site,
            code=one.code,
            name=one.plan.name,
            facts=tuple(self._facts(one, found.notice)),
            standing=self._standing(one),
            mark=_mark(one),
            warnings=tuple(self._warnings(found)),
            summary=tuple(self._verdict(comparison) for comparison in found.comparisons),
            rows=tuple(
                self._row(arm, tally, compared.get(arm.code), scale)
                for arm, tally in zip(one.arms, found.tallies, strict=True)
            ),
            ends=(self._points(-scale), self._points(scale)) if scale else ("", ""),
            shown=tuple(self._shown(arm, found.notice) for arm in one.arms),
            is_running=one.stage is Stage.RUNNING,
            can_promote=tuple(
                (arm.code, self._say("promote", arm=self._arm(arm.code)))
                for arm in one.arms
                if can_promote and arm.code != CONTROL
            ),
            promotable_from=self._promotable_from(one),
            presentation_note=self._text["promote_presentation"]
            if any(arm.presentation for arm in one.arms)
            else "",
        )

    def _facts(self, one: Experiment, notice: Notice) -> Iterator[tuple[str, str]]:
        text = self._text
        names = dict(self._purposes(notice))
        if one.plan.hypothesis:
            yield text["hypothesis"], one.plan.hypothesis
        yield text["purpose"], names.get(one.plan.purpose, one.plan.purpose)
        yield text["notice"], self._say("version_number", number=notice.number)
        if one.started_at:
            yield (
                text["started"],
                self._say("by", moment=self._moment(one.started_at), name=one.started_by),
            )
        if one.stopped_at:
            yield text["stopped"], self._moment(one.stopped_at)
        elif one.ends_at:
            left = max(0, ceil((one.ends_at - self._now) / timedelta(days=1)))
            yield (
                text["ends"],
                self._say("days_left", moment=self._moment(one.ends_at), days=left),
            )
        yield text["difference"], self._say("difference_points", points=f"{one.plan.difference:g}")

    def _warnings(self, found: Result) -> Iterator[str]:
        if rules.is_mismatched(found):
            yield self._say("mismatch")
        if rules.is_thin(found):
            yield self._say("thin", people=f"{found.left_out:,}")

    def _row(self, arm: Arm, tally: Tally, comparison: Comparison | None, scale: float) -> ArmRow:
        return ArmRow(
            code=arm.code,
            title=self._arm(arm.code),
            share=f"{arm.share}%",
            shown=f"{tally.shown:,}",
            decided=f"{tally.decided:,}",
            granted=f"{tally.granted:,}",
            rate="–" if tally.rate is None else f"{tally.rate:.1%}",
            says=self._text["compared_with"] if comparison is None else self._range(comparison),
            mark="" if comparison is None else comparison.verdict.value,
            interval=None if comparison is None else _interval(comparison, scale),
            p_value="–"
            if comparison is None or comparison.difference is None
            else _p_text(comparison.p_value),
        )

    def _verdict(self, one: Comparison) -> str:
        if one.difference is None or one.low is None or one.high is None:
            return self._say("verdict_few", arm=self._arm(one.arm))
        low, high = _signed(one.low), _signed(one.high)
        if one.verdict is Verdict.BETTER:
            low, high = _decimal(one.low), _decimal(one.high)
        elif one.verdict is Verdict.WORSE:
            low, high = _decimal(-one.high), _decimal(-one.low)
        return self._say(
            f"verdict_{one.verdict.value}",
            arm=self._arm(one.arm),
            points=_decimal(abs(one.difference)),
            low=low,
            high=high,
        )

    def _range(self, one: Comparison) -> str:
        if one.difference is None or one.low is None or one.high is None:
            return "–"
        return self._say(
            "range",
            points=_signed(one.difference),
            low=_signed(one.low),
            high=_signed(one.high),
        )

    def _points(self, share: float) -> str:
        return self._say("points", points=_signed(share))

    def _shown(self, arm: Arm, notice: Notice) -> Shown:
        published = notice.content["wording"]
        said = [
            Said(
                label=self._text["lines"][key],
                language=language,
                before=published.get(language, {}).get(key, ""),
                after=lines[key],
            )
            for language, lines in arm.wording.items()
            for key in LINES
            if key in lines
        ]
        if arm.presentation:
            names = self._text["presentations"]
            said.append(
                Said(
                    label=self._text["presentation"],
                    language=self._language,
                    before=names.get(notice.content.get("presentation", ""), "–"),
                    after=names[arm.presentation],
                )
            )
        return Shown(
            code=arm.code,
            title=self._arm(arm.code),
            said=tuple(said),
            previews=self._previews(notice),
        )

    def _days_run(self, one: Experiment) -> timedelta:
        return (one.stopped_at or self._now) - (one.started_at or self._now)

    def _promotable_from(self, one: Experiment) -> str:
        ran = self._days_run(one)
        if one.stage is Stage.PROMOTED or ran >= timedelta(days=FEWEST_DAYS) or not one.started_at:
            return ""
        if one.stage is Stage.STOPPED:
            return self._say("promote_never", days=FEWEST_DAYS)
        at = one.started_at + timedelta(days=FEWEST_DAYS)
        return self._say("promote_from", moment=self._moment(at))

    # --- answers to a press

    def refusal(self, error: DomainError) -> str:
        """Return why something was not done, in words."""
        known: Mapping[str, str] = self._text["refusals"]
        if error.code != "experiment_invalid":
            return known.get(error.code, known["other"])
        wrong = [self._text["fields"].get(field, "") for field in error.fields]
        if "code" in error.fields:
            values = error.fields["code"]
            key = values[0] if isinstance(values, list) else "code"
            return str(self._text["fields"][key])
        named = [text for text in dict.fromkeys(wrong) if text]
        return " ".join(named) if named else known["experiment_invalid"]

    # --- inside

    def _standing(self, one: Experiment) -> str:
        if one.stage is Stage.PROMOTED:
            return self._say("stage_promoted", arm=self._arm(one.promoted_arm))
        if one.stage is Stage.STOPPED and one.ending is not None:
            return self._say(f"ending_{one.ending.value}", name=one.stopped_by)
        return self._say(f"stage_{one.stage.value}")

    def _arm(self, code: str) -> str:
        return self._say("arm_published" if code == CONTROL else "arm", code=code.upper())

    def _language_name(self, language: str) -> str:
        names: Mapping[str, str] = self._text["language_names"]
        return names.get(language, language)

    def _moment(self, at: datetime) -> str:
        return moment_text(at=at, zone=self._site.zone, language=self._language)

    def _say(self, key: str, **values: object) -> str:
        text: str = self._text[key]
        return text.format(**values) if values else text


def _mark(one: Experiment) -> str:
    if one.stage is Stage.RUNNING:
        return "at_work"
    return "good" if one.stage is Stage.PROMOTED else "none"


def _decimal(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed(share: float) -> str:
    # A minus sign, and none before what rounds to nothing.
    text = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _interval(one: Comparison, scale: float) -> Interval | None:
    if one.difference is None or one.low is None or one.high is None or not scale:
        return None

    def place(share: float) -> float:
        return round(WIDTH * (share / scale + 1) / 2, 1)

    left = place(one.low)
    return Interval(
        left=left,
        width=round(place(one.high) - left, 1),
        middle=place(one.difference),
        zero=place(0.0),
    )
