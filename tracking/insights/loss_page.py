"""Page views and what a purpose can see of them, in the words of one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tracking.insights import phrases
from tracking.insights.loss import DEVICE_CLASSES, Change, PageReport, Step, Sum
from tracking.insights.phrases import Phrases, Words
from tracking.insights.tables import File, FileLink, make_file
from tracking.insights.types import SMALLEST, Dimension
from tracking.lib import tables
from tracking.lib.tables import Column, Kind, Notes, Table
from tracking.web.parts import Select, select

_NAME = "page-views"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One day or week; `width` is the share in percent, None without numbers."""

    head: str
    share: str
    views: str
    seen: str
    unseen: str
    width: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesPage:
    """`summary` says what is lost, `reasons` why it changed; both empty without numbers."""

    site_name: str
    selects: tuple[Select, ...]
    purpose: str
    summary: str
    reasons: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    files: tuple[FileLink, ...]
    is_counting: bool
    has_any: bool
    catalogue_line: str


def texts(language: str) -> Words:
    """Return the page's words, among those of all pages about numbers."""
    return {**phrases.texts(language=language), **_texts()[language]}


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "loss.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_page(
    *, report: PageReport, sites: Mapping[str, Mapping[str, str]], language: str
) -> PagesPage:
    """Return the page of one site; `sites` are names by code."""
    return _Writer(report, language).page(sites)


def build_file(kind: str, *, report: PageReport, language: str) -> File:
    """
    Return one row for each day or week; nothing where nothing may be told.

    :param kind: one of `tables.CONTENT_TYPES`
    """
    table = Table(
        name=_NAME,
        columns=(
            Column(key="first_day", kind=Kind.DATE),
            Column(key="last_day", kind=Kind.DATE),
            Column(key="page_views", kind=Kind.INTEGER),
            Column(key="seen", kind=Kind.INTEGER),
            Column(key="seen_share", kind=Kind.SHARE),
            Column(key="is_partial"),
        ),
        rows=tuple(
            (
                line.first,
                line.last,
                *((line.views, line.seen) if line.views else (None, None)),
                line.share,
                "yes" if line.is_partial else "no",
            )
            for line in report.lines
        ),
    )
    return make_file(
        f"{report.site.code}-{report.lines[-1].last:%Y%m%d}-{_NAME}-{report.purpose}",
        kind,
        table=table,
        about=_Writer(report, language).about(),
    )


