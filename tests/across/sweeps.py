"""Several small sweeps of one project, with certain outcomes, for the tests of pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aftersweep.analysis.types import Outcome, Sweep

from ..analysis.risk_cases import exponential_sweep
from ..factories import HYPERBAND

DAY = 86_400.0


def played(
    rng: np.random.Generator,
    name: str,
    *,
    runs: int = 20,
    hazard: float = 0.04,
    ratio: float = 1.0,
    shares: Sequence[float] = (0.5, 0.5),
    rule: bool = True,
    gain: float = 0.0,
    start: float = 0.0,
) -> tuple[Sweep, dict[str, Outcome]]:
    """One sweep: ``model`` with levels a, b, ... drawn with these shares, ``depth`` 1 or 2; ratio: of depth 2's hazard.

    hazard: of an epoch of 20 at most; without a rule no run is stopped. gain: of depth 2 in the metric, whose standard
    deviation between runs is 0.1.
    """
    models = [chr(ord("a") + i) for i in range(len(shares))]
    configs: list[Mapping[str, Any]] = [
        {"model": str(rng.choice(models, p=shares)), "depth": int(rng.integers(1, 3))} for _ in range(runs)
    ]
    deep = np.array([config["depth"] == 2 for config in configs])
    stops = rng.choice([2, 6, 20], runs, p=[0.3, 0.3, 0.4]) if rule else np.full(runs, 20)
    hazards = np.minimum(hazard * np.where(deep, ratio, 1.0), 0.9)
    sweep, outcomes = exponential_sweep(rng, configs, hazards, stops)
    made = []
    for run, extra in zip(sweep.runs, 0.1 * rng.normal(size=runs) + gain * deep, strict=True):
        best = 0.5 + float(extra)
        metric = np.full(len(run.metric), best)
        at = (run.created_at or 0.0) + start
        made.append(replace(run, id=f"{name}-{run.id}", metric=metric, best=best, created_at=at))
    assert sweep.config is not None
    config = replace(sweep.config, early_terminate=HYPERBAND if rule else None)
    found = {f"{name}-{run_id}": outcome for run_id, outcome in outcomes.items()}
    return replace(sweep, id=name, runs=tuple(made), config=config, budget=20.0), found


def several(seed: int, each: Sequence[Mapping[str, Any]], **shared: Any) -> tuple[list[Sweep], dict[str, Outcome]]:
    """Sweeps A, B, ... that began a day apart, and all their outcomes."""
    rng = np.random.default_rng(seed)
    made = [played(rng, chr(ord("A") + i), start=DAY * i, **{**shared, **own}) for i, own in enumerate(each)]
    return [sweep for sweep, _ in made], {run_id: end for _, ends in made for run_id, end in ends.items()}
