"""How sure a share of people is, and the difference between two shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

# The normal distribution's 97.5th percentile: intervals of 95 %.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Both ends, as shares of 1."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def z_of(*, comparisons: int) -> float:
    """
    Return the `z` of intervals of which all hold at once in 95 % of cases (Bonferroni's inequality;
    O. J. Dunn, "Multiple comparisons among means", JASA 56 (1961)).
    """
    return NormalDist().inv_cdf(1 - 0.025 / max(1, comparisons))


def wilson(*, part: int, whole: int, z: float = _Z) -> Interval:
    """
    Return the score interval of `part` people out of `whole`.

    It covers what it promises also for few people and for shares near 0 and 1, where the textbook's
    interval does not. Source: E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22 (1927); recommended by L. D. Brown, T. T. Cai, A. DasGupta,
    "Interval Estimation for a Binomial Proportion", Statistical Science 16 (2001).

    :raises ValueError: unless 0 ≤ part ≤ whole and whole > 0
    """
    if whole <= 0 or not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole} is no share.")
    share, weight = part / whole, z * z / whole
    center = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * sqrt(share * (1 - share) / whole + weight / (4 * whole))
    # At both ends the exact result; the arithmetic alone misses it by a rounding.
    return Interval(
        low=max(0.0, center - reach) if part else 0.0,
        high=min(1.0, center + reach) if part < whole else 1.0,
    )


def difference(
    *, part: int, whole: int, part_before: int, whole_before: int, z: float = _Z
) -> Interval:
    """
    Return the interval of the share less the share before, of two independent groups of people.

    The difference is within noise where the interval holds 0. Source: R. G. Newcombe, "Interval
    estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), method 10: the hybrid of both shares' score intervals.

    :raises ValueError: as `wilson`
    """
    now = wilson(part=part, whole=whole, z=z)
    before = wilson(part=part_before, whole=whole_before, z=z)
    share, share_before = part / whole, part_before / whole_before
    change = share - share_before
    return Interval(
        low=change - sqrt((share - now.low) ** 2 + (before.high - share_before) ** 2),
        high=change + sqrt((now.high - share) ** 2 + (share_before - before.low) ** 2),
    )


def dispersion(shares: Sequence[tuple[int, int]]) -> float:
    """
    Return how many times more than by chance the shares of `(part, whole)` vary, at least 1.

    Pearson's statistic over its degrees of freedom; its root widens an interval. Source: P.
    McCullagh, J. A. Nelder, "Generalized Linear Models" (1989), section 4.5.
    """
    everybody = sum(whole for _, whole in shares)
    share = sum(part for part, _ in shares) / everybody if everybody else 0.0
    if len(shares) < 2 or not 0 < share < 1:
        return 1.0
    pearson = sum(
        (part - whole * share) ** 2 / (whole * share * (1 - share))
        for part, whole in shares
        if whole
    )
    return max(1.0, pearson / (len(shares) - 1))
