"""
What counts of shown and granted say about arms, however often they are looked at. Pure.

The method is the mixture sequential probability ratio test, and the confidence sequence that is its
inverse: R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always Valid Inference: Continuous Monitoring
of A/B Tests", Operations Research 70(3), 2022 (first as arXiv:1512.04922), with the normal mixture
of their section on two streams. With the difference of two rates `d`, its estimated variance
`V = p_a(1-p_a)/n_a + p_b(1-p_b)/n_b` and a mixture `N(0, t²)` over true differences, the likelihood
ratio against "no difference" is

    L = sqrt(V / (V + t²)) · exp(t² d² / (2 V (V + t²)))

By Ville's inequality L ever exceeds 1/α with a probability of at most α if there is no difference,
so the always-valid p-value is 1/L, and all true differences that are not refuted lie within

    d ± sqrt(V (V + t²) / t² · (2 ln(1/α) + ln((V + t²) / V)))

Rates are taken as normal, which holds asymptotically (I. Waudby-Smith, D. Arbour, R. Sinha,
E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences",
Annals of Statistics 52(6), 2024); hence nothing is said before `FEWEST` people of each outcome. `t`
is the smallest difference worth knowing and is fixed before the start, as the method asks. With
several arms each is held against the first at α divided by their number (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, erfc, exp, inf, log, pi, sqrt
from statistics import NormalDist

from tracking.experiments.types import FEWEST_DAYS, Comparison, SampleSize, Tally, Verdict

ALPHA = 0.05
POWER = 0.8
# Of those who granted, and of those who did not, in each arm.
FEWEST = 25
# Arms whose sizes are less likely than this did not get their shares by chance: R. Kohavi, D. Tang,
# Y. Xu, "Trustworthy Online Controlled Experiments", 2020, chapter 21.
MISMATCH = 0.001


def compare(*, tallies: Sequence[Tally], smallest: float) -> tuple[Comparison, ...]:
    """
    Return each arm beside the first one.

    :param smallest: the smallest difference worth knowing, as a share
    """
    control, *others = tallies
    alpha = ALPHA / max(len(others), 1)
    return tuple(_compare(control, one, smallest=smallest, alpha=alpha) for one in others)


def _compare(control: Tally, arm: Tally, *, smallest: float, alpha: float) -> Comparison:
    if min(_fewest(control), _fewest(arm)) < FEWEST:
        return Comparison(
            arm=arm.arm,
            difference=None,
            low=None,
            high=None,
            p_value=1.0,
            verdict=Verdict.TOO_EARLY,
        )
    variance = _variance(control) + _variance(arm)
    difference = arm.granted / arm.shown - control.granted / control.shown
    radius = _radius(variance, smallest=smallest, alpha=alpha)
    low, high = difference - radius, difference + radius
    if low > 0:
        verdict = Verdict.BETTER
    elif high < 0:
        verdict = Verdict.WORSE
    elif -smallest < low and high < smallest:
        verdict = Verdict.ALIKE
    else:
        verdict = Verdict.TOO_EARLY
    return Comparison(
        arm=arm.arm,
        difference=difference,
        low=max(low, -1.0),
        high=min(high, 1.0),
        # Over all comparisons, as the interval is.
        p_value=min(1.0, _p_value(difference, variance, smallest=smallest) * ALPHA / alpha),
        verdict=verdict,
    )


def _fewest(tally: Tally) -> int:
    return min(tally.granted, tally.shown - tally.granted)


def _variance(tally: Tally) -> float:
    rate = tally.granted / tally.shown
    return rate * (1 - rate) / tally.shown


def _radius(variance: float, *, smallest: float, alpha: float) -> float:
    mixed = variance + smallest**2
    return sqrt(variance * mixed / smallest**2 * (2 * log(1 / alpha) + log(mixed / variance)))


def _p_value(difference: float, variance: float, *, smallest: float) -> float:
    mixed = variance + smallest**2
    exponent = smallest**2 * difference**2 / (2 * variance * mixed)
    return min(1.0, sqrt(mixed / variance) * exp(-exponent))


def find_mismatch(*, tallies: Sequence[Tally], shares: Mapping[str, int]) -> float:
    """
    Return how likely the arms' sizes are if chance alone followed the shares: the p-value of
    Pearson's chi-square test. Below `MISMATCH` something else chose, and no result can be trusted.
    """
    total = sum(one.shown for one in tallies)
    if not total:
        return 1.0
    statistic = sum(
        (one.shown - expected) ** 2 / expected
        for one in tallies
        for expected in (total * shares[one.arm] / 100,)
    )
    return chi_square_tail(statistic, degrees=len(tallies) - 1)


def chi_square_tail(statistic: float, *, degrees: int) -> float:
    """Return the probability of more than `statistic`, for one to three degrees of freedom."""
    if degrees == 2:
        return exp(-statistic / 2)
    tail = erfc(sqrt(statistic / 2))
    if degrees == 3:
        tail += sqrt(2 * statistic / pi) * exp(-statistic / 2)
    return tail


def plan(
    *, baseline: float, smallest: float, shares: Sequence[int], visitors_a_day: float
) -> SampleSize:
    """
    Return how many first showings it takes to find `smallest` with a probability of `POWER`.

    Looked at once at the end: the usual formula for two rates. Looked at every day: as many as make
    the interval exclude zero with that probability at the end, which is a little more than needed,
    since many comparisons end before.

    :param baseline: the opt-in rate of the published notice, as a share
    :param shares: in percent, the published notice first
    """
    control, *others = shares
    other = min(others)
    alpha = ALPHA / len(others)
    better = min(baseline + smallest, 1.0)
    # Times the number of people, the variance of the difference.
    unit = 100 * (baseline * (1 - baseline) / control + better * (1 - better) / other)
    normal = NormalDist()
    power = normal.inv_cdf(POWER)
    fixed = unit * ((normal.inv_cdf(1 - alpha / 2) + power) / smallest) ** 2
    low, high = fixed, 2 * fixed
    while not _is_enough(high, unit, power=power, smallest=smallest, alpha=alpha):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) / 2
        if _is_enough(middle, unit, power=power, smallest=smallest, alpha=alpha):
            high = middle
        else:
            low = middle
    days = ceil(high / visitors_a_day) if visitors_a_day > 0 else inf
    return SampleSize(
        fixed=ceil(fixed),
        sequential=ceil(high),
        smallest_arm=ceil(high * min(shares) / 100),
        days=None if days == inf else max(int(days), FEWEST_DAYS),
    )


def _is_enough(people: float, unit: float, *, power: float, smallest: float, alpha: float) -> bool:
    variance = unit / people
    radius = _radius(variance, smallest=smallest, alpha=alpha)
    return smallest - power * sqrt(variance) >= radius
