"""The page views' page, ready to print in one language, and its file. Pure."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tracking.insights.loss import Change, PageReport, Step, Sum
from tracking.insights.types import SMALLEST
from tracking.registry.types import SiteInfo
from tracking.web.parts import Select, pick, select

DEVICE_CLASSES = ("phone", "tablet", "desktop", "unknown")
_WEEKDAYS = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Words = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One day or week; `share` also in percent of the bar's length, None without numbers."""

    head: str
    views: str
    seen: str
    unseen: str
    share: str
    width: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesPage:
    """`summary` says what is lost, `reasons` why it changed; both empty without numbers."""

    site: str
    site_name: str
    selects: tuple[Select, ...]
    purpose: str
    summary: str
    reasons: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    query: str
    is_counting: bool
    has_any: bool
    catalogue_line: str


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "page_views.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_page(*, report: PageReport, sites: Sequence[SiteInfo], language: str) -> PagesPage:
    """Return the page of one site."""
    return _Writer(language).page(report, sites)


def as_csv(report: PageReport) -> str:
    """Return one line per day or week; empty = nothing that may be told."""
    text = io.StringIO()
    # Excel reads UTF-8 only behind this mark.
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(["first_day", "last_day", "purpose", "page_views", "seen", "is_partial"])
    for line in report.lines:
        numbers = (line.views, line.seen) if line.views else ("", "")
        writer.writerow(
            [line.first, line.last, report.purpose, *numbers, "yes" if line.is_partial else "no"]
        )
    return text.getvalue()


class _Writer:
    def __init__(self, language: str) -> None:
        self.language, self.text = language, texts(language)

    def page(self, report: PageReport, sites: Sequence[SiteInfo]) -> PagesPage:
        text, site = self.text, report.site
        purpose = pick(report.purposes.get(report.purpose, {}), self.language)
        is_partial = any(line.is_partial for line in report.lines)
        return PagesPage(
            site=site.code,
            site_name=pick(site.name, self.language) or site.code,
            selects=tuple(self.selects(report, sites)),
            purpose=purpose,
            summary=self.summary(report, purpose),
            reasons=self.reasons(report.change, purpose),
            lines=tuple(self.line(one, report.step) for one in reversed(report.lines)),
            notes=(
                *((text["partial"].format(k=SMALLEST),) if is_partial else ()),
                *(() if site.counts_page_views else (text["stopped"],)),
            ),
            query=urlencode(
                {
                    "site": site.code,
                    "purpose": report.purpose,
                    "step": report.step.value,
                    "device_class": report.device_class,
                }
            ),
            is_counting=site.counts_page_views,
            has_any=report.has_any,
            catalogue_line=f"site:\n  code: {site.code}\n  counts_page_views: true",
        )

    def selects(self, report: PageReport, sites: Sequence[SiteInfo]) -> list[Select]:
        text = self.text
        found = []
        if len(sites) > 1:
            options = [(one.code, pick(one.name, self.language) or one.code) for one in sites]
            found.append(
                select(name="site", label=text["site"], current=report.site.code, options=options)
            )
        return [
            *found,
            select(
                name="purpose",
                label=text["purpose"],
                current=report.purpose,
                options=[
                    (code, pick(name, self.language) or code)
                    for code, name in report.purposes.items()
                ],
            ),
            select(
                name="step",
                label=text["step"],
                current=report.step.value,
                options=[(step.value, text[f"step_{step.value}"]) for step in Step],
            ),
            select(
                name="device_class",
                label=text["device_class"],
                current=report.device_class,
                options=[
                    ("", text["all"]),
                    *((value, text[f"device_{value}"]) for value in DEVICE_CLASSES),
                ],
            ),
        ]

    def summary(self, report: PageReport, purpose: str) -> str:
        views = sum(line.views for line in report.lines)
        seen = sum(line.seen for line in report.lines)
        if not views:
            return ""
        return str(self.text["summary"]).format(
            purpose=purpose,
            views=f"{views:,}",
            unseen=f"{views - seen:,}",
            share=_percent(seen / views),
        )

    def reasons(self, change: Change | None, purpose: str) -> tuple[str, ...]:
        if change is None:
            return ()
        text = self.text
        before, after = round(change.seen_before), round(change.seen_after)
        # What is printed adds up.
        traffic = round(change.traffic)
        return (
            text["changed"].format(
                purpose=purpose,
                before=f"{before:,}",
                after=f"{after:,}",
                change=_signed(after - before),
                first=self.day(change.after.first),
                last=self.day(change.after.last),
            ),
            text["because"].format(
                traffic=_signed(traffic),
                consent=_signed(after - before - traffic),
                share_before=_percent(change.before.share or 0.0),
                share_after=_percent(change.after.share or 0.0),
            ),
            text[f"cause_{change.cause.value}"],
        )

    def line(self, one: Sum, step: Step) -> Line:
        share = one.share
        none = self.text["too_few"].format(k=SMALLEST) if one.is_partial else "—"
        numbers = (f"{one.views:,}", f"{one.seen:,}", f"{one.views - one.seen:,}")
        views, seen, unseen = numbers if one.views else (none, none, none)
        return Line(
            head=self.day(one.first)
            if step is Step.DAY
            else self.text["span"].format(first=self.day(one.first), last=self.day(one.last)),
            views=views,
            seen=seen,
            unseen=unseen,
            share="—" if share is None else _percent(share),
            width=None if share is None else 100 * share,
        )

    def day(self, day: date) -> str:
        weekday = _WEEKDAYS["ja" if self.language == "ja" else "en"][day.weekday()]
        if self.language == "ja":
            return f"{day.month}月{day.day}日（{weekday}）"
        return f"{weekday} {day.day} {_MONTHS[day.month - 1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _signed(number: int) -> str:
    # U+2212, as wide as the plus sign.
    return f"+{number:,}" if number > 0 else f"−{-number:,}" if number < 0 else "±0"
