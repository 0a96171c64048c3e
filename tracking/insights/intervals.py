"""How far shares may be off by chance alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share, or a difference of shares, between `low` and `high`."""

    low: float
    high: float


def quantile(*, confidence: float = 0.95, looks: int = 1) -> float:
    """
    Return how many standard errors an interval reaches to either side.

    Whoever looks at many shares sees some far off by chance; the doubt is divided among the looks
    (Bonferroni's inequality; Dunn, "Multiple comparisons among means", JASA 56, 1961).
    """
    return NormalDist().inv_cdf(1 - (1 - confidence) / 2 / max(1, looks))


def wilson(*, part: int, whole: int, z: float) -> Interval:
    """
    Return the interval of a share.

    Wilson, "Probable inference", JASA 22, 1927; recommended by Brown, Cai and DasGupta, "Interval
    estimation for a binomial proportion", Statistical Science 16, 2001.
    """
    share, z2 = part / whole, z * z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = z / (1 + z2 / whole) * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return Interval(low=max(0.0, middle - half), high=min(1.0, middle + half))


def newcombe(*, part: int, whole: int, part_before: int, whole_before: int, z: float) -> Interval:
    """
    Return the interval of a share less the share before.

    Method 10 of Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998.
    """
    now, before = part / whole, part_before / whole_before
    one = wilson(part=part, whole=whole, z=z)
    other = wilson(part=part_before, whole=whole_before, z=z)
    return Interval(
        low=now - before - sqrt((now - one.low) ** 2 + (other.high - before) ** 2),
        high=now - before + sqrt((one.high - now) ** 2 + (before - other.low) ** 2),
    )


def dispersion(days: Sequence[tuple[int, int]]) -> float:
    """
    Return how many times more than by chance the shares of `(part, whole)` vary, at least 1.

    Pearson's statistic over its degrees of freedom; its root widens an interval (McCullagh and
    Nelder, "Generalized Linear Models", 1989, section 4.5).
    """
    whole = sum(number for _, number in days)
    share = sum(part for part, _ in days) / whole if whole else 0.0
    if len(days) < 2 or not 0 < share < 1:
        return 1.0
    pearson = sum(
        (part - number * share) ** 2 / (number * share * (1 - share))
        for part, number in days
        if number
    )
    return max(1.0, pearson / (len(days) - 1))
