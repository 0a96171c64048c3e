"""Why a rate changed, in the words of one language, ready to print. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tracking.insights import why_words
from tracking.insights.filtering import Chip, View
from tracking.insights.marks import Mark, MarkKind
from tracking.insights.phrases import Phrases
from tracking.insights.questions import why_address
from tracking.insights.types import MIXED, SMALLEST, Dimension, Rate
from tracking.insights.why import Answer, Change, Part, Split, Why
from tracking.web.parts import Select, pick, select

_MOSTLY = Fraction(4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What is said of `subject`; the subject is a link where there is an address."""

    subject: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Cells come with the heads of their columns, for where a row is a block."""

    name: str
    address: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsTable:
    """The last row is the whole change."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    day: str
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """`kept` are hidden fields: what the dashboard shows besides."""

    selects: tuple[Select, ...]
    dimensions: tuple[Select, ...]
    day: str
    latest: str
    kept: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPage:
    """Where nothing may be said `nothing` says why, and what a change consists of is empty."""

    title: str
    back: str
    form: Form
    chips: tuple[Chip, ...]
    nothing: str
    summary: tuple[str, ...]
    groups: tuple[Group, ...]
    no_part: str
    step: str
    steps: tuple[Sentence, ...]
    events: tuple[Event, ...]
    table_lead: str
    heads: tuple[str, ...]
    tables: tuple[PartsTable, ...]


def build_page(
    *,
    answer: Answer,
    view: View,
    sites: Mapping[str, Mapping[str, str]],
    opens: Collection[MarkKind],
) -> WhyPage:
    """Return the page; `sites` are names by code, `opens` the marks whose pages may be read."""
    return _Writer(answer, view, opens).page(sites)


