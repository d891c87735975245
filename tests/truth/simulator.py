"""Draws sweeps from a world: workers, a controller that looks every few minutes, crashes, stops, states, logs.

Everything happens in seconds on one clock. The controller follows ``analysis.sweepfile.hyperband`` on what has been
logged by the time it looks; a run for which the rule is true ends up to half a minute later, and W&B has no state of
its own for that. A run that crashes in its k-th epoch has logged k - 1 values.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aftersweep.analysis.pooling import pool
from aftersweep.analysis.sweepfile.hyperband import Hyperband, position, read_hyperband
from aftersweep.analysis.types import Floats, Outcome, OutcomeLabel, Run, Sweep

from ..factories import HYPERBAND, START
from .records import run_of, sweep_of
from .search import Chooser
from .trials import Trial, born, clock, lived
from .world import Truth, World

BREAK_S = 5.0
"""From the end of one run to the start of the next on the same worker."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    sweep: Sweep
    truth: Truth


@dataclass(eq=False)
class _Controller:
    """Bands with the costs that have been logged at them, best first."""

    rule: Hyperband
    costs: dict[int, list[float]] = field(default_factory=dict)
    judged: dict[int, Trial] = field(default_factory=dict)
    """Running trials that have reached a band, by number."""

    def log(self, trial: Trial) -> None:
        """A finite value was logged."""
        if trial.finite in self.rule.bands:
            insort(self.costs.setdefault(trial.finite, []), -trial.values[trial.logged - 1])
            self.judged[trial.number] = trial

    def look(self) -> list[Trial]:
        """The running trials for which the rule is true now."""
        true = []
        for trial in self.judged.values():
            band = self.rule.band_at(trial.finite)
            assert band is not None
            at = self.costs[band]
            if -trial.values[band - 1] > at[position(len(at), self.rule.eta)]:
                true.append(trial)
        return true


def simulate(world: World, runs: int, seed: int | tuple[int, ...]) -> Simulated:
    """One sweep of ``runs`` runs; the same for the same seed."""
    random = np.random.default_rng(seed)
    trials = _Play(world, runs, random).play()
    made = tuple(run_of(trial, world, random) for trial in trials)
    truth = Truth(
        world=world,
        ids=tuple(run.id for run in made),
        labels=tuple(trial.label for trial in trials),
        causes=tuple(trial.cause if trial.label == "crashed" else None for trial in trials),
        hazard=np.array([trial.hazard for trial in trials]),
        exposure=np.array([trial.exposure for trial in trials]),
        final=np.array([trial.final for trial in trials]),
        places={p.name: np.array([trial.places[p.name] for trial in trials]) for p in world.parameters},
        hosts=tuple(trial.host for trial in trials),
        silent=tuple(trial.label == "completed" and trial.nan_from <= world.epochs for trial in trials),
        progress=np.array([run.progress for run in made]),
        best=np.array([math.nan if run.best is None else run.best for run in made]),
        index={run.id: i for i, run in enumerate(made)},
    )
    return Simulated(sweep=sweep_of(world, made), truth=truth)


def several(world: World, runs: int, seed: tuple[int, ...], count: int) -> Simulated:
    """``count`` sweeps of one world, one after the other, pooled as ``analysis.pooling`` does."""
    made = [simulate(world, runs, (*seed, k)) for k in range(count)]
    parts = []
    later = 0.0
    for k, one in enumerate(made):
        parts.append(replace(one.sweep, id=f"sweep-{k}", runs=tuple(_moved(run, k, later) for run in one.sweep.runs)))
        later += max(run.ended_at or START for run in one.sweep.runs) - START + 3600.0
    sweep = pool(parts)
    truths = [one.truth for one in made]
    ids = tuple(f"s{k}-{i}" for k, truth in enumerate(truths) for i in truth.ids)

    def joined(name: str) -> Floats:
        return np.concatenate([getattr(truth, name) for truth in truths])

    whole = Truth(
        world=world,
        ids=ids,
        labels=tuple(label for truth in truths for label in truth.labels),
        causes=tuple(cause for truth in truths for cause in truth.causes),
        hazard=joined("hazard"),
        exposure=joined("exposure"),
        final=joined("final"),
        places={p.name: np.concatenate([truth.places[p.name] for truth in truths]) for p in world.parameters},
        hosts=tuple(host for truth in truths for host in truth.hosts),
        silent=tuple(bad for truth in truths for bad in truth.silent),
        progress=joined("progress"),
        best=joined("best"),
        index={run_id: i for i, run_id in enumerate(ids)},
    )
    return Simulated(sweep=sweep, truth=whole)


