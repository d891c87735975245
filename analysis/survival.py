"""Crash by progress, beside the other ends: incidence, hazard, and what it would be without the stopping rule.

A stopping rule looks at the metric, so a stop is no plain censoring. Incidence treats it as what it is, an end of
its own. What would have become of the stopped runs is given twice: if they crashed at the rate of those that went
on, and bounded, with none and with all of them crashing. What is unknown is bounded in the same way, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .crashes import band_progress
from .lifetimes.contrasts import early_late, without_stops
from .lifetimes.ends import ENDS, UNKNOWN, Lives, lives_of
from .lifetimes.incidence import Incidence, aalen_johansen, intervals
from .lifetimes.rows import TRACE, grid, hazard_rows
from .outcomes.rates import uncertain_proportion
from .results.survival import EndIncidence, Survival
from .types import Estimate, Outcome, Sweep

MOST_PLACES = 200
"""Places at which the incidence is given."""

UNKNOWN_ENDS = "runs of unknown outcome count as not crashed at the lower end and as crashed at the upper"
RUNNING = "runs still running count up to where they are"
UNTIMED = "when in their last step runs ended is not known: each counts with half of it"


def survival(sweep: Sweep, outcomes: Mapping[str, Outcome], bands: Sequence[int]) -> Survival | None:
    """Ends by progress; None where no run has ended.

    bands: of the sweep's rule, in logged values; empty where there is none.
    """
    lives = lives_of(sweep, outcomes)
    running = lives.chances.sum(axis=1) == 0
    if running.all():
        return None
    furthest = float(lives.progress.max())
    # Beyond the furthest run nothing was seen: nothing is carried on to a budget that no run came to.
    horizon = furthest if sweep.budget is None else min(sweep.budget, furthest)
    at_bands = tuple((band, at) for band, at in band_progress(sweep, bands).items() if 0 < at < horizon)
    incidence = aalen_johansen(lives.progress, lives.chances)
    places = grid(lives, horizon, [at for _, at in at_bands])
    rows = hazard_rows(lives, incidence, places, at_bands)
    first = (lives.progress < lives.step) & ~running
    told = first | (lives.progress >= lives.step)
    low, high = ((chances * first)[told] for chances in lives.crash_doubt)
    kept = _kept(incidence)
    return Survival(
        n=len(lives.ids),
        running=int(running.sum()),
        horizon=horizon,
        budget=sweep.budget,
        step=lives.step,
        bands=at_bands,
        at=tuple(incidence.at[kept].tolist()),
        ends=_ends(lives, incidence, kept),
        rows=rows,
        at_start=_joined(uncertain_proportion(low.tolist()), uncertain_proportion(high.tolist())),
        at_start_runs=lives.named(first & (lives.crash_doubt[1] >= TRACE)),
        at_start_n=int(told.sum()),
        early_late=early_late(lives, rows),
        without_stops=without_stops(lives, places, horizon),
        caveats=_caveats(lives, bool(running.any())),
    )


def _caveats(lives: Lives, running: bool) -> tuple[str, ...]:
    total = lives.chances.sum(axis=0)
    told = {
        UNKNOWN_ENDS: total[UNKNOWN] >= TRACE,
        RUNNING: running,
        UNTIMED: not lives.timed,
    }
    return tuple(text for text, applies in told.items() if applies)


def _joined(low: Estimate, high: Estimate) -> Estimate:
    """One estimate of two ends: the value only where they agree, the interval over both."""
    value = low.value if low.value == high.value else None
    return Estimate(value=value, low=low.low, high=high.high, unit=low.unit)


def _kept(incidence: Incidence) -> NDArray[np.intp]:
    """Indices of the steps that are given: all, or evenly thinned where there are many."""
    count = incidence.at.size
    return np.unique(np.linspace(0, count - 1, min(count, MOST_PLACES)).round().astype(int))


def _ends(lives: Lives, incidence: Incidence, kept: NDArray[np.intp]) -> tuple[EndIncidence, ...]:
    value, variance = incidence.value[kept], incidence.variance[kept]
    low, high = intervals(value, variance, incidence.none[kept], incidence.observed[kept][:, None])
    total = lives.chances.sum(axis=0)
    return tuple(
        EndIncidence(
            end=end,
            runs=float(total[k]),
            value=tuple(value[:, k].tolist()),
            low=tuple(low[:, k].tolist()),
            high=tuple(high[:, k].tolist()),
            se=tuple(np.sqrt(variance[:, k]).tolist()),
        )
        for k, end in enumerate(ENDS)
        if total[k] > 0
    )
