"""Epochs fitted to what the runs needed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..findings.common import PROPORTION
from ..outcomes.rates import proportion
from ..results.following import Change
from ..sweepfile.config import Parameter, read_config
from ..types import Finding, Outcome, Run, Sweep
from ..values import is_number, level

EPOCHS = re.compile(r"(^|[._/-])(max_|num_|n_|total_|num_train_)?epochs$")
LEAST = 8
TAIL = 0.1
"""The last part of a run, in which a plateau would have its best value by chance in so many runs."""
GAIN = 0.1
"""Of the interquartile range of the final values: what the last fifth has to gain at least for more to be worth it."""
MORE, SPARE = 1.5, 1.25


def length_changes(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Change]:
    """More epochs where most runs were still getting better, fewer where all were past their best half way."""
    parameter = _epochs(sweep, config)
    if parameter is None:
        return []
    old = level(parameter.values[0] if parameter.values else None)
    runs = [
        run
        for run in sweep.runs
        if outcomes[run.id].label == "completed" and run.best_progress is not None and run.progress >= old
    ]
    if len(runs) < LEAST:
        return []
    places = np.array([(run.best_progress or 0.0) / run.progress for run in runs])
    late = int((places >= 1.0 - TAIL).sum())
    share = proportion(late, len(runs))
    new = None
    if share.low is not None and share.low > 0.5 and _still_gains(runs):
        new = math.ceil(MORE * old)
    elif places.max() <= 1.0 / (2.0 * SPARE):
        share = proportion(int((places > 0.5).sum()), len(runs))
        new = max(1, math.ceil(SPARE * places.max() * old))
    if new is None or new == old:
        return []
    finding = Finding(
        id="",
        kind="search_epochs",
        subject=parameter.name,
        supported=True,
        estimate=share,
        n=len(runs),
        method=f"where completed runs had their best value; {PROPORTION}",
        caveats=("a schedule that is stretched over the epochs changes with them",),
        runs=tuple(run.id for run in runs),
        facts={
            "old": old,
            "new": new,
            "late": late,
            "latest": float(places.max()),
            "metric": sweep.metric.name,
            "more": new > old,
        },
    )
    spec = dict(parameter.spec)
    spec |= {"values": [new]} if "value" not in spec else {"value": new}
    path = _path(config.get("parameters"), parameter.name)
    return [Change(path=("parameters", *path), action="set", old=dict(parameter.spec), new=spec, finding=finding)]


def _epochs(sweep: Sweep, config: Mapping[str, Any]) -> Parameter | None:
    """The constant that says how long a run is; None where it is not what the runs went by."""
    if sweep.epoch_key is None or sweep.budget is None:
        return None
    for parameter in read_config(config).parameters:
        name, values = parameter.name.casefold(), parameter.values or ()
        one = level(values[0]) if len(values) == 1 else None
        if EPOCHS.search(name) and "warm" not in name and is_number(one) and one == sweep.budget:
            return parameter
    return None


def _path(parameters: Any, name: str, prefix: str = "") -> tuple[str, ...]:
    """The keys below ``parameters`` at which the parameter of a dotted name stands."""
    for key, spec in parameters.items():
        nested = spec.get("parameters")
        if isinstance(nested, Mapping):
            found = _path(nested, name, f"{prefix}{key}.")
            if found:
                return (key, "parameters", *found)
        elif f"{prefix}{key}" == name:
            return (key,)
    return ()


def _still_gains(runs: list[Run]) -> bool:
    """Whether the last fifth of a run gains what matters beside the spread of the runs' best values."""
    bests = np.array([run.best for run in runs], dtype=float)
    low, high = np.quantile(bests, (0.25, 0.75))
    gains = []
    for run in runs:
        values = run.finite_metric
        before = values[run.metric_progress[np.isfinite(run.metric)] <= 0.8 * run.progress]
        if len(before):
            nearest = before[np.argmin(np.abs(before - (run.best or 0.0)))]
            gains.append(abs((run.best or 0.0) / 2 - nearest / 2))
    return bool(gains) and float(np.median(gains)) >= GAIN * float(high / 2 - low / 2) and max(gains) > 0
