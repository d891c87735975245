"""What one sweep says of a level, as a likelihood over the grid of effects: crashes, and the metric.

Of crashes the likelihood is conditional on who was at risk when and how many crashed then: nothing but the ratio is in
it, and runs are held only against runs of their own sweep that started about when they did (``risk.cases``), as in the
test of risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from ..risk.cases import Cases
from ..risk.draws import Board
from ..types import Floats

PRIOR_DF = 4.0
"""Weight of the pooled variance in that of a level (as in ``ranking.chances``)."""
FENCE = 3.0
"""Interquartile ranges beyond the quartiles at which a value is pulled in (Tukey's outer fences)."""
_FLAT = 1e-6  # share of the range below which runs are taken as this far apart


def crash_likelihood(
    on: Board, inside: NDArray[np.bool_], moments: NDArray[np.bool_], grid: Floats, *, tied: bool
) -> Floats:
    """[T]: log likelihood of the log ratio over ``grid`` [T], from some of the board's moments ([G], True).

    tied: each moment is a table of runs (no progress), whose crashes inside are Fisher's noncentral hypergeometric;
    else each crash falls inside with the odds of those at risk times the ratio (Cox 1972; ties after Efron 1977).
    """
    n_in, n_out, k_in, k_out = (part[moments] for part in on.sides(inside))
    told = (k_in + k_out > 0) & (n_in > 0) & (n_out > 0)
    rows = np.column_stack([n_in, n_out, k_in, k_out])[told]
    rows, times = np.unique(rows, axis=0, return_counts=True)
    total = np.zeros(len(grid))
    for (a, b, inner, outer), count in zip(rows, times, strict=True):
        total += count * (_table(a, b, inner, outer, grid) if tied else _moment(a, b, inner, outer, grid))
    return total


def _moment(n_in: float, n_out: float, k_in: float, k_out: float, grid: Floats) -> Floats:
    d = k_in + k_out
    left = 0.5 - 0.5 / max(d, 1.0)
    log_odds = np.log((n_in - k_in * left) / (n_out - k_out * left))
    return np.asarray(k_in * (grid + log_odds) - d * np.logaddexp(0.0, grid + log_odds), dtype=float)


def _table(n_in: float, n_out: float, k_in: float, k_out: float, grid: Floats) -> Floats:
    inner, d = round(k_in), round(k_in) + round(k_out)  # chances of a crash near 1, added up
    k = np.arange(max(0, d - n_out), min(d, n_in) + 1)
    log_weight = (
        special.gammaln(n_in + 1) - special.gammaln(k + 1) - special.gammaln(n_in - k + 1)
        + special.gammaln(n_out + 1) - special.gammaln(d - k + 1) - special.gammaln(n_out - d + k + 1)
    )  # fmt: skip
    return np.asarray(inner * grid - special.logsumexp(log_weight + grid[:, None] * k, axis=1), dtype=float)


def informative(on: Board, inside: NDArray[np.bool_], moments: NDArray[np.bool_]) -> float:
    """Crashes at whose moment runs of both sides were at risk, and not all of them crashed."""
    n_in, n_out, k_in, k_out = (part[moments] for part in on.sides(inside))
    told = (n_in > 0) & (n_out > 0) & (k_in + k_out < n_in + n_out)
    return float((k_in + k_out)[told].sum())


def sweep_of(cases: Cases, on: Board) -> NDArray[np.int64]:
    """[G]: the number of the pooled sweep's part that each moment of the board is of."""
    return np.asarray(cases.group[on.members[on.first]] // 2, dtype=np.int64)


@dataclass(frozen=True)
class Difference:
    """Mean at the level less the mean of the others, larger is better: estimate, standard error, degrees of freedom."""

    value: float
    error: float
    df: float

    def likelihood(self, grid: Floats) -> Floats:
        """[T]: log likelihood of the true difference over ``grid``: Student's t."""
        return np.asarray(stats.t.logpdf((grid - self.value) / self.error, self.df), dtype=float)


def fenced(x: Floats) -> Floats:
    """The values within the fences, so that a run that diverged does not decide everything; [n]."""
    low, high = np.quantile(x, [0.25, 0.75])
    room = FENCE * (high - low)
    return np.asarray(np.clip(x, low - room, high + room) if high > low else x, dtype=float)


def difference(inner: Floats, outer: Floats) -> Difference:
    """Two samples, of different spread; each variance is held to the pooled one (Smyth 2004), as few runs tell theirs.

    Degrees of freedom after Satterthwaite (1946).
    """
    sides = (inner, outer)
    squares = [float(((x - x.mean()) ** 2).sum()) for x in sides]
    pooled = max(sum(squares) / max(len(inner) + len(outer) - 2, 1), _FLAT**2)
    parts = [
        ((ss + PRIOR_DF * pooled) / (len(x) - 1 + PRIOR_DF) / len(x), len(x) - 1 + PRIOR_DF)
        for x, ss in zip(sides, squares, strict=True)
    ]
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts)
    return Difference(float(inner.mean() - outer.mean()), float(np.sqrt(variance)), float(df))
