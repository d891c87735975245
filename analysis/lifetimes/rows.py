"""Crashes, exposure and incidence between places of a run's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..results.survival import HazardRow
from ..types import Estimate, Floats
from .ends import CRASHED, ENDS, STOPPED, UNKNOWN, Lives
from .hazard import exposures, sum_interval
from .incidence import Incidence, intervals

MOST_ROWS = 6
PARTS = 4
"""Rows after the first value where no rule has bands."""
TRACE = 0.5
"""Summed chances from which on an end is spoken of."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows between cuts: from each cut up to the next, the last without end."""

    cuts: tuple[float, ...]
    """[rows + 1]; the last is the horizon."""
    place: NDArray[np.intp]
    """The row in which each run ended or still is, [n]."""
    exposure: Floats
    """Units lived, [rows]."""


def grid(lives: Lives, horizon: float, bands: Sequence[float]) -> Grid:
    """Rows from the start to the first value, between bands (in the sweep's unit), else equal parts on whole steps."""
    step = lives.step
    first = [0.0, step] if step < horizon else [0.0]
    if bands:
        inner = sorted(at for at in bands if at > step)[: MOST_ROWS - 2]
    else:
        inner = sorted({float(step * round(at / step)) for at in np.linspace(first[-1], horizon, PARTS + 1)[1:-1]})
    cuts = (*first, *(at for at in inner if first[-1] < at < horizon), max(horizon, step))
    return Grid(
        cuts=cuts,
        place=np.searchsorted(np.asarray(cuts[1:-1]), lives.progress, side="right"),
        exposure=exposures(lives.lived, cuts),
    )


def hazard_rows(
    lives: Lives, incidence: Incidence, places: Grid, bands: Sequence[tuple[int, float]]
) -> tuple[HazardRow, ...]:
    """The rows of ``places``; bands are marked at the progress where they lie."""
    low, high = lives.crash_doubt
    marked = {at: band for band, at in reversed(bands)}
    rows = []
    count = len(places.cuts) - 1
    for index, (start, end) in enumerate(zip(places.cuts[:-1], places.cuts[1:], strict=True)):
        inside = places.place == index
        rows.append(
            HazardRow(
                start=start,
                end=end,
                band=marked.get(start),
                before_first=index == 0 and count > 1,
                at_risk=int((lives.progress >= start).sum()),
                exposure=float(places.exposure[index]),
                crashes=float(low[inside].sum()),
                crashes_high=float(high[inside].sum()),
                stopped=float(lives.chances[inside, STOPPED].sum()),
                hazard=_hazard(low[inside], high[inside], float(places.exposure[index])),
                incidence=crashed_before(incidence, math.inf if index == count - 1 else end),
                runs=lives.named(inside & (high >= TRACE)),
            )
        )
    return tuple(rows)


def _hazard(low: Floats, high: Floats, exposure: float) -> Estimate:
    if exposure <= 0:
        return Estimate(value=None, unit="crashes per unit")
    least, most = (float(chances.sum()) for chances in (low, high))
    lower, _ = sum_interval(low, np.ones(low.size), 1.0)
    _, upper = sum_interval(high, np.ones(high.size), 1.0)
    value = least / exposure if least == most else None
    return Estimate(value=value, low=lower / exposure, high=upper / exposure, unit="crashes per unit")


def crashed_before(incidence: Incidence, progress: float) -> Estimate:
    """The incidence of crashes before ``progress``, as an interval over what is unknown."""
    index = incidence.before(progress)
    kinds = len(ENDS)
    value, variance = (of[index] if index >= 0 else np.zeros(kinds) for of in (incidence.value, incidence.variance))
    none = incidence.none[index] if index >= 0 else np.ones(kinds)
    observed = incidence.observed[max(index, 0)] * np.ones(1)
    least, unknown = value[[CRASHED]], value[[UNKNOWN]]
    low, high = intervals(least, variance[[CRASHED]], none[[CRASHED]], observed)
    if unknown[0] == 0:
        return Estimate(value=float(least[0]), low=float(low[0]), high=float(high[0]), unit="share")
    # Ends exclude each other, so that the variance of their sum is at most the sum of their variances.
    either = variance[[CRASHED]] + variance[[UNKNOWN]]
    _, high = intervals(np.minimum(least + unknown, 1.0), either, none[[CRASHED]], observed)
    return Estimate(value=None, low=float(low[0]), high=float(high[0]), unit="share")