class _Writer:
    def __init__(self, report: PageReport, language: str) -> None:
        self.report, self.language, self.text = report, language, texts(language)
        self.phrases = Phrases(language=language, k=SMALLEST)
        self.name = self.phrases.pick(report.purposes.get(report.purpose, {}), report.purpose)

    def page(self, sites: Mapping[str, Mapping[str, str]]) -> PagesPage:
        report, site = self.report, self.report.site
        is_partial = any(line.is_partial for line in report.lines)
        return PagesPage(
            site_name=self.phrases.pick(site.name, site.code),
            selects=self.selects(sites),
            purpose=self.name,
            summary=self.summary(),
            reasons=self.reasons(report.change),
            # Not what was before counting began.
            lines=tuple(
                self.line(one)
                for one in dropwhile(lambda one: not one.views and not one.is_partial, report.lines)
            )[::-1],
            notes=(
                *((self.say("partial"),) if is_partial else ()),
                *(() if site.counts_page_views else (self.text["stopped"],)),
            ),
            files=tuple(self.file(kind) for kind in tables.CONTENT_TYPES),
            is_counting=site.counts_page_views,
            has_any=report.has_any,
            catalogue_line=f"site:\n  code: {site.code}\n  counts_page_views: true",
        )

    def selects(self, sites: Mapping[str, Mapping[str, str]]) -> tuple[Select, ...]:
        report, text = self.report, self.text
        return (
            select(
                name="site",
                label=text["filter_site"],
                current=report.site.code,
                options=[(code, self.phrases.pick(name, code)) for code, name in sites.items()],
            ),
            select(
                name="purpose",
                label=text["filter_purpose"],
                current=report.purpose,
                options=[
                    (code, self.phrases.pick(name, code)) for code, name in report.purposes.items()
                ],
            ),
            select(
                name="step",
                label=text["filter_days"],
                current=report.step.value,
                options=[(step.value, text[f"step_{step.value}"]) for step in Step],
            ),
            select(
                name="device_class",
                label=self.phrases.dimension(Dimension.DEVICE_CLASS),
                current=report.device_class,
                options=[
                    ("", text["filter_all"]),
                    *(
                        (value, self.phrases.value(Dimension.DEVICE_CLASS, value))
                        for value in DEVICE_CLASSES
                    ),
                ],
            ),
        )

    def summary(self) -> str:
        views = sum(line.views for line in self.report.lines)
        seen = sum(line.seen for line in self.report.lines)
        if not views:
            return ""
        return self.say(
            "summary",
            views=f"{views:,}",
            unseen=f"{views - seen:,}",
            share=self.phrases.share(seen / views),
        )

    def reasons(self, change: Change | None) -> tuple[str, ...]:
        if change is None:
            return ()
        before, after = round(change.seen_before), round(change.seen_after)
        # What is printed adds up.
        traffic = round(change.traffic)
        return (
            self.say(
                "changed",
                before=f"{before:,}",
                after=f"{after:,}",
                change=_signed(after - before),
                first=self.phrases.day(change.after.first),
                last=self.phrases.day(change.after.last),
            ),
            self.say(
                "because",
                traffic=_signed(traffic),
                consent=_signed(after - before - traffic),
                share_before=self.phrases.share(change.before.share),
                share_after=self.phrases.share(change.after.share),
            ),
            self.text[f"cause_{change.cause.value}"],
        )

    def line(self, one: Sum) -> Line:
        share = one.share
        none = self.phrases.say("too_few" if one.is_partial else "no_number")
        numbers = (f"{one.views:,}", f"{one.seen:,}", f"{one.views - one.seen:,}")
        views, seen, unseen = numbers if one.views else (none, none, none)
        return Line(
            head=self.phrases.day(one.first)
            if one.first == one.last
            else self.say(
                "span", first=self.phrases.day(one.first), last=self.phrases.day(one.last)
            ),
            share=self.phrases.share(share),
            views=views,
            seen=seen,
            unseen=unseen,
            width=None if share is None else 100 * share,
        )

    def file(self, kind: str) -> FileLink:
        report = self.report
        query = urlencode(
            {
                "site": report.site.code,
                "purpose": report.purpose,
                "step": report.step.value,
                "device_class": report.device_class,
                "lang": self.language,
            }
        )
        name = self.text[f"file_{kind}"]
        return FileLink(
            name=name,
            label=self.phrases.say("file_label", table=self.text["table_title"], file=name),
            address=f"{_NAME}.{kind}?{query}",
        )

    def about(self) -> Notes:
        report, text = self.report, self.text
        device = report.device_class
        return Notes(
            title=text["how_title"],
            lines=(
                (text["filter_site"], report.site.code),
                (text["filter_purpose"], self.name),
                (
                    self.phrases.dimension(Dimension.DEVICE_CLASS),
                    self.phrases.value(Dimension.DEVICE_CLASS, device)
                    if device
                    else text["filter_all"],
                ),
                (text["how_title"], text["how_body"]),
                (text["def_small"], self.say("partial")),
            ),
        )

    def say(self, key: str, **values: object) -> str:
        return str(self.text[key]).format(k=SMALLEST, purpose=self.name, **values)


def _signed(number: int) -> str:
    # U+2212, as wide as the plus sign.
    return f"+{number:,}" if number > 0 else f"−{-number:,}" if number < 0 else "±0"
