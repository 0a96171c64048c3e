"""Alerts as sentences, for the console and for mails. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tracking.insights.alerts import Alert
from tracking.insights.types import AlertKind
from tracking.lib import moments
from tracking.web.parts import pick

Names = Mapping[str, Mapping[str, str]]


# What costs most while nobody acts comes first.
_ORDER = (
    AlertKind.SHOWN_TO_NOBODY,
    AlertKind.RATE_FELL,
    AlertKind.PARTNER_OVERDUE,
    AlertKind.MACHINES,
    AlertKind.RATE_ROSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """
    Alerts of one kind that say the same, each with its item; `items` and `todo` may be empty.

    `is_good`: nobody has to act.
    """

    kind: str
    title: str
    text: str
    items: tuple[str, ...]
    todo: str
    time: str
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPanel:
    title: str
    lines: tuple[AlertLine, ...]


def build_alerts(
    *,
    alerts: Sequence[Alert],
    purpose_names: Names,
    partner_names: Names,
    zone: str,
    language: str,
) -> AlertPanel:
    """Return the alerts, the gravest first; names are by code, then by language."""
    text = _texts()[language]
    together: dict[tuple[AlertKind, str, str], list[str]] = {}
    for alert in sorted(alerts, key=lambda one: (_ORDER.index(one.kind), -one.id)):
        facts: Mapping[str, Any] = alert.facts
        sentence = _sentence(alert.kind, facts, text, zone, language)
        items = together.setdefault((alert.kind, sentence, _time(alert, text, zone, language)), [])
        if alert.subject:
            names = partner_names if alert.kind is AlertKind.PARTNER_OVERDUE else purpose_names
            name = pick(names.get(alert.subject, {}), language) or alert.subject
            items.append(_item(alert.kind, facts, name, text))
    return AlertPanel(
        title=text["title"],
        lines=tuple(
            AlertLine(
                kind=kind.value,
                title=text[f"{kind.value}_title"],
                text=sentence,
                items=tuple(items),
                todo=text[f"{kind.value}_todo"],
                time=time_,
                is_good=kind is AlertKind.RATE_ROSE,
            )
            for (kind, sentence, time_), items in together.items()
        ),
    )


def _sentence(
    kind: AlertKind, facts: Mapping[str, Any], text: Mapping[str, str], zone: str, language: str
) -> str:
    match kind:
        case AlertKind.SHOWN_TO_NOBODY:
            key = kind.value if facts["is_none"] else "shown_to_hardly_anybody"
            sentences = [text[key].format(since=_moment(facts["since"], zone, language))]
            if "version" in facts:
                at = _moment(facts["effective_at"], zone, language)
                sentences.append(text["since_version"].format(number=facts["version"], at=at))
            return ("" if language == "ja" else " ").join(sentences)
        case AlertKind.MACHINES:
            before = facts["suspects_before"] / max(1, facts["all_before"])
            return text[kind.value].format(
                day=_day(facts["day"], zone, language),
                share=f"{facts['suspects'] / facts['all']:.1%}",
                before=f"{before:.1%}",
            )
        case AlertKind.RATE_FELL | AlertKind.RATE_ROSE:
            return text[kind.value].format(day=_day(facts["day"], zone, language))
        case AlertKind.PARTNER_OVERDUE:
            return text[kind.value]


def _item(kind: AlertKind, facts: Mapping[str, Any], name: str, text: Mapping[str, str]) -> str:
    if kind is AlertKind.PARTNER_OVERDUE:
        return text["partner_overdue_item"].format(partner=name, count=facts["overdue"])
    now = facts["granted"] / facts["shown"]
    before = facts["granted_before"] / facts["shown_before"]
    return text[f"{kind.value}_item"].format(
        purpose=name,
        now=f"{now:.1%}",
        before=f"{before:.1%}",
        points=f"{abs(100 * (now - before)):.1f}",
        weeks=facts["weeks"],
    )


def _time(alert: Alert, text: Mapping[str, str], zone: str, language: str) -> str:
    if alert.ended_at is None:
        key, at = "began", alert.first_seen_at
    else:
        key, at = "ended", alert.ended_at
    return text[key].format(date=moments.moment_text(at=at, zone=zone, language=language))


def _day(day: str, zone: str, language: str) -> str:
    midnight = datetime.combine(date.fromisoformat(day), time(), tzinfo=ZoneInfo(zone))
    return moments.day_text(at=midnight, zone=zone, language=language)


def _moment(at: str, zone: str, language: str) -> str:
    return moments.moment_text(at=datetime.fromisoformat(at), zone=zone, language=language)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "data" / "alerts.toml").read_text("utf-8"))
