"""The result of the section 'ranking'. Values are in the metric's own unit and sign; shares are 0 to 1.

Where a try may end without a result (a crash) a quantile over tries may be infinite on the metric's bad side; where
no run of the sweep bounds it, on its good side. In JSON both are null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..types import Estimate


@dataclass(frozen=True, kw_only=True)
class TriesPoint:
    """What one gets from ``k`` runs of a level, the best of them taken."""

    k: int
    median: Estimate
    """Median of the best of k, a try without a result counted as worse than any value; its band holds for all k at
    once. ``value`` is infinite where more often than not none of the k has a result."""
    expected: float | None
    """Mean of the best of k where at least one of them has a result; None where none of the level's runs has."""
    none: float
    """Chance that none of the k has a result."""


@dataclass(frozen=True, kw_only=True)
class MarkValue:
    """One level at one number of logged values."""

    reached: int
    """Runs of the level that logged so many values."""
    median: Estimate
    """Median of their best so far; its interval from order statistics, None under 6 runs."""


@dataclass(frozen=True, kw_only=True)
class LevelRank:
    """One level of the group-by parameter."""

    label: str
    level: Any
    tries: int
    """Runs that started and ended."""
    without_result: int
    """Of these the runs that crashed or logged no value."""
    best: float | None
    """Best result of a run that did not crash; None where there is none."""
    compared: int
    """Runs that the chance of being the best rests on."""
    chance: float | None
    """Chance that the level has the highest mean (the lowest for a metric to be minimised) at ``Ranking.iteration``
    logged values; None where it is not known."""
    curve: tuple[TriesPoint, ...]
    """Increasing k, up to the level's tries."""
    fair: TriesPoint | None
    """At ``Ranking.fair_tries``."""
    bounded: TriesPoint | None
    """At ``Ranking.bounded_tries``."""
    marks: tuple[MarkValue, ...]
    """One for each of ``Ranking.marks``."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A number of logged values at which the levels are put side by side."""

    iteration: int
    text: str
    """Why there: ``compared``, ``band 1``, ``half``, ``longest``; several joined by commas."""
    left_out: int
    """Runs with a value that ended before."""


@dataclass(frozen=True, kw_only=True)
class SeedNoise:
    """How far runs of one configuration lie apart; of completed runs' best values."""

    sd: Estimate | None
    """Pooled standard deviation within configurations, with its chi-squared interval (repeats normally distributed);
    no interval where all repeats agree exactly; None where no configuration ran to its end twice."""
    df: int
    configurations: int
    """Configurations that ran to their end at least twice."""
    runs: tuple[str, ...]
    seed: str | None
    """The seed-like parameter that differs between the repeats; None where none is known to."""


@dataclass(frozen=True, kw_only=True)
class WinnersCurse:
    """The best completed run, and what its configuration is worth when repeated."""

    run: str
    value: float
    n: int
    """Completed runs with a value, among which it is the best."""
    shrunk: Estimate | None
    """Expected value of its configuration, with a 95 % interval; None without repeats."""


@dataclass(frozen=True, kw_only=True)
class LastValues:
    """The best of each run's history beside its last finite value."""

    n: int
    """Runs with a history."""
    threshold: float
    """A last value counts as worse where it lies farther than this from the run's best."""
    worse: tuple[str, ...]
    best_run: str
    best: float
    best_last: float
    """The last value of the run whose best is the best."""
    leader: str
    """The run whose last value is the best."""
    leader_last: float


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Whether a metric was logged that nothing was selected by; told by names (test, hold-out)."""

    metric: str | None
    """The held-out metric that most runs logged; None where no name says one."""
    selected: bool
    """True where the sweep's own metric is named as held out: then nothing is held out any more."""
    runs: int
    """Runs with a value of the sweep's metric that have one of it too."""
    n: int
    best_run: str
    best: float
    value: float | None
    """Of the best run."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Levels compared fairly, and how far the best value can be trusted."""

    group_by: str | None
    chosen_among: int
    """Parameters among which the data chose ``group_by``; 1 where it was named or asked for."""
    n: int
    """Runs with a value of the metric."""
    levels: tuple[LevelRank, ...]
    """Most likely best first; empty where nothing is compared."""
    marks: tuple[Mark, ...]
    iteration: int | None
    """Logged values at which the levels are compared; None where they cannot be."""
    compared: tuple[str, ...]
    """The runs that reached it."""
    fair_tries: int | None
    """The smallest number of tries of any level."""
    bounded_tries: int | None
    """The most tries, no more than ``fair_tries``, of which every level's band has a limit on the good side (about a
    tenth of its runs); None where there is no such number."""
    noise: SeedNoise
    curse: WinnersCurse | None
    last: LastValues | None
    held_out: HeldOut
    adaptive: bool
    """True where the search chose its samples by earlier results (bayes)."""
    caveats: tuple[str, ...] = ()
