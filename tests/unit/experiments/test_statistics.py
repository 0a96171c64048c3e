"""What numbers say about arms, however often somebody looks."""

from __future__ import annotations

import random
from math import sqrt

import pytest

from tracking.experiments import statistics
from tracking.experiments.types import Tally, Verdict

SMALLEST = 0.03


def tally(arm: str, shown: int, granted: int) -> Tally:
    return Tally(arm=arm, shown=shown, decided=shown, granted=granted)


def looks(
    generator: random.Random, *, rates: tuple[float, ...], shares: tuple[int, ...], people: int
) -> bool:
    """Say whether anybody who looks after every 50 visitors is ever told of a difference."""
    shown, granted = [0] * len(rates), [0] * len(rates)
    arms = range(len(rates))
    for _ in range(people // 50):
        for arm in generator.choices(arms, weights=shares, k=50):
            shown[arm] += 1
            granted[arm] += generator.random() < rates[arm]
        found = statistics.compare(
            tallies=[tally("abcd"[arm], shown[arm], granted[arm]) for arm in arms],
            smallest=SMALLEST,
        )
        if any(one.verdict in (Verdict.BETTER, Verdict.WORSE) for one in found):
            return True
    return False


@pytest.mark.parametrize(
    ("rates", "shares"),
    [
        ((0.3, 0.3), (50, 50)),
        ((0.05, 0.05), (80, 20)),
        ((0.5, 0.5, 0.5), (34, 33, 33)),
    ],
)
def test_without_a_difference_looking_all_the_time_finds_one_in_a_twentieth_of_cases_at_most(
    rates: tuple[float, ...], shares: tuple[int, ...]
) -> None:
    generator, runs = random.Random(20261126), 150  # noqa: S311  # a simulation, no secret
    alarms = sum(looks(generator, rates=rates, shares=shares, people=20_000) for _ in range(runs))
    # Three standard errors of the simulation itself.
    assert alarms / runs <= 0.05 + 3 * sqrt(0.05 * 0.95 / runs)


def test_three_points_are_found_as_often_as_planned() -> None:
    generator, runs = random.Random(20261126), 60  # noqa: S311  # a simulation, no secret
    size = statistics.plan(baseline=0.3, smallest=SMALLEST, shares=(50, 50), visitors_a_day=1000)
    found = sum(
        looks(generator, rates=(0.3, 0.33), shares=(50, 50), people=size.sequential)
        for _ in range(runs)
    )
    assert found / runs >= statistics.POWER - 3 * sqrt(0.8 * 0.2 / runs)


def test_a_test_that_stops_at_the_first_p_below_a_twentieth_would_be_fooled() -> None:
    """What the method is there for: the usual interval, looked at as often, finds nothings."""
    generator, runs, fooled = random.Random(20261126), 60, 0  # noqa: S311
    for _ in range(runs):
        shown, granted = [0, 0], [0, 0]
        for _ in range(400):
            for arm in generator.choices((0, 1), k=50):
                shown[arm] += 1
                granted[arm] += generator.random() < 0.3
            rates = [granted[arm] / shown[arm] for arm in (0, 1)]
            variance = sum(r * (1 - r) / n for r, n in zip(rates, shown, strict=True))
            if abs(rates[1] - rates[0]) > 1.96 * sqrt(variance):
                fooled += 1
                break
    assert fooled / runs > 0.15


def test_the_interval_and_the_p_value_say_the_same() -> None:
    for granted in range(280, 420, 5):
        (found,) = statistics.compare(
            tallies=[tally("a", 1000, 300), tally("b", 1000, granted)], smallest=SMALLEST
        )
        assert found.low is not None
        assert found.high is not None
        is_found = found.low > 0 or found.high < 0
        assert is_found == (found.p_value < statistics.ALPHA)


def test_the_formula_by_hand() -> None:
    (found,) = statistics.compare(
        tallies=[tally("a", 1000, 300), tally("b", 1000, 400)], smallest=0.05
    )
    # V = 0.00021 + 0.00024 and V + t² = 0.00295, so 1/L = 2.5604 · exp(-9.4162), and the half width
    # is the root of 0.000531 · (5.9915 + 1.8803).
    assert found.difference == pytest.approx(0.1)
    assert found.p_value == pytest.approx(2.084e-4, rel=1e-3)
    assert found.low == pytest.approx(0.1 - 0.06465, abs=1e-4)
    assert found.verdict is Verdict.BETTER


@pytest.mark.parametrize("granted", [24, 76 + 1])
def test_few_people_say_nothing(granted: int) -> None:
    (found,) = statistics.compare(
        tallies=[tally("a", 1000, 10 * granted), tally("b", 100, granted)], smallest=SMALLEST
    )
    assert (found.verdict, found.difference, found.p_value) == (Verdict.TOO_EARLY, None, 1.0)


def test_nobody_says_nothing() -> None:
    (found,) = statistics.compare(tallies=[tally("a", 0, 0), tally("b", 0, 0)], smallest=SMALLEST)
    assert found.verdict is Verdict.TOO_EARLY


def test_arms_that_are_alike_are_said_to_be() -> None:
    (found,) = statistics.compare(
        tallies=[tally("a", 50_000, 15_000), tally("b", 50_000, 15_010)], smallest=SMALLEST
    )
    assert found.verdict is Verdict.ALIKE


def test_more_arms_need_more_evidence() -> None:
    a, b, c = tally("a", 2000, 600), tally("b", 2000, 720), tally("c", 2000, 600)
    (alone,) = statistics.compare(tallies=[a, b], smallest=SMALLEST)
    beside, _ = statistics.compare(tallies=[a, b, c], smallest=SMALLEST)
    assert beside.p_value == pytest.approx(2 * alone.p_value)
    assert beside.low is not None
    assert alone.low is not None
    assert beside.low < alone.low


# From tables of the distribution: what 5 % and 0.1 % of draws exceed.
@pytest.mark.parametrize(
    ("degrees", "statistic", "tail"),
    [
        (1, 3.841, 0.05), (1, 10.828, 0.001), (2, 5.991, 0.05), (2, 13.816, 0.001),
        (3, 7.815, 0.05), (3, 16.266, 0.001),
    ],
)  # fmt: skip
def test_the_tail_of_chi_square_is_that_of_the_tables(
    degrees: int, statistic: float, tail: float
) -> None:
    assert statistics.chi_square_tail(statistic, degrees=degrees) == pytest.approx(tail, rel=2e-3)


def test_arms_that_did_not_get_their_shares_are_noticed() -> None:
    shares = {"a": 50, "b": 50}
    fair = statistics.find_mismatch(
        tallies=[tally("a", 5050, 1), tally("b", 4950, 1)], shares=shares
    )
    unfair = statistics.find_mismatch(
        tallies=[tally("a", 5300, 1), tally("b", 4700, 1)], shares=shares
    )
    assert fair > 0.1
    assert unfair < statistics.MISMATCH
    assert (
        statistics.find_mismatch(tallies=[tally("a", 0, 0), tally("b", 0, 0)], shares=shares) == 1
    )


def test_the_plan_of_a_test_at_the_end_is_the_textbooks() -> None:
    # (1.96 + 0.8416)² · (0.3 · 0.7 + 0.33 · 0.67) / 0.03² = 3,760 in each arm.
    size = statistics.plan(baseline=0.3, smallest=0.03, shares=(50, 50), visitors_a_day=1000)
    assert size.fixed == pytest.approx(2 * 3760, rel=0.002)
    assert 1.2 < size.longer < 2.5
    assert size.days is not None
    assert size.days == -(-size.sequential // 1000)
    assert size.smallest_arm == pytest.approx(size.sequential / 2, abs=1)


def test_a_plan_is_of_whole_weekdays_and_knows_when_nobody_comes() -> None:
    busy = statistics.plan(baseline=0.3, smallest=0.03, shares=(50, 50), visitors_a_day=1e6)
    empty = statistics.plan(baseline=0.3, smallest=0.03, shares=(50, 50), visitors_a_day=0)
    assert busy.days == 7
    assert empty.days is None


def test_uneven_shares_and_more_arms_take_longer() -> None:
    even = statistics.plan(baseline=0.3, smallest=0.03, shares=(50, 50), visitors_a_day=1000)
    uneven = statistics.plan(baseline=0.3, smallest=0.03, shares=(90, 10), visitors_a_day=1000)
    three = statistics.plan(baseline=0.3, smallest=0.03, shares=(34, 33, 33), visitors_a_day=1000)
    assert uneven.sequential > 2 * even.sequential
    assert three.sequential > 1.5 * even.sequential
