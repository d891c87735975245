"""The results that the pages are made of: one frozen type a section.

Shares are 0 to 1, progress is in the sweep's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .sweepfile.config import Metric
from .types import CrashRate, Estimate, Finding, Outcome, Run, Sweep


@dataclass(frozen=True, kw_only=True)
class StatusTable:
    """Recorded state against adjudicated outcome: ``counts[state][outcome]`` runs."""

    counts: Mapping[str, Mapping[str, int]]
    states: Mapping[str, int]
    outcomes: Mapping[str, int]
    total: int


@dataclass(frozen=True, kw_only=True)
class BestResult:
    """One run's best value; ``level`` is its value of the group-by parameter."""

    run: Run
    outcome: Outcome
    level: Any
    value: float
    companions: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class LevelRow:
    """All runs that had one level of one parameter."""

    parameter: str
    label: str
    level: Any
    runs: tuple[str, ...]
    eligible: int
    completed: int
    early_stopped: int
    recorded_crashed: int
    crash_low: Estimate
    """Crash rate with the unknown counted as not crashed."""
    crash_high: Estimate
    """Crash rate with the unknown counted as crashed."""
    mean_progress: Estimate
    """Mean over the runs that have ended, with a t interval; it depends on the stopping rule."""
    best: float | None
    best_run: str | None


@dataclass(frozen=True, kw_only=True)
class ProgressRow:
    """The runs that ended at one progress; a band of the stopping rule is marked."""

    progress: float
    band: int | None
    outcomes: Mapping[str, int]
    recorded_crashed: int
    runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CauseRow:
    """The crashed runs of one cause, and a line of evidence."""

    cause: str
    runs: tuple[str, ...]
    grades: Mapping[str, int]
    example: str | None
    example_run: str | None


@dataclass(frozen=True, kw_only=True)
class RiskFactor:
    """One condition held against the rest of the sweep's runs.

    ``k_in`` of ``n_in`` runs inside crashed, ``k_out`` of ``n_out`` outside (chances summed, so not whole numbers);
    ``recorded_*`` count the states crashed and failed as W&B recorded them.
    """

    text: str
    where: Mapping[str, Any]
    k_in: float
    n_in: int
    k_out: float
    n_out: int
    effect: Estimate
    p: float | None
    q: float | None
    method: str
    recorded_in: int
    recorded_out: int
    recorded_n_in: int
    recorded_n_out: int
    recorded_p: float | None
    stopped_in: int
    """Runs inside that the sweep's own rule stopped."""
    runs: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    claimed: str | None = None
    """The sentence of somebody's page that this tests."""


@dataclass(frozen=True, kw_only=True)
class PostMortem:
    """Everything that a page may say about one sweep."""

    sweep: Sweep
    metric: Metric
    outcomes: Mapping[str, Outcome]
    status: StatusTable
    crash_rate: CrashRate
    bands: tuple[int, ...]
    rule: str | None
    """The stopping rule in words; None where the sweep had none or it is not known."""
    no_rule: str
    """Why there is no rule to replay; empty where there is one."""
    best: tuple[BestResult, ...]
    group_by: str | None
    groups: tuple[LevelRow, ...]
    levels: Mapping[str, tuple[LevelRow, ...]]
    progress: tuple[ProgressRow, ...]
    causes: tuple[CauseRow, ...]
    risks: tuple[RiskFactor, ...]
    claims: tuple[RiskFactor, ...]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]

    def finding(self, finding_id: str) -> Finding:
        """The finding of that id; KeyError where there is none."""
        for finding in self.findings:
            if finding.id == finding_id:
                return finding
        raise KeyError(finding_id)

    def run(self, run_id: str) -> Run:
        """The run of that id; KeyError where there is none."""
        for run in self.sweep.runs:
            if run.id == run_id:
                return run
        raise KeyError(run_id)
