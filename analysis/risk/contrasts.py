"""In what ways a parameter could carry risk: each level against the rest, a trend, a window.

A trend is by rank, so that scales do not matter. A window is what a trend cannot see: risk at both ends, as of a
learning rate that is too low to converge or so high that it diverges (the square of the centred rank, free of the
trend).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..levels import levels_of, matches
from ..results.risk import ContrastKind
from ..types import Floats, Outcome, Run, Sweep
from ..values import MISSING, is_number, level, show
from .cases import usable

FEWEST_RUNS = 3
"""A level with fewer runs is shown and not tested."""


@dataclass(frozen=True)
class Contrast:
    """One column: ``score`` is [n] over the cases, ``inside`` [n] what the page counts and compares."""

    parameter: str | None
    kind: ContrastKind
    text: str
    where: dict[str, Any]
    score: Floats
    inside: NDArray[np.bool_]
    ids: frozenset[str]
    """The sweep's runs inside, those without a usable end too."""

    @property
    def testable(self) -> bool:
        return min(int(self.inside.sum()), int((~self.inside).sum())) >= FEWEST_RUNS


def all_contrasts(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> dict[str, list[Contrast]]:
    """The contrasts of every swept parameter over the usable runs."""
    runs = usable(sweep, outcomes)
    return {name: parameter_contrasts(sweep, runs, name) for name in sweep.parameters}


def parameter_contrasts(sweep: Sweep, runs: Sequence[Run], parameter: str) -> list[Contrast]:
    """The contrasts of a swept parameter over ``runs``; of two levels only the second (the other is its mirror)."""
    found = []
    levels = levels_of(sweep, parameter)
    if len(levels) < 2:
        return []
    for item in levels[1:] if len(levels) == 2 else levels:
        ids = frozenset(run.id for run in item.runs)
        inside = np.array([run.id in ids for run in runs], dtype=bool)
        where = {parameter: item.label if item.value is None else item.value}
        text = f"{parameter} = {show(where[parameter])}"
        found.append(Contrast(parameter, "level", text, where, inside.astype(float), inside, ids))
    values = np.array([_number(run.config.get(parameter, MISSING)) for run in runs])
    return found + ordered_contrasts(parameter, values, runs)


def claim_contrast(sweep: Sweep, runs: Sequence[Run], where: Mapping[str, Any]) -> Contrast:
    """The runs that have every level of ``where`` against all others."""
    ids = frozenset(run.id for run in sweep.runs if matches(run, where))
    inside = np.array([run.id in ids for run in runs], dtype=bool)
    text = " and ".join(f"{name} = {show(value)}" for name, value in where.items())
    return Contrast(None, "claim", text, dict(where), inside.astype(float), inside, ids)


def ordered_contrasts(parameter: str, values: Floats, runs: Sequence[Run]) -> list[Contrast]:
    """Trend and window of a number; values is [n], NaN where a run has none.

    No trend under three distinct values (one level against the other says it), no window under four (the middle
    level against the rest says it).
    """
    known = np.isfinite(values)
    distinct = len(np.unique(values[known]))
    if distinct < 3:
        return []
    ranks = np.where(known, 0.0, np.nan)
    ranks[known] = stats.rankdata(values[known])
    centred = np.where(known, ranks - np.mean(ranks[known]), 0.0)
    upper = np.nan_to_num(values, nan=-np.inf) > np.median(values[known])
    found = [_ordered(parameter, "trend", f"higher {parameter}", centred, upper, runs)]
    if distinct > 3:
        curve = np.where(known, centred**2 - np.mean(centred[known] ** 2), 0.0)
        curve -= centred * float(curve @ centred) / float(centred @ centred)
        low, high = np.quantile(values[known], [0.25, 0.75])
        outer = known & ((values <= low) | (values > high))
        found.append(_ordered(parameter, "window", f"{parameter} at either end", curve, outer, runs))
    return found


def _ordered(
    parameter: str, kind: ContrastKind, text: str, score: Floats, inside: NDArray[np.bool_], runs: Sequence[Run]
) -> Contrast:
    ids = frozenset(run.id for run, within in zip(runs, inside, strict=True) if within)
    return Contrast(parameter, kind, text, {}, score, inside, ids)


def _number(value: Any) -> float:
    value = level(value)
    return float(value) if is_number(value) and math.isfinite(value) else math.nan
