"""The true ratio of anything that the report compares."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import numpy as np

from aftersweep.analysis.results.risk import RiskFactor

from .population import Mask, Population
from .world import Truth

FINE = 40
"""A range's cuts are taken to this share of its width, so that few ratios have to be worked out."""


class Judge:
    """True ratios and rates of one scenario and size; what was worked out once is kept."""

    def __init__(self, people: Population) -> None:
        self.people = people
        self._ratios: dict[tuple[object, ...], float] = {}
        self._rates: dict[tuple[str, float, float], float] = {}

    @cached_property
    def nulls(self) -> frozenset[str]:
        return self.people.world.nulls

    def ratio(self, risk: RiskFactor, truth: Truth) -> float:
        """Inside over outside, in the unit of ``risk.effect``: 1 for a parameter that carries no risk."""
        assert risk.parameter is not None
        if risk.parameter in self.nulls:
            return 1.0
        key = (risk.parameter, risk.kind, risk.effect.unit, *self._bounds(risk, truth))
        if key not in self._ratios:
            self._ratios[key] = self._of(self._mask(risk.parameter, risk.kind, key[3:]), risk.effect.unit)
        return self._ratios[key]

    def rate(self, name: str, ids: Collection[str], truth: Truth) -> float:
        """Crashes of any cause a run, at the level that ``ids`` share."""
        low, high = self._span(name, ids, truth)
        key = (name, low, high)
        if key not in self._rates:
            places = self.people.places[name]
            self._rates[key] = self.people.rate((places >= low) & (places <= high))
        return self._rates[key]

    def crash_by_end(self, name: str, ids: Collection[str], truth: Truth) -> tuple[float, float]:
        """The share that would crash by the end if no run were stopped: at the level that ``ids`` share, elsewhere."""
        mask = self._mask(name, "level", self._span(name, ids, truth))
        crash = 1 - np.exp(-self.people.hazard * self.people.world.epochs)
        if mask.all() or not mask.any():  # of another world: nothing to hold against each other
            return float(crash.mean()), float(crash.mean())
        return float(crash[mask].mean()), float(crash[~mask].mean())

    def level_ratio(self, name: str, ids: Collection[str], truth: Truth) -> float:
        """The hazard of those who share the level of ``ids`` over that of the rest."""
        if name in self.nulls:
            return 1.0
        key = ("level", name, *self._span(name, ids, truth))
        if key not in self._ratios:
            self._ratios[key] = self._of(self._mask(name, "level", key[2:]), "hazard ratio")
        return self._ratios[key]

    def pair_ratio(self, pair: RiskFactor, truth: Truth) -> float:
        """The hazard of both settings together over what the two by themselves would make of it."""
        a, b = pair.where
        if not self._may_interact(a, b):
            return 1.0
        one, other = (self._mask(name, "level", self._span(name, pair.runs, truth)) for name in (a, b))
        end = float(self.people.world.epochs)
        both, first, second, none = (
            self.people.rate_between(0.0, end, mask)
            for mask in (one & other, one & ~other, ~one & other, ~one & ~other)
        )
        top, bottom = both * none, first * second
        return top / bottom if bottom > 0 else float("inf")

    def _may_interact(self, a: str, b: str) -> bool:
        """Hazards multiply, but for the world's own pair; the rest of a level that is tied to another may be mixed."""
        world = self.people.world
        tied = {(p.name, p.tied[0]) for p in world.parameters if p.tied}
        return {a, b} == set(world.pair_names) or (a, b) in tied or (b, a) in tied

    def _of(self, mask: Mask, unit: str) -> float:
        if mask.all() or not mask.any():
            return 1.0
        return self.people.odds_ratio(mask) if unit == "odds ratio" else self.people.hazard_ratio(mask.astype(float))

    def _bounds(self, risk: RiskFactor, truth: Truth) -> tuple[float, ...]:
        """What bounds the inside: its own span, or for a trend and a window that of the outside."""
        assert risk.parameter is not None
        if risk.kind == "level":
            return self._span(risk.parameter, risk.runs, truth)
        outside = [i for i in truth.ids if i not in set(risk.runs)]
        return self._span(risk.parameter, outside, truth)

    def _mask(self, name: str, kind: str, bounds: tuple[object, ...]) -> Mask:
        places = self.people.places[name]
        low, high = (float(b) for b in bounds if isinstance(b, float))
        if kind == "level":
            return np.asarray((places >= low) & (places <= high))
        if kind == "trend":
            return np.asarray(places > high)
        return np.asarray((places < low) | (places > high))

    def _span(self, name: str, ids: Collection[str], truth: Truth) -> tuple[float, float]:
        places = truth.places[name][[truth.index[i] for i in ids]]
        low, high = float(places.min()), float(places.max())
        if self.people.world.parameter(name).is_range:
            return round(low * FINE) / FINE, round(high * FINE) / FINE
        return low, high


def covers(low: float | None, high: float | None, truth: float) -> bool:
    """Whether the interval holds the truth; an open end is no end."""
    return (low is None or low <= truth * (1 + 1e-9)) and (high is None or truth <= high * (1 + 1e-9))
