"""Intervals of shares, held against what their authors printed and against their own promise."""

from __future__ import annotations

from math import comb

import pytest

from tracking.lib import proportions


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_shares_interval_is_the_published_one(
    part: int, whole: int, low: float, high: float
) -> None:
    interval = proportions.wilson(part=part, whole=whole)

    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    # Newcombe 1998, "Interval estimation for the difference …", table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_differences_interval_is_the_published_one(
    now: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    interval = proportions.difference(
        part=now[0], whole=now[1], part_before=before[0], whole_before=before[1]
    )

    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.97])
def test_an_interval_holds_the_truth_as_often_as_it_promises(share: float) -> None:
    whole = 200
    covered = sum(
        comb(whole, part) * share**part * (1 - share) ** (whole - part)
        for part in range(whole + 1)
        if share in proportions.wilson(part=part, whole=whole)
    )

    assert covered == pytest.approx(0.95, abs=0.02)


def test_a_difference_turned_round_has_its_ends_turned_round() -> None:
    there = proportions.difference(part=30, whole=100, part_before=80, whole_before=210)
    back = proportions.difference(part=80, whole=210, part_before=30, whole_before=100)

    assert (back.low, back.high) == (pytest.approx(-there.high), pytest.approx(-there.low))


def test_more_people_make_a_difference_of_the_same_size_sure() -> None:
    few = proportions.difference(part=20, whole=50, part_before=15, whole_before=50)
    many = proportions.difference(part=2000, whole=5000, part_before=1500, whole_before=5000)

    assert 0 in few
    assert 0 not in many


@pytest.mark.parametrize(("part", "whole"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        proportions.wilson(part=part, whole=whole)


def test_more_comparisons_ask_for_wider_intervals() -> None:
    assert proportions.z_of(comparisons=1) == pytest.approx(1.959964, abs=1e-6)
    assert proportions.z_of(comparisons=10) == pytest.approx(2.807034, abs=1e-6)
    assert proportions.z_of(comparisons=0) == proportions.z_of(comparisons=1)


def test_shares_that_vary_by_chance_alone_have_no_dispersion() -> None:
    assert proportions.dispersion([(50, 100), (52, 100), (48, 100)]) == 1.0
    assert proportions.dispersion([(50, 100), (0, 0)]) == 1.0
    assert proportions.dispersion([(50, 100)]) == 1.0
    assert proportions.dispersion([(0, 100), (0, 100)]) == 1.0
    assert proportions.dispersion([]) == 1.0


def test_shares_that_vary_more_have_dispersion() -> None:
    # Both are 10 standard errors of 0.05 off, over one degree of freedom.
    assert proportions.dispersion([(0, 100), (100, 100)]) == pytest.approx(2 * 10**2)
