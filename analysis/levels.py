"""The levels of a parameter, and the runs at each: what every table and every test by parameter is made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from .errors import UsageError, nearest
from .outcomes.rates import uncertain_proportion
from .results.tables import LevelRow
from .types import Estimate, Outcome, Run, Sweep
from .values import MISSING, is_number, level, same, show

MOST_LEVELS = 8
"""A numeric parameter with more distinct values than this is cut into thirds."""
DIGITS = (6, 9, 12, 17)
"""Significant digits tried, until the labels of a parameter differ."""
MODEL_NAMES = ("model", "model_type", "arch", "architecture", "backbone", "network", "model_name")


@dataclass(frozen=True)
class Level:
    """One level of one parameter and the runs at it; ``value`` is None for a third of a range.

    ``label`` differs between the levels of one parameter.
    """

    parameter: str
    label: str
    value: Any
    runs: tuple[Run, ...]


def levels_of(sweep: Sweep, parameter: str) -> list[Level]:
    """The levels of a swept parameter that at least one run had, in the sweep's order; long ranges in thirds."""
    value_of = {run.id: level(run.config.get(parameter, MISSING)) for run in sweep.runs}
    known = sweep.parameters.get(parameter, ())
    found: list[Level] = []
    numbers = [v for v in value_of.values() if _finite(v)]
    if len(set(known)) > MOST_LEVELS and len(set(numbers)) > MOST_LEVELS:
        found = _thirds(sweep, parameter, value_of, numbers)
        known = tuple(v for v in known if not _finite(v))
    at: dict[Any, list[Run]] = {}
    for run in sweep.runs:
        at.setdefault(_key(value_of[run.id]), []).append(run)
    singles = [value for value in known if _key(value) in at]
    labels = _labels([*(level.label for level in found)], singles)
    return [*found, *(Level(parameter, label, v, tuple(at[_key(v)])) for label, v in zip(labels, singles, strict=True))]


def _finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _key(value: Any) -> Any:
    """Equal for the same level only: True is not 1."""
    return (isinstance(value, bool), value)


def _labels(taken: Sequence[str], values: Sequence[Any]) -> list[str]:
    """What each value is shown as: as short as tells them apart, text in quotes where it reads like another value."""
    for digits in DIGITS:
        labels = [f"{v:.{digits}g}" if isinstance(v, float) else show(v) for v in values]
        numbers = [label for label, v in zip(labels, values, strict=True) if is_number(v)]
        if len(set(numbers)) == len(numbers):
            break
    counts = Counter([*taken, *labels])
    return [
        f"'{label}'" if counts[label] > 1 and isinstance(v, str) else label
        for label, v in zip(labels, values, strict=True)
    ]


def _thirds(sweep: Sweep, parameter: str, value_of: Mapping[str, Any], numbers: Sequence[float]) -> list[Level]:
    """The runs with a finite number, in three parts of about equal size; equal values stay together."""
    ordered = np.sort(np.asarray(numbers, dtype=float))
    cuts = [ordered[round(len(ordered) * share) - 1] for share in (1 / 3, 2 / 3)]
    parts: list[list[Run]] = [[], [], []]
    for run in sweep.runs:
        value = value_of[run.id]
        if _finite(value):
            parts[int(np.searchsorted(cuts, float(value), side="left"))].append(run)
    ends = [[extreme(float(value_of[run.id]) for run in runs) for extreme in (min, max)] for runs in parts if runs]
    for digits in DIGITS:
        labels = [f"{low:.{digits}g} to {high:.{digits}g}" if low < high else f"{low:.{digits}g}" for low, high in ends]
        if len(set(labels)) == len(labels):
            break
    return [Level(parameter, label, None, tuple(runs)) for label, runs in zip(labels, filter(None, parts), strict=True)]


def group_parameter(sweep: Sweep, asked: str | None) -> str | None:
    """The parameter that architectures are told apart by: --group-by, else the one swept parameter named as a model,
    else the categorical whose levels' best values differ most (the smallest chi-squared p of Kruskal and Wallis).

    The last is chosen by the data: a test of it is not fair unless its p is taken times ``chosen_among``.
    Raises UsageError where the asked one was not swept.
    """
    if asked is not None:
        if asked not in sweep.parameters:
            offer = nearest(asked, sweep.parameters, "swept parameter")
            raise UsageError(f"--group-by {asked}: the sweep varies no such parameter. {offer}")
        return asked
    named = _named_as_model(sweep)
    if named:
        return named[0]
    return min(_categoricals(sweep), key=lambda name: _difference(sweep, name), default=None)


def chosen_among(sweep: Sweep, parameter: str) -> int:
    """Parameters among which the data would choose this one as ``group_parameter``; 1 where the data did not.

    One that was asked for and that the data would have chosen counts as chosen: nobody can tell why it was asked for.
    """
    if _named_as_model(sweep):
        return 1
    found = _categoricals(sweep)
    return max(1, len(found)) if parameter == group_parameter(sweep, None) else 1


def _named_as_model(sweep: Sweep) -> list[str]:
    return [p for p in sweep.parameters if p.rsplit(".", 1)[-1].casefold() in MODEL_NAMES]


def _categoricals(sweep: Sweep) -> list[str]:
    """The parameters that have a text among their levels."""
    texts = [p for p, levels in sweep.parameters.items() if any(_is_word(v) for v in levels)]
    # A text that nearly every run has for itself (a name, a path) puts no runs side by side.
    return [p for p in texts if 2 * len(levels_of(sweep, p)) <= max(len(sweep.runs), 4)]


def _difference(sweep: Sweep, parameter: str) -> float:
    """p of Kruskal and Wallis over the levels' best values; 1 where there is nothing to compare."""
    groups = [[run.best for run in item.runs if run.best is not None] for item in levels_of(sweep, parameter)]
    groups = [values for values in groups if values]
    if len(groups) < 2 or len({value for values in groups for value in values}) < 2:
        return 1.0
    return float(stats.kruskal(*groups).pvalue)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value != MISSING and not value.startswith(("[", "{"))


def parse_where(text: str, sweep: Sweep) -> dict[str, Any]:
    """``a=1,b=x`` to a mapping of swept parameters to levels; UsageError for names and levels that are not there."""
    where: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"--claim '{text}': write PARAMETER=VALUE, several joined by commas")
        if name not in sweep.parameters:
            offer = nearest(name, sweep.parameters, "swept parameter")
            raise UsageError(f"--claim '{text}': the sweep varies no parameter '{name}'. {offer}")
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
        crash_low=uncertain_proportion([low for low, _ in chances]),
        crash_high=uncertain_proportion([high for _, high in chances]),
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
