"""Which parameters explain the metric, and which the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..types import Estimate


@dataclass(frozen=True, kw_only=True)
class ParameterShare:
    """One parameter's importance by two measures; shares are 0 to 1, the mean over half-samples of the runs with the
    2.5th and 97.5th percentile of them."""

    parameter: str
    fanova: Estimate
    """Share of the forest's variance that is the parameter's own; they add up to at most one, the rest is shared."""
    ped_anova: Estimate
    """Share of the difference between the best fifth of the runs (of crashes: the highest) and all; they add up to
    one."""
    first: float
    """Share of the half-samples in which fANOVA had it first, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """How well all parameters together explain one target; and, only where they do, which of them."""

    target: Literal["metric", "crash"]
    tested: bool
    """False where there was too little to test; ``why`` says what."""
    why: str = ""
    n: int
    """Runs that it rests on."""
    left_out: int
    """Runs that have something to compare, but not what is compared here; runs above the cap are not among them."""
    iteration: int | None
    """Of the metric: logged values at which runs are compared; None where there are no histories."""
    crashes: int
    """Of the crash: runs that crashed by something that a setting could have caused."""
    by_progress: bool
    """Of the crash: held against the hazard of the progress that a run went through, as runs may be stopped early."""
    parameters: int
    """Parameters that differ among the runs."""
    r2: Estimate | None
    """Out-of-bag R^2 of the fit; 0 is no better than the mean, below 0 worse."""
    p: float | None
    """Chance of so good a fit where nothing matters, by permutation."""
    permutations: int
    supported: bool
    """True where p is at most 0.05 and R^2 above 0: only then there are shares."""
    shares: tuple[ParameterShare, ...]
    """The most important by fANOVA first; empty where nothing is explained."""
    draws: int
    """Half-samples."""
    leading: str | None
    """The parameter that explains most, where it can be told: its interval by fANOVA lies above all others'."""
    agreed: bool
    """True where PED-ANOVA has the same parameter first."""
    runs: tuple[str, ...]
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Importance for the metric and for the crash."""

    n: int
    """Runs that the metric's part rests on."""
    metric: Explained
    crash: Explained
    caveats: tuple[str, ...] = ()
    """What holds for both."""
