"""When each simulated run started, logged its epochs and ended: a few agents that take runs one after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

AGENTS = 3
SPAN_H = 78.0
"""Hours from the first start to the last end, about: the published dates are four days."""
EPOCH_MIN = {"resnet34": 24.0, "resnet50": 34.0, "vit_b_16": 42.0, "swin_tiny": 38.0, "swin_small": 55.0}
BATCH_FACTOR = {64: 1.15, 128: 1.0, 256: 0.9}
MOST_IDLE_S = 5400.0
OFF_BAND = 7
"""Runs that crashed here ended one epoch after the second band."""


class Clash(Exception):
    """This draw cannot be completed; another one is tried."""


@dataclass
class Life:
    """One simulated run; times are seconds from the sweep's start."""

    row: dict[str, Any]
    start: float = 0.0
    times: list[float] = field(default_factory=list)
    """[end]: when each epoch was logged."""
    stop: float = 0.0
    values: list[float] = field(default_factory=list)
    """[end]: validation combined accuracy, percent."""
    pushed_out_by: Life | None = None
    """For a run that ended off the band: the run whose arrival at the band moved the threshold past it."""

    @property
    def end(self) -> int:
        return int(self.row["end"])

    @property
    def state(self) -> str:
        return str(self.row["state"])

    @property
    def stopped_at_band(self) -> bool:
        return self.state == "crashed" and self.end in (2, 6)

    @property
    def stopped_off_band(self) -> bool:
        return self.state == "crashed" and self.end == OFF_BAND


def lay_out(rows: list[dict[str, Any]], rng: np.random.Generator) -> list[Life]:
    """All lives in the order of their starts; raises Clash where the draw does not fit the published ends."""
    lives = _order([Life(row) for row in rows], rng)
    seconds = [_epoch_seconds(life, rng) for life in lives]
    scale = SPAN_H * 3600 * AGENTS / sum(sum(each) for each in seconds)
    free = [60.0 * i for i in range(AGENTS)]
    for life, epochs in zip(lives, seconds, strict=True):
        agent = int(np.argmin(free))
        logged = np.cumsum([rng.uniform(130, 350), *(scale * s for s in epochs)])[1:]
        life.start = free[agent] + _idle(life, free[agent] + logged, lives, rng)
        life.times = [float(life.start + t) for t in logged[: life.end]]
        _finish(life, scale * epochs[-1], rng)
        free[agent] = life.stop
    _look(lives, scale)
    return sorted(lives, key=lambda life: life.start)


def _order(lives: list[Life], rng: np.random.Generator) -> list[Life]:
    """A random order; the run that still ran comes last, and a run that pushes another out comes right after it."""
    pushed = [life for life in lives if life.stopped_off_band]
    long = [life for life in lives if life.end >= OFF_BAND and not life.stopped_off_band]
    for life, i in zip(pushed, rng.permutation(len(long)), strict=False):
        life.pushed_out_by = long[i]
    pushing = [life.pushed_out_by for life in pushed]
    order: list[Life] = []
    for i in rng.permutation(len(lives)):
        if not any(lives[i] is other for other in pushing):
            order += [lives[i]] if lives[i].pushed_out_by is None else [lives[i], lives[i].pushed_out_by]
    return sorted(order, key=lambda life: life.state == "running")


def _idle(life: Life, logged: np.ndarray[Any, Any], lives: list[Life], rng: np.random.Generator) -> float:
    """Seconds between two runs of an agent: a minute or two, or as long as it takes to push another run out."""
    for other in lives:
        if other.pushed_out_by is life:
            wait = other.times[-1] + float(rng.uniform(40, 120)) - float(logged[OFF_BAND - 2])
            if not 40 < wait < MOST_IDLE_S:
                raise Clash("no run reaches the band at the right moment")
            return wait
    return float(rng.uniform(40, 150))


def _epoch_seconds(life: Life, rng: np.random.Generator) -> list[float]:
    mean = 60 * EPOCH_MIN[life.row["model_type"]] * BATCH_FACTOR[life.row["batch_size"]]
    return [float(mean * f) for f in rng.normal(1.0, 0.03, max(life.end, 1))]


def _finish(life: Life, epoch_s: float, rng: np.random.Generator) -> None:
    """Sets when the run ended; a stop comes some minutes after what caused it."""
    if not life.times:
        life.stop = life.start + float(rng.uniform(30, 90))
    elif life.stopped_off_band:
        life.stop = life.times[-1] + float(rng.uniform(240, 480))
    elif life.stopped_at_band:
        life.stop = life.times[-1] + float(rng.uniform(90, 420))
    elif life.state == "finished":
        life.stop = life.times[-1] + float(rng.uniform(20, 60))
    else:
        life.stop = life.times[-1] + epoch_s * float(rng.uniform(0.2, 0.8))


def _look(placed: list[Life], scale: float) -> None:
    """The page was written when all runs but one had ended; that one had not logged its next epoch."""
    running = [life for life in placed if life.state == "running"]
    others = max(life.stop for life in placed if life.state != "running")
    for life in running:
        mean = 60 * scale * EPOCH_MIN[life.row["model_type"]] * BATCH_FACTOR[life.row["batch_size"]]
        if not life.times[-1] - 0.5 * mean < others < life.times[-1] + 0.8 * mean:
            raise Clash("the running run is not the last one")
        life.stop = max(others, life.times[-1]) + 120.0
