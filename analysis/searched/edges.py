"""Whether the best runs lie at an end of what was searched.

An end of a parameter is its lowest or highest level, or the lowest or highest tenth of a range, under the distribution
that was declared (without one, of the values that were tried). Of n runs, m lie there; were the parameter of no
account, the number of the K best among them is hypergeometric, whatever the distribution of the metric. A parameter of
two levels has no middle, and one without bounds no end: neither is tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from ..explain.targets import metric_target
from ..results.space import Edge, Edges
from ..sweepfile.config import Parameter
from ..sweepfile.distributions import distribution, is_range, quantiles
from ..types import Floats, Run, Sweep
from ..values import MISSING, is_number, level
from .holm import holm

BEST_SHARE, FEWEST_BEST = 0.2, 5
TENTH = 0.1
MOST_LEVELS = 12
"""A number with more values than this is a range."""
FEWEST_LEVELS = 3


def edges(sweep: Sweep) -> Edges | None:
    """Both ends of every ordered parameter, tested; None under twice FEWEST_BEST runs that can be compared."""
    target = metric_target(sweep)
    n = len(target.runs)
    count = max(FEWEST_BEST, math.ceil(BEST_SHARE * n))
    if n < 2 * FEWEST_BEST:
        return None
    order = np.lexsort((np.array([run.id for run in target.runs]), -target.y))
    best = np.zeros(n, dtype=bool)
    best[order[:count]] = True
    found = [
        edge
        for name in sorted(sweep.parameters)
        for edge in _of(name, sweep, target.runs, best, int(order[0]))
        if edge is not None
    ]
    adjusted = holm([edge.p for edge in found])
    return Edges(
        n=n,
        best=count,
        iteration=target.iteration,
        left_out=target.left_out,
        ends=tuple(replace(edge, q=float(q)) for edge, q in zip(found, adjusted, strict=True)),
        runs=tuple(target.runs[i].id for i in order[:count]),
    )


def _of(
    name: str, sweep: Sweep, runs: Sequence[Run], best: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], top: int
) -> list[Edge | None]:
    values = np.array([_number(run.config.get(name, MISSING)) for run in runs])
    known = np.isfinite(values)
    levels = np.unique(values[known])
    declared = sweep.config.parameter(name) if sweep.config else None
    if len(levels) < FEWEST_LEVELS or known.mean() < 0.5:
        return []
    if declared is not None and declared.values is None and distribution(declared) and not is_range(declared):
        return []
    place = _place(values, levels, declared)
    return [_edge(name, side, values, place, best, top) for side in ("lowest", "highest")]


def _place(values: Floats, levels: Floats, declared: Parameter | None) -> Floats:
    """[n] in 0 to 1, so that the lowest end is at most TENTH and the highest at least 1 - TENTH; NaN stays."""
    ends = _declared_ends(declared)
    if ends is not None or len(levels) <= MOST_LEVELS:
        low, high = ends if ends is not None else (float(levels[0]), float(levels[-1]))
        return np.where(np.isnan(values), np.nan, np.where(values <= low, 0.0, np.where(values >= high, 1.0, 0.5)))
    at = quantiles(declared, values) if declared is not None else None
    if at is not None:
        return at
    ranks = np.full(len(values), np.nan)
    known = np.isfinite(values)
    ranks[known] = (stats.rankdata(values[known]) - 0.5) / known.sum()
    return ranks


def _declared_ends(declared: Parameter | None) -> tuple[float, float] | None:
    """The lowest and highest of declared levels, where all are numbers."""
    if declared is None or declared.values is None:
        return None
    numbers = [_number(value) for value in declared.values]
    return (min(numbers), max(numbers)) if numbers and all(math.isfinite(v) for v in numbers) else None


def _edge(
    name: str,
    side: str,
    values: Floats,
    place: Floats,
    best: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    top: int,
) -> Edge | None:
    known = np.isfinite(place)
    inside = known & ((place <= TENTH) if side == "lowest" else (place >= 1 - TENTH))
    m, n, count = int(inside.sum()), int(known.sum()), int(best[known].sum())
    if m == 0 or m == n:
        return None
    k = int(best[inside].sum())
    return Edge(
        parameter=name,
        side="lowest" if side == "lowest" else "highest",
        low=float(values[inside].min()),
        high=float(values[inside].max()),
        k_best=k,
        n_best=count,
        k_rest=m - k,
        n_rest=n - count,
        p=min(1.0, float(stats.hypergeom.sf(k - 1, n, m, count))),
        q=1.0,
        top=bool(inside[top]),
    )


def _number(value: object) -> float:
    value = level(value)
    return float(value) if is_number(value) and math.isfinite(value) else math.nan
