"""Who crashed, drawn again: the log-rank test with its null distribution by Monte Carlo, and step-down min-p.

If no setting matters, each run at risk at the moment of a crash was equally likely to be the one. So each crash is
dealt again among the runs that were at risk then (in its stratum; ties without replacement). The sums of a
setting's column over the crashed runs, less their expectation, are the numerators of the stratified log-rank test
(Mantel 1966); their variance is its hypergeometric one. All settings are judged on the same draws, so their dependence
is kept.

Unlike a permutation of the runs this needs no equal stopping: settings that the rule stops more often are at risk less
often in the draws as they were in the sweep (the conditional distribution of Cox's partial likelihood, 1972; for
permuted runs with unequal censoring see Heinze, Gnant and Schemper, Biometrics 59, 2003). With one moment for all it
is the permutation test of a contingency table (Fisher's where there are two rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from ..types import Floats
from .cases import Cases, Ints

SEED = 20_250_703
LEAST_DRAWS = 9_999
PER_TEST = 20
"""Draws for each test of the family and unit of 1 / alpha, at least."""
ALPHA = 0.05
MANY = 6
"""Crashes of one moment above which they are dealt by kinds of runs, where there are few kinds."""
FEW_PATTERNS = 64
_CHUNK = 4_000_000  # entries of one block of draws: memory stays flat
_TIE = 1e-9


@dataclass(frozen=True)
class Board:
    """Every moment (one progress, one block of starts) with a crash, and who was at risk then.

    At risk at moment g are the cases ``members[first[g]:last[g]]``; ``first`` and ``last`` are [G]. Of E crashes, in
    the order of their moments: ``crashed`` [E], the cases, ``weight`` [E] their chances, ``moment`` [E].
    """

    members: Ints
    first: Ints
    last: Ints
    crashed: Ints
    weight: Floats
    moment: Ints

    def sides(self, inside: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
        """By moment, [G] each: runs at risk inside and outside, crashes inside and outside; ``inside`` is [n]."""
        total = np.concatenate([[0], np.cumsum(inside[self.members])])
        n_in = (total[self.last] - total[self.first]).astype(float)
        n_out = (self.last - self.first).astype(float) - n_in
        within = inside[self.crashed]
        k_in, k_out = (np.zeros(len(self.first)) for _ in range(2))
        np.add.at(k_in, self.moment[within], self.weight[within])
        np.add.at(k_out, self.moment[~within], self.weight[~within])
        return n_in, n_out, k_in, k_out


@dataclass(frozen=True)
class Scores:
    """Log-rank statistics of m columns: ``z`` [m], ``null`` [B, m] the same for the draws, ``variance`` [m]."""

    z: Floats
    null: Floats
    variance: Floats


def board(cases: Cases) -> Board:
    """The crashes and who was at risk at each."""
    members: list[Ints] = []
    crashed: list[Ints] = []
    hit = np.flatnonzero(cases.crash > 0)
    for window in _windows(cases):
        for moment in np.unique(cases.until[np.intersect1d(window, hit, assume_unique=True)]):
            at_risk = window[cases.until[window] >= moment]
            count = max(1, len(at_risk) // cases.block) if cases.block else 1
            for part in np.array_split(at_risk, count):
                dead = part[(cases.until[part] == moment) & (cases.crash[part] > 0)]
                if len(dead):
                    members.append(part)
                    crashed.append(dead)
    nothing = np.empty(0, dtype=np.int64)
    dead = np.concatenate([nothing, *crashed])
    ends = np.cumsum([0, *(len(part) for part in members)]).astype(np.int64)
    moments = np.repeat(np.arange(len(crashed)), [len(part) for part in crashed])
    return Board(np.concatenate([nothing, *members]), ends[:-1], ends[1:], dead, cases.crash[dead], moments)


def _windows(cases: Cases) -> list[Ints]:
    """The cases by group and, where blocks are fixed, by block."""
    found = []
    for group in np.unique(cases.group):
        mine = np.flatnonzero(cases.group == group)
        count = max(1, len(mine) // cases.block) if cases.block and cases.fixed else 1
        found += np.array_split(mine, count)
    return found


def number_of_draws(tests: int) -> int:
    """Enough for ``tests`` adjusted p-values at ALPHA (Westfall and Young 1993, section 2.4.2); ends in 999."""
    return max(LEAST_DRAWS, -(-int(PER_TEST * tests / ALPHA) // 1000) * 1000 + 999)


def scores(on: Board, columns: Floats, draws: int) -> Scores:
    """The columns ([n, m], in the order of the cases) judged on the board.

    z is positive where crashed runs have larger values than those at risk with them; 0 where nothing can vary.
    """
    x = np.asarray(columns, dtype=float)
    x = x - x.mean(axis=0) if len(x) else x
    expected, variance = _moments(on, x)
    usable = variance > _TIE
    spread = np.where(usable, np.sqrt(np.where(usable, variance, 1.0)), np.inf)
    if not len(on.crashed):
        return Scores(z=np.zeros(x.shape[1]), null=np.zeros((0, x.shape[1])), variance=np.zeros(x.shape[1]))
    null = np.concatenate([(dealt - expected) / spread for dealt in _deal(on, x, draws)])
    z = (on.weight @ x[on.crashed] - expected) / spread
    return Scores(z=z, null=null, variance=np.where(usable, variance, 0.0))


def _moments(on: Board, x: Floats) -> tuple[Floats, Floats]:
    """Expectation and variance of the sums over the crashed, [m] each: hypergeometric, weighted."""
    total = np.bincount(on.moment, on.weight, len(on.first))
    squares = np.bincount(on.moment, on.weight**2, len(on.first))
    expected, variance = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for g, (first, last) in enumerate(zip(on.first, on.last, strict=True)):
        at_risk = x[on.members[first:last]]
        expected += total[g] * at_risk.mean(axis=0)
        if last - first > 1:  # without replacement two draws are correlated by -1 / (size - 1)
            variance += (squares[g] - (total[g] ** 2 - squares[g]) / (last - first - 1)) * at_risk.var(axis=0)
    return expected, variance


def _deal(on: Board, x: Floats, draws: int) -> Iterator[Floats]:
    """The sums of the columns over those dealt a crash, in blocks of draws, each [rows, m]."""
    rng = np.random.default_rng(SEED)
    patterns, pattern = np.unique(x, axis=0, return_inverse=True)
    starts = np.flatnonzero(np.diff(on.moment, prepend=-1))
    ends = np.append(starts[1:], len(on.crashed))
    rows = max(1, min(draws, _CHUNK // max(len(on.crashed), 1)))
    for done in range(0, draws, rows):
        count = min(rows, draws - done)
        total = np.zeros((count, x.shape[1]))
        dealt: list[Ints] = []
        weights: list[Floats] = []
        for g, (start, end) in enumerate(zip(starts, ends, strict=True)):
            members, weight = on.members[on.first[g] : on.last[g]], on.weight[start:end]
            if end - start > MANY and len(patterns) <= FEW_PATTERNS and np.ptp(weight) == 0:
                at_risk = np.bincount(pattern[members], minlength=len(patterns))
                taken = rng.multivariate_hypergeometric(at_risk, end - start, size=count, method="marginals")
                total += weight[0] * (taken @ patterns)
            else:
                dealt.append(members[_without_replacement(rng, len(members), end - start, count)])
                weights.append(weight)
        yield total + _sums(dealt, weights, x, count) if dealt else total


def _sums(dealt: Sequence[Ints], weights: Sequence[Floats], x: Floats, count: int) -> Floats:
    """[count, m]: the columns summed over the cases dealt in each draw."""
    cases = np.concatenate(dealt, axis=1)
    entries = np.broadcast_to(np.concatenate(weights), cases.shape).ravel()
    pointers = np.arange(0, cases.size + 1, cases.shape[1])
    return np.asarray(sparse.csr_matrix((entries, cases.ravel(), pointers), shape=(count, len(x))) @ x)


def _without_replacement(rng: np.random.Generator, size: int, take: int, rows: int) -> Ints:
    """[rows, take]: in each row distinct numbers below ``size``, each set and order equally likely."""
    if take > MANY and take**2 > size:
        return np.argsort(rng.random((rows, size)), axis=1)[:, :take]
    taken = np.empty((rows, take), dtype=np.int64)
    for k in range(take):
        pick = rng.integers(0, size - k, rows)
        for earlier in np.sort(taken[:, :k], axis=1).T:  # step over what is gone, lowest first
            pick += pick >= earlier
        taken[:, k] = pick
    return taken


def p_of(observed: Floats, null: Floats) -> Floats:
    """Share of the draws that are at least as extreme, [m]; the observed one counts (Phipson and Smyth 2010).

    observed: [m], larger is more extreme; null: [B, m].
    """
    hits = (null >= observed - _TIE).sum(axis=0)
    return np.asarray((hits + 1) / (len(null) + 1), dtype=float)


def step_down(observed: Floats, null: Floats) -> Floats:
    """Adjusted p of each statistic, [m]: Westfall and Young's step-down min-p (1993, algorithm 2.8).

    observed: [m], larger is more extreme; null: [B, m], the same statistics in each draw, dependence kept. Controls
    the family-wise error under subset pivotality; never smaller than the p of a statistic alone.
    """
    if not len(observed):
        return np.empty(0)
    own = p_of(observed, null)
    # Of each draw, its own p among all draws: the larger the statistic the smaller.
    ranks = stats.rankdata(-np.round(null, 9), method="max", axis=0) / (len(null) + 1)
    order = np.argsort(own, kind="stable")
    smallest = np.minimum.accumulate(ranks[:, order[::-1]], axis=1)[:, ::-1]
    adjusted = ((smallest <= own[order] + _TIE).sum(axis=0) + 1) / (len(null) + 1)
    found = np.empty(len(observed))
    found[order] = np.maximum.accumulate(np.maximum(adjusted, own[order]))
    return np.minimum(found, 1.0)


def largest(z: Floats, groups: Ints, count: int) -> Floats:
    """[..., count]: the largest |z| within each group of columns; z is [..., m], groups [m] sorted."""
    starts = np.searchsorted(groups, np.arange(count))
    return np.asarray(np.maximum.reduceat(np.abs(z), starts, axis=-1), dtype=float)
