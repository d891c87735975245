"""What several sweeps of one project say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..types import Estimate

Question = Literal["crash", "metric"]


@dataclass(frozen=True, kw_only=True)
class PooledSweep:
    """One of the sweeps."""

    id: str
    method: str | None
    """How it chose its runs; None where its configuration is not known."""
    rule: str
    """Its stopping rule in words, or why there is none."""
    runs: int
    crashes: float
    """Runs that crashed, by outcome: chances summed."""
    stopped: int
    """Runs that its own rule stopped."""
    best: float | None
    """Its best value of the metric."""


@dataclass(frozen=True, kw_only=True)
class SweepEffect:
    """What one sweep says of a level against the rest of its own runs."""

    sweep: str
    """Its id."""
    n_in: int
    n_out: int
    """Runs compared, at the level and at the others."""
    k_in: float | None
    k_out: float | None
    """Of them crashed by what a setting could have caused; None of the metric."""
    own: Estimate
    """By itself: in the units of ``PooledLevel.mean``."""
    shrunk: Estimate
    """In the light of the other sweeps: drawn towards the mean as far as the sweeps agree (posterior median)."""


@dataclass(frozen=True, kw_only=True)
class PooledLevel:
    """One level of one parameter against the rest of the runs of its own sweep, over all sweeps that have both.

    All intervals are equal-tailed posterior intervals; effects are hazard ratios (odds ratios where no rule could have
    stopped runs) of crashing, or differences of the metric at equal progress.
    """

    question: Question
    parameter: str
    text: str
    where: Mapping[str, Any]
    """The level, by parameter."""
    sweeps: tuple[SweepEffect, ...]
    """At least two, in the order of ``Pooled.sweeps``."""
    mean: Estimate
    """The mean effect over sweeps such as these; widened for the selection where it is called."""
    common: Estimate
    """The effect if the sweeps did not differ at all: the most that they could say together."""
    spread: Estimate
    """How far single sweeps lie from the mean: of ratios the factor (1: not at all), of the metric the difference."""
    classic: Estimate
    """The mean as usually computed from the sweeps' own estimates (Paule and Mandel's variance between sweeps; interval
    of Hartung and Knapp, with no prior: of two or three sweeps very wide); no value where it could not be computed."""
    tau2: float
    """Variance between sweeps of the log ratio, or of the difference in standard deviations of a run, after Paule and
    Mandel; 0 where the sweeps differ no more than by chance."""
    i2: float
    """Share of the sweeps' differences that is more than chance, 0 to 1 (Higgins and Thompson)."""
    p: float
    """Twice the posterior chance that the mean effect goes the other way."""
    q: float
    """p adjusted over all levels of its question (Holm)."""
    differ_p: float
    """Of Cochran's test that the sweeps have one effect."""
    differ_q: float
    """differ_p adjusted over all levels of its question (Holm)."""
    runs: tuple[str, ...]
    """The runs at the level, of the sweeps compared."""

    @property
    def called(self) -> bool:
        """True where the data carry that the mean effect goes the way that it seems to."""
        return self.q <= 0.05


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Levels over several sweeps of one project, partially pooled."""

    sweeps: tuple[PooledSweep, ...]
    """In the order in which they began."""
    levels: tuple[PooledLevel, ...]
    """The smallest q first; empty where no level can be compared in two sweeps."""
    n: int
    """Runs of all sweeps."""
    crashes: float
    """Crashes that a setting could have caused (chances summed), of all sweeps."""
    iteration: int | None
    """Logged values at which runs are compared by the metric; None where there are no histories."""
    left_out: int
    """Runs with a value that ended before that."""
    metric: str
    caveats: tuple[str, ...] = ()
