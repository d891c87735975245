"""Shares with intervals, and the crash rate of a sweep.

Intervals are mid-p Clopper-Pearson: the exact binomial tail with half the weight on the observed count. Their
coverage stays near the nominal one at every n, where Wilson's falls to 83 % at n = 4 and the exact interval is far
too wide. Definition and figures: Newcombe, Statistics in Medicine 17 (1998) 857-872, method 6. Counts need not be
whole: the incomplete beta function carries the tails over to fractional ones.

A crash rate adds up probabilities, not labels. Its interval averages the mid-p tails over the distribution of the
number of crashes (Poisson-binomial), so doubt about the labels widens it; with certain labels it is the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc

from ..errors import InvariantError
from ..types import CrashRate, Estimate, Floats, Outcome, Sweep

RECORDED_AS_CRASHED = ("crashed", "failed")
_NEGLIGIBLE = 1e-12
_PRECISION = 1e-12
_ROUNDING = 1e-6  # a sum of probabilities may pass n by as much


def proportion(k: float, n: float, level: float = 0.95) -> Estimate:
    """The share k / n with its mid-p Clopper-Pearson interval; ``value`` None and no interval where n is 0.

    k: successes, fractional ones allowed; n: trials. Raises InvariantError where not 0 <= k <= n.
    """
    if not -_ROUNDING <= k <= n + _ROUNDING:
        raise InvariantError(f"{k} successes in {n} trials; there must be 0 <= k <= n")
    k = min(max(k, 0), n)
    if n == 0:
        return Estimate(value=None, level=level, unit="share")
    low, high = _interval(float(k), float(n), level)
    return Estimate(value=k / n, low=low, high=high, level=level, unit="share")


def uncertain_proportion(probabilities: Sequence[float], level: float = 0.95) -> Estimate:
    """The share expected of events with these probabilities, with the interval of this module's docstring."""
    n = len(probabilities)
    if n == 0:
        return Estimate(value=None, level=level, unit="share")
    counts, weights = _poisson_binomial(np.asarray(probabilities, dtype=np.float64))
    value = min(float(np.sum(probabilities)) / n, 1.0)
    low, high = _invert(counts, weights, float(n), level)
    return Estimate(value=value, low=min(low, value), high=max(high, value), level=level, unit="share")


def crash_rate(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> CrashRate:
    """Crashed over eligible runs: ``low`` counts what is unknown as not crashed, ``high`` as crashed.

    ``recorded`` is the share of the same runs whose recorded state is crashed or failed.
    """
    eligible = [run for run in sweep.runs if outcomes[run.id].eligible]
    lows, highs = ([outcomes[run.id].crash_probability[end] for run in eligible] for end in (0, 1))
    return CrashRate(
        eligible=len(eligible),
        low=uncertain_proportion(lows),
        high=uncertain_proportion(highs),
        recorded=proportion(sum(run.state in RECORDED_AS_CRASHED for run in eligible), len(eligible)),
    )


@lru_cache(maxsize=65_536)
def _interval(k: float, n: float, level: float) -> tuple[float, float]:
    low, high = _invert(np.array([k]), np.ones(1), n, level)
    return min(low, k / n), max(high, k / n)


def _invert(counts: Floats, weights: Floats, n: float, level: float) -> tuple[float, float]:
    """The shares at which the averaged mid-p tail is (1 - level) / 2 and its complement."""
    tail = (1.0 - level) / 2.0

    def crossing(target: float, at_edge: float) -> float:
        def excess(share: float) -> float:
            return float(weights @ _mid_tail(counts, n, share)) - target

        edges = (excess(0.0), excess(1.0))
        return at_edge if edges[0] >= 0 or edges[1] <= 0 else float(brentq(excess, 0.0, 1.0, xtol=_PRECISION))

    return crossing(tail, 0.0), crossing(1.0 - tail, 1.0)


def _mid_tail(counts: Floats, n: float, share: float) -> Floats:
    """P(X > k) + P(X = k) / 2 for X binomial(n, share), for each k of ``counts``."""
    at_least = np.where(counts <= 0, 1.0, betainc(np.maximum(counts, _PRECISION), n - counts + 1.0, share))
    above = np.where(counts >= n, 0.0, betainc(counts + 1.0, np.maximum(n - counts, _PRECISION), share))
    middle: Floats = (at_least + above) / 2.0
    return middle


def _poisson_binomial(probabilities: Floats) -> tuple[Floats, Floats]:
    """Counts that can occur and their weights, [K] each; certain events are only added, never convolved."""
    certain = int((probabilities == 1.0).sum())
    weights = np.ones(1)
    for p in np.sort(probabilities[(probabilities > 0.0) & (probabilities < 1.0)]):
        grown = np.zeros(weights.size + 1)
        grown[:-1] = weights * (1.0 - p)
        grown[1:] += weights * p
        weights = grown
    counts = certain + np.arange(weights.size, dtype=np.float64)
    kept = weights > _NEGLIGIBLE * weights.max()
    return counts[kept], weights[kept] / weights[kept].sum()
