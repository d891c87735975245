"""The Fisher-Freeman-Halton test: against every table with the margins, scipy's Monte Carlo, and itself turned over."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

from aftersweep.analysis.errors import InvariantError
from aftersweep.analysis.risk import tables
from aftersweep.analysis.risk.tables import freeman_halton

small = st.tuples(st.integers(2, 4), st.integers(2, 3)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 3), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


def every_table(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """All tables with these margins, by trying every filling of all cells but the last column's."""
    free = [range(min(r, c) + 1) for r in rows for c in columns[:-1]]
    found = []
    for cells in product(*free):
        part = np.array(cells).reshape(len(rows), -1)
        table = np.column_stack([part, rows - part.sum(axis=1)])
        if table.min() >= 0 and np.array_equal(table.sum(axis=0), columns):
            found.append(table)
    return found


@settings(max_examples=60, deadline=None)
@given(small)
def test_p_is_the_sum_over_every_table_that_is_no_likelier(cells: list[list[int]]) -> None:
    """Law: p is the share of the probability of all tables with the margins that the no likelier ones have."""
    table = np.array(cells)
    if table.shape[0] * (table.shape[1] - 1) > 6:
        return
    every = every_table(table.sum(axis=1), table.sum(axis=0))
    weight = np.exp([-gammaln(other + 1.0).sum() for other in every])
    own = np.exp(-gammaln(table + 1.0).sum())
    assert freeman_halton(cells) == pytest.approx(weight[weight <= own * (1 + 1e-7)].sum() / weight.sum(), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(small, st.integers(0, 2**32 - 1))
def test_order_of_levels_and_empty_ones_change_nothing(cells: list[list[int]], seed: int) -> None:
    """Law: rows and columns in another order, turned over, and with empty ones added give the same p."""
    table = np.array(cells)
    rng = np.random.default_rng(seed)
    other = table[rng.permutation(len(table))][:, rng.permutation(table.shape[1])].T
    other = np.vstack([other, np.zeros((1, other.shape[1]), dtype=int)])
    assert freeman_halton(other) == pytest.approx(freeman_halton(table), rel=1e-9)


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_two_by_two_is_fishers(cells: list[int]) -> None:
    """Law: of a 2 x 2 table it is Fisher's two-sided p, and the general way agrees."""
    table = np.array(cells).reshape(2, 2)
    expected = stats.fisher_exact(table).pvalue
    assert freeman_halton(table) == pytest.approx(expected, rel=1e-9)
    if table.sum(axis=0).all() and table.sum(axis=1).all():
        assert tables._exact(table) == pytest.approx(expected, rel=1e-6)


def test_monte_carlo_is_near_the_exact_p(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where there are too many tables, the drawn p is within its error of the exact one, the same for the levels
    in another order, and never 0."""
    table = np.array([[9, 3], [4, 8], [7, 5], [10, 2], [5, 7]])
    exact = freeman_halton(table)
    monkeypatch.setattr(tables, "_LARGEST", 1)
    drawn = freeman_halton(table)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / tables.DRAWS))
    assert drawn != exact
    assert freeman_halton(table[::-1]) == drawn
    assert freeman_halton(np.diag([40, 40, 40])) == 1 / (tables.DRAWS + 1)


@pytest.mark.parametrize("table", [[[1, 2], [3, -1]], [[0.5, 1], [2, 3]], [[np.nan, 1], [2, 3]], [1, 2, 3]])
def test_what_is_no_table_of_counts_is_refused(table: object) -> None:
    """Law: negative, fractional or missing counts, and what has no rows and columns, are refused by name."""
    with pytest.raises(InvariantError, match="whole counts"):
        freeman_halton(table)


@pytest.mark.parametrize("table", [np.zeros((3, 2)), [[5, 0], [3, 0], [1, 0]], [[4, 6]], np.zeros((0, 2))])
def test_nothing_to_compare_is_no_evidence(table: object) -> None:
    """Law: with fewer than two rows or columns that have counts, p is 1."""
    assert freeman_halton(table) == 1.0


def test_thousands_of_runs_and_many_levels() -> None:
    """Law: 10,000 runs of 30 levels have a p near that of the chi-squared test."""
    crashed = np.random.default_rng(3).binomial(333, 0.3, 30)
    table = np.column_stack([crashed, 333 - crashed])
    assert freeman_halton(table) == pytest.approx(stats.chi2_contingency(table).pvalue, abs=0.03)
