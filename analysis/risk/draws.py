"""Who crashed, drawn again: the log-rank test with its null distribution by Monte Carlo, and step-down min-p.

If no setting matters, each run at risk at the moment of a crash was equally likely to be the one. So, from the first
crash to the last, each is dealt again among the runs that are at risk then (in its stratum; ties without
replacement): whoever is dealt it changes places with the run that crashed, which lives on in its stead. The sums of a
setting's column over the crashed runs, less their expectation among those at risk with them, are the numerators of the
stratified log-rank test (Mantel 1966). All settings are judged on the same draws, so their dependence is kept.

Dealing crash by crash needs no equal stopping: settings that the rule stops more often are at risk less often in the
draws too, and each numerator is a sum of steps whose mean is 0 given what came before (the martingale behind Cox's
partial likelihood; for permuted runs with unequal censoring see Heinze, Gnant and Schemper, Biometrics 59, 2003).
Changing places matters: were those at risk held as they were seen, a draw could not spare a setting whose runs had
crashed early, and small sweeps would call 7 to 9 % false. The numerators are divided by their spread in the draws: the
hypergeometric variance of the runs as they were is known only once who crashed is, and favours settings that lost their
runs. With one moment for all it is the permutation test of a contingency table (Fisher's where there are two rows).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..types import Floats
from .cases import Cases, Ints

SEED = 20_250_703
LEAST_DRAWS = 9_999
PER_TEST = 20
"""Draws for each test of the family and unit of 1 / alpha, at least."""
ALPHA = 0.05
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
    """Log-rank statistics of m columns.

    ``z`` [m], observed less expected over the spread of the draws; ``null`` [B, m], the same for the draws;
    ``log_rank`` [m], over the hypergeometric spread as the textbooks have it.
    """

    z: Floats
    null: Floats
    log_rank: Floats


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
    if not len(on.crashed):
        nothing = np.zeros(x.shape[1])
        return Scores(z=nothing, null=np.zeros((0, x.shape[1])), log_rank=nothing)
    expected, variance = _moments(on, x)
    numerator = on.weight @ x[on.crashed] - expected
    null = np.concatenate([residuals @ x for residuals in _deal(on, len(x), draws)])
    told = variance > _TIE
    return Scores(
        z=_over(numerator, null.var(axis=0), told),
        null=_over(null, null.var(axis=0), told),
        log_rank=_over(numerator, variance, told),
    )


def _over(numerator: Floats, variance: Floats, told: NDArray[np.bool_]) -> Floats:
    usable = told & (variance > _TIE)
    return np.asarray(numerator / np.where(usable, np.sqrt(np.where(usable, variance, 1.0)), np.inf), dtype=float)


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


def _deal(on: Board, n: int, draws: int) -> Iterator[Floats]:
    """What each of the n runs adds to the numerator of a column in each draw, in blocks of draws, each [rows, n].

    That is a run's martingale residual: its crashes less its share of all crashes that it was at risk of.
    """
    rng = np.random.default_rng(SEED)
    starts = np.flatnonzero(np.diff(on.moment, prepend=-1))
    ends = np.append(starts[1:], len(on.crashed))
    at_once = max(1, min(draws, _CHUNK // max(n, 1)))
    for done in range(0, draws, at_once):
        rows = np.arange(min(at_once, draws - done))
        who = np.tile(np.arange(n), (len(rows), 1))  # the run that has the place of each run
        residuals = np.zeros((len(rows), n))
        so_far = np.zeros(n)  # the residual that a place has brought until now
        for g, (start, end) in enumerate(zip(starts, ends, strict=True)):
            members, dead, weight = on.members[on.first[g] : on.last[g]], on.crashed[start:end], on.weight[start:end]
            places = np.concatenate([dead, members[~np.isin(members, dead)]])
            for k, place in enumerate(dead):
                other = places[rng.integers(k, len(places), len(rows))]
                mine, theirs = who[rows, place], who[rows, other]
                gone = so_far[place] - so_far[other]
                residuals[rows, mine] += gone
                residuals[rows, theirs] -= gone
                who[rows, place], who[rows, other] = theirs, mine
            so_far[members] -= weight.sum() / len(members)
            so_far[dead] += weight
        brought = np.empty_like(residuals)
        np.put_along_axis(brought, who, np.broadcast_to(so_far, who.shape), axis=1)
        yield residuals + brought


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
