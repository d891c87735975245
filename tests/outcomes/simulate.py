"""Sweeps with known ends: workers, a controller that looks every few minutes, and crashes at a constant hazard.

The controller may see other values than the histories that are read later hold (``View``).
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aftersweep.analysis.sweepfile.hyperband import Hyperband, judged_cost, read_hyperband, thresholds
from aftersweep.analysis.types import OutcomeLabel, Run, Sweep

from ..factories import HYPERBAND, make_run, make_sweep
from .logs import DECISIVE, LIFE

STATES = {"completed": "finished", "crashed": "crashed", "early_stopped": "crashed", "stopped_by_user": "killed"}


@dataclass(frozen=True)
class View:
    """How the controller's view of the values differs from the histories."""

    late_s: float = 0.0
    """Mean seconds (exponential) until a value is there for the controller."""
    stale: float = 0.0
    """Share of looks that see everything as it was up to ``stale_s`` ago."""
    stale_s: float = 3600.0
    dropped: float = 0.0
    """Share of the values that the controller counts and the histories lack."""
    deleted: float = 0.0
    """Share of the runs that the controller counts and the sweep has lost since."""
    hidden: float = 0.0
    """Share of the other runs that the controller does not count at one look."""


EXACT = View()


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
    arrived: list[float] = field(default_factory=list)
    """When the controller got each value."""
    kept: list[bool] = field(default_factory=list)
    """Which values the histories hold."""
    end: float = math.nan
    how: OutcomeLabel = "running"


@dataclass
class _World:
    """The event queue: (time, kind, trial)."""

    random: np.random.Generator
    epochs: int
    hazard: float
    epoch_s: tuple[float, float]
    view: View
    other: np.random.Generator
    """Chance of the view alone: the sweep of an exact view stays the same."""
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
        before = trial.arrived[-1] if trial.arrived else 0.0
        trial.arrived.append(max(before, now + self.other.exponential(self.view.late_s or 1e-9)))
        trial.kept.append(bool(self.other.uniform() >= self.view.dropped))
        if len(trial.values) >= self.epochs:
            return "completed"
        heapq.heappush(self.events, (now + trial.epoch_s * self.random.uniform(0.9, 1.1), "log", number))
        return None

    def stops(self, now: float, rule: Hyperband) -> list[int]:
        """The trials for which the rule is true in the controller's view."""
        if self.other.uniform() < self.view.stale:
            now -= self.other.uniform(0, self.view.stale_s)
        seen = [trial.values[: bisect_right(trial.arrived, now)] for trial in self.trials]
        counted = [history if self.other.uniform() >= self.view.hidden else [] for history in seen]
        limits = thresholds(counted, rule, 1)
        found = []
        for index, history in enumerate(seen):
            band = rule.band_at(len(history))
            if band and judged_cost(history, band, rule, 1) > limits[band]:
                found.append(index)
        return found


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
    view: View = EXACT,
    logged: float | None = None,
) -> Simulated:
    """One sweep. hazard: crashes an epoch; acting: whether the controller stops anything at all.

    logged: the share of the crashes that leave a decisive line; None for a source without logs.
    """
    early = {**HYPERBAND, "strict": strict}
    rule = read_hyperband(early)
    assert rule is not None
    world = _World(np.random.default_rng(seed), epochs, hazard, epoch_s, view, np.random.default_rng([seed, 1]))
    for worker in range(min(workers, runs)):
        world.begin(5.0 * worker)
    heapq.heappush(world.events, (look_s * world.random.uniform(), "look", -1))
    while any(trial.how == "running" for trial in world.trials):
        now, kind, number = heapq.heappop(world.events)
        if kind == "look":
            for index in world.stops(now, rule) if acting else ():
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
    lost = world.other.uniform(size=len(world.trials)) < view.deleted
    trials = [trial for trial, gone in zip(world.trials, lost, strict=True) if not gone]
    made = [_run(number, trial, _log(trial, logged, world.other)) for number, trial in enumerate(trials)]
    truth = {run.id: trial.how for run, trial in zip(made, trials, strict=True)}
    return Simulated(make_sweep(made, early_terminate=early, budget=float(epochs)), truth)


def _label(kind: str) -> OutcomeLabel:
    return "crashed" if kind == "crashed" else "early_stopped"


def _log(trial: _Trial, logged: float | None, random: np.random.Generator) -> tuple[str, ...]:
    if logged is None:
        return ()
    lines = [log for _, log in DECISIVE.values()]
    if trial.how == "crashed" and random.uniform() < logged:
        return lines[int(random.integers(len(lines)))]
    return LIFE


def _run(number: int, trial: _Trial, log_tail: tuple[str, ...]) -> Run:
    return make_run(
        f"r{number}",
        [value for value, kept in zip(trial.values, trial.kept, strict=True) if kept],
        log_tail=log_tail,
        progress=float(len(trial.values)),
        state=STATES[trial.how],
        exit_code=0 if trial.how == "completed" else None,
        host="node-1",
        created_at=trial.start,
        ended_at=trial.end,
        runtime_s=trial.end - trial.start,
        metric_time=np.array([time for time, kept in zip(trial.times, trial.kept, strict=True) if kept]),
    )


def without_times(sweep: Sweep, *, keep_ends: bool) -> Sweep:
    """The same sweep as a source shows it that keeps only the runs' starts and ends, or no times at all."""
    blurred = [replace(run, metric_time=np.full(run.metric.size, np.nan)) for run in sweep.runs]
    if not keep_ends:
        blurred = [replace(run, created_at=None, ended_at=None, runtime_s=None) for run in blurred]
    return replace(sweep, runs=tuple(blurred))
