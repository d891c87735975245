"""The log-rank test by Monte Carlo, step-down min-p, and the hazard ratio: against libraries and enumeration."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

from aftersweep.analysis.risk.draws import number_of_draws, p_of, scores, step_down
from aftersweep.analysis.risk.effects import hazard_ratio

from .risk_cases import board_of


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_statistic_is_the_log_rank_test_of_statsmodels(seed: int) -> None:
    """Its square is the chi-square of the log-rank test, ties and all."""
    rng = np.random.default_rng(seed)
    until = rng.integers(1, 9, 40).astype(float)
    crash = (rng.random(40) < 0.5).astype(float)
    inside = rng.permutation(np.arange(40) < 15)
    if crash.sum() < 2:
        return
    found = scores(board_of(until, crash), inside[:, None].astype(float), 99)
    chi2, _ = survdiff(until, crash, inside.astype(int))
    assert float(found.log_rank[0] ** 2) == pytest.approx(float(chi2), rel=1e-6)


def test_the_draws_have_the_moments_that_they_are_standardised_by() -> None:
    """Over many draws every column's statistic has mean 0 and variance 1, with fractional chances and blocks too."""
    rng = np.random.default_rng(2)
    until = rng.integers(1, 5, 60).astype(float)
    crash = np.where(rng.random(60) < 0.5, rng.uniform(0.5, 1, 60), 0.0)
    found = scores(board_of(until, crash, 10), rng.normal(size=(60, 4)), 40_000)
    assert np.allclose(found.null.mean(axis=0), 0, atol=0.03)
    assert np.allclose(found.null.var(axis=0), 1, atol=0.04)


def test_without_a_rule_the_draws_are_the_exact_test_of_the_table() -> None:
    """With one moment for all, p is that of all ways in which 4 of 12 runs could have crashed."""
    inside = np.arange(12) < 5
    crash = np.zeros(12)
    crash[[0, 1, 2, 7]] = 1.0
    observed = abs(crash[inside].sum() - 4 * 5 / 12)
    ways = [abs(sum(i < 5 for i in chosen) - 4 * 5 / 12) for chosen in combinations(range(12), 4)]
    exact = float(np.mean([way >= observed - 1e-9 for way in ways]))
    found = scores(board_of(np.zeros(12), crash), inside[:, None].astype(float), 40_000)
    assert float(p_of(np.abs(found.z), np.abs(found.null))[0]) == pytest.approx(exact, abs=0.01)


def test_where_every_run_crashes_the_draws_are_all_orders_of_the_runs() -> None:
    """The share of draws as extreme as any of the possible numerators is that among the 720 orders of six runs."""
    x = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    every = [sum(order[i] - np.mean(order[i:]) for i in range(6)) for order in permutations(x)]
    spread = float(np.std(every))
    found = scores(board_of(np.arange(1.0, 7.0), np.ones(6)), x[:, None], 40_000)
    for bound in np.unique(np.round(np.abs(every), 6)):
        exact = float(np.mean(np.abs(every) >= bound - 1e-4))
        drawn = float(np.mean(np.abs(found.null[:, 0]) * spread >= bound - 0.02))
        assert drawn == pytest.approx(exact, abs=0.012)


def test_blocks_compare_only_those_who_started_together() -> None:
    """Where each block has one level only, nothing can be told, whatever the crashes."""
    first_half = np.arange(40) < 20
    crash = first_half.astype(float)
    found = scores(board_of(np.zeros(40), crash, 20), first_half[:, None].astype(float), 99)
    assert float(found.log_rank[0]) == 0.0
    assert float(found.z[0]) == 0.0


