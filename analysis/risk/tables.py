"""The exact test of independence in a contingency table of any size.

The test of Freeman and Halton (Biometrika 38, 1951): of all tables with the observed margins, the probability of those
that are no likelier than the observed one; Fisher's test where the table is 2 x 2. For sweeps without early stopping:
where runs may be stopped early, survivors are exposed longer and crash per run blames them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

from ..errors import InvariantError
from ..types import Floats

Ints = NDArray[np.int64]

DRAWS = 9_999
"""Tables drawn where there are too many to go through."""
SEED = 20_250_703
_LARGEST = 1_000_000  # partial tables held at a time
_TIE = 1e-7  # of the probability: as R's fisher.test


@dataclass(frozen=True)
class _Part:
    """Every way to fill some of the rows, ways with equal column sums and probability put together; all [m]."""

    code: Ints
    """The column sums as one number."""
    log: Floats
    """Minus the sum of log(cell!)."""
    ways: Floats


def freeman_halton(table: Sequence[Sequence[float]] | Ints, draws: int = DRAWS) -> float:
    """The p of the Fisher-Freeman-Halton test for a table of counts, [r, c].

    Exact where the tables with these margins can be gone through, else by Monte Carlo: of ``draws`` random tables, the
    observed one counted among them (Phipson and Smyth 2010), the seed fixed. 1 where fewer than two rows or columns
    have counts. Raises InvariantError for counts that are negative, fractional or not finite.
    """
    given = np.asarray(table, dtype=float)
    if given.ndim != 2 or not np.all(np.isfinite(given)) or np.any(given < 0) or np.any(given != np.round(given)):
        raise InvariantError(f"a contingency table needs whole counts in rows and columns: {table}")
    counts = given.astype(np.int64)
    counts = counts[counts.sum(axis=1) > 0]
    counts = counts[:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return 1.0
    if counts.shape == (2, 2):
        return min(1.0, float(stats.fisher_exact(counts).pvalue))
    sums = [np.log(counts.sum(axis=axis) + 1.0).sum() for axis in (0, 1)]
    if sums[0] > sums[1]:  # the fewer sums the columns can have, the more fillings can be put together
        counts = counts.T
    exact = _exact(counts)
    if exact is not None:
        return exact
    # Equal tables in another order must draw the same.
    rows = counts[np.lexsort(counts.T)]
    columns = rows[:, np.lexsort(rows)]
    method = stats.MonteCarloMethod(
        n_resamples=draws, batch=1 + 4_000_000 // counts.size, rng=np.random.default_rng(SEED)
    )
    return float(stats.fisher_exact(columns, method=method).pvalue)


def _exact(counts: Ints) -> float | None:
    """Both halves of the rows are gone through by themselves and joined where their columns add up."""
    margins = counts.sum(axis=0)
    place = np.concatenate([[1.0], np.cumprod(margins[:-1] + 1.0)])
    if place[-1] * (margins[-1] + 1.0) > 2.0**62:
        return None
    totals = np.sort(counts.sum(axis=1))
    first = _fill(totals[::2], margins, place.astype(np.int64))
    second = _fill(totals[1::2], margins, place.astype(np.int64)) if first is not None else None
    if first is None or second is None:
        return None
    return _joined(first, second, int(margins @ place.astype(np.int64)), -float(gammaln(counts + 1.0).sum()))


def _fill(totals: Ints, margins: Ints, place: Ints) -> _Part | None:
    """All fillings of rows with these totals within the column margins; None where there are too many."""
    used = np.zeros((1, len(margins)), dtype=np.int64)
    log, ways = np.zeros(1), np.ones(1)
    done = 0
    for total in totals:
        left = np.full(len(used), total)
        for column in range(len(margins)):
            free = margins - used
            later = free[:, column + 1 :].sum(axis=1)
            low, high = np.maximum(left - later, 0), np.minimum(free[:, column], left)
            choices = np.maximum(high - low + 1, 0)
            if choices.sum() > _LARGEST:
                return None
            from_ = np.repeat(np.arange(len(used)), choices)
            value = low[from_] + np.arange(len(from_)) - np.repeat(np.cumsum(choices) - choices, choices)
            used, log, ways = used[from_], log[from_] - gammaln(value + 1.0), ways[from_]
            used[:, column] += value
            # What is left of the row's total follows from the sums, so equal sums can be put together at once.
            used, log, ways = _merged(used, log, ways, place)
            left = done + total - used.sum(axis=1)
        done += total
    return _Part(used @ place, log, ways)


def _merged(used: Ints, log: Floats, ways: Floats, place: Ints) -> tuple[Ints, Floats, Floats]:
    code, rounded = used @ place, np.round(log, 9)
    order = np.lexsort((rounded, code))
    code, rounded = code[order], rounded[order]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(code) != 0) | (np.diff(rounded) != 0)]))
    return used[order[first]], log[order[first]], np.add.reduceat(ways[order], first)


def _joined(first: _Part, second: _Part, whole: int, observed: float) -> float:
    """The share of all tables that are no likelier than the observed one."""
    top = first.log.max(), second.log.max()
    here = first.ways * np.exp(first.log - top[0])
    there = second.ways * np.exp(second.log - top[1])
    needed = whole - first.code
    order = np.lexsort((second.log, second.code))
    code, log, there = second.code[order], second.log[order], there[order]
    extreme = total = 0.0
    asked = np.argsort(needed, kind="stable")
    starts = np.flatnonzero(np.diff(needed[asked], prepend=-1))
    for members in np.split(asked, starts[1:]):
        begin, end = np.searchsorted(code, [needed[members[0]], needed[members[0]] + 1])
        sums = np.concatenate([[0.0], np.cumsum(there[begin:end])])
        reach = np.searchsorted(log[begin:end], observed - first.log[members] + _TIE, side="right")
        extreme += float(here[members] @ sums[reach])
        total += float(here[members].sum() * sums[-1])
    return min(1.0, extreme / total)
