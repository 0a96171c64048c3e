"""From counts to the dashboard's numbers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tracking.insights import charts, page, rules
from tracking.insights.types import Decided, Dimension, Filters, OptInReport, Shown

TODAY = date(2026, 11, 22)
WEEK_AGO = TODAY - timedelta(days=7)
ASKED = {"1": frozenset({"analytics", "advertising"})}
NAMES = {"analytics": {"ja": "分析", "en": "Analytics"}, "advertising": {"ja": "広告", "en": "Ads"}}


def shown(count: int, **fields: Any) -> Shown:
    return Shown(
        **{
            "day": TODAY,
            "language": "ja",
            "device_class": "phone",
            "regime": "jp-a",
            "notice": 1,
            "is_first": True,
            "count": count,
            **fields,
        }
    )


def decided(count: int, method: str, *granted: str, **fields: Any) -> Decided:
    return Decided(
        **{
            "day": TODAY,
            "language": "ja",
            "device_class": "phone",
            "regime": "jp-a",
            "notice": 1,
            "is_first": True,
            "is_suspect": False,
            "method": method,
            "granted": frozenset(granted),
            "withdrawn": frozenset(),
            "count": count,
            **fields,
        }
    )


def report(*rows: Shown | Decided, **filters: Any) -> OptInReport:
    return rules.build_report(
        filters=Filters(**{"site": "shop", "days": 7, **filters}),
        shown=[row for row in rows if isinstance(row, Shown)],
        decided=[row for row in rows if isinstance(row, Decided)],
        asked=ASKED,
        purpose_names=NAMES,
        publications=[],
        today=TODAY,
    )


BOTH = ("analytics", "advertising")
A_DAY = (
    shown(200),
    decided(60, "allow", *BOTH),
    decided(50, "refuse"),
    decided(20, "choose", "analytics"),
    decided(12, "choose", "advertising"),
)


def test_the_funnel_adds_up() -> None:
    funnel = report(*A_DAY).funnel

    assert (funnel.shown.value, funnel.decided.value, funnel.ignored.value) == (200, 142, 58)
    assert (funnel.allowed.value, funnel.chosen.value, funnel.refused.value) == (60, 32, 50)
    assert not funnel.shown.is_partial


def test_both_denominators_are_those_of_the_definition() -> None:
    analytics, advertising = report(*A_DAY).purposes

    assert (analytics.today.granted, analytics.today.shown, analytics.today.decided) == (
        80, 200, 142,
    )  # fmt: skip
    assert analytics.today.of_shown == pytest.approx(0.4)
    assert analytics.today.of_decided == pytest.approx(80 / 142)
    assert advertising.today.granted == 72


def test_who_decided_counts_as_shown_when_the_showing_was_not_reported() -> None:
    funnel = report(shown(12), decided(20, "allow", *BOTH)).funnel

    assert (funnel.shown.value, funnel.decided.value, funnel.ignored.value) == (20, 20, 0)


def test_a_purpose_that_was_not_asked_about_yet_is_not_counted_as_refused() -> None:
    new = report(shown(100, notice=1), decided(40, "allow", *BOTH), shown(50, notice=7)).purposes[0]

    # Version 7 is unknown, so it asked for nothing: its showings are no denominator.
    assert (new.today.granted, new.today.shown) == (40, 100)


def test_again_withdrawn_and_suspected_are_counted_apart() -> None:
    numbers = report(
        *A_DAY,
        shown(30, is_first=False),
        decided(15, "withdraw", is_first=False, withdrawn=frozenset({"advertising"})),
        decided(11, "allow", *BOTH, is_suspect=True),
    )

    assert numbers.funnel.shown.value == 200
    assert numbers.shown_again.value == 30
    assert [purpose.withdrawn.value for purpose in numbers.purposes] == [0, 15]
    assert (numbers.suspects.value, numbers.suspects_of) == (11, 153)


def test_a_small_class_is_hidden_and_cannot_be_had_by_subtraction() -> None:
    numbers = report(
        *A_DAY,
        shown(14, device_class="tablet"),
        decided(4, "allow", *BOTH, device_class="tablet"),
    )
    tablet = next(r for r in numbers.breakdowns[Dimension.DEVICE_CLASS] if r.value == "tablet")

    assert tablet.funnel.allowed.is_hidden
    assert numbers.funnel.allowed.value == 60
    assert numbers.funnel.allowed.is_partial


def test_a_filter_narrows_every_number() -> None:
    numbers = report(*A_DAY, shown(40, language="en"), language="en")

    assert numbers.funnel.shown.value == 40
    assert numbers.purposes[0].today.granted == 0
    assert {row.value for row in numbers.breakdowns[Dimension.LANGUAGE]} == {"en"}


def test_today_is_compared_with_the_same_weekday() -> None:
    numbers = report(*A_DAY, shown(100, day=WEEK_AGO), decided(30, "allow", *BOTH, day=WEEK_AGO))

    assert numbers.purposes[0].week_before.of_shown == pytest.approx(0.3)
    # Eight days back, so not in the seven days of the period.
    assert numbers.funnel.shown.value == 200


def test_nothing_is_a_report_too() -> None:
    numbers = report()

    assert not numbers.has_any
    assert numbers.purposes[0].today.of_shown is None


def test_a_line_breaks_where_a_share_is_missing() -> None:
    chart = charts.line_chart(series=[("a", [0.1, None, 0.2, 0.15])], marks=[2])

    assert chart.lines[0].path == "M0.0 50.0h0.01M666.67 0.0h0.01L1000.0 25.0"
    assert chart.ticks == ("20%", "15%", "10%", "5%", "0%")
    assert chart.marks == (666.67,)


def test_a_bar_is_full() -> None:
    assert charts.stack(parts=[1, 1, 2]) == ((0.0, 25.0), (25.0, 25.0), (50.0, 50.0))
    assert charts.stack(parts=[0, 0]) == ((0.0, 0.0), (0.0, 0.0))


def test_the_console_speaks_both_languages_in_full() -> None:
    japanese, english = (page.texts(language=language) for language in ("ja", "en"))

    assert set(japanese) == set(english)
    assert all(japanese.values())
    assert all(english.values())


@pytest.mark.parametrize(
    ("shares", "is_trend"),
    [([], False), ([None, 0.4], False), ([0.1, None, 0.4], True)],
)
def test_a_trend_needs_two_days(shares: list[float | None], is_trend: bool) -> None:
    chart = charts.line_chart(series=[("a", shares), ("b", [None] * len(shares))], marks=[])

    assert chart.is_trend is is_trend
