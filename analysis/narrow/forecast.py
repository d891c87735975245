"""What to expect of more runs of a space: best value, crash rate, hours."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np

from ..outcomes.rates import uncertain_proportion
from ..results.following import Forecast
from ..risk.cases import crash_weight
from ..sweepfile.config import Metric
from ..types import CAUSES, Estimate, Floats, Outcome, Run, Sweep
from .candidates import Codes
from .surrogate import Surrogate, rank_normal
from .values import Compared

DRAWS, TRIED = 200, 600
SEED = 20_251_005


def forecast(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    runs: int,
    spared: frozenset[str],
    best: Estimate | None,
) -> Forecast:
    """``runs`` more runs; spared: ids of runs that had a level which the space no longer has for its crashes."""
    kept = [run for run in sweep.runs if run.id not in spared]
    crashes = [crash_weight(outcomes[run.id], CAUSES) for run in kept if outcomes[run.id].eligible]
    return Forecast(runs=runs, best=best, crash_rate=uncertain_proportion(crashes), hours=_hours(kept, runs))


def expected_best(
    codes: Codes, alive: Sequence[Sequence[int]], model: Surrogate, given: Compared, runs: int, metric: Metric
) -> Estimate:
    """The expected best of ``runs`` random configurations, noise included, with its 95 % posterior interval.

    Each joint draw of the surrogate is a world; in each, configurations are drawn from the space. Normal scores become
    values by the observed ones; beyond the best observed the scale goes on as between the best tenth.
    """
    rng = np.random.default_rng(SEED)
    pool = codes.draw(alive, TRIED, rng)
    drawn = model.draw(codes.points(pool), DRAWS, rng)
    picked = rng.integers(0, TRIED, (DRAWS, runs))
    noisy = np.take_along_axis(drawn, picked, axis=1) + rng.normal(0.0, model.noise**0.5, picked.shape)
    # In units of the largest value: sums of very large ones would not be finite.
    unit = float(np.abs(given.values).max()) or 1.0
    best = metric.sign * values_of(noisy.max(axis=1), given.values / unit)
    value, low, high = (_finite(float(x) * unit) for x in (best.mean(), *np.quantile(best, [0.025, 0.975])))
    return Estimate(value=value, low=low, high=high, unit=metric.name)


def _finite(value: float) -> float:
    return min(max(value, -sys.float_info.max), sys.float_info.max)


def values_of(scores: Floats, seen: Floats) -> Floats:
    """Normal scores as values, by the scores of the ``seen`` values; straight on beyond their ends."""
    x, order = rank_normal(seen), np.argsort(seen, kind="stable")
    x, y = x[order], seen[order]
    few = max(2, len(y) // 10)
    slope = (y[-1] - y[-few]) / max(x[-1] - x[-few], 1e-9)
    inner = np.interp(scores, x, y)
    return np.asarray(np.where(scores > x[-1], y[-1] + slope * (scores - x[-1]), inner), dtype=float)


def _hours(runs: Sequence[Run], more: int) -> Estimate | None:
    """Run-hours of ``more`` runs like these, with the t interval of the mean; None under two known runtimes."""
    known = np.array([run.runtime_s for run in runs if run.runtime_s is not None], dtype=float) / 3600
    if len(known) < 2:
        return None
    half = 1.96 * float(known.std(ddof=1)) / len(known) ** 0.5
    mean = float(known.mean())
    return Estimate(value=more * mean, low=max(0.0, more * (mean - half)), high=more * (mean + half), unit="hours")
