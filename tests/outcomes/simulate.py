"""Sweeps with known ends: workers, a controller that looks every few minutes, and crashes at a constant hazard."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aftersweep.analysis.sweepfile.hyperband import judged_cost, read_hyperband, thresholds
from aftersweep.analysis.types import OutcomeLabel, Run, Sweep

from ..factories import HYPERBAND, make_run, make_sweep

STATES = {"completed": "finished", "crashed": "crashed", "early_stopped": "crashed", "stopped_by_user": "killed"}


@dataclass(frozen=True)
class Simulated:
    sweep: Sweep
    truth: Mapping[str, OutcomeLabel]


@dataclass
class _Trial:
    start: float
    epoch_s: float
    final: float
    rate: float
    values: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    end: float = math.nan
    how: OutcomeLabel = "running"


@dataclass
class _World:
    """The event queue: (time, kind, trial)."""

    random: np.random.Generator
    epochs: int
    hazard: float
    epoch_s: tuple[float, float]
    trials: list[_Trial] = field(default_factory=list)
    events: list[tuple[float, str, int]] = field(default_factory=list)

    def begin(self, now: float) -> None:
        trial = _Trial(now, self.random.uniform(*self.epoch_s), self.random.beta(5, 3), self.random.uniform(0.05, 0.5))
        self.trials.append(trial)
        number = len(self.trials) - 1
        heapq.heappush(self.events, (now + trial.epoch_s, "log", number))
        if self.hazard > 0:
            heapq.heappush(self.events, (now + self.random.exponential(trial.epoch_s / self.hazard), "crashed", number))

    def log(self, now: float, number: int) -> OutcomeLabel | None:
        trial = self.trials[number]
        level = trial.final * (1 - math.exp(-trial.rate * (len(trial.values) + 1)))
        trial.values.append(level + self.random.normal(0, 0.02))
        trial.times.append(now)
        if len(trial.values) >= self.epochs:
            return "completed"
        heapq.heappush(self.events, (now + trial.epoch_s * self.random.uniform(0.9, 1.1), "log", number))
        return None


def simulate(
    seed: int,
    *,
    runs: int = 50,
    workers: int = 4,
    epochs: int = 20,
    hazard: float = 0.02,
    look_s: float = 180.0,
    epoch_s: tuple[float, float] = (60.0, 600.0),
    strict: bool = True,
    acting: bool = True,
) -> Simulated:
    """One sweep. hazard: crashes an epoch; acting: whether the controller stops anything at all."""
    early = {**HYPERBAND, "strict": strict}
    rule = read_hyperband(early)
    assert rule is not None
    world = _World(np.random.default_rng(seed), epochs, hazard, epoch_s)
    for worker in range(min(workers, runs)):
        world.begin(5.0 * worker)
    heapq.heappush(world.events, (look_s * world.random.uniform(), "look", -1))
    while any(trial.how == "running" for trial in world.trials):
        now, kind, number = heapq.heappop(world.events)
        if kind == "look":
            limits = thresholds([trial.values for trial in world.trials], rule, 1)
            for index, trial in enumerate(world.trials):
                band = rule.band_at(len(trial.values))
                if acting and band and judged_cost(trial.values, band, rule, 1) > limits[band]:
                    heapq.heappush(world.events, (now + world.random.uniform(1, 30), "early_stopped", index))
            heapq.heappush(world.events, (now + look_s * world.random.uniform(0.8, 1.2), "look", -1))
            continue
        trial = world.trials[number]
        if trial.how != "running":
            continue
        ended = world.log(now, number) if kind == "log" else kind
        if ended is not None:
            trial.how, trial.end = "completed" if ended == "completed" else _label(ended), now + 1.0
            if len(world.trials) < runs:
                world.begin(now + 5.0)
    made = [_run(number, trial) for number, trial in enumerate(world.trials)]
    truth = {run.id: trial.how for run, trial in zip(made, world.trials, strict=True)}
    return Simulated(make_sweep(made, early_terminate=early, budget=float(epochs)), truth)


def _label(kind: str) -> OutcomeLabel:
    return "crashed" if kind == "crashed" else "early_stopped"


def _run(number: int, trial: _Trial) -> Run:
    return make_run(
        f"r{number}",
        trial.values,
        state=STATES[trial.how],
        exit_code=0 if trial.how == "completed" else None,
        host="node-1",
        created_at=trial.start,
        ended_at=trial.end,
        runtime_s=trial.end - trial.start,
        metric_time=np.array(trial.times),
    )


def without_times(sweep: Sweep, *, keep_ends: bool) -> Sweep:
    """The same sweep as a source shows it that keeps only the runs' starts and ends, or no times at all."""
    blurred = [replace(run, metric_time=np.full(run.metric.size, np.nan)) for run in sweep.runs]
    if not keep_ends:
        blurred = [replace(run, created_at=None, ended_at=None, runtime_s=None) for run in blurred]
    return replace(sweep, runs=tuple(blurred))
