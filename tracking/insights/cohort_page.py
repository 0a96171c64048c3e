"""What became of grants, in the words of one language: a page and files. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tracking.insights import phrases
from tracking.insights.cohorts import AGES, PERIODS, CohortReport, Moment, State
from tracking.insights.phrases import Phrases, Words
from tracking.insights.tables import File, FileLink, make_file
from tracking.insights.types import SMALLEST
from tracking.lib import tables
from tracking.lib.tables import Column, Kind, Notes, Table
from tracking.web.parts import Select, select

_NAME = "cohorts"
# The stronger the tint of a cell, the larger its share in the table; its number says the same.
_SHADES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """`shade` is 1 to 5, and 0 for a cell without a share, which has words instead."""

    share: str
    count: str
    words: str
    shade: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    head: str
    size: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortPage:
    lead: str
    selects: tuple[Select, ...]
    label: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    together: Row
    definitions: tuple[tuple[str, str], ...]
    files: tuple[FileLink, ...]


def texts(language: str) -> Words:
    """Return the page's words, among those of all pages about numbers."""
    return {**phrases.texts(language=language), **_texts()[language]}


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "cohorts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def read_state(text: str) -> State:
    """Return the state that an address asks for."""
    return State(text) if text in set(State) else State.KEPT


def build_page(
    *,
    report: CohortReport,
    state: State,
    sites: Mapping[str, Mapping[str, str]],
    language: str,
) -> CohortPage:
    """Return the page about one state; `sites` are names by code."""
    return _Writer(report, language).page(state, sites)


def build_file(kind: str, *, report: CohortReport, language: str) -> File:
    """
    Return all states at all ages as a file, one row for each cohort and age that it has reached.

    :param kind: one of `tables.CONTENT_TYPES`
    """
    table = Table(
        name=_NAME,
        columns=(
            Column(key="week", kind=Kind.DATE),
            Column(key="after_weeks", kind=Kind.INTEGER),
            Column(key="people", kind=Kind.INTEGER),
            *(Column(key=state.value, kind=Kind.INTEGER) for state in State),
            *(Column(key=f"{state.value}_share", kind=Kind.SHARE) for state in State),
        ),
        rows=tuple(
            (
                cohort.week,
                age,
                moment.size,
                *(moment.counts.get(state) for state in State),
                *(moment.share(state) for state in State),
            )
            for cohort in report.cohorts
            for age, moment in zip(AGES, cohort.moments, strict=True)
            if moment is not None
        ),
    )
    return make_file(
        f"{report.site}-{report.until:%Y%m%d}-{_NAME}-{report.purpose}",
        kind,
        table=table,
        about=_Writer(report, language).notes(),
    )


class _Writer:
    def __init__(self, report: CohortReport, language: str) -> None:
        self.report, self.language, self.text = report, language, texts(language)
        self.phrases = Phrases(language=language, k=SMALLEST)
        self.name = self.phrases.pick(report.purposes[report.purpose], report.purpose)

    def page(self, state: State, sites: Mapping[str, Mapping[str, str]]) -> CohortPage:
        # An age that no week has reached needs no column.
        reached = [
            at for at in range(len(AGES)) if any(one.moments[at] for one in self.report.cohorts)
        ]
        shares = [
            share
            for one in self.report.cohorts
            for moment in one.moments
            if moment is not None and (share := moment.share(state)) is not None
        ]
        low, high = min(shares, default=0.0), max(shares, default=0.0)

        def row(head: str, size: str, moments: Sequence[Moment | None]) -> Row:
            cells = tuple(self.cell(moments[at], state, low, high) for at in reached)
            return Row(head=head, size=size, cells=cells)

        return CohortPage(
            lead=self.say("cohorts_lead", name=self.name),
            selects=self.selects(state, sites),
            label=self.say("table_label", state=self.text["states"][state]),
            heads=tuple(self.after(AGES[at]) for at in reached),
            rows=tuple(
                row(one.week.isoformat(), f"{one.size:,}", one.moments)
                for one in self.report.cohorts
            ),
            together=row(self.text["together"], "", self.report.together),
            definitions=self.definitions(),
            files=tuple(self.file(kind) for kind in tables.CONTENT_TYPES),
        )

    def selects(self, state: State, sites: Mapping[str, Mapping[str, str]]) -> tuple[Select, ...]:
        report = self.report
        return (
            select(
                name="site",
                label=self.text["filter_site"],
                current=report.site,
                options=[(code, self.phrases.pick(name, code)) for code, name in sites.items()],
            ),
            select(
                name="purpose",
                label=self.text["filter_purpose"],
                current=report.purpose,
                options=[
                    (code, self.phrases.pick(name, code)) for code, name in report.purposes.items()
                ],
            ),
            select(
                name="state",
                label=self.text["filter_state"],
                current=state.value,
                options=[(one.value, self.text["states"][one]) for one in State],
            ),
            select(
                name="weeks",
                label=self.text["filter_weeks"],
                current=str(report.weeks),
                options=[(str(one), self.say("weeks_count", count=one)) for one in PERIODS],
            ),
        )

    def cell(self, moment: Moment | None, state: State, low: float, high: float) -> Cell:
        if moment is None or (share := moment.share(state)) is None:
            words = self.text["not_yet"] if moment is None else self.say("too_few_left")
            return Cell(share="", count="", words=words, shade=0)
        return Cell(
            share=f"{share:.1%}",
            count=f"{moment.counts[state]:,}",
            words="",
            shade=min(_SHADES, 1 + int(_SHADES * (share - low) / (high - low)))
            if high > low
            else 1,
        )

    def file(self, kind: str) -> FileLink:
        query = urlencode(
            {
                "site": self.report.site,
                "purpose": self.report.purpose,
                "weeks": self.report.weeks,
                "lang": self.language,
            }
        )
        name = self.text[f"file_{kind}"]
        return FileLink(
            name=name,
            label=self.phrases.say("file_label", table=self.text["cohorts_title"], file=name),
            address=f"{_NAME}.{kind}?{query}",
        )

    def notes(self) -> Notes:
        return Notes(
            title=self.text["states_title"],
            lines=(
                (self.text["filter_site"], self.report.site),
                (self.text["filter_purpose"], self.name),
                (self.text["filter_weeks"], self.say("weeks_count", count=self.report.weeks)),
                *self.definitions(),
            ),
        )

    def definitions(self) -> tuple[tuple[str, str], ...]:
        return (
            *((self.text["states"][one], self.text["state_texts"][one]) for one in State),
            *(
                (self.text[f"{key}_title"], self.say(f"{key}_text"))
                for key in ("age", "size", "small")
            ),
        )

    def after(self, age: int) -> str:
        key = f"after_{age}"
        return self.say(key if key in self.text else "after", age=age)

    def say(self, key: str, **values: object) -> str:
        return str(self.text[key]).format(k=SMALLEST, **values)
