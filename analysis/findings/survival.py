"""Crash by progress: how many by where, early against late, and without the stopping rule."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.survival import HazardRow, Survival
from ..types import Estimate, Finding, Sweep
from .common import PROPORTION

INCIDENCE = (
    "Aalen-Johansen cumulative incidence, ends as competing risks; mid-p interval with the effective number of runs"
)
CONDITIONAL = "exact conditional test of two Poisson rates, twice the smaller tail, with its exact interval"
AT_RATE = "1 - exp(-cumulative hazard), constant between bands; mid-p gamma interval"
MIXED = "it compares the runs still going at each place: others may have gone by then"
DOUBTFUL = "what ended some runs is not certain: p is the largest and the interval the widest over the counts left open"
ALPHA = 0.05


def survival_findings(sweep: Sweep, result: Survival | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    if result is None:
        return []
    found = [
        _incidence(sweep, result),
        _at_start(sweep, result),
        _early_late(sweep, result),
        _without_stops(sweep, result),
    ]
    return [finding for finding in found if finding is not None]


def _incidence(sweep: Sweep, result: Survival) -> Finding:
    last = result.rows[-1]
    stopped = next((end for end in result.ends if end.end == "early_stopped" and end.runs >= 1), None)
    return Finding(
        id="",
        kind="incidence_at_budget",
        subject="sweep",
        supported=True,
        estimate=last.incidence,
        n=result.n,
        method=INCIDENCE,
        caveats=result.caveats,
        runs=tuple(run for row in result.rows for run in row.runs),
        facts={
            "unit": sweep.progress_unit,
            "horizon": result.horizon,
            "crashes_high": sum(row.crashes_high for row in result.rows),
            "stopped": [stopped.value[-1], stopped.low[-1], stopped.high[-1]] if stopped else None,
        },
    )


def _at_start(sweep: Sweep, result: Survival) -> Finding | None:
    """Crashes before the first value; None where there is none."""
    if not result.at_start_runs:
        return None
    return Finding(
        id="",
        kind="crash_at_start",
        subject="sweep",
        supported=True,
        estimate=result.at_start,
        n=result.at_start_n,
        method=f"crash chances summed over runs; {PROPORTION}",
        caveats=result.caveats,
        runs=result.at_start_runs,
        facts={"unit": sweep.progress_unit, "step": result.step, "crashed": len(result.at_start_runs)},
    )


def _early_late(sweep: Sweep, result: Survival) -> Finding | None:
    compared = result.early_late
    if compared is None:
        return None
    caveats = [MIXED, *result.caveats]
    if compared.early[0] < compared.early[1] or compared.late[0] < compared.late[1]:
        caveats.append(DOUBTFUL)
    low, high = compared.ratio.low, compared.ratio.high
    return Finding(
        id="",
        kind="hazard_by_progress",
        subject="sweep",
        supported=compared.p <= ALPHA,
        estimate=compared.ratio,
        n=_came_to(result.rows, compared.start),
        method=CONDITIONAL,
        p=compared.p,
        q=compared.p,
        caveats=tuple(caveats),
        runs=compared.runs,
        facts={
            "unit": sweep.progress_unit,
            "start": compared.start,
            "cut": compared.cut,
            "early": list(compared.early),
            "late": list(compared.late),
            "exposure": list(compared.exposure),
            "higher_early": low is not None and low >= 1.0 and high != 1.0,
        },
    )


def _came_to(rows: Sequence[HazardRow], start: float) -> int:
    return next(row.at_risk for row in rows if row.start == start)


def _without_stops(sweep: Sweep, result: Survival) -> Finding | None:
    without = result.without_stops
    if without is None:
        return None
    bounds = Estimate(value=None, low=without.none.low, high=without.all.high, unit="share")
    return Finding(
        id="",
        kind="crash_without_rule",
        subject="sweep",
        supported=without.rate is not None,
        estimate=without.rate or bounds,
        n=result.n,
        method=f"bounds: crash chances summed over runs, {PROPORTION}; at the rate of the others: {AT_RATE}",
        caveats=(*without.caveats, *result.caveats),
        runs=tuple(run for row in result.rows for run in row.runs),
        facts={
            "unit": sweep.progress_unit,
            "horizon": result.horizon,
            "low": without.none.value,
            "high": without.all.value,
            "bounds": _numbers(bounds),
            "short": without.short,
            "stopped": without.stopped,
        },
    )


def _numbers(estimate: Estimate) -> list[float | None]:
    """Value, low, high: facts hold plain numbers."""
    return [estimate.value, estimate.low, estimate.high]


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return "try_one_step" if finding.kind == "crash_at_start" and finding.facts["crashed"] > 1 else None
