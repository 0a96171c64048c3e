"""What happened on the days of a trend: publications, scans, incidents, experiments. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from tracking.delivery.types import PERMISSION as DELIVERIES
from tracking.delivery.types import Incident
from tracking.experiments.types import PERMISSION as EXPERIMENTS
from tracking.experiments.types import Experiment
from tracking.insights.types import Publication
from tracking.scans.types import PERMISSION as SCANS
from tracking.scans.types import Finding, Level, ScanInfo
from tracking.web.parts import pick


class MarkKind(StrEnum):
    PUBLICATION = "publication"
    SCAN = "scan"
    INCIDENT = "incident"
    EXPERIMENT = "experiment"


# The right to read the pages behind marks.
READERS = {
    MarkKind.PUBLICATION: "notices.view_noticeversion",
    MarkKind.SCAN: SCANS,
    MarkKind.INCIDENT: DELIVERIES,
    MarkKind.EXPERIMENT: EXPERIMENTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    Something that happened on a day of the site's zone, told in each language of the console. The
    address is of the page about it, which has its own readers; None where there is none.
    """

    day: date
    kind: MarkKind
    title: Mapping[str, str]
    url: str | None


def of_publications(
    publications: Sequence[Publication], *, material: Collection[int], site: str
) -> list[Mark]:
    """
    Return a mark for each version; `material` are the numbers that ask about something again.

    :param publications: all of a site, oldest first, for each leads to its difference from the last
    """
    marks = []
    for before, one in zip([None, *publications], publications, strict=False):
        key = (
            "first_version"
            if before is None
            else "material"
            if one.number in material
            else "wording"
        )
        marks.append(
            Mark(
                day=one.day,
                kind=MarkKind.PUBLICATION,
                title=_say(key, number=one.number),
                url=None
                if before is None
                else f"/console/notices/{quote(site)}/compare/{before.number}/{one.number}/",
            )
        )
    return marks


def of_scans(scans: Sequence[ScanInfo], *, zone: str) -> list[Mark]:
    """
    Return a mark for each scan that found something which the one before had not, and for each that
    was the first to find nothing any more.

    :param scans: of one site, oldest first
    """
    marks = []
    for before, scan in zip([None, *scans], scans, strict=False):
        known = frozenset() if before is None else _alarms(before)
        found = _alarms(scan)
        title = None
        if found - known:
            title = _say("scan_found", count=len(found - known))
        elif known and not found:
            title = _say("scan_clean")
        if title is not None:
            query = urlencode({"site": scan.site_code, "scan": scan.id})
            marks.append(
                Mark(
                    day=scan.finished_at.astimezone(ZoneInfo(zone)).date(),
                    kind=MarkKind.SCAN,
                    title=title,
                    url=f"/console/scans/?{query}",
                )
            )
    return marks


def of_incidents(incidents: Sequence[Incident], *, site: str) -> list[Mark]:
    """Return a mark for each day of a partner, and for both reasons where there are both."""
    return [
        Mark(
            day=one.day,
            kind=MarkKind.INCIDENT,
            title=_say(key, names=one.legal_name, name=one.partner),
            url=f"/console/deliveries/{quote(site)}/{quote(one.partner)}/",
        )
        for one in incidents
        for key, holds in (("partner_away", one.is_away), ("partner_late", one.is_late))
        if holds
    ]


def of_experiments(experiments: Sequence[Experiment], *, zone: str) -> list[Mark]:
    """Return a mark for the start and one for the end of each; drafts have neither."""
    return [
        Mark(
            day=at.astimezone(ZoneInfo(zone)).date(),
            kind=MarkKind.EXPERIMENT,
            title=_say(key, name=one.plan.name),
            url=f"/console/experiments/{quote(one.site)}/{quote(one.code)}/",
        )
        for one in experiments
        for key, at in (
            ("experiment_started", one.started_at),
            ("experiment_stopped", one.stopped_at),
        )
        if at is not None
    ]


def _alarms(scan: ScanInfo) -> frozenset[tuple[str, str]]:
    def is_alarm(finding: Finding) -> bool:
        return finding.level is Level.ALARM

    return frozenset((one.rule.value, one.subject) for one in filter(is_alarm, scan.findings))


def _say(key: str, *, names: Mapping[str, str] | None = None, **values: object) -> dict[str, str]:
    """Return the words in each language; `names` are of what `name` is the code."""
    said = {}
    for language, words in _texts().items():
        if names:
            values["name"] = pick(names, language)
        said[language] = words[key].format(**values)
    return said


@cache
def _texts() -> dict[str, dict[str, str]]:
    path = Path(__file__).parent / "data" / "marks.toml"
    return tomllib.loads(path.read_text("utf-8"))
