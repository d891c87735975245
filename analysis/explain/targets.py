"""What is to be explained: a value of the metric that runs can be compared by, and whether a run crashed.

The metric: every run's best value so far at the number of logged values that four of five runs with a value reached.
The final best would be the other choice. It measures how long a run was let live as much as its settings: under a
stopping rule a run with a poor start has fewer values to take the best of. Where all runs are of one length the two
are the same. Values count by rank, so that a diverged run weighs no more than a bad one, and the logarithm of a metric
says the same as the metric.

The crash: under a stopping rule a run that does well lives longer and so has more time to crash. What is explained is
then the martingale residual, crashed less the hazard that a run of that length has gone through (Nelson-Aalen;
Therneau, Grambsch and Fleming, Biometrika 77, 1990), which is 0 in the mean for every setting where none carries risk.
It is then centred on blocks of consecutive starts and on hosts (``adjusted``), so that neither a bug mended in
mid-sweep nor a broken machine is blamed on a setting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..types import NOT_THE_SETTING, Floats, Outcome, Run, Sweep

SHARE_COMPARED = 0.8
"""Runs are compared at the number of logged values that this share of those with any value reached."""
BLOCK = 10
"""Consecutive starts that crashes are compared within."""
FEWEST_OF_HOST = 5
ROUNDS = 8
"""Of centring on one grouping and the other in turn, until both means are about 0."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """What is to be explained, over ``runs`` (by id, or by start where there are blocks)."""

    runs: tuple[Run, ...]
    y: Floats
    """[n], larger is better; of crashes, larger is worse."""
    block: Ints
    """[n]: runs that may change places under the hypothesis that nothing matters."""
    left_out: int
    iteration: int | None = None
    """Logged values at which the metric is compared; None where there are no histories."""
    crashed: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    """[n] of crashes; empty of the metric."""
    timed: bool = False
    """The runs are in the order of their starts, and these are known."""
    by_progress: bool = False
    """The crash is held against the hazard of the progress that a run went through."""

    @property
    def crashes(self) -> int:
        return int(self.crashed.sum())


def metric_target(sweep: Sweep) -> Target:
    """Ranks of the best value so far at equal progress, 0 to 1; runs that ended before are left out."""
    runs = sorted((run for run in sweep.runs if run.iterations > 0), key=lambda run: run.id)
    sign = sweep.metric.sign
    without = sorted((run for run in sweep.runs if not run.iterations and run.best is not None), key=lambda run: run.id)
    if not runs:  # only summaries: at what progress nobody knows
        y = np.array([sign * (run.best or 0.0) for run in without], dtype=float)
        return Target(tuple(without), _ranks(y), np.zeros(len(y), dtype=np.int64), 0)
    counts = [run.iterations for run in runs]
    at = max(1, int(np.quantile(counts, 1 - SHARE_COMPARED, method="lower")))
    kept = tuple(run for run in runs if run.iterations >= at)
    y = np.array([np.max(sign * run.finite_metric[:at]) for run in kept], dtype=float)
    return Target(kept, _ranks(y), np.zeros(len(y), dtype=np.int64), len(runs) - len(kept) + len(without), iteration=at)


def _ranks(y: Floats) -> Floats:
    return np.asarray((stats.rankdata(y) - 0.5) / max(1, len(y)), dtype=float)


def crash_target(sweep: Sweep, outcomes: Mapping[str, Outcome], *, early_stopping: bool) -> Target:
    """Crashed by a setting or not (chance at least one half), free of exposure; see the module's words."""
    ended = [run for run in sweep.runs if outcomes[run.id].eligible]
    runs = [run for run in ended if outcomes[run.id].label != "unknown"]
    timed = bool(runs) and all(run.created_at is not None for run in runs)
    runs.sort(key=lambda run: (run.created_at if timed and run.created_at is not None else 0.0, run.id))
    crash = np.array([_crashed(outcomes[run.id]) for run in runs], dtype=float)
    y = crash
    if early_stopping and len(runs):
        until = np.array([run.progress for run in runs]) + np.where(crash > 0, 0.5, 0.0)
        y = crash - _cumulative_hazard(until, crash)
    none = np.zeros(len(runs), dtype=np.int64)
    return Target(
        tuple(runs), y, none, len(ended) - len(runs), crashed=crash > 0, by_progress=early_stopping, timed=timed
    )


def adjusted(target: Target) -> Target:
    """The crashes centred on blocks of about BLOCK consecutive starts and on hosts, where these are known."""
    n = len(target.runs)
    if not n or not len(target.crashed):
        return target
    block = np.arange(n) * max(1, n // BLOCK) // n if target.timed else target.block
    host = _hosts(target.runs)
    y = target.y
    for _ in range(ROUNDS):
        for group in (host, block):
            size = np.maximum(np.bincount(group), 1)
            y = y - (np.bincount(group, y) / size)[group]
    return replace(target, y=y, block=block)


def _hosts(runs: Sequence[Run]) -> Ints:
    """[n]: each run's host (else agent) as a number; those with few runs are one, as they could explain anything."""
    names = [run.host or run.agent or "" for run in runs]
    counts = Counter(names)
    number = {name: i + 1 for i, name in enumerate(sorted(name for name in counts if counts[name] >= FEWEST_OF_HOST))}
    return np.array([number.get(name, 0) for name in names], dtype=np.int64)


def _crashed(outcome: Outcome) -> bool:
    by_setting = outcome.label == "crashed" and outcome.cause not in NOT_THE_SETTING
    return by_setting and outcome.crash_probability[0] >= 0.5


def _cumulative_hazard(until: Floats, crash: Floats) -> Floats:
    """Nelson and Aalen's estimate at each run's own end; [n]. A crash is half a unit after the last whole one."""
    times = np.unique(until[crash > 0])
    ends, crashed = np.sort(until), np.sort(until[crash > 0])
    at_risk = len(ends) - np.searchsorted(ends, times, side="left")
    happened = np.searchsorted(crashed, times, side="right") - np.searchsorted(crashed, times, side="left")
    steps = np.concatenate([[0.0], np.cumsum(happened / np.maximum(at_risk, 1))])
    return np.asarray(steps[np.searchsorted(times, until, side="right")], dtype=float)
