"""Counts and tables: states, levels, ends by progress, causes, best values.

Shares are 0 to 1, progress is in the sweep's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..types import Estimate, Outcome, Run


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
