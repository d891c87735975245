"""Runs as lifetimes: how far each came, how far it lived, and the chance of each end.

A run that logged its p-th value and ended without another lived a part of one more step. Where the times of its
values are known that part is the time since the last value over the run's usual time for a step; else half a step,
as in the actuarial life table (Cutler and Ederer, Journal of Chronic Diseases 8 (1958) 699-712). Exposure counted
without it would be too small by up to one step for every run that was cut off, and hazards too large by as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..outcomes.evidence import came_full
from ..types import Floats, Outcome, OutcomeLabel, Run, Sweep

Mask = NDArray[np.bool_]

ENDS: tuple[OutcomeLabel, ...] = ("crashed", "early_stopped", "stopped_by_user", "completed", "unknown")
"""The competing ends. ``unknown`` is the chance that nothing decides: it may be a crash or not."""
CRASHED, STOPPED, BY_USER, COMPLETED, UNKNOWN = range(len(ENDS))
PART_UNKNOWN = 0.5
"""Of a step, for a run that ended in it nobody knows when."""


@dataclass(frozen=True, eq=False)
class Lives:
    """The runs that started, [n] each."""

    ids: tuple[str, ...]
    progress: Floats
    """As far as the run logged, in the sweep's unit."""
    lived: Floats
    """The same with the part of the step in which it ended; what exposure counts."""
    chances: Floats
    """[n, 5]: the chance of each of ``ENDS``; rows add up to 1, to 0 where the run still runs."""
    full: Floats
    """1 where the run reached the sweep's budget, else 0."""
    step: float
    """From one logged value to the next, in the sweep's unit."""
    timed: bool
    """True where times told the part of the last step for most of the runs that have one."""

    @property
    def crash_doubt(self) -> tuple[Floats, Floats]:
        """Lowest and highest chance of a crash, [n] each."""
        low = self.chances[:, CRASHED]
        return low, low + self.chances[:, UNKNOWN]

    def named(self, chosen: Mask) -> tuple[str, ...]:
        """The ids of the runs where ``chosen`` [n] is true."""
        return tuple(self.ids[i] for i in np.flatnonzero(chosen))


def lives_of(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Lives:
    """The runs that started, by progress and id, so that sums do not depend on the sweep's order."""
    started = [run for run in sweep.runs if outcomes[run.id].label != "never_started"]
    runs = sorted(started, key=lambda run: (run.progress, run.id))
    chances = np.array([end_chances(outcomes[run.id]) for run in runs]).reshape(len(runs), len(ENDS))
    progress = np.array([run.progress for run in runs])
    step = _step(runs)
    parts = _parts(runs, step)
    logged = np.array([_last(run) for run in runs])
    known = np.isfinite(parts)
    lived = np.clip(logged + step * np.where(known, parts, PART_UNKNOWN), progress, progress + step)
    completed = chances[:, COMPLETED] if runs else np.empty(0)
    cut_off = completed < 0.5
    return Lives(
        ids=tuple(run.id for run in runs),
        progress=progress,
        lived=completed * progress + (1.0 - completed) * lived,
        chances=chances,
        full=np.array([float(came_full(run, sweep.budget)) for run in runs]),
        step=step,
        timed=bool(known[cut_off].mean() > 0.5) if cut_off.any() else True,
    )


def end_chances(outcome: Outcome) -> Floats:
    """The chance of each of ``ENDS``, [5]; zeros where the run still runs.

    What the label's own chance leaves goes to its rival: the sweep's rule, or of a run that the rule seems to have
    stopped what its state says.
    """
    found = np.zeros(len(ENDS))
    if outcome.label in ("running", "never_started"):
        return found
    low, high = outcome.crash_probability
    found[CRASHED], found[UNKNOWN] = low, high - low
    if outcome.label not in ("crashed", "unknown"):
        found[ENDS.index(outcome.label)] += min(outcome.probability, 1.0 - high)
    rest = max(1.0 - float(found.sum()), 0.0)
    found[_rival(outcome)] += rest
    return found


def _rival(outcome: Outcome) -> int:
    if outcome.label != "early_stopped":
        return STOPPED
    states = [item.supports for item in outcome.evidence if item.kind == "state"]
    return ENDS.index(states[0]) if states and states[0] in ("completed", "stopped_by_user") else UNKNOWN


def _last(run: Run) -> float:
    """The progress of the last logged value."""
    return float(run.metric_progress[-1]) if run.metric_progress.size else 0.0


def _step(runs: Sequence[Run]) -> float:
    """The median over the runs of their median step; 1 where no run has two values."""
    steps = []
    for run in runs:
        gaps = np.diff(run.metric_progress)
        gaps = gaps[gaps > 0]
        if gaps.size:
            steps.append(float(np.median(gaps)))
    return float(np.median(steps)) if steps else 1.0


def _parts(runs: Sequence[Run], step: float) -> Floats:
    """The part of a step that each run lived after its last value, 0 to 1; NaN where times do not tell, [n]."""
    paces = np.array([_pace(run, step) for run in runs])
    usual = float(np.median(paces[np.isfinite(paces)])) if np.isfinite(paces).any() else np.nan
    paces = np.where(np.isfinite(paces), paces, usual)
    after = np.array([_after(run) for run in runs])
    parts: Floats = np.clip(after / paces, 0.0, 1.0)
    return parts


def _pace(run: Run, step: float) -> float:
    """Seconds a step; NaN where two timed values are missing."""
    known = np.isfinite(run.metric_time)
    times, places = run.metric_time[known], run.metric_progress[known]
    if times.size < 2 or places[-1] <= places[0] or times[-1] <= times[0]:
        return float("nan")
    return float((times[-1] - times[0]) / (places[-1] - places[0])) * step


def _after(run: Run) -> float:
    """Seconds from the last value (or the start, where there is none) to the end; NaN where unknown."""
    since = float(run.metric_time[-1]) if run.metric_time.size else run.created_at
    return float("nan") if since is None or run.ended_at is None else max(run.ended_at - since, 0.0)
