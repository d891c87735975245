"""Worlds: what sweeps are drawn from. A world knows the hazard ratio and the metric of every setting.

Crashes come at a constant hazard per epoch: a run's is ``World.hazard`` times the ratios of its settings, of its
host and of the time of its start. So the ratio of two hazards is the truth that the report's ratios are held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aftersweep.analysis.types import Cause, Floats, OutcomeLabel

Place = float
"""Where a run lies on one parameter: the index of its level, or its place between the ends of a range, 0 to 1."""
Method = Literal["random", "grid", "bayes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """One swept parameter: ``levels``, or a range ``low`` to ``high`` drawn log-uniformly.

    ``ratios`` and ``gains`` are the hazard ratio and the gain in the final metric of each level; of a range
    ``ratio_at`` and ``gain_at`` of a place in it. ``tied``: with that chance the level is that of another parameter.
    """

    name: str
    levels: tuple[Any, ...] = ()
    ratios: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    ratio_at: Callable[[float], float] | None = None
    gain_at: Callable[[float], float] | None = None
    tied: tuple[str, float] | None = None

    @property
    def is_range(self) -> bool:
        return not self.levels

    def value(self, place: Place) -> Any:
        """The value that a run's configuration shows."""
        if self.is_range:
            return float(self.low * (self.high / self.low) ** place)
        return self.levels[int(place)]

    def ratio(self, place: Place) -> float:
        """The hazard there, over that of the world."""
        if self.is_range:
            return self.ratio_at(place) if self.ratio_at else 1.0
        return self.ratios[int(place)] if self.ratios else 1.0

    def gain(self, place: Place) -> float:
        """What the final metric gains there."""
        if self.is_range:
            return self.gain_at(place) if self.gain_at else 0.0
        return self.gains[int(place)] if self.gains else 0.0

    @property
    def risky(self) -> bool:
        """True where the parameter itself changes the hazard."""
        return self.ratio_at is not None or len(set(self.ratios)) > 1

    @property
    def matters(self) -> bool:
        """True where the parameter itself changes the metric."""
        return self.gain_at is not None or len(set(self.gains)) > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """What a sweep is drawn from; hazards are per epoch, shares 0 to 1."""

    parameters: tuple[Swept, ...]
    hazard: float
    method: Method = "random"
    rule: bool = True
    """Whether the sweep has Hyperband (bands 2 and 6) and a controller that acts."""
    epochs: int = 20
    workers: int = 4
    hosts: int = 4
    bad_host: tuple[int, float] | None = None
    """A host and the ratio of its hazard."""
    mended: tuple[float, float] | None = None
    """A bug: until this share of the runs has started the hazard is higher, by this ratio."""
    pair: Callable[[Mapping[str, Any]], float] | None = None
    """The hazard ratio of combinations of settings, beyond those of the settings."""
    pair_names: tuple[str, ...] = ()
    """The parameters of ``pair``; where it leaves their marginal hazards equal they are no risk by themselves."""
    code_error: Callable[[Mapping[str, Any]], float] | None = None
    """The chance that a configuration meets a bug of the training program at its start."""
    nan: float = 0.0
    """The share of runs whose metric turns NaN and that go on to their end all the same."""
    user_hazard: float = 0.0
    """Stops by hand, per epoch."""
    logged: float = 0.0
    """The share of crashes that leave a decisive line in the log."""
    spread: float = 0.05
    """Standard deviation of the final metric between runs of one configuration."""
    noise: float = 0.02
    """Standard deviation of one logged value."""
    rates: tuple[float, float] = (0.15, 0.5)
    """How fast curves rise: the share of what is left that an epoch gains, as an exponent."""
    times: Literal["known", "coarse", "missing"] = "known"
    stop_state: str = "crashed"
    """The state that W&B records of a run that the rule stopped."""
    epoch_s: tuple[float, float] = (60.0, 600.0)
    look_s: float = 180.0

    def parameter(self, name: str) -> Swept:
        """The parameter of that name; KeyError where there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    @property
    def nulls(self) -> frozenset[str]:
        """Parameters that carry no risk: not themselves, nor through another that they are tied to."""
        risky = {p.name for p in self.parameters if p.risky}
        return frozenset(p.name for p in self.parameters if not _reached(p, self.parameters, risky))

    @property
    def indifferent(self) -> frozenset[str]:
        """Parameters that say nothing of the final metric, in the sense of ``nulls``."""
        mattering = {p.name for p in self.parameters if p.matters}
        return frozenset(p.name for p in self.parameters if not _reached(p, self.parameters, mattering))

    def ratio(self, places: Mapping[str, Place], share: float, host: int) -> float:
        """The hazard of a run over ``hazard``; share: of the sweep's runs that had started before it."""
        product = math.prod(p.ratio(places[p.name]) for p in self.parameters)
        if self.pair is not None:
            product *= self.pair(self.config(places))
        if self.bad_host is not None and host == self.bad_host[0]:
            product *= self.bad_host[1]
        if self.mended is not None and share < self.mended[0]:
            product *= self.mended[1]
        return product

    def config(self, places: Mapping[str, Place]) -> dict[str, Any]:
        """The configuration that a run shows."""
        return {p.name: p.value(places[p.name]) for p in self.parameters}

    def final(self, places: Mapping[str, Place]) -> float:
        """The final metric that a configuration tends to, without noise."""
        return 0.6 + sum(p.gain(places[p.name]) for p in self.parameters)


def _reached(parameter: Swept, others: tuple[Swept, ...], cause: set[str]) -> bool:
    """Whether the parameter is one of ``cause`` or tied to one, in either direction (one step)."""
    if parameter.name in cause or (parameter.tied and parameter.tied[0] in cause):
        return True
    return any(p.tied and p.tied[0] == parameter.name and p.name in cause for p in others)


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What really happened in one simulated sweep; arrays are [n] over the runs in the order of their starts."""

    world: World
    ids: tuple[str, ...]
    labels: tuple[OutcomeLabel, ...]
    causes: tuple[Cause | None, ...]
    hazard: Floats
    """Crashes per epoch that each run was exposed to."""
    exposure: Floats
    """Epochs that each run lived, fractions included."""
    final: Floats
    """The final metric that each run's configuration tends to, without noise."""
    places: Mapping[str, Floats]
    hosts: tuple[int, ...]
    silent: tuple[bool, ...]
    """Runs that went to their end although their metric was NaN."""
    progress: Floats
    """Values that each run logged."""
    best: Floats
    """The best finite value of each run, NaN where it has none."""
    index: Mapping[str, int] = field(default_factory=dict)

    def label(self, run_id: str) -> OutcomeLabel:
        return self.labels[self.index[run_id]]

    def cause(self, run_id: str) -> Cause | None:
        return self.causes[self.index[run_id]]
