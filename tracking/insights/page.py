"""The dashboard's numbers, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.insights import charts, rules
from tracking.insights.charts import LineChart
from tracking.insights.rules import PERIODS
from tracking.insights.types import (
    Dimension,
    Filters,
    Funnel,
    Health,
    Number,
    OptInReport,
    Rate,
)
from tracking.web.parts import Select, pick, select

DEVICE_CLASSES = ("phone", "tablet", "desktop", "unknown")
_OUTCOMES = ("allowed", "chosen", "refused", "ignored")
_WEEKDAYS = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Words = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One purpose today."""

    name: str
    of_shown: str
    of_decided: str
    week_before: str
    change: str
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the funnel; `start` and `width` in percent."""

    key: str
    name: str
    number: str
    share: str
    start: float
    width: float
    is_part: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    key: str
    start: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a breakdown."""

    name: str
    numbers: tuple[str, ...]
    segments: tuple[Segment, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    head: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    name: str
    state: str
    is_working: bool
    waiting: int
    overdue: int
    dead: int
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    day: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    site: str
    site_name: str
    as_of: str
    selects: tuple[Select, ...]
    today_lead: str
    cards: tuple[Card, ...]
    steps: tuple[Step, ...]
    shown_again: str
    suspects: str
    partial_note: str
    definitions: tuple[tuple[str, str], ...]
    purposes: tuple[TableRow, ...]
    chart: LineChart
    legend: tuple[tuple[int, str, str], ...]
    first_day: str
    last_day: str
    days: tuple[TableRow, ...]
    day_heads: tuple[str, ...]
    funnel_days: tuple[TableRow, ...]
    breakdowns: tuple[Breakdown, ...]
    outcome_heads: tuple[str, ...]
    outcome_keys: tuple[tuple[str, str], ...]
    publications: tuple[Mark, ...]
    health: tuple[PartnerRow, ...]
    health_oldest: str
    health_overdue: str
    query: str
    script_line: str
    has_any: bool
    is_empty: bool


def texts(*, language: str) -> Words:
    """Return the console's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_dashboard(
    *,
    report: OptInReport,
    health: Health,
    sites: Mapping[str, Mapping[str, str]],
    site_languages: tuple[str, ...],
    zone: str,
    language: str,
    origin: str,
    now: datetime,
) -> Dashboard:
    """Return the page; `sites` are names by code, `origin` where the service answers."""
    return _Writer(language=language, k=report.smallest).dashboard(
        report=report,
        health=health,
        sites=sites,
        site_languages=site_languages,
        zone=zone,
        origin=origin,
        now=now,
    )


class _Writer:
    def __init__(self, *, language: str, k: int) -> None:
        self.language, self.k, self.text = language, k, texts(language=language)

    def dashboard(
        self,
        *,
        report: OptInReport,
        health: Health,
        sites: Mapping[str, Mapping[str, str]],
        site_languages: tuple[str, ...],
        zone: str,
        origin: str,
        now: datetime,
    ) -> Dashboard:
        text, filters = self.text, report.filters
        chart = charts.line_chart(
            series=[
                (
                    self.pick(purpose.name) or purpose.code,
                    [rate.of_shown for rate in purpose.by_day],
                )
                for purpose in report.purposes
            ],
            marks=[report.days.index(publication.day) for publication in report.publications],
        )
        return Dashboard(
            site=filters.site,
            site_name=self.pick(sites.get(filters.site, {})) or filters.site,
            as_of=text["as_of"].format(date=self.moment(now, zone)),
            selects=tuple(self.selects(filters, sites, site_languages)),
            today_lead=text["today_lead"].format(date=self.day(report.until - timedelta(days=7))),
            cards=tuple(
                Card(
                    name=self.pick(purpose.name) or purpose.code,
                    of_shown=self.share_of(purpose.today, purpose.today.of_shown),
                    of_decided=self.share_of(purpose.today, purpose.today.of_decided),
                    week_before=text["week_before"].format(
                        share=self.share_of(purpose.week_before, purpose.week_before.of_shown)
                    ),
                    **self.change(purpose.today, purpose.week_before),
                )
                for purpose in report.purposes
            ),
            steps=self.steps(report.funnel),
            shown_again=self.number(report.shown_again),
            suspects=text["suspects_line"].format(
                share=self.small_share(report.suspects, report.suspects_of)
            ),
            partial_note=text["partial_note"].format(k=self.k)
            if report.funnel.shown.is_partial
            or any(getattr(report.funnel, key).is_partial for key in _OUTCOMES)
            else "",
            definitions=tuple(
                (text[f"def_{name}"], text[f"def_{name}_text"].format(k=self.k))
                for name in (
                    "shown",
                    "decided",
                    "ignored",
                    "rate",
                    "withdrawn",
                    "small",
                    "suspects",
                )
            ),
            purposes=tuple(
                TableRow(
                    head=self.pick(purpose.name) or purpose.code,
                    cells=(
                        f"{purpose.period.granted:,}",
                        self.share_of(purpose.period, purpose.period.of_shown),
                        self.share_of(purpose.period, purpose.period.of_decided),
                        self.number(purpose.withdrawn),
                    ),
                )
                for purpose in report.purposes
            ),
            chart=chart,
            legend=tuple((line.number, line.name, self.share(line.last)) for line in chart.lines),
            first_day=self.short_day(report.days[0]),
            last_day=self.short_day(report.days[-1]),
            day_heads=tuple(line.name for line in chart.lines),
            days=tuple(
                TableRow(
                    head=self.day(day),
                    cells=tuple(self.rate(purpose.by_day[index]) for purpose in report.purposes),
                )
                for index, day in reversed(tuple(enumerate(report.days)))
            ),
            funnel_days=tuple(
                TableRow(head=self.day(row.day), cells=self.numbers(row.funnel))
                for row in reversed(report.by_day)
            ),
            breakdowns=tuple(
                Breakdown(
                    name=text[f"dimension_{dimension.value}"],
                    rows=tuple(
                        self.row(self.value(dimension, row.value), row.funnel) for row in rows
                    ),
                )
                for dimension, rows in report.breakdowns.items()
                if rows
            ),
            outcome_heads=tuple(text[key] for key in ("shown", "decided", *_OUTCOMES)),
            outcome_keys=tuple((key, text[key]) for key in _OUTCOMES),
            publications=tuple(
                Mark(
                    day=self.day(publication.day),
                    text=text["publication_line"].format(number=publication.number),
                )
                for publication in report.publications
            ),
            health=tuple(
                PartnerRow(
                    name=self.pick(line.legal_name) or line.code,
                    state=text["health_working" if line.is_working else "health_failing"],
                    is_working=line.is_working,
                    waiting=line.waiting,
                    overdue=line.overdue,
                    dead=line.dead,
                    age=self.age(line.oldest_unconfirmed_seconds),
                )
                for line in health.lines
            ),
            health_oldest=self.age(health.oldest_unconfirmed_seconds),
            health_overdue=text["health_overdue"].format(count=health.overdue)
            if health.overdue
            else "",
            query=urlencode(rules.as_address(filters)),
            script_line=f'<script src="{origin}/b/{filters.site}.js"></script>',
            has_any=report.has_any,
            is_empty=not report.funnel.shown.value and not report.funnel.shown.is_hidden,
        )

    def selects(
        self,
        filters: Filters,
        sites: Mapping[str, Mapping[str, str]],
        languages: tuple[str, ...],
    ) -> list[Select]:
        text = self.text

        def choose(name: str, current: str, options: list[tuple[str, str]]) -> Select:
            return select(name=name, label=text[f"filter_{name}"], current=current, options=options)

        every = ("", text["filter_all"])
        return [
            choose("site", filters.site, [(c, self.pick(name) or c) for c, name in sites.items()]),
            choose(
                "days",
                str(filters.days),
                [(str(days), text["days"].format(count=days)) for days in PERIODS],
            ),
            choose(
                "language",
                filters.where.get(Dimension.LANGUAGE, ""),
                [every, *((c, text.get(f"value_{c}", c)) for c in languages)],
            ),
            choose(
                "device_class",
                filters.where.get(Dimension.DEVICE_CLASS, ""),
                [every, *((c, text[f"value_{c}"]) for c in DEVICE_CLASSES)],
            ),
        ]

    def steps(self, funnel: Funnel) -> tuple[Step, ...]:
        total = funnel.shown.value
        parts = [getattr(funnel, key).value for key in _OUTCOMES]
        # People of unknown outcome are the rest of the whole.
        places = charts.stack(parts=[*parts, max(total - sum(parts), 0)])[: len(parts)]
        whole = charts.stack(parts=[funnel.decided.value, max(total - funnel.decided.value, 0)])
        bars = {
            "shown": (0.0, 100.0 if total else 0.0),
            "decided": whole[0],
            **dict(zip(_OUTCOMES, places, strict=True)),
        }
        lines = []
        for key, (start, width) in bars.items():
            number: Number = getattr(funnel, key)
            lines.append(
                Step(
                    key=key,
                    name=self.text[key],
                    number=self.number(number),
                    share=self.share(number.value / total)
                    if total and not number.is_hidden
                    else self.text["no_number"],
                    start=start,
                    width=width,
                    is_part=key in _OUTCOMES,
                )
            )
        return tuple(lines)

    def row(self, name: str, funnel: Funnel) -> Row:
        numbers = self.numbers(funnel)
        segments = charts.stack(parts=[getattr(funnel, key).value for key in _OUTCOMES])
        return Row(
            name=name,
            numbers=numbers,
            segments=tuple(
                Segment(key=key, start=start, width=width)
                for key, (start, width) in zip(_OUTCOMES, segments, strict=True)
                if width
            ),
            summary=", ".join(
                f"{self.text[key]} {number}"
                for key, number in zip(_OUTCOMES, numbers[2:], strict=True)
            ),
        )

    def numbers(self, funnel: Funnel) -> tuple[str, ...]:
        return tuple(self.number(getattr(funnel, key)) for key in ("shown", "decided", *_OUTCOMES))

    # words for numbers

    def number(self, number: Number) -> str:
        if number.is_hidden:
            return str(self.text["too_few"]).format(k=self.k)
        return f"{number.value:,}"

    def share(self, share: float | None) -> str:
        return str(self.text["no_number"]) if share is None else f"{share:.1%}"

    def share_of(self, rate: Rate, share: float | None) -> str:
        """Return a share; where nothing may be said although there is something, that."""
        if share is None and rate.is_partial:
            return str(self.text["too_few"]).format(k=self.k)
        return self.share(share)

    def small_share(self, number: Number, of: int) -> str:
        return self.number(number) if number.is_hidden or not of else f"{number.value / of:.1%}"

    def rate(self, rate: Rate) -> str:
        if not rate.shown:
            return self.share_of(rate, None)
        return f"{self.share(rate.of_shown)} ({rate.granted:,} / {rate.shown:,})"

    def change(self, today: Rate, before: Rate) -> dict[str, str]:
        if today.of_shown is None or before.of_shown is None:
            return {"change": str(self.text["change_none"]), "direction": "none"}
        points = round(100 * (today.of_shown - before.of_shown), 1)
        direction = "up" if points > 0 else "down" if points < 0 else "same"
        sign = "+" if points > 0 else "−" if points < 0 else "±"
        return {
            "change": str(self.text["change"]).format(points=f"{sign}{abs(points):.1f}"),
            "direction": direction,
        }

    def value(self, dimension: Dimension, value: str) -> str:
        if dimension is Dimension.NOTICE:
            return str(self.text["notice_value"]).format(number=value)
        return str(self.text.get(f"value_{value}", value))

    def age(self, seconds: int | None) -> str:
        if seconds is None:
            return ""
        hours, rest = divmod(seconds, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"

    # words for days

    def day(self, day: date) -> str:
        weekday = _WEEKDAYS[self.language][day.weekday()]
        if self.language == "ja":
            return f"{day.month}月{day.day}日（{weekday}）"
        return f"{weekday} {day.day} {_MONTHS[day.month - 1]}"

    def short_day(self, day: date) -> str:
        if self.language == "ja":
            return f"{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]}"

    def moment(self, at: datetime, zone: str) -> str:
        local = at.astimezone(ZoneInfo(zone))
        if self.language == "ja":
            where = "日本時間" if zone == "Asia/Tokyo" else zone
            return f"{local.year}年{self.day(local.date())}{local:%H:%M}（{where}）"
        where = "Japan time" if zone == "Asia/Tokyo" else zone
        return f"{self.day(local.date())} {local.year}, {local:%H:%M} ({where})"

    def pick(self, names: Mapping[str, str]) -> str:
        return pick(names, self.language)
