"""What the truth of a contrast is: many sweeps of one world and size, and the ratios and rates in all of them.

A level against the rest has a true ratio that depends on what the rest is made of: of five levels of which one is
bad, the other four crash less than their rest. So ratios are those that the report's estimators tend to when they
are given the whole population. Of a setting that carries no risk the ratio is 1 by construction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from aftersweep.analysis.types import Floats

from .scenarios import scenario
from .simulator import simulate
from .world import Truth, World

FEWEST, PER_RUN = 20_000, 100
"""Runs of a population: so many at least, and for each run of a sweep; larger sweeps have narrower intervals."""
SEED = 20_260_101
GRID = 0.25
"""Epochs between the moments at which the population is looked at."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Population:
    """All runs of many sweeps; arrays are [N]."""

    world: World
    places: Mapping[str, Floats]
    hazard: Floats
    exposure: Floats
    crashed: Mask
    """Crashes of any cause."""
    by_setting: Mask
    """Crashes that a setting could have caused."""
    final: Floats
    progress: Floats
    stopped: Mask
    best: Floats

    def rate(self, inside: Mask | None = None, crashed: Mask | None = None) -> float:
        """Crashes of any cause a run, of all or of those inside."""
        happened = self.crashed if crashed is None else crashed
        return float(happened.mean() if inside is None else happened[inside].mean())

    def hazard_ratio(self, score: Floats) -> float:
        """The ratio for one unit of ``score`` that Cox's partial likelihood tends to; of a group, score 1 against 0.

        The hazards are known, so each moment's expected score of a crash is known too, and nothing but the draw of
        the runs at risk is left to chance.
        """
        order = np.argsort(self.exposure)
        moments = np.arange(GRID / 2, float(self.exposure[order[-1]]), GRID)
        first = np.searchsorted(self.exposure[order], moments)
        x, h = score[order], self.hazard[order]

        def left(values: Floats) -> Floats:
            """Sums over the runs at risk at each moment."""
            sums: Floats = np.concatenate([[0.0], np.cumsum(values[::-1])])[::-1]
            return sums[first]

        seen, all_hazard = left(x * h), left(h)

        def excess(log_ratio: float) -> float:
            weight = np.exp(log_ratio * (x - x.max() * (log_ratio > 0)))
            return float((seen - all_hazard * left(x * weight) / left(weight)).sum())

        if h[x > x.mean()].sum() == 0:
            return 0.0
        if h[x <= x.mean()].sum() == 0 and len(np.unique(x)) == 2:
            return float("inf")
        return float(np.exp(brentq(excess, -12.0, 12.0, xtol=1e-6)))

    def lived(self, start: float, end: float) -> Floats:
        """Epochs that each run lived between two places."""
        return np.clip(self.exposure, start, end) - start

    def rate_between(self, start: float, end: float, inside: Mask | None = None) -> float:
        """Crashes by settings per epoch lived between two places, of all or of those inside."""
        lived = self.lived(start, end) * (1.0 if inside is None else inside)
        return float((self.hazard * lived).sum() / lived.sum())

    def crash_before(self, progress: float) -> float:
        """The share of runs that crashed with fewer logged values than that."""
        return float((self.crashed & (self.progress < progress)).mean())

    def crash_without_rule(self, horizon: float) -> float:
        """The share that would crash by then if no run were stopped."""
        at_start = float((self.crashed & ~self.by_setting).mean())
        return at_start + (1 - at_start) * float((1 - np.exp(-self.hazard * horizon)).mean())

    def crash_at_rate(self, horizon: float) -> float:
        """The same if the stopped ones crashed as those that went on."""
        at_start = float((self.crashed & ~self.by_setting).mean())
        edges = np.arange(0.0, horizon + GRID / 2, GRID)
        total = sum(GRID * self.rate_between(a, b) for a, b in pairwise(edges))
        return at_start + (1 - at_start) * float(1 - np.exp(-total))

    def odds_ratio(self, inside: Mask) -> float:
        """Odds of a crash that a setting could have caused, inside over outside."""
        one, other = (float(self.by_setting[mask].mean()) for mask in (inside, ~inside))
        if one == 1.0 or other == 0.0:
            return float("inf")
        return one / (1 - one) / (other / (1 - other))


@lru_cache(maxsize=8)
def population(name: str, runs: int, many: int = 0) -> Population:
    """The population of a scenario at one size of sweep: ``many`` runs, as they came in sweeps of that size."""
    world = scenario(name, runs)
    many = many or max(FEWEST, PER_RUN * runs)
    return pooled([simulate(world, runs, (SEED, i)).truth for i in range(many // runs)])


def pooled(truths: Collection[Truth]) -> Population:
    """All runs of the sweeps."""
    truths = list(truths)
    world = truths[0].world
    crashed = np.concatenate([[label == "crashed" for label in t.labels] for t in truths])
    bug = np.concatenate([[cause == "code_error" for cause in t.causes] for t in truths])
    return Population(
        world=world,
        places={p.name: np.concatenate([t.places[p.name] for t in truths]).astype(float) for p in world.parameters},
        hazard=np.concatenate([t.hazard for t in truths]),
        exposure=np.concatenate([t.exposure for t in truths]),
        crashed=crashed,
        by_setting=crashed & ~bug,
        final=np.concatenate([t.final for t in truths]),
        progress=np.concatenate([t.progress for t in truths]),
        stopped=np.concatenate([[label == "early_stopped" for label in t.labels] for t in truths]),
        best=np.concatenate([t.best for t in truths]),
    )
