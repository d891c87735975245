"""Fits of Firth's penalised logistic likelihood to rows with frequencies, their profile intervals and tests.

``firthmodels.FirthLogisticRegression`` takes ``sample_weight`` as frequencies: information X' diag(w p (1 - p)) X,
its determinant in the penalty, and hat values of the weighted rows. A row of weight 3 is three rows, so equal rows are
added up, and a chance of a crash is a pair of rows whose weights sum to one. (Its ``FirthCoxPH`` takes no weights and
breaks ties as Breslow did, which pulls ratios of grouped progress towards 1: not used.)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..types import Estimate, Floats

_FARTHEST = 60.0  # log ratio: beyond it no end is looked for
_TOLERANCE = 1e-5  # finer steps drown in the rounding of the likelihood of many trials
_COLLINEAR = 1e-10  # of a column's variance: what the columns before it must leave
_CONSTANT = 1e-12  # of a column's largest number: what is spread and no rounding


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted model; an end, ratio or p that could not be found is None."""

    ratios: tuple[Estimate, ...]
    """For each column: the odds or hazard ratio of one unit of it, with its profile interval."""
    p: tuple[float | None, ...]
    """For each column: of the penalised likelihood-ratio test."""
    dropped: tuple[int, ...]
    """Columns that are constant, not finite, or a combination of those before them."""
    events: float


@dataclass(frozen=True)
class Rows:
    """Rows with frequencies: ``x`` [m, p], ``y`` [m] 0 or 1, ``weight`` [m]."""

    x: Floats
    y: Floats
    weight: Floats


def patterns_of(x: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The different rows of ``x`` [n, p], [g, p], and of each row which it is, [n]."""
    if x.shape[1] == 0:
        return np.zeros((1, 0)), np.zeros(len(x), dtype=np.intp)
    patterns, index = np.unique(x, axis=0, return_inverse=True)
    return patterns, index.ravel()


def sums(index: NDArray[np.intp], values: Floats, count: int) -> Floats:
    """[count]: the values added up by index."""
    return np.asarray(np.bincount(index, values, count), dtype=float)


def stacked(design: Floats, events: Floats, rest: Floats) -> Rows:
    """Each row of ``design`` [g, p] twice: with the frequency of events and of the rest ([g] each), where not 0."""
    weight = np.concatenate([events, rest])
    y = np.repeat([1.0, 0.0], len(design))
    kept = weight > 0
    return Rows(np.vstack([design, design])[kept], y[kept], weight[kept])


def in_units(x: Floats) -> Floats:
    """The columns in units of their largest numbers, so that no square overflows."""
    largest = np.abs(x).max(axis=0, initial=0.0)
    return np.asarray(x / np.where(largest > 0, largest, 1.0), dtype=float)


def independent(x: Floats, weight: Floats) -> list[int]:
    """The columns that are finite, vary, and are no combination of the intercept and the kept ones before them."""
    kept: list[int] = []
    finite = np.flatnonzero(np.isfinite(x).all(axis=0))
    if not len(weight) or not len(finite):
        return kept
    given = in_units(x[:, finite])
    centred = (given - np.average(given, axis=0, weights=weight)) * np.sqrt(weight)[:, None]
    size = np.linalg.norm(centred, axis=0)
    varies = size > _CONSTANT * np.sqrt(weight.sum())
    centred /= np.where(varies, size, 1.0)
    left = centred.T @ centred  # what the kept columns leave of the correlations
    for k in np.flatnonzero(varies):
        if left[k, k] > _COLLINEAR:
            kept.append(int(finite[k]))
            left = left - np.outer(left[:, k], left[k]) / left[k, k]
    return kept


def fit_rows(rows: Rows, columns: int, level: float, of: Sequence[int] | None, unit: str) -> Fit:
    """The model of all columns of ``rows``; the first ``columns`` of them are reported."""
    kept = independent(rows.x, rows.weight)
    wanted = [k for k, j in enumerate(kept) if j < columns and (of is None or j in of)]
    ratios = [Estimate(value=None, level=level, unit=unit)] * columns
    p: list[float | None] = [None] * columns
    events = float(rows.weight[rows.y == 1].sum())
    rest = float(rows.weight.sum()) - events
    if wanted and events > 0 and rest > 0:
        x = in_units(rows.x[:, kept])
        x = in_units(x - np.average(x, axis=0, weights=rows.weight))
        scale = (np.ptp(rows.x[:, kept], axis=0) / np.ptp(x, axis=0))[wanted]
        found = _profile(x, rows, np.log(events / rest), level, wanted)
        for k, one, (value, low, high, tail) in zip(wanted, scale, found, strict=True):
            ends = [_ratio(number, one) for number in (value, low, high)]
            ratios[kept[k]] = Estimate(value=ends[0], low=ends[1], high=ends[2], level=level, unit=unit)
            p[kept[k]] = tail if np.isfinite(tail) else None
    dropped = tuple(j for j in range(columns) if j not in kept)
    return Fit(ratios=tuple(ratios), p=tuple(p), dropped=dropped, events=events)


def _ratio(log_ratio: float, scale: float) -> float | None:
    with np.errstate(all="ignore"):
        ratio = float(np.exp(log_ratio / scale))
    return ratio if np.isfinite(ratio) else None


def _profile(
    x: Floats, rows: Rows, offset: float, level: float, wanted: Sequence[int]
) -> list[tuple[float, float, float, float]]:
    """Coefficient, ends of its profile interval and p, for each wanted column; NaN where it did not converge."""
    from firthmodels import FirthLogisticRegression

    def fitted(at: Floats) -> FirthLogisticRegression:
        model = FirthLogisticRegression(backend="numpy", max_iter=100, gtol=_TOLERANCE, xtol=_TOLERANCE)
        return model.fit(x, rows.y, sample_weight=rows.weight, offset=offset + at)

    def tail(j: int, at: float, model: FirthLogisticRegression | None = None) -> float:
        """p of coefficient j being ``at``, the others fitted again."""
        try:
            return float((model or fitted(at * x[:, j])).lrt([j]).lrt_pvalues_[j])
        except np.linalg.LinAlgError:
            return np.nan

    nothing = (np.nan,) * 4
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what did not converge stays NaN
        try:
            model = fitted(np.zeros(len(x)))
        except np.linalg.LinAlgError:
            return [nothing] * len(wanted)
        for j in wanted if model.converged_ else ():
            value = float(model.coef_[j])
            try:
                low, high = model.conf_int(alpha=1 - level, method="pl", features=[j], max_iter=100, tol=1e-5)[j]
            except np.linalg.LinAlgError:
                low = high = np.nan
            # An end on the wrong side of the estimate is another solution of the equations, not the end.
            low = low if low <= value else _search(partial(tail, j), value, -1, 1 - level)
            high = high if high >= value else _search(partial(tail, j), value, 1, 1 - level)
            found.append((value, float(low), float(high), tail(j, 0.0, model)))
    return found or [nothing] * len(wanted)


def _search(tail: Callable[[float], float], value: float, side: int, alpha: float) -> float:
    """Where p, 1 at ``value``, has fallen to ``alpha`` on one side of it; NaN where that is not found."""
    near, far = value, value + side
    while tail(far) > alpha and abs(far - value) < _FARTHEST:
        near, far = far, 2 * far - value
    if not tail(far) <= alpha:
        return np.nan
    while abs(far - near) > _TOLERANCE:
        middle = (near + far) / 2
        near, far = (middle, far) if tail(middle) > alpha else (near, middle)
    return far
