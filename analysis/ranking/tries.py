"""The best of k tries: its mean and its median, with a band that holds for all k at once.

Dodge, Gururangan, Card, Schwartz, Smith: Show Your Work (EMNLP 2019) compares searches by the expected best of k
runs. Their plug-in estimate is biased downwards; drawn without replacement it is not (Tang, Lee, Xin, Liu, Yu, Lin:
Showing Your Work Doesn't Always Work, ACL 2020, section 3). The mean needs a value of every try, which a crash has
not; the median does not: a crash is worse than any value. Its band comes from a band for the distribution of one try
(Lourie, Cho, He: Show Your Work with Confidence, NAACL 2024): order statistic i of n is a beta variable, and the
levels at which all n stay within their equal-tailed intervals at once were found by simulation
(Learned-Miller and DeStefano, IEEE Trans. Inf. Theory 54, 2008).

All values here are to be maximised; a try without a result is minus infinity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln
from scipy.stats import beta

from ..results.ranking import TriesPoint
from ..types import Estimate, Floats

LEVEL = 0.95
_ROUNDING = 1e-12
_N = (1, 2, 3, 4, 6, 8, 12, 20, 35, 60, 100, 200, 500, 1_000, 3_000, 10_000)
_ALPHA = (
    *(0.05, 0.026519, 0.018662, 0.014554, 0.010776, 0.008712, 0.006453, 0.004716),
    *(0.003516, 0.002739, 0.002236, 0.001726, 0.001225, 0.000989, 0.000876, 0.000817),
)
"""By n: the 5 % quantile, over up to 400,000 samples of n uniform values, of the smallest two-sided beta p-value of
their order statistics. Between them linear in the logarithms."""


def pointwise_alpha(n: int) -> float:
    """1 - the level of each order statistic's interval, such that all n hold at once with LEVEL."""
    return float(np.exp(np.interp(np.log(n), np.log(_N), np.log(_ALPHA))))


def distribution_band(n: int) -> tuple[Floats, Floats]:
    """Limits of the distribution function between order statistics: low and high [n + 1], the first below all."""
    alpha, i = pointwise_alpha(n), np.arange(1, n + 1)
    low = np.concatenate([[0.0], beta.ppf(alpha / 2, i, n + 1 - i)])
    high = np.concatenate([beta.ppf(1 - alpha / 2, i, n + 1 - i), [1.0]])
    return low, high


def expected_best(values: Floats, k: int) -> tuple[float | None, float]:
    """The mean of the best of k drawn without replacement, given any has a result, and the chance that none has.

    values [n], 1 <= k <= n. The mean is None where no value is finite.
    """
    x = np.sort(values)
    n, lost = len(x), int(np.isneginf(x).sum())
    i = np.arange(max(k, lost + 1), n + 1)
    if len(i) == 0:
        return None, 1.0
    weight = np.exp(_log_choose(i - 1, k - 1) - _log_choose(np.array([n]), k))
    none = 0.0 if k > lost else float(np.exp(_log_choose(np.array([lost]), k) - _log_choose(np.array([n]), k))[0])
    return float((weight / weight.sum()) @ x[i - 1]), none


def _log_choose(n: np.ndarray[tuple[int, ...], np.dtype[np.int64]], k: int) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=float)


def median_best(values: Floats, ks: Sequence[int]) -> list[tuple[float, float, float]]:
    """Median of the best of k with the ends of its band, for each k; infinite where no value is the answer.

    values [n], n >= 1. The median of the best of k is the quantile 0.5 ** (1 / k) of one try.
    """
    x = np.sort(values)
    low, high = distribution_band(len(x))
    below, above = np.concatenate([[-math.inf], x]), np.concatenate([x, [math.inf]])
    share = np.arange(1, len(x) + 1) / len(x)
    found = []
    for k in ks:
        q = 0.5 ** (1 / k)
        # The quantile is the first order statistic at which the distribution function has reached q; where it is
        # exactly q there, half way to the next, as of every median.
        first, last = np.searchsorted(share, (q - _ROUNDING, q + _ROUNDING))
        middle = float(x[first] / 2 + x[min(last, len(x) - 1)] / 2)
        least = float(below[np.searchsorted(high, q)])
        at = int(np.searchsorted(low, q))
        most = float(above[at - 1]) if at <= len(x) else math.inf
        found.append((middle, least, most))
    return found


def bounded_tries(n: int) -> int:
    """The most tries of which n values still bound the median best from above; 0 where they bound none."""
    # The limit of the distribution function at the best value has to reach 0.5 ** (1 / k).
    low = distribution_band(n)[0][-1]
    return int(math.log(0.5) / math.log(low) + _ROUNDING)


def numbers_of_tries(n: int, most: int = 40) -> list[int]:
    """1, 2, 3, ... up to n, about evenly on a logarithmic scale."""
    return sorted({round(k) for k in np.geomspace(1, n, most)} | {n}) if n else []


def tries_curve(values: Floats, sign: int, ks: Sequence[int], metric: str) -> tuple[TriesPoint, ...]:
    """The points of a level's curve; values [n] to be maximised, ``sign`` turns them back into the metric's."""
    points = []
    for k, (middle, low, high) in zip(ks, median_best(values, ks), strict=True):
        mean, none = expected_best(values, k)
        ends = sorted((sign * low, sign * high))
        points.append(
            TriesPoint(
                k=k,
                median=Estimate(value=sign * middle, low=ends[0], high=ends[1], level=LEVEL, unit=metric),
                expected=None if mean is None else sign * mean,
                none=none,
            )
        )
    return tuple(points)
