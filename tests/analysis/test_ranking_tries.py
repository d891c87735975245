"""The best of k tries against enumeration, against opda, and its band against simulated truth."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.ranking.tries import (
    LEVEL,
    bounded_tries,
    distribution_band,
    expected_best,
    median_best,
    numbers_of_tries,
    pointwise_alpha,
    tries_curve,
)

VALUES = np.array([3.0, 1.0, 4.0, -math.inf, 9.0, 2.0, -math.inf, 6.0])


@pytest.mark.parametrize("k", range(1, 9))
def test_the_expected_best_is_the_mean_over_all_subsets(k: int) -> None:
    """Tang et al. (2020): the U-statistic is the mean of the best over every choice of k runs."""
    bests = [max(subset) for subset in combinations(VALUES, k)]
    with_result = [best for best in bests if math.isfinite(best)]
    mean, none = expected_best(VALUES, k)
    assert mean == pytest.approx(np.mean(with_result))
    assert none == pytest.approx(1 - len(with_result) / len(bests))


def test_the_expected_best_is_unbiased_where_dodges_is_not() -> None:
    """Over samples of 6 uniform values the mean best of 4 is 4/5; with replacement (Dodge et al. 2019) it is less."""
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.random((4_000, 6)), axis=1)
    ours = np.mean([expected_best(x, 4)[0] for x in drawn])
    i = np.arange(1, 7)
    dodge = (drawn @ ((i / 6) ** 4 - ((i - 1) / 6) ** 4)).mean()
    assert ours == pytest.approx(0.8, abs=0.008)
    assert dodge < 0.78


def test_nothing_but_crashes_have_no_best() -> None:
    """No mean, and the chance of no result is one."""
    assert expected_best(np.full(3, -math.inf), 2) == (None, 1.0)
    assert median_best(np.full(3, -math.inf), [2])[0][0] == -math.inf


OPDA = {
    5: (
        [0.00119695, 0.02505847, 0.08812202, 0.19389189, 0.35908841],
        [0.80610811, 0.91187798, 0.97494153, 0.99880305, 1.0],
    ),
}
"""opda 0.8.0, EmpiricalDistribution.confidence_bands(numpy.arange(5.0), 0.95, method="ld_equal_tailed") at its points;
opda's own level is simulated too, so that the third decimal may differ."""


def test_the_band_of_the_distribution_is_that_of_opda() -> None:
    """The package of Lourie et al. (2024) gives the same limits."""
    low, high = distribution_band(5)
    assert low[1:] == pytest.approx(OPDA[5][0], abs=0.003)
    assert high[1:] == pytest.approx(OPDA[5][1], abs=0.003)


def test_the_median_of_the_best_is_that_of_opda() -> None:
    """quantile_tuning_curve(k, q=0.5) of opda 0.8.0 and of its band, for the same five values."""
    found = median_best(np.random.default_rng(0).normal(size=8)[3:], [2, 3, 5])
    assert [middle for middle, _, _ in found] == pytest.approx([0.94708096, 0.94708096, 1.30400005])
    assert [low for _, low, _ in found] == pytest.approx([-0.53566937, -0.53566937, 0.10490012])
    assert {high for _, _, high in found} == {math.inf}


@pytest.mark.parametrize("n", [2, 7, 30, 150])
def test_all_order_statistics_stay_within_the_band_with_its_level(n: int) -> None:
    """Learned-Miller and DeStefano (2008): the limits hold at once in 95 % of samples of any size."""
    rng = np.random.default_rng(n)
    u = np.sort(rng.random((6_000, n)), axis=1)
    low, high = distribution_band(n)
    inside = ((u >= low[1:]) & (u <= high[:-1])).all(axis=1).mean()
    assert inside == pytest.approx(LEVEL, abs=0.011)


@pytest.mark.parametrize(("n", "crashes"), [(8, 0.0), (25, 0.3)])
def test_the_band_holds_the_true_curve_for_all_k(n: int, crashes: float) -> None:
    """The true median best of k runs of which some crash lies within the band for every k at once."""
    rng = np.random.default_rng(n)
    ks = numbers_of_tries(n)
    share = np.array([(0.5 ** (1 / k) - crashes) / (1 - crashes) for k in ks])
    truth = np.where(share > 0, share, -math.inf)
    hits = 0
    for _ in range(400):
        x = np.where(rng.random(n) < crashes, -math.inf, rng.random(n))
        points = median_best(x, ks)
        hits += all(low <= t <= high for t, (_, low, high) in zip(truth, points, strict=True))
    assert hits / 400 > 0.925


@pytest.mark.parametrize("n", [4, 10, 40, 200])
def test_the_tries_that_runs_can_bound(n: int) -> None:
    """At that number the band has a limit on the good side, at one more it has none."""
    k = bounded_tries(n)
    highs = [high for _, _, high in median_best(np.arange(float(n)), [max(k, 1), k + 1])]
    assert [math.isfinite(high) for high in highs] == [k > 0, False]


def test_a_duplicated_level_has_a_narrower_band() -> None:
    """More runs of the same values: no limit gets wider, some get closer."""
    x = np.random.default_rng(1).random(40)
    once, twice = median_best(x, [1, 3, 10]), median_best(np.concatenate([x, x]), [1, 3, 10])
    assert all(a[1] <= b[1] and b[2] <= a[2] for a, b in zip(once, twice, strict=True))
    assert once != twice


def test_the_goal_turns_the_curve_over() -> None:
    """Minimising -x gives the mirrored curve of maximising x."""
    x = np.random.default_rng(2).random(15)
    up, down = tries_curve(x, 1, [1, 4, 15], "m"), tries_curve(x, -1, [1, 4, 15], "m")
    for a, b in zip(up, down, strict=True):
        assert a.median.value == -(b.median.value or 0.0)
        assert (a.median.low, a.median.high) == (-(b.median.high or 0.0), -(b.median.low or 0.0))
        assert a.expected == -(b.expected or 0.0)


@given(st.integers(1, 50_000))
def test_levels_between_and_beyond_the_table_go_down(n: int) -> None:
    """More runs, a smaller share for each; and the tries of a curve go from 1 to all."""
    assert pointwise_alpha(n) >= pointwise_alpha(n + 1) > 0
    ks = numbers_of_tries(n)
    assert (ks[0], ks[-1], len(ks) <= 41) == (1, n, True)
