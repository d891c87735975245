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
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aftersweep.analysis.sweepfile.config import Metric, read_config
from aftersweep.analysis.sweepfile.hyperband import Hyperband, position, read_hyperband
from aftersweep.analysis.types import Cause, Outcome, OutcomeLabel, Run, Sweep

from ..factories import HYPERBAND, START
from ..outcomes.logs import DECISIVE, LIFE
from .world import Place, Swept, Truth, World

METRIC = "val/acc"
CAUSES: tuple[Cause, ...] = ("out_of_memory", "diverged")
"""What a setting may crash a run by."""
LINES = {"out_of_memory": "torch, CUDA", "diverged": "nan, program", "code_error": "key error"}
BREAK_S = 5.0
"""From the end of one run to the start of the next on the same worker."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    sweep: Sweep
    truth: Truth


@dataclass(eq=False)
class _Trial:
    number: int
    places: dict[str, Place]
    host: int
    hazard: float
    final: float
    values: list[float]
    """The whole curve that it would log, [epochs]."""
    starts: list[float]
    """Times of its start and of each logged value, [epochs + 1]."""
    crash: float
    """When it would crash, in epochs."""
    cause: Cause
    user: float
    nan_from: int
    logged: int = 0
    finite: int = 0
    best: float = -math.inf
    label: OutcomeLabel = "running"
    end: float = math.nan
    exposure: float = 0.0


@dataclass(eq=False)
class _Controller:
    """Bands with the costs that have been logged at them, best first."""

    rule: Hyperband
    costs: dict[int, list[float]] = field(default_factory=dict)
    judged: dict[int, _Trial] = field(default_factory=dict)
    """Running trials that have reached a band, by number."""

    def log(self, trial: _Trial) -> None:
        """A finite value was logged."""
        if trial.finite in self.rule.bands:
            insort(self.costs.setdefault(trial.finite, []), -trial.values[trial.logged - 1])
            self.judged[trial.number] = trial

    def look(self) -> list[_Trial]:
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
    made = tuple(_run(trial, world, random) for trial in trials)
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
        index={run.id: i for i, run in enumerate(made)},
    )
    return Simulated(sweep=_sweep(world, made), truth=truth)


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
        self.chooser = _Chooser(world, runs, random)
        self.trials: list[_Trial] = []
        self.queue: list[tuple[float, int, str, int]] = []
        self.pushed = 0
        self.ended = 0

    def play(self) -> list[_Trial]:
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
        trial = _born(self.world, self.runs, number, now, self.chooser.places(number), self.random)
        self.trials.append(trial)
        self.push(trial.starts[1], "log", number)
        for when, what in ((trial.crash, "crash"), (trial.user, "user")):
            if when < self.world.epochs:
                self.push(_clock(trial, when), what, number)

    def look(self, now: float) -> None:
        assert self.control is not None
        for trial in self.control.look():
            self.push(now + self.random.uniform(1.0, 30.0), "stop", trial.number)
        self.push(now + self.world.look_s * self.random.uniform(0.8, 1.2), "look", -1)

    def log(self, trial: _Trial) -> bool:
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

    def end(self, trial: _Trial, now: float, what: str) -> None:
        trial.label = _LABELS[what]
        trial.end = now + 1.0
        trial.exposure = _epochs(trial, now)
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


def _clock(trial: _Trial, epochs: float) -> float:
    """The time at which a trial has lived so many epochs."""
    whole = int(epochs)
    return trial.starts[whole] + (epochs - whole) * (trial.starts[whole + 1] - trial.starts[whole])


def _epochs(trial: _Trial, now: float) -> float:
    """The epochs that a trial has lived by now: the reverse of ``_clock``."""
    k = trial.logged
    if k + 1 >= len(trial.starts):
        return float(k)
    return k + (now - trial.starts[k]) / (trial.starts[k + 1] - trial.starts[k])


def _born(
    world: World, runs: int, number: int, now: float, places: dict[str, Place], random: np.random.Generator
) -> _Trial:
    host = number % world.hosts
    hazard = world.hazard * world.ratio(places, number / runs, host)
    mean = world.final(places)
    final = mean + world.spread * random.normal()
    rate = random.uniform(0.15, 0.5)
    steps = np.arange(1, world.epochs + 1)
    values = final * (1.0 - np.exp(-rate * steps)) + world.noise * random.normal(size=world.epochs)
    took = random.uniform(*world.epoch_s) * random.uniform(0.9, 1.1, world.epochs)
    cause: Cause = CAUSES[int(random.uniform() < 0.5)]
    crash = random.exponential() / hazard if hazard > 0 else math.inf
    user = random.exponential() / world.user_hazard if world.user_hazard > 0 else math.inf
    if world.code_error is not None and random.uniform() < world.code_error(world.config(places)):
        cause, crash = "code_error", random.uniform(0.0, 0.3)
    nan_from = world.epochs + 1
    if random.uniform() < world.nan:
        nan_from = int(random.integers(3, world.epochs))
        values[nan_from - 1 :] = np.nan
    return _Trial(
        number=number,
        places=places,
        host=host,
        hazard=hazard,
        final=mean,
        values=values.tolist(),
        starts=(now + np.concatenate([[0.0], np.cumsum(took)])).tolist(),
        crash=crash,
        cause=cause,
        user=user,
        nan_from=nan_from,
    )


class _Chooser:
    """Which configuration the next run gets: at random, along a grid, or near what did well."""

    def __init__(self, world: World, runs: int, random: np.random.Generator) -> None:
        self.world, self.runs, self.random = world, runs, random
        self.scored: list[_Trial] = []
        self.best = {p.name: np.full(len(p.levels), -np.inf) for p in world.parameters}

    def ended(self, trial: _Trial) -> None:
        """What a search that learns sees of a run."""
        if trial.best == -math.inf:
            return
        self.scored.append(trial)
        for parameter in self.world.parameters:
            if not parameter.is_range:
                best, at = self.best[parameter.name], int(trial.places[parameter.name])
                best[at] = max(best[at], trial.best)

    def places(self, number: int) -> dict[str, Place]:
        """The place on every parameter."""
        if self.world.method == "grid":
            return self._grid(number)
        learns = self.world.method == "bayes" and len(self.scored) >= 5
        chosen: dict[str, Place] = {}
        for parameter in self.world.parameters:
            if learns and self.random.uniform() > 0.3:
                chosen[parameter.name] = self._promising(parameter)
            else:
                chosen[parameter.name] = self._any(parameter, chosen)
        return chosen

    def _any(self, parameter: Swept, chosen: Mapping[str, Place]) -> Place:
        if parameter.is_range:
            return float(self.random.uniform())
        if parameter.tied is not None and self.random.uniform() < parameter.tied[1]:
            return chosen[parameter.tied[0]] % len(parameter.levels)
        return int(self.random.integers(len(parameter.levels)))

    def _promising(self, parameter: Swept) -> Place:
        """More often a level that did well so far; of a range, near the best of three runs."""
        if parameter.is_range:
            some = self.random.integers(len(self.scored), size=3)
            near = max((self.scored[i] for i in some), key=lambda trial: trial.best).places[parameter.name]
            return float(np.clip(near + 0.1 * self.random.normal(), 0.0, 1.0))
        best = self.best[parameter.name]
        best = np.where(np.isfinite(best), best, best[np.isfinite(best)].mean())
        weights = np.exp((best - best.max()) / 0.05)
        return int(self.random.choice(len(weights), p=weights / weights.sum()))

    def _grid(self, number: int) -> dict[str, Place]:
        """Cells in order, the last parameter fastest; stretched where there are more runs than cells."""
        sizes = [len(p.levels) for p in self.world.parameters]
        cells = math.prod(sizes)
        cell = number * cells // self.runs if self.runs > cells else number
        chosen: dict[str, Place] = {}
        for parameter, size in zip(reversed(self.world.parameters), reversed(sizes), strict=True):
            chosen[parameter.name] = cell % size
            cell //= size
        return chosen


def _run(trial: _Trial, world: World, random: np.random.Generator) -> Run:
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


def _recorded(trial: _Trial, world: World, random: np.random.Generator) -> tuple[str, int | None, tuple[str, ...]]:
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


def _sweep(world: World, runs: tuple[Run, ...]) -> Sweep:
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
