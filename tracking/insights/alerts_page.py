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

from tracking.insights.alerts import Alert, AlertKind
from tracking.lib import moments
from tracking.web.parts import pick

Names = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One alert, ready to print; `todo` may be empty. `is_good`: nobody has to act."""

    kind: str
    title: str
    text: str
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
    """Return the alerts in their order; names are by code, then by language."""
    text = _texts()[language]
    return AlertPanel(
        title=text["title"],
        lines=tuple(
            AlertLine(
                kind=alert.kind.value,
                title=text[f"{alert.kind.value}_title"],
                text=_sentence(alert, purpose_names, partner_names, text, zone, language),
                todo=text[f"{alert.kind.value}_todo"],
                time=_time(alert, text, zone, language),
                is_good=alert.kind is AlertKind.RATE_ROSE,
            )
            for alert in alerts
        ),
    )


def _sentence(
    alert: Alert,
    purpose_names: Names,
    partner_names: Names,
    text: Mapping[str, str],
    zone: str,
    language: str,
) -> str:
    facts: Mapping[str, Any] = alert.facts
    sentence = text[alert.kind.value]
    match alert.kind:
        case AlertKind.RATE_FELL | AlertKind.RATE_ROSE:
            now = facts["granted"] / facts["shown"]
            before = facts["granted_before"] / facts["shown_before"]
            return sentence.format(
                purpose=_name(purpose_names, alert.subject, language),
                day=_day(facts["day"], zone, language),
                now=f"{now:.1%}",
                before=f"{before:.1%}",
                points=f"{abs(100 * (now - before)):.1f}",
                weeks=facts["weeks"],
            )
        case AlertKind.SHOWN_TO_NOBODY:
            since = _moment(facts["since"], zone, language)
            if not facts["is_none"]:
                sentence = text["shown_to_hardly_anybody"]
            sentences = [sentence.format(since=since)]
            if "version" in facts:
                at = _moment(facts["effective_at"], zone, language)
                sentences.append(text["since_version"].format(number=facts["version"], at=at))
            return ("" if language == "ja" else " ").join(sentences)
        case AlertKind.PARTNER_OVERDUE:
            return sentence.format(
                partner=_name(partner_names, alert.subject, language), count=facts["overdue"]
            )
        case AlertKind.MACHINES:
            before = facts["suspects_before"] / max(1, facts["all_before"])
            return sentence.format(
                day=_day(facts["day"], zone, language),
                share=f"{facts['suspects'] / facts['all']:.1%}",
                before=f"{before:.1%}",
            )


def _time(alert: Alert, text: Mapping[str, str], zone: str, language: str) -> str:
    if alert.ended_at is None:
        key, at = "began", alert.first_seen_at
    else:
        key, at = "ended", alert.ended_at
    return text[key].format(date=moments.moment_text(at=at, zone=zone, language=language))


def _name(names: Names, code: str, language: str) -> str:
    return pick(names.get(code, {}), language) or code


def _day(day: str, zone: str, language: str) -> str:
    midnight = datetime.combine(date.fromisoformat(day), time(), tzinfo=ZoneInfo(zone))
    return moments.day_text(at=midnight, zone=zone, language=language)


def _moment(at: str, zone: str, language: str) -> str:
    return moments.moment_text(at=datetime.fromisoformat(at), zone=zone, language=language)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "data" / "alerts.toml").read_text("utf-8"))
