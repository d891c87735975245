"""One run of a simulated sweep before anybody records it: its curve, its clock, and what would end it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aftersweep.analysis.types import Cause, OutcomeLabel

from .world import Place, World

CAUSES: tuple[Cause, ...] = ("out_of_memory", "diverged")
"""What a setting may crash a run by."""


@dataclass(eq=False)
class Trial:
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


def clock(trial: Trial, epochs: float) -> float:
    """The time at which a trial has lived so many epochs."""
    whole = int(epochs)
    return trial.starts[whole] + (epochs - whole) * (trial.starts[whole + 1] - trial.starts[whole])


def lived(trial: Trial, now: float) -> float:
    """The epochs that a trial has lived by now: the reverse of ``clock``."""
    k = trial.logged
    if k + 1 >= len(trial.starts):
        return float(k)
    return k + (now - trial.starts[k]) / (trial.starts[k + 1] - trial.starts[k])


def born(
    world: World, runs: int, number: int, now: float, places: dict[str, Place], random: np.random.Generator
) -> Trial:
    host = number % world.hosts
    hazard = world.hazard * world.ratio(places, number / runs, host)
    mean = world.final(places)
    final = mean + world.spread * random.normal()
    rate = random.uniform(*world.rates)
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
    return Trial(
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
