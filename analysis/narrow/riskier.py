"""Levels that crash too often to be tried again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..levels import Level, levels_of
from ..lifetimes.incidence import aalen_johansen, intervals
from ..results.risk import ParameterRisk, RiskFactor
from ..risk.cases import SETTING_CAUSES, Cases, make_cases
from ..types import Estimate, Outcome, Sweep
from ..values import level, same

ALPHA = 0.05


@dataclass(frozen=True)
class Risky:
    """A level whose crash rate lies above the limit, and above that of the other levels."""

    level: Level
    rate: Estimate
    """Chance of a crash by the end of the budget, were no run stopped early."""
    crashes: float
    rest: float
    """The same chance of the other levels together."""
    risk: RiskFactor | None
    """The contrast that tells it from the rest."""


def risky_levels(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    risks: Sequence[ParameterRisk],
    *,
    early_stopping: bool,
    limit: float,
    causes: Collection[str] = SETTING_CAUSES,
) -> tuple[Risky, ...]:
    """The levels of which the lower 95 % limit of the crash rate is over ``limit``, and which differ from the rest.

    The rate is 1 less the product-limit estimate, so that it does not depend on how long the rule let runs live. Only
    levels of a parameter that is called a risk factor can go, and only those that differ from the others by themselves
    (p at most 0.05): where all crash, none of them is to blame.
    """
    cases = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=causes)
    by_parameter = {risk.parameter: risk for risk in risks}
    found = []
    for name in sweep.parameters:
        levels = levels_of(sweep, name)
        judged = by_parameter.get(name)
        if len(levels) < 2 or judged is None or not judged.called:
            continue
        for item in levels:
            contrast, sign = _contrast(judged, item, len(levels))
            if contrast is None or contrast.p is None or contrast.p > ALPHA or sign * (contrast.z or 0.0) <= 0:
                continue
            ids = {run.id for run in item.runs}
            inside = np.array([run.id in ids for run in cases.runs], dtype=bool)
            rate = crash_share(cases, inside)
            if rate.low is not None and rate.low > limit:
                rest = crash_share(cases, ~inside).value or 0.0
                found.append(Risky(item, rate, float(cases.crash[inside].sum()), rest, contrast))
    return tuple(sorted(found, key=lambda one: -(one.rate.low or 0.0)))


def _contrast(judged: ParameterRisk, item: Level, levels: int) -> tuple[RiskFactor | None, int]:
    """The contrast of the level and 1; of two levels only one is tested, and is the other's with its sign turned."""
    rows = [row for row in judged.contrasts if row.kind == "level"]
    value = item.label if item.value is None else item.value
    for row in rows:
        if same(level(row.where.get(item.parameter)), level(value)):
            return row, 1
    return (rows[0], -1) if levels == 2 and len(rows) == 1 else (None, 1)


def crash_share(cases: Cases, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Estimate:
    """The chance of a crash among the runs ``inside`` [n], stopped runs taken as withdrawn, with its 95 % interval."""
    if not inside.any():
        return Estimate(value=None, unit="share")
    found = aalen_johansen(cases.until[inside], cases.crash[inside][:, None])
    last = slice(-1, None)
    low, high = intervals(found.value[last, 0], found.variance[last, 0], found.none[last, 0], found.observed[last])
    return Estimate(value=float(found.value[-1, 0]), low=float(low[0]), high=float(high[0]), unit="share")
