"""Intervals for shares, against the numbers that their authors printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib import proportions

Z = proportions.z_of()


def test_the_usual_error_gives_the_usual_width() -> None:
    assert pytest.approx(1.959964, abs=1e-6) == Z
    assert proportions.z_of(comparisons=10) == pytest.approx(2.807034, abs=1e-6)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_the_printed_interval(part: int, whole: int, low: float, high: float) -> None:
    assert proportions.wilson(part=part, whole=whole, z=Z) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    [
        # Newcombe, "Interval estimation for the difference", 1998, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0000),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_a_difference_has_the_printed_interval(
    now: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = proportions.newcombe(now=now, before=before, z=Z)
    assert found == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("part", "whole"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        proportions.wilson(part=part, whole=whole, z=Z)


@given(whole=st.integers(1, 10**7), share=st.floats(0, 1), z=st.floats(0.1, 6))
def test_an_interval_holds_its_share(whole: int, share: float, z: float) -> None:
    part = round(whole * share)
    low, high = proportions.wilson(part=part, whole=whole, z=z)
    assert 0 <= low <= part / whole + 1e-12
    assert part / whole - 1e-12 <= high <= 1
