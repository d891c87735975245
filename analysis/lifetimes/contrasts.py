"""Is the hazard the same early and late; and how many would have crashed without the stopping rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..outcomes.rates import uncertain_proportion
from ..results.survival import EarlyLate, HazardRow, WithoutStops
from ..types import Estimate, Floats
from .ends import COMPLETED, STOPPED, Lives, Mask
from .hazard import count_range, rates_differ, sum_interval
from .rows import TRACE, Grid

METRIC = (
    "the rule stops runs by their metric: whether those would have crashed more or less often than the others cannot "
    "be told from this sweep, so early stopping is not treated as plain censoring: see the bounds"
)
BY_THEMSELVES = "runs that ended by themselves short of it count with those that were stopped"


def early_late(lives: Lives, rows: Sequence[HazardRow]) -> EarlyLate | None:
    """The parts after the first value, divided at the boundary of rows that shares out the exposure most evenly."""
    trained = [row for row in rows if not row.before_first]
    sums = np.cumsum([0.0, *(row.exposure for row in trained)])
    crashes = sum(row.crashes_high for row in trained)
    if len(trained) < 2 or crashes < TRACE:
        return None
    split = 1 + int(np.argmin(np.abs(sums[1:-1] - sums[-1] / 2.0)))
    exposure = (float(sums[split]), float(sums[-1] - sums[split]))
    if min(exposure) <= 0:
        return None
    start, cut = trained[0].start, trained[split].start
    low, high = lives.crash_doubt
    early, late = (lives.progress >= start) & (lives.progress < cut), lives.progress >= cut
    counts = count_range(low[early], high[early]), count_range(low[late], high[late])
    p, least, most = rates_differ(*counts, exposure)
    return EarlyLate(
        cut=cut,
        start=start,
        early=counts[0],
        late=counts[1],
        exposure=exposure,
        ratio=Estimate(value=_ratio(lives, early, late, exposure), low=least, high=most, unit="hazard ratio"),
        p=p,
        runs=lives.named((early | late) & (high >= TRACE)),
    )


def _ratio(lives: Lives, early: Mask, late: Mask, exposure: tuple[float, float]) -> float | None:
    low, high = lives.crash_doubt
    after = float(low[late].sum())
    if after == 0 or not np.array_equal(low, high):
        return None
    return float(low[early].sum()) / exposure[0] / (after / exposure[1])


def without_stops(lives: Lives, places: Grid, horizon: float) -> WithoutStops | None:
    """None where the rule stopped nothing on the way to ``horizon``."""
    low, high = lives.crash_doubt
    short = (lives.progress < horizon) & (lives.full == 0) & (low < 1.0)
    stopped = float(lives.chances[short, STOPPED].sum())
    if stopped < TRACE:
        return None
    return WithoutStops(
        rate=_at_rate(low, high, places),
        none=uncertain_proportion(low.tolist()),
        all=uncertain_proportion(np.where(short, 1.0, high).tolist()),
        short=int(short.sum()),
        stopped=stopped,
        caveats=(METRIC, BY_THEMSELVES) if lives.chances[short, COMPLETED].sum() >= TRACE else (METRIC,),
    )


def _at_rate(low: Floats, high: Floats, places: Grid) -> Estimate | None:
    """1 - exp(-H): H sums each row's hazard times its length, constant within the row."""
    lengths = np.diff(np.asarray(places.cuts))
    if (places.exposure <= 0).any():
        return None
    weights = lengths / places.exposure
    ends = []
    for chances in (low, high):
        each = weights[places.place]
        ends.append((float((each * chances).sum()), *sum_interval(chances, each, float(weights.max()))))
    shares = [[-math.expm1(-number) for number in end] for end in ends]
    value_or_none = shares[0][0] if np.array_equal(low, high) else None
    return Estimate(value=value_or_none, low=shares[0][1], high=shares[1][2], unit="share")
