"""Alerts as sentences, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tracking.insights import alerts_page
from tracking.insights.alerts import Alert, AlertKind
from tracking.insights.alerts_page import AlertLine

AT = datetime(2026, 5, 13, 1, 0, tzinfo=UTC)
RATES = {
    "day": "2026-05-12", "granted": 300, "shown": 1000,
    "granted_before": 1606, "shown_before": 4000, "weeks": 4,
}  # fmt: skip
SILENT = {"since": "2026-05-13T00:10:00+00:00", "is_none": 1}
VERSION = {"version": 12, "effective_at": "2026-05-13T00:05:00+00:00"}
MACHINES = {
    "day": "2026-05-12", "suspects": 300, "all": 1200, "suspects_before": 30, "all_before": 930,
}  # fmt: skip


def line(
    kind: AlertKind,
    facts: Mapping[str, str | int],
    *,
    language: str,
    ended_at: datetime | None = None,
) -> AlertLine:
    alert = Alert(
        id=1, kind=kind, subject="adco", facts=facts, first_seen_at=AT, last_seen_at=AT,
        ended_at=ended_at,
    )  # fmt: skip
    (found,) = alerts_page.build_alerts(
        alerts=[alert],
        purpose_names={"adco": {"ja": "広告", "en": "Advertising"}},
        partner_names={"adco": {"ja": "アド社", "en": "Adco Inc."}},
        zone="Asia/Tokyo",
        language=language,
    ).lines
    return found


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        (AlertKind.RATE_FELL, RATES, ("広告", "5月12日（火）", "30.0%", "40.2%", "10.2ポイント")),
        (AlertKind.RATE_ROSE, {**RATES, "granted": 500}, ("50.0%", "9.8ポイント上がって")),
        (AlertKind.SHOWN_TO_NOBODY, SILENT, ("09:10", "最後に、表示が1件も")),
        (AlertKind.SHOWN_TO_NOBODY, {**SILENT, "is_none": 0}, ("09:10", "ほとんど")),
        (AlertKind.SHOWN_TO_NOBODY, {**SILENT, **VERSION}, ("第12版は", "09:05")),
        (AlertKind.PARTNER_OVERDUE, {"overdue": 3}, ("アド社", "3件")),
        (AlertKind.MACHINES, MACHINES, ("5月12日（火）", "25.0%", "3.2%")),
    ],
)
def test_an_alert_says_what_happened_in_japanese(
    kind: AlertKind, facts: Mapping[str, str | int], words: tuple[str, ...]
) -> None:
    found = line(kind, facts, language="ja")
    for word in words:
        assert word in found.text
    assert found.is_good == (kind is AlertKind.RATE_ROSE) == (not found.todo)


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        (
            AlertKind.RATE_FELL,
            RATES,
            "On Tue 12 May 2026 the opt-in rate of “Advertising” was 30.0%. On the same weekday of "
            "4 weeks before it was 40.2%: 10.2 points lower, which is more than noise.",
        ),
        (
            AlertKind.SHOWN_TO_NOBODY,
            {**SILENT, **VERSION},
            "No showing has been counted since Wed 13 May 2026, 09:10 (Japan time). At this time "
            "of day there usually are some. Version 12 took effect at Wed 13 May 2026, 09:05 "
            "(Japan time).",
        ),
        (
            AlertKind.PARTNER_OVERDUE,
            {"overdue": 3},
            "Adco Inc. has not confirmed 3 messages by their deadline.",
        ),
    ],
)
def test_an_alert_says_what_happened_in_english(
    kind: AlertKind, facts: Mapping[str, str | int], text: str
) -> None:
    assert line(kind, facts, language="en").text == text


def test_an_alert_says_since_when_or_that_it_is_over() -> None:
    open_, over = (
        line(AlertKind.PARTNER_OVERDUE, {"overdue": 1}, language="en", ended_at=ended_at)
        for ended_at in (None, AT + timedelta(hours=2))
    )

    assert open_.time == "since Wed 13 May 2026, 10:00 (Japan time)"
    assert over.time == "ended Wed 13 May 2026, 12:00 (Japan time)"


def test_a_name_that_is_gone_is_its_code() -> None:
    panel = alerts_page.build_alerts(
        alerts=[
            Alert(
                id=1, kind=AlertKind.PARTNER_OVERDUE, subject="gone", facts={"overdue": 1},
                first_seen_at=AT, last_seen_at=AT, ended_at=None,
            )
        ],
        purpose_names={}, partner_names={}, zone="Asia/Tokyo", language="en",
    )  # fmt: skip
    assert panel.lines[0].text.startswith("gone has not confirmed")
