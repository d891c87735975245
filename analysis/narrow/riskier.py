"""Levels that crash too often to be tried again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..levels import Level, levels_of
from ..lifetimes.incidence import aalen_johansen, intervals
from ..risk.cases import SETTING_CAUSES, Cases, make_cases
from ..risk.contrasts import FEWEST_RUNS
from ..risk.draws import LEAST_DRAWS, board, p_of, scores
from ..sweepfile.domains import Domain
from ..types import Estimate, Outcome, Sweep
from ..values import level, same, show

ALPHA = 0.005
"""Of a level against the others, by itself."""


@dataclass(frozen=True)
class Risky:
    """A level whose crash rate lies above the limit, and above that of the other levels."""

    level: Level
    rate: Estimate
    """Chance of a crash by the end of the budget, were no run stopped early."""
    crashes: float
    rest: float
    """The same chance of the other levels together."""
    p: float
    """Of the difference, by itself."""


def risky_levels(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    domains: Sequence[Domain],
    *,
    early_stopping: bool,
    limit: float,
    causes: Collection[str] = SETTING_CAUSES,
) -> tuple[Risky, ...]:
    """The levels of which the lower 95 % limit of the crash rate is over ``limit``, and which differ from the rest.

    The rate is 1 less the product-limit estimate, so that it does not depend on how long the rule let runs live. A
    level that does not differ from the others stays: where all crash, none of them is to blame. That takes a p of at
    most 0.005 by itself (log-rank by Monte Carlo, as of risk factors), not one adjusted over all levels: where few
    runs crash hardly a level gets over the limit by luck.
    """
    cases = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=causes)
    if not (cases.crash > 0).any():
        return ()
    tried = [item for domain in domains for item in _levels(sweep, domain)]
    sides = [_inside(cases, item) for item in tried]
    kept = [i for i, inside in enumerate(sides) if min(inside.sum(), (~inside).sum()) >= FEWEST_RUNS]
    if not kept:
        return ()
    found = scores(board(cases), np.column_stack([sides[i] for i in kept]).astype(float), LEAST_DRAWS)
    p = p_of(np.abs(found.z), np.abs(found.null))
    risky = []
    for place, i in enumerate(kept):
        rate = crash_share(cases, sides[i])
        if found.z[place] > 0 and p[place] <= ALPHA and rate.low is not None and rate.low > limit:
            rest = crash_share(cases, ~sides[i]).value or 0.0
            risky.append(Risky(tried[i], rate, float(cases.crash[sides[i]].sum()), rest, float(p[place])))
    return tuple(sorted(risky, key=lambda one: -(one.rate.low or 0.0)))


def _levels(sweep: Sweep, domain: Domain) -> list[Level]:
    """The declared levels with their runs; of a range its thirds."""
    if domain.levels is None:
        return levels_of(sweep, domain.name) if domain.name in sweep.parameters else []
    value = {run.id: level(run.config.get(domain.name)) for run in sweep.runs if domain.name in run.config}
    return [
        Level(
            domain.name, show(one), one, tuple(r for r in sweep.runs if r.id in value and same(value[r.id], level(one)))
        )
        for one in domain.levels
    ]


def _inside(cases: Cases, item: Level) -> NDArray[np.bool_]:
    ids = {run.id for run in item.runs}
    return np.array([run.id in ids for run in cases.runs], dtype=bool)


def crash_share(cases: Cases, inside: NDArray[np.bool_]) -> Estimate:
    """The chance of a crash among the runs ``inside`` [n], stopped runs taken as withdrawn, with its 95 % interval."""
    if not inside.any():
        return Estimate(value=None, unit="share")
    found = aalen_johansen(cases.until[inside], cases.crash[inside][:, None])
    last = slice(-1, None)
    low, high = intervals(found.value[last, 0], found.variance[last, 0], found.none[last, 0], found.observed[last])
    return Estimate(value=float(found.value[-1, 0]), low=float(low[0]), high=float(high[0]), unit="share")