def test_step_down_is_min_p_by_enumeration() -> None:
    """Adjusted p against the definition: the chance that the smallest p of those not yet called is as small."""
    rng = np.random.default_rng(3)
    null = rng.normal(size=(499, 4)) @ np.array([[1, 0.8, 0, 0], [0, 0.6, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    observed = np.array([2.2, 2.0, 3.1, 0.3])
    every = np.vstack([observed, null])
    ranks = np.array([[np.mean(every[:, j] >= every[b, j]) for j in range(4)] for b in range(500)])
    order = np.argsort(ranks[0])
    expected, so_far = np.empty(4), 0.0
    for k, j in enumerate(order):
        so_far = max(so_far, float(np.mean(ranks[:, order[k:]].min(axis=1) <= ranks[0, j] + 1e-12)))
        expected[j] = so_far
    assert np.allclose(step_down(observed, null), expected, atol=0.005)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_adjusted_p_are_never_smaller_than_their_own(seed: int, m: int) -> None:
    """Step-down p are at least the p alone, at most Holm's, and keep the order."""
    rng = np.random.default_rng(seed)
    null = np.abs(rng.normal(size=(399, m)))
    observed = np.abs(rng.normal(size=m)) + 1
    own, adjusted = p_of(observed, null), step_down(observed, null)
    assert np.all(adjusted >= own - 1e-12)
    order = np.argsort(own)
    assert np.all(np.diff(adjusted[order]) >= -1e-12)
    holm = np.minimum(np.maximum.accumulate(own[order] * np.arange(m, 0, -1)), 1.0)
    assert np.all(adjusted[order] <= holm + 0.02)


def test_there_are_enough_draws_for_every_family() -> None:
    """At least 20 draws a test and unit of 1 / 0.05."""
    for tests in (1, 24, 30, 200):
        assert number_of_draws(tests) >= max(9_999, 20 * tests / 0.05)


def crashes_of(
    inside: int, outside: int, at_risk: int = 500
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Crashes one after the other, alternately inside and outside while both last, among equally many at risk."""
    side = [True, False] * min(inside, outside) + [inside > outside] * abs(inside - outside)
    crashed = len(side)
    until = np.array([*range(1, crashed + 1), *[crashed + 1] * (2 * at_risk)], dtype=float)
    group = np.array([*side, *[True] * at_risk, *[False] * at_risk])
    return until, group, np.array([1.0] * crashed + [0.0] * (2 * at_risk))


def test_the_hazard_ratio_interval_is_the_exact_binomial_one() -> None:
    """With (nearly) equal numbers at risk the interval is that of scipy's exact binomial share, as odds."""
    share = stats.binomtest(7, 10).proportion_ci(0.95, method="exact")
    until, inside, crash = crashes_of(7, 3)
    ratio = hazard_ratio(board_of(until, crash), inside)
    assert ratio.value == pytest.approx(7 / 3, rel=0.02)
    assert ratio.low == pytest.approx(share.low / (1 - share.low), rel=0.02)
    assert ratio.high == pytest.approx(share.high / (1 - share.high), rel=0.02)


def test_separation_has_an_open_end() -> None:
    """All crashes inside: the ratio has no finite value and no upper end, but a lower one."""
    until, inside, crash = crashes_of(6, 0)
    ratio = hazard_ratio(board_of(until, crash), inside)
    assert (ratio.value, ratio.high) == (None, None)
    assert ratio.low is not None
    assert ratio.low > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_hazard_ratio_is_that_of_cox(seed: int, blocked: bool) -> None:
    """Without ties the value is the maximum of Cox's partial likelihood, by statsmodels; over blocks the stratified."""
    rng = np.random.default_rng(seed)
    inside = np.arange(60) % 2 == 0
    until = rng.permutation(60) + 1.0
    crash = (rng.random(60) < 0.5).astype(float)
    if min(crash[inside].sum(), crash[~inside].sum()) < 5:
        return
    if not blocked:
        cox = PHReg(until, inside.astype(float)[:, None], status=crash).fit(disp=0)
        ratio = hazard_ratio(board_of(until, crash), inside)
        assert ratio.value == pytest.approx(float(np.exp(cox.params[0])), rel=1e-3)
    else:
        ratio = hazard_ratio(board_of(until, crash, 10), inside)
        whole = hazard_ratio(board_of(until, crash), inside)
        assert ratio.value is not None and whole.value is not None
        assert ratio.low is not None and ratio.high is not None
        assert ratio.low < whole.value < ratio.high


@pytest.mark.parametrize("ratio", [1.0, 8.0])
def test_the_hazard_ratio_interval_covers_strong_effects_under_early_stopping(ratio: float) -> None:
    """95 % intervals cover in at least 93 %, where one level is stopped more often and ties are many (200 sweeps).

    Observed over expected crashes, which pulls strong effects towards none, covers a ratio of 8 here in 1 %.
    """
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        inside = np.arange(200) % 2 == 0
        crash_at = np.ceil(rng.exponential(1 / (0.05 * np.where(inside, ratio, 1.0))))
        stop_at = np.where(rng.random(200) < np.where(inside, 0.7, 0.3), 2.0, 20.0)
        until, crash = np.minimum(crash_at, stop_at), (crash_at <= stop_at).astype(float)
        found = hazard_ratio(board_of(until, crash, 10), inside)
        assert found.low is not None
        covered += found.low <= ratio and (found.high is None or ratio <= found.high)
    assert covered >= stats.binom(200, 0.93).ppf(0.01)


def test_crashes_that_met_one_side_only_say_nothing() -> None:
    """Where no crash had both sides at risk there is no ratio."""
    inside = np.arange(20) < 10
    until = np.where(inside, 9.0, 1.0)
    found = hazard_ratio(board_of(until, (inside & (np.arange(20) < 5)).astype(float)), inside)
    assert (found.value, found.low, found.high) == (None, None, None)
