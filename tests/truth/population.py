"""What the truth of a contrast is: many sweeps of one world and size, and the ratios and rates in all of them.

A level against the rest has a true ratio that depends on what the rest is made of: of five levels of which one is
bad, the other four crash less than their rest. So ratios are those that the report's estimators tend to when they
are given the whole population. Of a setting that carries no risk the ratio is 1 by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from aftersweep.analysis.types import Floats

from .scenarios import scenario
from .simulator import simulate
from .world import Truth, World

RUNS = 40_000
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

    def odds_ratio(self, inside: Mask) -> float:
        """Odds of a crash that a setting could have caused, inside over outside."""
        one, other = (float(self.by_setting[mask].mean()) for mask in (inside, ~inside))
        if one == 1.0 or other == 0.0:
            return float("inf")
        return one / (1 - one) / (other / (1 - other))


@lru_cache(maxsize=8)
def population(name: str, runs: int) -> Population:
    """The population of a scenario at one size of sweep: about RUNS runs, as they came in sweeps of that size."""
    world = scenario(name, runs)
    return pooled([simulate(world, runs, (SEED, i)).truth for i in range(max(40, RUNS // runs))])


def pooled(truths: Collection[Truth]) -> Population:
    """All runs of the sweeps."""
    truths = list(truths)

    def of(get: Callable[[Truth], object], kind: type) -> NDArray[np.generic]:
        return np.concatenate([np.asarray(get(truth), dtype=kind) for truth in truths])

    world = truths[0].world
    crashed = np.concatenate([[label == "crashed" for label in t.labels] for t in truths])
    bug = np.concatenate([[cause == "code_error" for cause in t.causes] for t in truths])
    return Population(
        world=world,
        places={p.name: np.asarray(of(lambda t, n=p.name: t.places[n], float)) for p in world.parameters},
        hazard=np.asarray(of(lambda t: t.hazard, float)),
        exposure=np.asarray(of(lambda t: t.exposure, float)),
        crashed=crashed,
        by_setting=crashed & ~bug,
        final=np.asarray(of(lambda t: t.final, float)),
    )
