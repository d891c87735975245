"""The levels of a parameter, and the runs at each: what every table and every test by parameter is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from .errors import UsageError, nearest
from .outcomes.rates import proportion
from .results import LevelRow
from .types import Estimate, Outcome, Run, Sweep
from .values import MISSING, is_number, level, same, show

MOST_LEVELS = 8
"""A numeric parameter with more distinct values than this is cut into thirds."""
MODEL_NAMES = ("model", "model_type", "arch", "architecture", "backbone", "network", "model_name")


@dataclass(frozen=True)
class Level:
    """One level of one parameter and the runs at it; ``value`` is None for a third of a range."""

    parameter: str
    label: str
    value: Any
    runs: tuple[Run, ...]


def levels_of(sweep: Sweep, parameter: str) -> list[Level]:
    """The levels of a swept parameter that at least one run had, in the sweep's order; long ranges in thirds."""
    value_of = {run.id: level(run.config.get(parameter, MISSING)) for run in sweep.runs}
    known = sweep.parameters.get(parameter, ())
    numbers = [v for v in value_of.values() if is_number(v)]
    if len(set(known)) > MOST_LEVELS and len(set(numbers)) > MOST_LEVELS:
        return _thirds(sweep, parameter, value_of, numbers)
    found = []
    for value in known:
        runs = tuple(r for r in sweep.runs if same(value_of[r.id], value))
        if runs:
            found.append(Level(parameter, show(value), value, runs))
    return found


def _thirds(sweep: Sweep, parameter: str, value_of: Mapping[str, Any], numbers: Sequence[float]) -> list[Level]:
    cuts = np.quantile(numbers, [1 / 3, 2 / 3])
    parts: list[list[Run]] = [[], [], []]
    for run in sweep.runs:
        value = value_of[run.id]
        if is_number(value):
            parts[int(np.searchsorted(cuts, value, side="left"))].append(run)
    found = []
    for runs in parts:
        if runs:
            values = [value_of[run.id] for run in runs]
            label = f"{show(float(min(values)))} to {show(float(max(values)))}"
            found.append(Level(parameter, label, None, tuple(runs)))
    return found


def group_parameter(sweep: Sweep, asked: str | None) -> str | None:
    """The parameter that architectures are told apart by: --group-by, or the one swept parameter named as a model.

    Raises UsageError where the asked one was not swept.
    """
    if asked is not None:
        if asked not in sweep.parameters:
            raise UsageError(f"--group-by {asked}: {nearest(asked, sweep.parameters, 'swept parameter')}")
        return asked
    named = [p for p in sweep.parameters if p.rsplit(".", 1)[-1].casefold() in MODEL_NAMES]
    if named:
        return named[0]
    texts = [p for p, levels in sweep.parameters.items() if any(isinstance(v, str) for v in levels)]
    return texts[0] if texts else None


def parse_where(text: str, sweep: Sweep) -> dict[str, Any]:
    """``a=1,b=x`` to a mapping of swept parameters to levels; UsageError for names and levels that are not there."""
    where: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"--claim '{text}': write PARAMETER=VALUE, several joined by commas")
        if name not in sweep.parameters:
            raise UsageError(f"--claim '{text}': {nearest(name, sweep.parameters, 'swept parameter')}")
        wanted = level({"true": True, "false": False}.get(value.casefold(), value))
        if not any(same(wanted, known) for known in sweep.parameters[name]):
            levels = ", ".join(show(v) for v in sweep.parameters[name][:12])
            raise UsageError(f"--claim '{text}': '{name}' has no level '{value}'; its levels are {levels}")
        where[name] = wanted
    return where


def matches(run: Run, where: Mapping[str, Any]) -> bool:
    """True where the run has every level of ``where``."""
    return all(same(level(run.config.get(name, MISSING)), value) for name, value in where.items())


def level_row(sweep: Sweep, outcomes: Mapping[str, Outcome], item: Level) -> LevelRow:
    """The counts, the crash rate and the best value of one level."""
    eligible = [run for run in item.runs if outcomes[run.id].eligible]
    chances = [outcomes[run.id].crash_probability for run in eligible]
    with_value = [run for run in item.runs if run.best is not None]
    sign = sweep.metric.sign
    top = max(with_value, key=lambda run: sign * (run.best or 0.0), default=None)
    return LevelRow(
        parameter=item.parameter,
        label=item.label,
        level=item.value,
        runs=tuple(run.id for run in item.runs),
        eligible=len(eligible),
        completed=_count(item.runs, outcomes, "completed"),
        early_stopped=_count(item.runs, outcomes, "early_stopped"),
        recorded_crashed=sum(run.state in ("crashed", "failed") for run in item.runs),
        crash_low=proportion(sum(low for low, _ in chances), len(eligible)),
        crash_high=proportion(sum(high for _, high in chances), len(eligible)),
        mean_progress=mean(run.progress for run in eligible),
        best=top.best if top else None,
        best_run=top.id if top else None,
    )


def level_rows(sweep: Sweep, outcomes: Mapping[str, Outcome], parameter: str) -> tuple[LevelRow, ...]:
    """One row for each level of ``parameter``."""
    return tuple(level_row(sweep, outcomes, item) for item in levels_of(sweep, parameter))


def _count(runs: Iterable[Run], outcomes: Mapping[str, Outcome], label: str) -> int:
    return sum(outcomes[run.id].label == label for run in runs)


def mean(values: Iterable[float]) -> Estimate:
    """The mean with Student's t interval; no interval under two values, no value where there is none.

    The interval misleads where the values are far from normal, as the ends of early-stopped runs are.
    """
    x = np.fromiter(values, dtype=float)
    if len(x) == 0:
        return Estimate(value=None)
    if len(x) == 1 or float(np.ptp(x)) == 0.0:
        return Estimate(value=float(x[0]), low=None, high=None)
    half = float(stats.t.ppf(0.975, len(x) - 1) * stats.sem(x))
    return Estimate(value=float(x.mean()), low=max(0.0, float(x.mean()) - half), high=float(x.mean()) + half)