class _Writer:
    def __init__(self, answer: Answer, view: View, opens: Collection[MarkKind]) -> None:
        self.answer, self.view, self.opens = answer, view, opens
        self.text = why_words.texts(view.language)
        self.phrases = Phrases(language=view.language, k=SMALLEST)
        self.name = self.phrases.pick(answer.purposes[answer.purpose], answer.purpose)
        self.day = self.phrases.day(answer.day)

    def page(self, sites: Mapping[str, Mapping[str, str]]) -> WhyPage:
        why = self.answer.why
        return WhyPage(
            title=self.say(
                "same" if why is None else why_words.question_key(why.change),
                name=self.name,
                day=self.day,
            ),
            back=f"/console/{self.view.address()}",
            form=self.form(sites),
            chips=tuple(self.chips()),
            nothing=self.nothing(),
            summary=() if why is None else tuple(self.summary(why.change)),
            groups=() if why is None or why.change.is_noise else tuple(self.groups(why)),
            no_part="" if why is None or why.change.is_noise else self.no_part(why),
            step="" if why is None else self.main_step(why),
            steps=() if why is None else self.steps(why),
            events=tuple(self.event(mark) for mark in self.answer.marks),
            table_lead=""
            if why is None
            else self.say("table_lead", whole=self.points(why.change.difference)),
            heads=self.heads(),
            tables=()
            if why is None
            else tuple(self.table(split, why.change) for split in why.splits),
        )

    # what is asked

    def form(self, sites: Mapping[str, Mapping[str, str]]) -> Form:
        answer, filters = self.answer, self.answer.filters
        return Form(
            selects=(
                select(
                    name="site",
                    label=self.text["filter_site"],
                    current=filters.site,
                    options=[(code, self.phrases.pick(of, code)) for code, of in sites.items()],
                ),
                select(
                    name="purpose",
                    label=self.text["ask_purpose"],
                    current=answer.purpose,
                    options=[
                        (code, self.phrases.pick(of, code)) for code, of in answer.purposes.items()
                    ],
                ),
            ),
            dimensions=tuple(
                select(
                    name=dimension.value,
                    label=self.phrases.dimension(dimension),
                    current=filters.where.get(dimension, ""),
                    options=[
                        ("", self.text["filter_all"]),
                        *((value, self.phrases.value(dimension, value)) for value in options),
                    ],
                )
                for dimension, values in answer.values.items()
                if (options := sorted({*values, *self.held(dimension)}))
            ),
            day=answer.day.isoformat(),
            latest=answer.latest.isoformat(),
            kept=(
                ("lang", self.view.language),
                ("days", str(filters.days)),
                *(() if filters.until is None else (("until", filters.until.isoformat()),)),
                # No select speaks of these, yet they hold.
                *(
                    (dimension.value, value)
                    for dimension, value in filters.where.items()
                    if dimension not in answer.values
                ),
            ),
        )

    def held(self, dimension: Dimension) -> tuple[str, ...]:
        value = self.answer.filters.where.get(dimension)
        return () if value is None else (value,)

    def chips(self) -> list[Chip]:
        chips = []
        for dimension, value in self.answer.filters.where.items():
            text = self.phrases.say(
                "chip",
                name=self.phrases.dimension(dimension),
                value=self.phrases.value(dimension, value),
            )
            chips.append(
                Chip(
                    text=text,
                    address=self.address(dimension, ""),
                    remove=self.phrases.say("remove", what=text),
                )
            )
        return chips

    def address(self, dimension: Dimension, value: str) -> str:
        return why_address(
            self.view.where(dimension, value),
            purpose=self.answer.purpose,
            day=self.answer.day.isoformat(),
        )

    # what is answered

    def nothing(self) -> str:
        if self.answer.why is not None:
            return ""
        if self.answer.is_vague:
            return self.say("nothing_sure", day=self.day)
        return self.say("nothing_told" if self.answer.reference else "nothing_before", day=self.day)

    def summary(self, change: Change) -> list[str]:
        days = self.phrases.say("list_comma").join(
            self.phrases.day(one) for one in self.answer.reference
        )
        is_week = len(self.answer.reference) == 1 and self.is_week_before(self.answer.reference[0])
        reference = self.say("reference_week" if is_week else "reference_weeks", days=days)
        lines = [
            self.say(
                "changed",
                reference=reference,
                before=self.share(change.before),
                day=self.day,
                now=self.share(change.now),
                points=self.points(change.difference),
            ),
            self.say(
                "noise" if 0 in change.interval else "open" if change.is_open else "beyond",
                range=self.phrases.points_between(change.interval),
            ),
            self.say(
                "people",
                reference=reference,
                shown_before=f"{change.before.shown:,}",
                day=self.day,
                shown_now=f"{change.now.shown:,}",
            ),
        ]
        return [*lines, self.text["running"]] if self.answer.is_running else lines

    def is_week_before(self, day: date) -> bool:
        return (self.answer.day - day).days == 7

    def groups(self, why: Why) -> list[Group]:
        return [
            Group(
                name=self.phrases.dimension(split.dimension),
                sentences=tuple(
                    Sentence(
                        subject=self.value(split.dimension, part.value),
                        text=self.part(part, why.change),
                        address=self.link(split.dimension, part.value),
                    )
                    for part in split.main
                ),
            )
            for split in why.splits
            if split.has_part
        ]

    def part(self, part: Part, change: Change) -> str:
        if not part.before.shown:
            key = "part_came"
        elif not part.now.shown:
            key = "part_went"
        else:
            key = "part_rate" if abs(part.by_rate) >= abs(part.by_mix) else "part_mix"
        return self.say(
            key,
            points=self.points(part.total),
            whole=self.points(change.difference),
            before=self.share(part.before),
            now=self.share(part.now),
            share_before=self.of_all(part.before, change.before),
            share_now=self.of_all(part.now, change.now),
        )

    def no_part(self, why: Why) -> str:
        quiet = [
            self.phrases.dimension(split.dimension) for split in why.splits if not split.has_part
        ]
        if not why.splits:
            return str(self.text["one_value"])
        if len(quiet) == len(why.splits):
            return str(self.text["no_split"])
        names = self.phrases.say("list_comma").join(quiet)
        return self.say("no_part", names=names) if quiet else ""

    def main_step(self, why: Why) -> str:
        whole, steps = why.change.difference, why.steps
        if why.change.is_noise or not whole:
            return ""
        if steps.by_deciding / whole >= _MOSTLY:
            return str(self.text["step_mostly_deciding"])
        if steps.by_allowing / whole >= _MOSTLY:
            return str(self.text["step_mostly_allowing"])
        return str(self.text["step_both"])

    def steps(self, why: Why) -> tuple[Sentence, ...]:
        now, before = why.change.now, why.change.before

        def share(part: int, whole: int) -> str:
            return f"{part / whole:.1%}" if whole else str(self.text["step_unknown"])

        return tuple(
            Sentence(
                subject=self.text[key],
                text=self.say("step_line", before=was, now=is_, points=self.points(points)),
            )
            for key, was, is_, points in (
                (
                    "step_deciding",
                    share(before.decided, before.shown),
                    share(now.decided, now.shown),
                    why.steps.by_deciding,
                ),
                (
                    "step_allowing",
                    share(before.granted, before.decided),
                    share(now.granted, now.decided),
                    why.steps.by_allowing,
                ),
            )
        )

    def event(self, mark: Mark) -> Event:
        return Event(
            day=self.phrases.day(mark.day),
            text=pick(mark.title, self.view.language),
            url=(mark.url or "") if mark.kind in self.opens else "",
        )

    def heads(self) -> tuple[str, ...]:
        return tuple(
            self.text[f"col_{key}"] for key in ("people", "rate", "by_rate", "by_mix", "total")
        )

    def table(self, split: Split, change: Change) -> PartsTable:
        whole = (
            self.text["total"],
            "",
            "100%",
            "100%",
            change.before,
            change.now,
            sum((part.by_rate for part in split.parts), Fraction(0)),
            sum((part.by_mix for part in split.parts), Fraction(0)),
        )
        parts = (
            (
                self.value(split.dimension, part.value),
                self.link(split.dimension, part.value),
                self.of_all(part.before, change.before),
                self.of_all(part.now, change.now),
                part.before,
                part.now,
                part.by_rate,
                part.by_mix,
            )
            for part in split.parts
        )
        return PartsTable(
            name=self.phrases.dimension(split.dimension),
            rows=tuple(self.row(*values) for values in (*parts, whole)),
        )

    def row(
        self,
        name: str,
        address: str,
        people_before: str,
        people: str,
        before: Rate,
        now: Rate,
        by_rate: Fraction,
        by_mix: Fraction,
    ) -> Row:
        cells = (
            self.from_to(people_before, people),
            self.from_to(self.share(before), self.share(now)),
            self.bare(by_rate),
            self.bare(by_mix),
            self.bare(by_rate + by_mix),
        )
        return Row(name=name, address=address, cells=tuple(zip(self.heads(), cells, strict=True)))

    # words for values

    def say(self, key: str, **values: object) -> str:
        return str(self.text[key]).format(**values)

    def value(self, dimension: Dimension, value: str) -> str:
        if value == MIXED:
            return str(self.text["small_groups"])
        return self.phrases.value(dimension, value) if value else str(self.text["not_recorded"])

    def link(self, dimension: Dimension, value: str) -> str:
        return "" if value in (MIXED, "") else self.address(dimension, value)

    def share(self, rate: Rate) -> str:
        return self.phrases.share(rate.of_shown)

    def of_all(self, rate: Rate, of: Rate) -> str:
        return f"{rate.shown / of.shown:.1%}"

    def from_to(self, before: str, now: str) -> str:
        return self.say("from_to", before=before, now=now)

    def bare(self, change: Fraction) -> str:
        """Return points without their unit, for a column that names it."""
        points = round(100 * float(change), 1)
        return f"{points:+.1f}".replace("-", "−") if points else "0.0"

    def points(self, change: Fraction) -> str:
        return self.phrases.points(float(change))
