"""What runs are compared by, before a space is narrowed by it.

Final values, where nearly all runs with a value came to their end. Else every run's best value so far at the number of
logged values that four of five of them reached, with its rank correlation to the final values of the runs that have
both: a run that the rule stopped would else be left out for being bad, or judged by how long it was let live. Where
those values say nothing of the final ones, the runs that came to their end are compared, if there are ten of them;
else nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..types import Estimate, Floats, Outcome, Run, Sweep

FEWEST_RUNS = 10
MOST_RUNS = 200
"""Above this many the surrogate takes the latest: its cost grows with the cube."""
NEARLY_ALL = 0.9
SHARE_COMPARED = 0.8
AGREES = 0.3
"""The rank correlation below which early values are not taken for final ones (its lower limit must be above 0 too)."""


@dataclass(frozen=True)
class Compared:
    """``runs`` by id, ``values`` [n] larger is better, ``iteration`` None for final values; ``why`` where none are."""

    runs: tuple[Run, ...]
    values: Floats
    iteration: int | None = None
    agreement: Estimate | None = None
    why: str = ""


def compared(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Compared:
    """The values to narrow by; an empty result says ``why``."""
    sign = sweep.metric.sign
    valued = sorted((run for run in sweep.runs if run.best is not None), key=lambda run: run.id)
    ended = [run for run in valued if outcomes[run.id].label == "completed"]
    if len(valued) < FEWEST_RUNS:
        return _nothing(f"runs with a value of the metric: {len(valued)}; it takes {FEWEST_RUNS}")
    if len(ended) >= max(FEWEST_RUNS, NEARLY_ALL * len(valued)):
        return _of(ended, [sign * (run.best or 0.0) for run in ended])
    early = _early(sweep, valued)
    if early is not None:
        both = [run for run in ended if run in early.runs]
        at = dict(zip((run.id for run in early.runs), early.values, strict=True))
        agreement = _agreement([at[run.id] for run in both], [sign * (run.best or 0.0) for run in both])
        if agreement is None and len(ended) < FEWEST_RUNS:
            return _nothing(
                f"runs that came to their end: {len(both)}; what early values say of final ones is not known"
            )
        if agreement is not None and (agreement.value or 0) >= AGREES and (agreement.low or 0) > 0:
            return Compared(early.runs, early.values, early.iteration, agreement)
    if len(ended) >= FEWEST_RUNS:
        return _of(ended, [sign * (run.best or 0.0) for run in ended])
    return _nothing(f"runs that came to their end: {len(ended)}; early values do not tell the final ones")


def _nothing(why: str) -> Compared:
    return Compared((), np.empty(0), why=why)


def _of(runs: Sequence[Run], values: Sequence[float]) -> Compared:
    """The latest runs, where there are too many; in the order of their ids."""
    latest = sorted(range(len(runs)), key=lambda i: (-(runs[i].created_at or 0.0), runs[i].id))[:MOST_RUNS]
    kept = sorted(latest, key=lambda i: runs[i].id)
    return Compared(tuple(runs[i] for i in kept), np.array([values[i] for i in kept], dtype=float))


def _early(sweep: Sweep, valued: Sequence[Run]) -> Compared | None:
    """Best value so far at equal progress; None where fewer than ten have a history."""
    logged = [run for run in valued if run.iterations > 0]
    if len(logged) < FEWEST_RUNS:
        return None
    at = max(1, int(np.quantile([run.iterations for run in logged], 1 - SHARE_COMPARED, method="lower")))
    reached = [run for run in logged if run.iterations >= at]
    found = _of(reached, [float(np.max(sweep.metric.sign * run.finite_metric[:at])) for run in reached])
    return Compared(found.runs, found.values, at)


def _agreement(early: Sequence[float], final: Sequence[float]) -> Estimate | None:
    """Spearman's correlation, its 95 % interval by Bonett and Wright (Psychometrika 65, 2000); None under five."""
    n = len(early)
    if n < 5 or np.ptp(early) == 0 or np.ptp(final) == 0:
        return None
    r = float(stats.spearmanr(early, final).statistic)
    half = 1.96 * np.sqrt((1 + r**2 / 2) / (n - 3))
    z = np.arctanh(np.clip(r, -0.999999, 0.999999))
    return Estimate(value=r, low=float(np.tanh(z - half)), high=float(np.tanh(z + half)), unit="rank correlation")
