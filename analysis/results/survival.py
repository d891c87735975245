"""Crash by progress, beside the other ends. Progress is in the sweep's unit, shares are 0 to 1, chances are summed."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import Estimate, OutcomeLabel


@dataclass(frozen=True, kw_only=True)
class EndIncidence:
    """The cumulative incidence of one end, at the places of ``Survival.at``; Aalen-Johansen."""

    end: OutcomeLabel
    """``unknown`` is the chance that nothing decides: it may be a crash or not."""
    runs: float
    """Chances summed over the runs."""
    value: tuple[float, ...]
    """Share of the runs that ended so, at this place or before, [P]."""
    low: tuple[float, ...]
    """Lower ends of the pointwise 95 % intervals, [P]."""
    high: tuple[float, ...]
    """Upper ends, [P]."""
    se: tuple[float, ...]
    """Standard errors (delta method, doubt about the ends included), [P]."""


@dataclass(frozen=True, kw_only=True)
class HazardRow:
    """The runs between two places: those that ended at ``start`` or after it and before ``end``.

    The last row has no end. The first is the step to the first value where ``before_first`` says so.
    """

    start: float
    end: float
    band: int | None
    """The band of the stopping rule that lies at ``start``."""
    before_first: bool
    at_risk: int
    """Runs that came to ``start``."""
    exposure: float
    """Runs times units of progress that they lived here."""
    crashes: float
    crashes_high: float
    """The same with what is unknown counted as crashed."""
    stopped: float
    """Stopped by the sweep's rule."""
    hazard: Estimate
    """Crashes per unit of progress lived; value None where it depends on what is unknown, or nothing was lived."""
    incidence: Estimate
    """Share of all runs that crashed before ``end``; of the last row, that crashed."""
    runs: tuple[str, ...]
    """Runs that ended here and may have crashed."""


@dataclass(frozen=True, kw_only=True)
class EarlyLate:
    """The hazard before one place against the hazard after it, both after the first value."""

    cut: float
    """The boundary of rows that divides the exposure most evenly: chosen without looking at crashes."""
    start: float
    """Where the early part begins: the first value."""
    early: tuple[int, int]
    """Lowest and highest count of crashes in the early part that doubt about the ends leaves."""
    late: tuple[int, int]
    exposure: tuple[float, float]
    """Units lived early and late."""
    ratio: Estimate
    """Early hazard over late; exact conditional interval, the widest over the counts; high None where unbounded."""
    p: float
    """Exact conditional test, two-sided; the largest over the counts."""
    runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WithoutStops:
    """Crashing by ``Survival.horizon`` if every run had gone on to it."""

    rate: Estimate | None
    """If the runs that ended short of it would have crashed at the rate of those that went on; None where no run went
    on through some part of the way."""
    none: Estimate
    """If none of them would have crashed: the crashes that there were, over all runs."""
    all: Estimate
    """If all of them would have crashed."""
    short: int
    """Runs that ended short of it, or have not come to it, and may not have crashed."""
    stopped: float
    """Of them stopped by the sweep's rule (chances summed)."""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Survival:
    """See the fields; every number sums chances of outcomes, not labels."""

    n: int
    """Runs that started: those that never did are left out."""
    running: int
    """Of them still running: censored where they are."""
    horizon: float
    """The budget, or as far as any run came where that is less or nobody said."""
    budget: float | None
    step: float
    """From one logged value to the next."""
    bands: tuple[tuple[int, float], ...]
    """Bands of the stopping rule inside the horizon, with their progress."""
    at: tuple[float, ...]
    """Where the incidence is given, ascending, [P]."""
    ends: tuple[EndIncidence, ...]
    """Only ends that any run may have had."""
    rows: tuple[HazardRow, ...]
    at_start: Estimate
    """Share of the runs that crashed before their first value; runs that still may are left out."""
    at_start_runs: tuple[str, ...]
    at_start_n: int
    early_late: EarlyLate | None
    """None where there are not two parts to compare, or no run crashed after its first value."""
    without_stops: WithoutStops | None
    """None where the sweep's rule stopped nothing, or nothing was lived."""
    caveats: tuple[str, ...] = ()
