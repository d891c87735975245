"""Whether architectures can be told apart at equal progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..levels import Level, chosen_among
from ..types import Floats, Run, Sweep

SHARE_COMPARED = 0.8
"""Architectures are compared at the last value that this share of the runs with any value still reached."""
DRAWS = 9_999
SEED = 20_250_706


@dataclass(frozen=True, kw_only=True)
class EqualProgress:
    """The levels of one parameter compared where (nearly) all runs still are.

    ``medians`` maps each level's label to the median of its runs' best-so-far at ``iteration`` logged values and
    the number of its runs that got there.
    """

    iteration: int
    medians: Mapping[str, tuple[float, int]]
    best_label: str
    p: float
    n: int
    left_out: int
    runs: tuple[str, ...]
    chosen_among: int = 1
    """Parameters of which the data chose this one: its p has to be taken times as many."""


def common_iteration(levels: Sequence[Level]) -> int | None:
    """The logged values that SHARE_COMPARED of the runs with any reached; None under 4 runs with a history."""
    counts = [run.iterations for item in levels for run in item.runs if run.iterations > 0]
    if len(counts) < 4:
        return None
    return max(1, int(np.quantile(counts, 1 - SHARE_COMPARED, method="lower")))


def best_by(run: Run, iteration: int, sign: int) -> float:
    """``sign`` times the run's best of its first ``iteration`` finite values; it must have as many."""
    return float(np.max(sign * run.finite_metric[:iteration]))


def equal_progress(sweep: Sweep, levels: Sequence[Level]) -> EqualProgress | None:
    """The levels compared by their runs' best-so-far at one number of logged values; None under 2 comparable levels.

    Kruskal and Wallis' H (1952) with its p by permutation of the runs (9,999 draws, add-one). Runs that ended
    before are left out and counted: if they ended because they were poor, their level looks better than it is.
    """
    iteration = common_iteration(levels)
    if iteration is None:
        return None
    sign = sweep.metric.sign
    names = [item.label for item in levels]
    reached = [[run for run in item.runs if run.iterations >= iteration] for item in levels]
    x = np.array([best_by(run, iteration, sign) for runs in reached for run in runs])
    groups = np.repeat(np.arange(len(levels)), [len(runs) for runs in reached])
    present = [i for i in range(len(names)) if reached[i]]
    if len(present) < 2:
        return None
    medians = {names[i]: (sign * median(x[groups == i]), len(reached[i])) for i in present}
    return EqualProgress(
        iteration=iteration,
        medians=medians,
        best_label=max(medians, key=lambda name: sign * medians[name][0]),
        p=kruskal_permutation_p(x, groups),
        n=len(x),
        left_out=sum(len(item.runs) for item in levels) - len(x),
        runs=tuple(run.id for runs in reached for run in runs),
        chosen_among=chosen_among(sweep, levels[0].parameter),
    )


def median(x: Floats) -> float:
    """The median; halved before the middle two are added, so that it does not overflow."""
    ordered = np.sort(x)
    return float(ordered[(len(x) - 1) // 2] / 2 + ordered[len(x) // 2] / 2) if len(x) % 2 == 0 else float(np.median(x))


def kruskal_permutation_p(x: Floats, groups: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """p of Kruskal and Wallis' H by permutation; x [n], groups [n] of small integers."""
    ranks = stats.rankdata(x)
    _, dense = np.unique(groups, return_inverse=True)
    member = np.eye(int(dense.max()) + 1)[dense]  # [n, levels]
    size = member.sum(axis=0)

    def spread(order: Floats) -> Floats:
        return np.asarray(((order @ member) ** 2 / size).sum(axis=-1), dtype=float)

    observed = float(spread(ranks))
    rng = np.random.default_rng(SEED)
    hits, chunk = 0, max(1, 2_000_000 // len(ranks))
    for start in range(0, DRAWS, chunk):
        rows = min(chunk, DRAWS - start)
        drawn = rng.permuted(np.broadcast_to(ranks, (rows, len(ranks))), axis=1)
        hits += int((spread(drawn) >= observed - 1e-9).sum())
    return (hits + 1) / (DRAWS + 1)