def _moved(run: Run, number: int, later: float) -> Run:
    """The run with an id of its own and a start ``later`` seconds on."""
    return replace(
        run,
        id=f"s{number}-{run.id}",
        created_at=None if run.created_at is None else run.created_at + later,
        ended_at=None if run.ended_at is None else run.ended_at + later,
        metric_time=run.metric_time + later,
    )


def true_outcomes(truth: Truth) -> dict[str, Outcome]:
    """The outcomes as one who saw everything would give them: certain, with their causes."""
    return {
        run_id: Outcome(
            label=label,
            grade="observed",
            cause=cause,
            crash_probability=(1.0, 1.0) if label == "crashed" else (0.0, 0.0),
        )
        for run_id, label, cause in zip(truth.ids, truth.labels, truth.causes, strict=True)
    }


class _Play:
    """One sweep on one clock: what happens next is the earliest of ``queue``."""

    def __init__(self, world: World, runs: int, random: np.random.Generator) -> None:
        rule = read_hyperband(HYPERBAND) if world.rule else None
        self.world, self.runs, self.random = world, runs, random
        self.control = _Controller(rule) if rule else None
        self.chooser = Chooser(world, runs, random)
        self.trials: list[Trial] = []
        self.queue: list[tuple[float, int, str, int]] = []
        self.pushed = 0
        self.ended = 0

    def play(self) -> list[Trial]:
        """All trials, ended."""
        for worker in range(min(self.world.workers, self.runs)):
            self.begin(START + 5.0 * worker)
        if self.control:
            self.push(START + self.world.look_s * self.random.uniform(), "look", -1)
        while self.ended < self.runs:
            now, _, what, number = heapq.heappop(self.queue)
            if what == "look":
                self.look(now)
            elif self.trials[number].label == "running" and (what != "log" or self.log(self.trials[number])):
                self.end(self.trials[number], now, what)
        return self.trials

    def push(self, when: float, what: str, number: int) -> None:
        self.pushed += 1
        heapq.heappush(self.queue, (when, self.pushed, what, number))

    def begin(self, now: float) -> None:
        number = len(self.trials)
        trial = born(self.world, self.runs, number, now, self.chooser.places(number), self.random)
        self.trials.append(trial)
        self.push(trial.starts[1], "log", number)
        for when, what in ((trial.crash, "crash"), (trial.user, "user")):
            if when < self.world.epochs:
                self.push(clock(trial, when), what, number)

    def look(self, now: float) -> None:
        assert self.control is not None
        for trial in self.control.look():
            self.push(now + self.random.uniform(1.0, 30.0), "stop", trial.number)
        self.push(now + self.world.look_s * self.random.uniform(0.8, 1.2), "look", -1)

    def log(self, trial: Trial) -> bool:
        """One more value; True where it was the last."""
        value = trial.values[trial.logged]
        trial.logged += 1
        if math.isfinite(value):
            trial.finite += 1
            trial.best = max(trial.best, value)
            if self.control:
                self.control.log(trial)
        if trial.logged >= self.world.epochs:
            return True
        self.push(trial.starts[trial.logged + 1], "log", trial.number)
        return False

    def end(self, trial: Trial, now: float, what: str) -> None:
        trial.label = _LABELS[what]
        trial.end = now + 1.0
        trial.exposure = lived(trial, now)
        self.ended += 1
        self.chooser.ended(trial)
        if self.control:
            self.control.judged.pop(trial.number, None)
        if len(self.trials) < self.runs:
            self.begin(now + BREAK_S)


_LABELS: Mapping[str, OutcomeLabel] = {
    "log": "completed",
    "crash": "crashed",
    "stop": "early_stopped",
    "user": "stopped_by_user",
}
