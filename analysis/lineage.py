"""What a sweep foretold of the one that follows it, and what came of it.

The forecast travels in the description of the sweep file that ``next`` writes: W&B keeps it with the child, so that no
store of ours has to. It is text from a server: only numbers in the form that ``foretell`` writes are read from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from .outcomes.rates import crash_rate, proportion
from .results.following import Forecast
from .types import CrashRate, Estimate, Finding, Outcome, Sweep

NEAR = 0.2
"""How far, as a share, the number of runs may be from what was expected, for the best value to be comparable."""
METHOD = "forecast of the parent, from the sweep's description; of crashes the beta-binomial range of so many runs"
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_RANGE = rf"{_NUMBER} \({_NUMBER} to {_NUMBER}\)"
_FORETOLD = re.compile(
    rf"Follows sweep ([\w-]{{1,64}}) .*Expected of (\d{{1,6}}) runs?:(?: best {_RANGE})?,?(?: crash rate {_RANGE})?"
)


@dataclass(frozen=True)
class Foretold:
    """What the parent said."""

    parent: str
    runs: int
    best: Estimate | None
    crash_rate: Estimate | None


@dataclass(frozen=True)
class Outturn:
    """What came of it; ``*_inside`` None where the two cannot be compared."""

    child: str
    foretold: Foretold
    runs: int
    """That started and ended."""
    best: float | None
    best_inside: bool | None
    crashes: CrashRate
    crash_range: tuple[float, float] | None
    """Between which shares 95 % of as many runs would crash, if the forecast is right."""
    crash_inside: bool | None


def foretell(expected: Forecast) -> str:
    """The forecast as a sentence that ``foretold`` reads; empty where nothing is foretold."""
    said = [
        f"{name} {of.value:.5g} ({of.low:.5g} to {of.high:.5g})"
        for name, of in (("best", expected.best), ("crash rate", expected.crash_rate))
        if of is not None and of.value is not None and of.low is not None and of.high is not None
    ]
    runs = "run" if expected.runs == 1 else "runs"
    return f"Expected of {expected.runs} {runs}: {', '.join(said)}." if said else ""


def foretold(sweep: Sweep) -> Foretold | None:
    """What the parent foretold, as the sweep's description has it; None where it says nothing of the kind."""
    text = sweep.description or (sweep.config.description if sweep.config else None) or ""
    found = _FORETOLD.search(text[:4000])
    if found is None:
        return None
    parent, runs, *numbers = found.groups()
    best, crashes = (_estimate(numbers[i : i + 3]) for i in (0, 3))
    return None if best is None and crashes is None else Foretold(parent, int(runs), best, crashes)


def _estimate(numbers: Sequence[str | None]) -> Estimate | None:
    read = [float(number) for number in numbers if number is not None]
    if len(read) < 3 or not read[1] <= read[0] <= read[2]:
        return None
    return Estimate(value=read[0], low=read[1], high=read[2])


def outturn(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Outturn | None:
    """The parent's forecast beside what the sweep did; None where there is no forecast."""
    said = foretold(sweep)
    if said is None:
        return None
    rate = crash_rate(sweep, outcomes)
    values = [sweep.metric.sign * run.best for run in sweep.runs if run.best is not None]
    best = sweep.metric.sign * max(values) if values else None
    near = abs(rate.eligible - said.runs) <= NEAR * said.runs
    inside = None
    if said.best is not None and best is not None and near:
        inside = bool((said.best.low or 0.0) <= best <= (said.best.high or 0.0))
    span = _range(said.crash_rate, rate.eligible)
    crashed = None
    if span is not None and rate.low.value is not None and rate.high.value is not None:
        crashed = bool(rate.low.value <= span[1] and rate.high.value >= span[0])
    return Outturn(sweep.id, said, rate.eligible, best, inside, rate, span, crashed)


def _range(rate: Estimate | None, runs: int) -> tuple[float, float] | None:
    """The central 95 % of the share of ``runs`` that crash, the rate being as sure as its interval is wide."""
    if rate is None or rate.value is None or rate.low is None or rate.high is None or runs == 0:
        return None
    wide = max((rate.high - rate.low) / 3.92, 1e-6)
    value = min(max(rate.value, 1e-3), 1 - 1e-3)
    sure = min(max(value * (1 - value) / wide**2, 1.0), 1e6)
    drawn = stats.betabinom(runs, value * sure + 0.5, (1 - value) * sure + 0.5)
    return float(drawn.ppf(0.025)) / runs, float(drawn.ppf(0.975)) / runs


def lineage_findings(sweep: Sweep, came: Outturn | None) -> list[Finding]:
    """One for the best value, one for the crashes."""
    if came is None:
        return []
    runs = tuple(run.id for run in sweep.runs)
    shared = {"parent": came.foretold.parent, "expected_runs": came.foretold.runs, "metric": sweep.metric.name}
    found = []
    if came.best_inside is not None and came.foretold.best is not None:
        facts = {**shared, "best": came.best, "inside": came.best_inside}
        found.append(_finding("lineage_best", came, came.foretold.best, runs, facts))
    if came.crash_inside is not None and came.foretold.crash_rate is not None:
        low, high = came.crash_range or (0.0, 1.0)
        crashed = (came.crashes.low.value, came.crashes.high.value)
        facts = {**shared, "crashed": crashed, "between": (low, high), "inside": came.crash_inside}
        found.append(_finding("lineage_crashes", came, came.foretold.crash_rate, runs, facts))
    return found


def _finding(kind: str, came: Outturn, said: Estimate, runs: tuple[str, ...], facts: Mapping[str, object]) -> Finding:
    return Finding(
        id="",
        kind=kind,
        subject=came.foretold.parent,
        supported=True,
        estimate=said,
        n=came.runs,
        method=METHOD,
        runs=runs,
        facts=facts,
    )


def calibration(inside: Sequence[bool | None]) -> Estimate | None:
    """The share of 95 % forecasts that held; None where none can be judged."""
    judged = [one for one in inside if one is not None]
    return proportion(sum(judged), len(judged)) if judged else None
