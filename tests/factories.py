"""Small factories for domain objects: every test states only what it is about.

A run starts at ``start`` seconds, logs one value of the metric every ``step_s`` seconds, at progress 1, 2, 3, ...,
and ends ``lag_s`` seconds after its last value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aftersweep.analysis.sweepfile.config import Metric, read_config
from aftersweep.analysis.types import Run, Sweep
from aftersweep.analysis.values import level, same

HYPERBAND = {"type": "hyperband", "max_iter": 20, "s": 2, "eta": 3, "strict": True}
"""Bands 2 and 6, as in the sweep of the source report."""

START = 1_700_000_000.0


def make_run(
    id: str = "run-1",
    values: Sequence[float] = (),
    *,
    state: str = "finished",
    goal: str = "maximize",
    start: float = START,
    step_s: float = 60.0,
    lag_s: float = 1.0,
    timed: bool = True,
    config: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """A run that logged ``values``; ``fields`` are any fields of Run and win over what is worked out here."""
    metric = np.asarray(values, dtype=np.float64)
    steps = np.arange(1.0, metric.size + 1.0)
    finite = np.isfinite(metric)
    worked_out: dict[str, Any] = {
        "name": id,
        "metric": metric,
        "metric_time": start + step_s * steps if timed else np.full(metric.size, np.nan),
        "metric_progress": steps,
        "history_rows": metric.size,
        "progress": float(metric.size),
    }
    if timed:
        runtime = step_s * metric.size + lag_s
        worked_out |= {"created_at": start, "ended_at": start + runtime, "runtime_s": runtime}
    if finite.any():
        best = float(metric[finite].max() if goal == "maximize" else metric[finite].min())
        worked_out |= {"best": best, "best_progress": float(steps[finite & (metric == best)][0])}
    if not finite.all():
        worked_out["nonfinite"] = {"val/acc": float(steps[~finite][0])}
    return Run(id=id, state=state, config=dict(config or {}), **(worked_out | fields))


def make_sweep(
    runs: Sequence[Run] = (),
    *,
    metric: str = "val/acc",
    goal: str = "maximize",
    early_terminate: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Sequence[Any]] | None = None,
    method: str = "random",
    **fields: Any,
) -> Sweep:
    """A sweep of ``runs``; ``parameters`` are levels by name, by default those that the runs' configs show."""
    levels = {name: tuple(values) for name, values in (_seen(runs) if parameters is None else parameters).items()}
    raw: dict[str, Any] = {
        "method": method,
        "metric": {"name": metric, "goal": goal},
        "parameters": {name: {"values": list(values)} for name, values in levels.items()},
    }
    if early_terminate is not None:
        raw["early_terminate"] = dict(early_terminate)
    worked_out: dict[str, Any] = {
        "id": "swp12345",
        "metric": Metric(metric, "maximize" if goal == "maximize" else "minimize"),
        "metric_decided_by": "the test",
        "progress_unit": "epochs",
        "epoch_key": "epoch",
        "parameters": levels,
        "config": read_config(raw),
        "budget": max((run.progress for run in runs), default=None),
    }
    return Sweep(runs=tuple(runs), **(worked_out | fields))


def _seen(runs: Sequence[Run]) -> dict[str, list[Any]]:
    levels: dict[str, list[Any]] = {}
    for run in runs:
        for name, value in run.config.items():
            known = levels.setdefault(name, [])
            if not any(same(level(value), other) for other in known):
                known.append(level(value))
    return levels


def curve(final: float, length: int, *, start: float = 0.1, rate: float = 0.3) -> list[float]:
    """A saturating learning curve of ``length`` values that tends to ``final``."""
    return [final - (final - start) * math.exp(-rate * step) for step in range(1, length + 1)]
