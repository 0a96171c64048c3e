"""What a share of few people says about many: intervals for shares and for their difference."""

from __future__ import annotations

import math
from statistics import NormalDist


def z_of(*, error: float = 0.05, comparisons: int = 1) -> float:
    """
    Return how many standard errors wide a two-sided interval is on each side.

    With several comparisons none of them all may err more often than `error` (Bonferroni).
    """
    return NormalDist().inv_cdf(1 - error / (2 * max(comparisons, 1)))


def wilson(*, part: int, whole: int, z: float) -> tuple[float, float]:
    """
    Return the interval of a share, both ends between 0 and 1.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927),
    recommended by Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion",
    Statistical Science 16 (2001).

    :raises ValueError: unless 0 <= part <= whole and there is somebody
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share.")
    share = part / whole
    middle = share + z * z / (2 * whole)
    width = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    low, high = ((middle + sign * width) / (1 + z * z / whole) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


def newcombe(*, now: tuple[int, int], before: tuple[int, int], z: float) -> tuple[float, float]:
    """
    Return the interval of a difference, now less before, of two shares `(part, whole)`.

    Newcombe, "Interval Estimation for the Difference Between Independent Proportions", Statistics
    in Medicine 17 (1998), method 10.

    :raises ValueError: as `wilson`
    """
    low_now, high_now = wilson(part=now[0], whole=now[1], z=z)
    low_before, high_before = wilson(part=before[0], whole=before[1], z=z)
    share_now, share_before = now[0] / now[1], before[0] / before[1]
    difference = share_now - share_before
    return (
        difference - math.hypot(share_now - low_now, high_before - share_before),
        difference + math.hypot(high_now - share_now, share_before - low_before),
    )
