"""The runs of a risk test as arrays: until when each was at risk, whether it crashed, and who may be compared.

A crash here is one that a setting could have caused: other causes leave the test as if the run had been withdrawn.

Under a stopping rule a run that does well lives longer and so has more time to crash; crash per run then blames the
best setting. So a crash is held against the runs that were at risk at the same progress. Of an interval between two
units of progress, those are the runs that were still going then, by their times; without times a run that was stopped
or completed at 6 was not at risk of the crash that came between 6 and 7. Without a rule every run counts once, whenever
it crashed.

Runs are compared with those that started about when they did, in blocks of about ten consecutive starts: so a bug
mended in mid-sweep, or a search that moves on, cannot make a setting look dangerous. Where the search was random its
settings cannot go with time, and the ten are those next to one another among the runs that were still at risk; a grid's
or a bayes search's settings do, and there the blocks are fixed: small when most of their runs have been stopped, and
safe. On a machine that looks broken runs are compared apart; runs of different sweeps that were pooled never are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import CAUSES, NOT_THE_SETTING, Floats, Outcome, Run, Sweep

SETTING_CAUSES = tuple(cause for cause in CAUSES if cause not in NOT_THE_SETTING)
BLOCK = 10
"""Consecutive starts that are compared with one another."""
MID_INTERVAL = 0.5
ALMOST = 0.999

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """The runs of a test; all arrays are [n], in one order whatever the order of the sweep's runs."""

    runs: tuple[Run, ...]
    until: Floats
    """Progress until which the run was at risk; 0 for all where crash is counted per run."""
    crash: Floats
    """The chance that the run crashed there, of runs whose outcome is a crash; else 0."""
    group: Ints
    """Runs of different groups are never compared."""
    timed: bool
    """The start times are known, and the runs are in their order."""
    block: int | None
    """Consecutive starts that are compared, at least; None where all are."""
    fixed: bool
    """Blocks are of all runs, whether or not they are still at risk."""

    @property
    def by_progress(self) -> bool:
        return bool(np.any(self.until != 0))

    @property
    def strata(self) -> Floats:
        """[n, groups - 1]: 1 in the column of a run's group, none for the first: a model's own baseline for each."""
        return np.asarray(self.group[:, None] == np.unique(self.group)[1:], dtype=float)

    @property
    def ratio(self) -> str:
        """The name of the ratio that compares two groups."""
        return "hazard ratio" if self.by_progress else "odds ratio"


def counted(extra: Collection[str]) -> tuple[str, ...]:
    """SETTING_CAUSES and ``extra``, which the user asked for; UsageError for a word that is no such cause."""
    for word in extra:
        if word not in NOT_THE_SETTING:
            raise UsageError(f"--count-cause {word}: it must be one of {', '.join(NOT_THE_SETTING)}")
    return (*SETTING_CAUSES, *extra)


def crash_weight(outcome: Outcome, causes: Collection[str] = SETTING_CAUSES) -> float:
    """The chance that the run crashed by one of ``causes``, by default those that a setting could have."""
    if outcome.label == "crashed" and outcome.cause not in causes:
        return 0.0
    return outcome.crash_probability[0]


def usable(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> list[Run]:
    """The runs that started, ended and whose end is known, by start time (then id)."""
    runs = [run for run in sweep.runs if outcomes[run.id].eligible and outcomes[run.id].label != "unknown"]
    return sorted(runs, key=lambda run: (run.created_at if run.created_at is not None else np.inf, run.id))


def make_cases(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    early_stopping: bool,
    causes: Collection[str] = SETTING_CAUSES,
    blocked: bool = True,
    apart: Collection[str] = (),
) -> Cases:
    """The sweep's usable runs as arrays.

    causes: the crash causes that count. blocked: compare within blocks of consecutive starts. apart: ids of runs that
    are compared among themselves only (those of a broken host).
    """
    runs = usable(sweep, outcomes)
    crash = np.array([_crash(outcomes[run.id], causes) for run in runs], dtype=float)
    until = np.zeros(len(runs))
    if early_stopping:
        until = np.array([run.progress + _inside(run, outcomes[run.id]) for run in runs], dtype=float)
    timed = bool(runs) and all(run.created_at is not None for run in runs)
    part = {run.id: i for i, one in enumerate(sweep.parts) for run in one.runs}
    groups = np.array([2 * part.get(run.id, 0) + (run.id in apart) for run in runs], dtype=np.int64)
    random = sweep.config is not None and sweep.config.method == "random"
    return Cases(tuple(runs), until, crash, groups, timed, BLOCK if blocked and timed else None, not random)


def _crash(outcome: Outcome, causes: Collection[str]) -> float:
    # Runs that were probably stopped add no crash: many small chances, all in the settings that the rule stops most,
    # would add up to a risk that nobody saw.
    return crash_weight(outcome, causes) if outcome.label == "crashed" else 0.0


def _inside(run: Run, outcome: Outcome) -> float:
    """How far into the interval after its last whole unit of progress the run was at risk: by its times, or half way.

    Without times a run that was stopped is taken to have ended at once: what it ran on until the controller looked is
    not known.
    """
    known = np.isfinite(run.metric_time) & np.isfinite(run.metric_progress)
    times, progress = run.metric_time[known], run.metric_progress[known]
    if run.ended_at is not None and len(times) and progress[-1] == run.progress:
        if run.created_at is not None and len(times) == 1:
            times, progress = np.array([run.created_at, times[0]]), np.array([0.0, progress[0]])
        units, seconds = np.diff(progress), np.diff(times)
        kept = (units > 0) & (seconds > 0)
        if kept.any():
            pace = float(np.median(seconds[kept] / units[kept]))
            return float(np.clip((run.ended_at - times[-1]) / pace, 0.0, ALMOST))
    return MID_INTERVAL if outcome.label in ("crashed", "stopped_by_user") else 0.0


def counts(weights: Floats) -> float:
    """Chances summed, free of rounding in the last digits."""
    return float(np.round(np.sum(weights), 9))
