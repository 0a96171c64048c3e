"""How far shares may be off by chance alone."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.insights import intervals

Z = intervals.quantile()


def test_a_share_has_the_interval_that_wilson_gave_it() -> None:
    # Newcombe 1998a, table I, method 3: 81 of 263 and 15 of 148.
    many = intervals.wilson(part=81, whole=263, z=Z)
    few = intervals.wilson(part=15, whole=148, z=Z)

    assert (round(many.low, 4), round(many.high, 4)) == (0.2553, 0.3662)
    assert (round(few.low, 4), round(few.high, 4)) == (0.0624, 0.1605)


def test_a_difference_has_the_interval_that_newcombe_gave_it() -> None:
    # Newcombe 1998b, table II, method 10: 56/70 - 48/80, and 9/10 - 3/10.
    many = intervals.newcombe(part=56, whole=70, part_before=48, whole_before=80, z=Z)
    few = intervals.newcombe(part=9, whole=10, part_before=3, whole_before=10, z=Z)

    assert (round(many.low, 4), round(many.high, 4)) == (0.0524, 0.3339)
    assert (round(few.low, 4), round(few.high, 4)) == (0.1705, 0.8090)


def test_more_looks_need_more_doubt() -> None:
    assert round(intervals.quantile(), 3) == 1.96
    assert round(intervals.quantile(looks=84), 2) == 3.43


def test_days_that_vary_by_chance_alone_have_no_dispersion() -> None:
    assert intervals.dispersion([(50, 100), (52, 100), (48, 100)]) == 1.0
    assert intervals.dispersion([(50, 100)]) == 1.0
    assert intervals.dispersion([(0, 100), (0, 100)]) == 1.0
    assert intervals.dispersion([]) == 1.0


def test_days_that_vary_more_have_it() -> None:
    # Each day is 10 standard errors of 0.05 off: 2 * 100 over one degree of freedom.
    off = 10 * 0.05
    share = 0.5

    found = intervals.dispersion([(0, 100), (100, 100)])
    assert found == pytest.approx(2 * (off / sqrt(share * share / 100)) ** 2)


counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_an_interval_holds_what_it_is_of(one: tuple[int, int], other: tuple[int, int]) -> None:
    share = intervals.wilson(part=one[0], whole=one[1], z=Z)
    assert 0 <= share.low <= one[0] / one[1] + 1e-12
    assert one[0] / one[1] - 1e-12 <= share.high <= 1
    difference = intervals.newcombe(
        part=one[0], whole=one[1], part_before=other[0], whole_before=other[1], z=Z
    )
    seen = one[0] / one[1] - other[0] / other[1]
    assert -1 - 1e-9 <= difference.low <= seen + 1e-12
    assert seen - 1e-12 <= difference.high <= 1 + 1e-9
    back = intervals.newcombe(
        part=other[0], whole=other[1], part_before=one[0], whole_before=one[1], z=Z
    )
    assert (back.low, back.high) == pytest.approx((-difference.high, -difference.low))
