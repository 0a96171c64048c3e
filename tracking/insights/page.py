"""The dashboard, ready to print in one language. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.insights import breakdowns, cards, filtering, funnel, rules, tables, trend
from tracking.insights.breakdowns import Breakdowns, ChoiceTable
from tracking.insights.cards import Cards
from tracking.insights.filtering import FilterForm, View
from tracking.insights.funnel import FunnelPart
from tracking.insights.marks import Mark, MarkKind
from tracking.insights.phrases import Phrases
from tracking.insights.tables import FileLink
from tracking.insights.trend import Trend
from tracking.insights.types import Dimension, Health, OptInReport
from tracking.lib import moments


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
class HealthPart:
    rows: tuple[PartnerRow, ...]
    oldest: str
    overdue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    site: str
    site_name: str
    as_of: str
    form: FilterForm
    cards: Cards
    funnel: FunnelPart
    definitions: tuple[tuple[str, str], ...]
    trend: Trend
    breakdowns: Breakdowns
    choices: tuple[ChoiceTable, ...]
    health: HealthPart
    files: Mapping[str, tuple[FileLink, ...]]
    report_address: str
    script_line: str
    has_any: bool
    is_empty: bool
    surface_note: str


def build_dashboard(
    *,
    report: OptInReport,
    health: Health,
    marks: Sequence[Mark],
    opens: Collection[MarkKind],
    sites: Mapping[str, Mapping[str, str]],
    view: View,
    zone: str,
    origin: str,
    now: datetime,
) -> Dashboard:
    """
    Return the page.

    :param marks: what happened in the period, `opens` the kinds whose pages the reader may see
    :param sites: names by code
    :param origin: where the service answers
    """
    phrases = Phrases(language=view.language, k=report.smallest)
    site, local = report.filters.site, now.astimezone(ZoneInfo(zone))
    # Whoever follows the address later gets these days.
    shown = replace(report.filters, until=report.until)
    return Dashboard(
        site=site,
        site_name=phrases.pick(sites.get(site, {}), site),
        as_of=phrases.say(
            "as_of", date=moments.moment_text(at=now, zone=zone, language=view.language)
        ),
        form=filtering.build_form(
            view=view,
            report=report,
            sites=sites,
            latest=local.date().isoformat(),
            phrases=phrases,
        ),
        cards=cards.build_cards(
            report=report,
            running_until=f"{local:%H:%M}" if report.until == local.date() else "",
            phrases=phrases,
        ),
        funnel=funnel.build_funnel(report=report, phrases=phrases),
        definitions=phrases.definitions(),
        trend=trend.build_trend(
            report=report, base=view.base, marks=marks, opens=opens, phrases=phrases
        ),
        breakdowns=breakdowns.build_breakdowns(report=report, view=view, phrases=phrases),
        choices=breakdowns.build_choices(report=report, phrases=phrases),
        health=_health(health, phrases),
        files={name: tables.list_files(name, view=view, phrases=phrases) for name in tables.NAMES},
        report_address=f"/v1/insights/opt-in?{urlencode(rules.as_address(shown))}",
        script_line=f'<script src="{origin}/b/{site}.js"></script>',
        has_any=report.has_any,
        is_empty=not report.funnel.shown.value and not report.funnel.shown.is_hidden,
        surface_note=phrases.say("surface_note")
        if Dimension.SURFACE in report.filters.where
        else "",
    )


def _health(health: Health, phrases: Phrases) -> HealthPart:
    return HealthPart(
        rows=tuple(
            PartnerRow(
                name=phrases.pick(line.legal_name, line.code),
                state=phrases.say("health_working" if line.is_working else "health_failing"),
                is_working=line.is_working,
                waiting=line.waiting,
                overdue=line.overdue,
                dead=line.dead,
                age=phrases.age(line.oldest_unconfirmed_seconds),
            )
            for line in health.lines
        ),
        oldest=phrases.age(health.oldest_unconfirmed_seconds),
        overdue=phrases.say("health_overdue", count=health.overdue) if health.overdue else "",
    )
