"""Which configuration the next run gets: at random, along a grid, or near what did well."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .trials import Trial
from .world import Place, Swept, World


class Chooser:
    """Which configuration the next run gets: at random, along a grid, or near what did well."""

    def __init__(self, world: World, runs: int, random: np.random.Generator) -> None:
        self.world, self.runs, self.random = world, runs, random
        self.scored: list[Trial] = []
        self.best = {p.name: np.full(len(p.levels), -np.inf) for p in world.parameters}

    def ended(self, trial: Trial) -> None:
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
