"""Alerts as sentences, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tracking.insights import alerts_page
from tracking.insights.alerts import Alert
from tracking.insights.alerts_page import AlertLine
from tracking.insights.types import AlertKind

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
    subject = "" if kind in {AlertKind.SHOWN_TO_NOBODY, AlertKind.MACHINES} else "adco"
    alert = Alert(
        id=1, kind=kind, subject=subject, facts=facts, first_seen_at=AT, last_seen_at=AT,
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
        (AlertKind.RATE_FELL, RATES, ("広告", "5月12日（火）", "30.0%", "40.2%", "10.2ポイント減")),
        (AlertKind.RATE_ROSE, {**RATES, "granted": 500}, ("50.0%", "9.8ポイント増")),
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
        assert word in " ".join([found.text, *found.items])
    assert found.is_good == (kind is AlertKind.RATE_ROSE) == (not found.todo)


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        (
            AlertKind.RATE_FELL,
            RATES,
            "On Tue 12 May 2026, opt-in rates (of those shown) were lower than on the same weekday "
            "before, by more than noise. "
            "Advertising: from 40.2% (4 days) to 30.0%, 10.2 points less",
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
            "Messages have not been confirmed by their deadline. Adco Inc.: 3",
        ),
    ],
)
def test_an_alert_says_what_happened_in_english(
    kind: AlertKind, facts: Mapping[str, str | int], text: str
) -> None:
    found = line(kind, facts, language="en")
    assert " ".join([found.text, *found.items]) == text


def test_an_alert_says_since_when_or_that_it_is_over() -> None:
    open_, over = (
        line(AlertKind.PARTNER_OVERDUE, {"overdue": 1}, language="en", ended_at=ended_at)
        for ended_at in (None, AT + timedelta(hours=2))
    )

    assert open_.time == "since Wed 13 May 2026, 10:00 (Japan time)"
    assert over.time == "ended Wed 13 May 2026, 12:00 (Japan time)"


def test_a_name_that_is_gone_is_its_code() -> None:
    panel = panel_of((AlertKind.PARTNER_OVERDUE, "gone", {"overdue": 1}))

    assert panel.lines[0].items == ("gone: 1",)


def test_what_is_alike_is_said_once_and_the_gravest_first() -> None:
    panel = panel_of(
        (AlertKind.RATE_ROSE, "c", {**RATES, "granted": 500}),
        (AlertKind.RATE_FELL, "a", RATES),
        (AlertKind.RATE_FELL, "b", {**RATES, "granted": 200}),
        (AlertKind.RATE_FELL, "d", {**RATES, "day": "2026-05-11"}),
        (AlertKind.SHOWN_TO_NOBODY, "", SILENT),
    )

    assert [line.kind for line in panel.lines] == [
        "shown_to_nobody", "rate_fell", "rate_fell", "rate_rose",
    ]  # fmt: skip
    assert [len(line.items) for line in panel.lines] == [0, 1, 2, 1]


def panel_of(
    *alerts: tuple[AlertKind, str, Mapping[str, str | int]],
) -> alerts_page.AlertPanel:
    return alerts_page.build_alerts(
        alerts=[
            Alert(
                id=number, kind=kind, subject=subject, facts=facts, first_seen_at=AT,
                last_seen_at=AT, ended_at=None,
            )
            for number, (kind, subject, facts) in enumerate(alerts)
        ],
        purpose_names={}, partner_names={}, zone="Asia/Tokyo", language="en",
    )  # fmt: skip
