"""Runs that completed and failed all the same: their metric is not a number, or never got better.

Of the completed runs, in this order:

- ``not_finite``: a metric of the history was NaN or infinite, or the sweep's metric in the summary.
- ``constant``: LEAST or more finite values of the sweep's metric, all the same. A metric that cannot get better is
  left out: 1 or 100 where it is maximised, 0 where it is minimised; else any value that no run of the sweep passed,
  while others moved.
- ``never_improved``: LEAST or more finite values, and none of the later ones is better than the first by more than
  NOISE times the run's own noise; and the best of them is no better than what half of the completed runs had at their
  first value, and worse than what half of them came to, each again by that noise. So a run that starts well
  and stays there is none, nor is any run of a sweep in which nothing moves.

The noise of a run is the median absolute deviation of the steps from one value to the next around their median,
times 1.4826 / sqrt(2): the standard deviation of one value where noise is normal and the trend is straight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..types import Floats, Outcome, Run, Sweep

Silence = Literal["not_finite", "constant", "never_improved"]
SILENCES: tuple[Silence, ...] = get_args(Silence)

LEAST = 5
NOISE = 3.0
OTHERS = 3
"""Other completed runs with LEAST values that there have to be, to hold one against."""


def silent_failures(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Mapping[str, Silence]:
    """The completed runs that failed silently, by id, in the sweep's order."""
    done = [run for run in sweep.runs if outcomes[run.id].label == "completed"]
    curves = [sweep.metric.sign * run.finite_metric for run in done]  # larger is better
    long = [curve for curve in curves if curve.size >= LEAST]
    usual = _Usual(
        top=max((float(curve.max()) for curve in curves if curve.size), default=-math.inf),
        moves=any(bool(np.ptp(curve) > 0) for curve in long),
        first=float(np.median([curve[0] for curve in long])) if len(long) > OTHERS else -math.inf,
        best=float(np.median([curve.max() for curve in long])) if len(long) > OTHERS else -math.inf,
    )
    found: dict[str, Silence] = {}
    for run, curve in zip(done, curves, strict=True):
        if not_finite(run, sweep.metric.name):
            found[run.id] = "not_finite"
        elif curve.size >= LEAST and _constant(curve, usual, sweep.metric.sign):
            found[run.id] = "constant"
        elif curve.size >= LEAST and _never_improved(curve, usual):
            found[run.id] = "never_improved"
    return found


@dataclass(frozen=True)
class _Usual:
    """The completed runs taken together; larger is better."""

    top: float
    moves: bool
    """Whether the metric of any run changes."""
    first: float
    """Median of the first values; minus infinity where the runs are too few to hold one against."""
    best: float


def _constant(curve: Floats, usual: _Usual, sign: int) -> bool:
    perfect = float(curve[0]) in (1.0, 100.0) if sign > 0 else curve[0] == 0.0
    return bool(np.ptp(curve) == 0) and not perfect and (curve[0] < usual.top or not usual.moves)


def _never_improved(curve: Floats, usual: _Usual) -> bool:
    best = float(curve.max())
    if np.ptp(curve) == 0 or best >= usual.best:
        return False
    margin = NOISE * noise(curve)
    return bool(best - curve[0] <= margin and best <= usual.first + margin and best < usual.best - margin)


def not_finite(run: Run, metric: str) -> bool:
    """Whether the run logged NaN or infinity, or its summary has it for the sweep's metric."""
    return bool(run.nonfinite) or metric in run.summary_nonfinite


def noise(values: Floats) -> float:
    """The standard deviation of one value, as in this module's docstring; 0 for fewer than three."""
    if values.size < 3:
        return 0.0
    steps = np.diff(values)
    return float(np.median(np.abs(steps - np.median(steps)))) * 1.4826 / math.sqrt(2.0)
