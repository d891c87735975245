"""How much more often: hazard ratio and odds ratio of one group against the rest, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from scipy.optimize import brentq

from ..types import Estimate, Floats
from .cases import Cases, Ints
from .draws import Board

_FARTHEST = 30.0  # log ratio


def effect(cases: Cases, on: Board, inside: NDArray[np.bool_], level: float = 0.95) -> Estimate:
    """The hazard ratio where the cases are compared by progress, else the odds ratio; ``inside`` is [n]."""
    if cases.by_progress:
        return hazard_ratio(on, inside, level)
    return odds_ratio(inside, cases.crash, cases.group, level)


def hazard_ratio(on: Board, inside: NDArray[np.bool_], level: float = 0.95) -> Estimate:
    """The hazard of crashing inside over that outside, with its interval; ``inside`` is [n] over the cases.

    Cox's partial likelihood (1972; ties after Efron 1977), stratified. A crash where n1 runs inside and n0 outside
    were at risk is one inside with chance r n1 / (r n1 + n0), r the ratio: so the share of the crashes that lie
    inside is a function of r, and the ends are the r at which that share is an end of the interval of Clopper and
    Pearson (1934) for the split of the crashes. Crashes that met only one side at risk say nothing and are left out.
    Of d tied crashes each meets, in the mean, a board that (d - 1) / 2 d of them have left. The value is None where no
    crash was outside; then the upper end is None too.
    """
    n_in, n_out, k_in, k_out = on.sides(inside)
    d = k_in + k_out
    told = (d > 0) & (n_in > 0) & (n_out > 0)
    n_in, n_out, k_in, k_out, d = (part[told] for part in (n_in, n_out, k_in, k_out, d))
    left = 0.5 - 0.5 / np.maximum(d, 1.0)
    odds = (n_in - k_in * left) / (n_out - k_out * left)
    found_in, found_out = float(k_in.sum()), float(k_out.sum())
    if found_in + found_out <= 0:
        return Estimate(value=None, unit="hazard ratio", level=level)

    def ratio(share: float) -> float:
        even = np.log(share / (1 - share) / odds)  # the log ratios at which single terms give the share

        def excess(log_r: float) -> float:
            return float(d @ (1 / (1 + np.exp(-log_r) / odds) - share))

        return float(np.exp(brentq(excess, even.min() - 1e-9, even.max() + 1e-9)))

    return _from_split(found_in, found_out, ratio, level)


def _from_split(k_in: float, k_out: float, ratio: Callable[[float], float], level: float) -> Estimate:
    """The interval of the ratio by that of the crashes' share inside."""
    tail = (1 - level) / 2
    # Counts are sums of chances: less than half a crash on a side is none, so that side's end is open.
    low = float(stats.beta.ppf(tail, k_in, k_out + 1)) if k_in >= 0.5 else 0.0
    high = float(stats.beta.ppf(1 - tail, k_in + 1, k_out)) if k_out >= 0.5 else 1.0
    return Estimate(
        value=(ratio(k_in / (k_in + k_out)) if k_in > 0 else 0.0) if k_out >= 0.5 else None,
        low=ratio(low) if low > 0 else 0.0,
        high=ratio(high) if high < 1 else None,
        level=level,
        unit="hazard ratio",
    )


def odds_ratio(inside: NDArray[np.bool_], weight: Floats, group: Ints, level: float = 0.95) -> Estimate:
    """The odds of crashing inside over those outside: conditional estimate with the exact interval.

    inside, weight, group: [n]; runs of different groups are not compared. The crashes inside are a sum of Fisher's
    noncentral hypergeometric counts, one a group (Gart, Biometrika 57, 1970); for one group this is scipy's.
    """
    crashed = weight >= 0.5
    tables = [_table(inside[group == g], crashed[group == g]) for g in np.unique(group)]
    tables = [table for table in tables if table.sum(axis=0).min() > 0 and table.sum(axis=1).min() > 0]
    if not tables:
        return Estimate(value=None, level=level, unit="odds ratio")
    if len(tables) == 1:
        result = stats.contingency.odds_ratio(tables[0])
        interval = result.confidence_interval(level)
        ends = (result.statistic, interval.low, interval.high)
    else:
        ends = _stratified(tables, level)
    value, low, high = (float(v) if np.isfinite(v) else None for v in ends)
    return Estimate(value=value, low=low, high=high, level=level, unit="odds ratio")


def _table(inside: NDArray[np.bool_], crashed: NDArray[np.bool_]) -> Ints:
    """[2, 2]: crashed and not, inside and outside."""
    return np.array(
        [
            [(crashed & inside).sum(), (~crashed & inside).sum()],
            [(crashed & ~inside).sum(), (~crashed & ~inside).sum()],
        ],
        dtype=np.int64,
    )


def _stratified(tables: Sequence[Ints], level: float) -> tuple[float, float, float]:
    """Conditional estimate of the odds ratio that the tables share, and the ends of its exact interval."""
    mass, lowest = np.ones(1), 0
    for table in tables:
        n_in, total, crashed = int(table[0].sum()), int(table.sum()), int(table[:, 0].sum())
        first, last = max(0, crashed - (total - n_in)), min(crashed, n_in)
        mass = np.convolve(mass, stats.hypergeom.pmf(np.arange(first, last + 1), total, n_in, crashed))
        lowest += first
    k = lowest + np.arange(len(mass))
    found = sum(int(table[0, 0]) for table in tables)
    with np.errstate(divide="ignore"):
        log_mass = np.log(mass)

    def tilted(log_ratio: float) -> Floats:
        return np.asarray(special.softmax(log_mass + log_ratio * k), dtype=float)

    def solved(excess: Callable[[float], float], otherwise: float) -> float:
        """The ratio at which a rising function is 0."""
        return (
            float(np.exp(brentq(excess, -_FARTHEST, _FARTHEST)))
            if excess(_FARTHEST) > 0 > excess(-_FARTHEST)
            else otherwise
        )

    tail = (1 - level) / 2
    bottom, top = found == k[0], found == k[-1]
    value = 0.0 if bottom else np.inf if top else solved(lambda r: float(tilted(r) @ k) - found, np.nan)
    low = 0.0 if bottom else solved(lambda r: float(tilted(r)[k >= found].sum()) - tail, 0.0)
    high = np.inf if top else solved(lambda r: tail - float(tilted(r)[k <= found].sum()), np.inf)
    return value, low, high
