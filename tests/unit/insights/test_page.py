"""The dashboard's drawings and words."""

from __future__ import annotations

import pytest

from tracking.insights import charts, page


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
