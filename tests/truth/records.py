"""What W&B keeps of a simulated sweep: states, exit codes, logs, histories, and the sweep's configuration."""

from __future__ import annotations

from typing import Any

import numpy as np

from aftersweep.analysis.sweepfile.config import Metric, read_config
from aftersweep.analysis.types import Run, Sweep

from ..factories import HYPERBAND
from ..outcomes.logs import DECISIVE, LIFE
from .trials import Trial
from .world import World

METRIC = "val/acc"
LINES = {"out_of_memory": "torch, CUDA", "diverged": "nan, program", "code_error": "key error"}


def run_of(trial: Trial, world: World, random: np.random.Generator) -> Run:
    values = np.array(trial.values[: trial.logged])
    times = np.array(trial.starts[1 : trial.logged + 1])
    finite = np.isfinite(values)
    state, code, log = _recorded(trial, world, random)
    known = world.times != "missing"
    best = float(values[finite].max()) if finite.any() else None
    bad = np.flatnonzero(~finite)
    return Run(
        id=f"r{trial.number:04d}",
        name=f"run-{trial.number}",
        state=state,
        config=world.config(trial.places),
        created_at=trial.starts[0] if known else None,
        ended_at=trial.end if known else None,
        runtime_s=trial.end - trial.starts[0] if known else None,
        host=f"node-{trial.host}",
        agent=f"agent-{trial.host}",
        exit_code=code,
        log_tail=log,
        metric=values,
        metric_time=times if world.times == "known" else np.full(values.size, np.nan),
        metric_progress=np.arange(1.0, values.size + 1.0),
        history_rows=values.size,
        progress=float(values.size),
        best=best,
        best_progress=None if best is None else float(np.flatnonzero(finite & (values == best))[0] + 1),
        nonfinite={METRIC: float(bad[0] + 1)} if bad.size else {},
        summary_nonfinite=(METRIC,) if bad.size and not finite[-1] else (),
    )


def _recorded(trial: Trial, world: World, random: np.random.Generator) -> tuple[str, int | None, tuple[str, ...]]:
    """State, exit code and log tail, as W&B would keep them."""
    kept = LIFE if world.logged > 0 else ()
    if trial.label == "completed":
        return "finished", 0, kept
    if trial.label == "early_stopped":
        return world.stop_state, None, kept
    if trial.label == "stopped_by_user":
        return "killed", None, kept
    if trial.cause == "code_error" or random.uniform() < world.logged:
        return "failed", 1, DECISIVE[LINES[trial.cause]][1]
    return "crashed", None, kept


def sweep_of(world: World, runs: tuple[Run, ...]) -> Sweep:
    specs: dict[str, Any] = {}
    levels: dict[str, tuple[Any, ...]] = {}
    for p in world.parameters:
        if p.is_range:
            specs[p.name] = {"distribution": "log_uniform_values", "min": p.low, "max": p.high}
            levels[p.name] = tuple(sorted({run.config[p.name] for run in runs}))
        else:
            specs[p.name] = {"values": list(p.levels)}
            levels[p.name] = p.levels
    raw: dict[str, Any] = {
        "method": world.method,
        "metric": {"name": METRIC, "goal": "maximize"},
        "parameters": specs,
    }
    if world.rule:
        raw["early_terminate"] = dict(HYPERBAND)
    return Sweep(
        id="simulated",
        runs=runs,
        metric=Metric(METRIC, "maximize"),
        metric_decided_by="the simulator",
        progress_unit="epochs",
        epoch_key="epoch",
        parameters=levels,
        config=read_config(raw),
        budget=float(world.epochs),
    )
