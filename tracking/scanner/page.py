"""Scans, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.registry.types import SiteInfo
from tracking.scanner.types import Report
from tracking.scans.types import Finding, Level, ScanInfo
from tracking.web.parts import Select, pick, select, zone_name

Words = Mapping[str, Any]
_MOST_PAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A finding in words; `more` says how many further pages show it, or nothing."""

    is_alarm: bool
    what: str
    visitors: str
    pages: tuple[str, ...]
    more: str
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    at: str
    iso: str
    address: str
    is_shown: bool
    is_good: bool
    result: str
    pages: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    is_good: bool
    standing: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    pages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPage:
    selects: tuple[Select, ...]
    shown: Shown | None
    history: tuple[Past, ...]
    zone_note: str
    commands: str


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_page(
    *,
    site: SiteInfo,
    sites: Sequence[SiteInfo],
    report: Report,
    language: str,
) -> ScanPage:
    """Return the page about one scan, with the way to earlier ones."""
    text = texts(language)
    shown = report.shown
    names = {code: pick(name, language) for code, name in report.tag_names.items()}
    options = [(one.code, pick(one.name, language) or one.code) for one in sites]
    start = min((origin for origin in site.origins), default="https://shop.example")
    command = f"python3 manage.py scan --site {site.code} --start {start}/"
    return ScanPage(
        selects=(
            select(name="site", label=text["filter_site"], current=site.code, options=options),
        ),
        shown=None if shown is None else _shown(shown, site=site, names=names, text=text),
        history=tuple(
            _past(one, shown=shown, site=site, language=language) for one in report.scans
        ),
        zone_note=text["zone_note"].format(zone=zone_name(site.zone, language)),
        commands=f"{command}\n\n# crontab\n17 4 * * *  {command}",
    )


def lines(scan: ScanInfo) -> list[str]:
    """Return a scan for the command line, in English, with tags by their codes."""
    text = texts("en")
    advice = len(scan.findings) - scan.alarms
    head = (
        f"{scan.site_code}: {len(scan.pages)} pages against notice {scan.notice_number}: "
        f"{scan.alarms} to mend, {advice} advice"
    )
    told = [head]
    for finding in scan.findings:
        row = _row(finding, names={}, text=text)
        told.append(f"\n[{finding.level}] {finding.rule}: {row.what}")
        if row.pages:
            who = f" ({row.visitors})" if row.visitors else ""
            told.append(f"  {' '.join(row.pages)} {row.more}".rstrip() + who)
        told.append(f"  {row.todo}")
    return told


def as_json(scan: ScanInfo) -> dict[str, object]:
    """Return a scan as `scan --json` prints it."""
    return {
        "site": scan.site_code,
        "started_at": scan.started_at.isoformat(),
        "finished_at": scan.finished_at.isoformat(),
        "notice": scan.notice_number,
        "alarms": scan.alarms,
        "pages": list(scan.pages),
        "findings": [finding.as_json() for finding in scan.findings],
    }


def _shown(scan: ScanInfo, *, site: SiteInfo, names: Mapping[str, str], text: Words) -> Shown:
    is_good = not scan.alarms
    return Shown(
        is_good=is_good,
        standing=text["standing_good" if is_good else "standing_bad"].format(count=scan.alarms),
        facts=(
            (text["fact_when"], _moment(scan, site)),
            (text["fact_notice"], text["fact_notice_value"].format(number=scan.notice_number)),
            (text["fact_pages"], text["pages_count"].format(count=len(scan.pages))),
            (text["fact_mode"], text[f"mode_{site.hold_mode}"]),
        ),
        rows=tuple(_row(finding, names=names, text=text) for finding in scan.findings),
        pages=scan.pages,
    )


def _past(scan: ScanInfo, *, shown: ScanInfo | None, site: SiteInfo, language: str) -> Past:
    text = texts(language)
    return Past(
        at=_moment(scan, site),
        iso=scan.finished_at.isoformat(timespec="seconds"),
        address=f"?{urlencode({'lang': language, 'site': site.code, 'scan': scan.id})}",
        is_shown=shown is not None and scan.id == shown.id,
        is_good=not scan.alarms,
        result=text["history_alarms"].format(count=scan.alarms)
        if scan.alarms
        else text["history_none"],
        pages=text["pages_count"].format(count=len(scan.pages)),
    )


def _row(finding: Finding, *, names: Mapping[str, str], text: Words) -> Row:
    rest = len(finding.pages) - _MOST_PAGES
    words = text["rules"][finding.rule]
    return Row(
        is_alarm=finding.level is Level.ALARM,
        what=words["what"].format(
            subject=finding.subject,
            tags=text["separator"].join(names.get(code, code) for code in finding.tags),
            facts=_facts(finding.about, text),
            declared_days=finding.about.get("declared_days"),
        ),
        visitors=text["separator"].join(text["visitors"][visitor] for visitor in finding.visitors),
        pages=finding.pages[:_MOST_PAGES],
        more=text["more_pages"].format(count=rest) if rest > 0 else "",
        todo=words["todo"],
    )


def _facts(about: Mapping[str, Any], text: Words) -> str:
    """Return what is known of a cookie, as it stands behind its name."""
    if "domain" not in about:
        return ""
    days = about["days"]
    lifetime = text["session"] if days is None else text["days"].format(days=days)
    form = text["http_only" if about["is_http_only"] else "cookie_facts"]
    return str(form.format(domain=about["domain"], lifetime=lifetime))


def _moment(scan: ScanInfo, site: SiteInfo) -> str:
    return f"{scan.finished_at.astimezone(ZoneInfo(site.zone)):%Y-%m-%d %H:%M}"
