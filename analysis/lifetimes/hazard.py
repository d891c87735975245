"""Hazards: crashes over exposure, their intervals, and whether they are the same early and late.

A hazard is d / E: d crashes (chances summed) in E units of progress that runs lived there. Its interval is the mid-p
Poisson one; sums of hazards over intervals of progress have the mid-p gamma interval of Fay and Kim, Biometrical
Journal 59 (2017) 377-387, of which the Poisson one is the case of a single weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc

from ..types import Floats

_NORMAL = 1.959963984540054
_PRECISION = 1e-12


def exposures(lived: Floats, cuts: Sequence[float]) -> Floats:
    """Units of progress lived between each cut and the next, the last without end, summed over runs, [cuts - 1]."""
    starts = np.asarray(cuts[:-1])
    ends = np.append(np.asarray(cuts[1:-1]), np.inf)
    inside = np.clip(np.minimum(lived[:, None], ends[None, :]) - starts[None, :], 0.0, None)
    total: Floats = inside.sum(axis=0)
    return total


def sum_interval(chances: Floats, weights: Floats, heaviest: float, level: float = 0.95) -> tuple[float, float]:
    """The mid-p gamma interval of a weighted sum of Poisson counts, of events that are known with a chance.

    chances, weights: of each event, [n]; heaviest: the weight of one more event. With certain events and all weights
    1 that is the mid-p Poisson interval of the count. Doubt adds its variance; where it may well be that there was no
    event at all the lower end is 0.
    """
    tail = (1.0 - level) / 2.0
    value = float((weights * chances).sum())
    variance = float((weights**2 * chances * (2.0 - chances)).sum())
    none = float(np.prod(1.0 - chances))
    lower = (value**2 / variance, variance / value) if value > 0 else None
    mean, spread = value + heaviest, variance + heaviest**2
    upper = (mean**2 / spread, spread / mean)

    def below(bound: float) -> float:
        """P(T <= bound) of the half-and-half mixture of the two gamma distributions."""
        first = 1.0 if lower is None else float(gammainc(lower[0], bound / lower[1]))
        return (first + float(gammainc(upper[0], bound / upper[1]))) / 2.0

    far = mean + 40.0 * math.sqrt(spread) + 40.0 * heaviest

    def quantile(share: float) -> float:
        if below(0.0) >= share:
            return 0.0
        return float(brentq(lambda bound: below(bound) - share, 0.0, far, xtol=_PRECISION))

    return 0.0 if none >= 2.0 * tail else quantile(tail), quantile(1.0 - tail)


def count_range(low: Floats, high: Floats) -> tuple[int, int]:
    """The whole counts that doubt about single events leaves, 95 % of it at each end.

    low, high: [n], lowest and highest chance of each event. Certain chances leave one count.
    """
    least = float(low.sum()) - _NORMAL * math.sqrt(float((low * (1.0 - low)).sum()))
    most = float(high.sum()) + _NORMAL * math.sqrt(float((high * (1.0 - high)).sum()))
    return max(round(least), int((low >= 1.0).sum())), min(round(most), int((high > 0.0).sum()))


def rates_differ(
    early: tuple[int, int], late: tuple[int, int], exposure: tuple[float, float], level: float = 0.95
) -> tuple[float, float, float | None]:
    """p, and the interval of the early rate over the late one (upper end None where unbounded).

    The exact conditional test of two Poisson rates: given their sum, the early events are binomial with the early
    share of the exposure (Przyborowski and Wilenski, Biometrika 31 (1940) 313-323). Twice the smaller tail, which
    agrees with the Clopper-Pearson interval. early, late: ranges of counts; the largest p and the widest interval
    over them, p = 1 where they disagree about the direction.
    """
    from scipy.stats import binomtest

    share = exposure[0] / (exposure[0] + exposure[1])
    odds = exposure[1] / exposure[0]
    largest, low, high = 0.0, math.inf, 0.0
    more: set[bool] = set()
    for k in set(early):
        for other in set(late):
            if k + other == 0:
                return 1.0, 0.0, None
            more.add(k > (k + other) * share)
            tails = [binomtest(k, k + other, share, alternative=side) for side in ("less", "greater")]
            largest = max(largest, min(1.0, 2.0 * min(test.pvalue for test in tails)))
            ends = binomtest(k, k + other, share).proportion_ci(level, "exact")
            low = min(low, odds * ends.low / (1.0 - ends.low))
            high = max(high, odds * ends.high / (1.0 - ends.high) if ends.high < 1.0 else math.inf)
    return (1.0 if len(more) > 1 else float(largest)), float(low), float(high) if math.isfinite(high) else None
