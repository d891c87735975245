"""The hierarchical model and the likelihoods that go into it, against published figures and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.across.classic import random_effects
from aftersweep.analysis.across.likelihood import crash_likelihood, difference, fenced, informative
from aftersweep.analysis.across.model import (
    GRID,
    interval,
    log_f_prior,
    mean_and_sd,
    partial_pool,
    quantile,
    spreads,
    two_sided,
)
from aftersweep.analysis.risk.effects import odds_ratio

from ..analysis.risk_cases import board_of

SCHOOLS = np.array([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16])
ERRORS = np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6])
"""Rubin (1981): coaching in eight schools."""

BCG = {
    "ill": [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27],
    "well": [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886],
    "ill_without": [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29],
    "well_without": [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825],
}
"""Colditz et al. (JAMA 271, 1994): thirteen trials of a vaccine."""


def normal(values: np.ndarray, errors: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return -0.5 * ((grid - values[:, None]) / errors[:, None]) ** 2


def test_eight_schools_as_bayesmeta_prints_them() -> None:
    """Roever (bayesmeta's introduction, CRAN): half-Cauchy prior 25 of tau, normal 50 of mu; all printed digits but
    those that a grid of 0.25 and 400 nodes cost."""
    grid = np.arange(-400, 401) * 0.25
    taus = 25 * np.tan((np.arange(400) + 0.5) / 400 * np.pi / 2)
    found = partial_pool(normal(SCHOOLS, ERRORS, grid), grid, -0.5 * (grid / 50) ** 2, taus)
    mean, sd = mean_and_sd(grid, found.mean)
    assert mean == pytest.approx(7.985729, abs=0.001)
    assert sd == pytest.approx(4.995762, abs=0.001)
    assert quantile(grid, found.mean, 0.5) == pytest.approx(7.962961, abs=0.002)
    assert found.spread @ taus == pytest.approx(5.884511, abs=0.001)
    centred = np.cumsum(found.spread) - found.spread / 2
    assert np.interp(0.5, centred, taus) == pytest.approx(4.758539, abs=0.01)
    # Its printed intervals are the shortest; ours leave as much on either side.
    assert -1.9 < interval(grid, found.mean, 0.95)[1] < -1.7
    shrunk = [mean_and_sd(grid, own)[0] for own in found.own]
    assert sorted(range(8), key=lambda i: shrunk[i])[-1] == 0
    assert np.all(np.abs(np.array(shrunk) - mean) < np.abs(SCHOOLS - mean))


def test_the_vaccine_trials_as_metafor_prints_them() -> None:
    """metafor's dat.bcg: log risk ratios, tau^2 after Paule and Mandel 0.3181, mean -0.7150, Q 152.2330."""
    a, b, c, d = (np.array(BCG[key], dtype=float) for key in ("ill", "well", "ill_without", "well_without"))
    effects = np.log(a / (a + b)) - np.log(c / (c + d))
    variances = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    found = random_effects(effects, variances)
    assert found.tau2 == pytest.approx(0.3181, abs=5e-5)
    assert found.mean == pytest.approx(-0.7150, abs=5e-5)
    assert found.differ_p == pytest.approx(stats.chi2.sf(152.2330, 12), rel=1e-3)
    assert found.i2 == pytest.approx((152.2330 - 12) / 152.2330, abs=1e-4)
    assert found.low < -0.7150 < found.high


def test_two_estimates_that_agree_have_a_wide_interval() -> None:
    """Hartung and Knapp's error would be 0 here: it is not taken smaller than the normal one."""
    found = random_effects(np.array([1.0, 1.0]), np.array([0.5, 0.5]))
    assert (found.tau2, found.i2, found.differ_p) == (0.0, 0.0, 1.0)
    assert found.high - 1.0 == pytest.approx(stats.t.ppf(0.975, 1) * 0.5)


def test_the_same_sweep_again_and_again_narrows_the_mean() -> None:
    """Law: k equal likelihoods; the interval of the mean, and of the common effect by the root of k."""
    one = normal(np.array([1.0]), np.array([0.5]), GRID)
    widths, common = [], []
    for k in (2, 4, 8):
        found = partial_pool(np.repeat(one, k, axis=0), GRID, log_f_prior(GRID), spreads())
        _, low, high = interval(GRID, found.mean, 0.95)
        widths.append(high - low)
        common.append(mean_and_sd(GRID, found.common)[1])
        assert abs(quantile(GRID, found.mean, 0.5) - 1.0) < 0.12
    assert widths == sorted(widths, reverse=True)
    assert common[0] / common[2] == pytest.approx(2.0, rel=0.02)


def test_sweeps_are_drawn_together_as_far_as_they_agree() -> None:
    """Law: each lies between itself and the mean; the less it says the nearer to the others."""
    values, errors = np.array([0.0, 1.0, 2.0]), np.array([0.2, 0.4, 1.0])
    found = partial_pool(normal(values, errors, GRID), GRID, log_f_prior(GRID), spreads())
    mean = mean_and_sd(GRID, found.mean)[0]
    alone = [mean_and_sd(GRID, mass)[0] for mass in found.alone]
    shrunk = [mean_and_sd(GRID, mass)[0] for mass in found.own]
    pulled = [(a - s) / (a - mean) for a, s in zip(alone, shrunk, strict=True)]
    assert pulled[0] < pulled[2]
    assert 0 < min(shrunk) < mean < max(shrunk) < 2


def test_the_model_is_the_same_in_the_mirror() -> None:
    """Law: the other level of two is the one turned round."""
    values, errors = np.array([0.7, -0.2]), np.array([0.5, 0.8])
    one = partial_pool(normal(values, errors, GRID), GRID, log_f_prior(GRID), spreads())
    other = partial_pool(normal(-values, errors, GRID), GRID, log_f_prior(GRID), spreads())
    assert np.allclose(one.mean, other.mean[::-1], atol=1e-12)
    assert two_sided(GRID, one.mean) == pytest.approx(two_sided(GRID, other.mean))
    assert [-v for v in interval(GRID, one.mean, 0.9)] == pytest.approx(
        [interval(GRID, other.mean, 0.9)[i] for i in (0, 2, 1)]
    )


def test_the_prior_of_the_mean_is_what_it_is_called() -> None:
    """Sweeps that say nothing leave a ratio of 1/648 to 648 with 95 % (Greenland and Mansournia 2015), and p 1."""
    grid = np.arange(-1200, 1201) * 0.025
    found = partial_pool(np.zeros((2, len(grid))), grid, log_f_prior(grid), spreads())
    assert two_sided(grid, found.mean) == pytest.approx(1.0)
    middle, low, high = interval(grid, found.mean, 0.95)
    assert middle == pytest.approx(0.0, abs=1e-9)
    assert high == pytest.approx(np.log(648), abs=0.01)
    assert low == pytest.approx(-high)


def test_a_moment_of_crashes_is_coxs() -> None:
    """One crash among 3 inside and 7 outside: r 3 / (r 3 + 7)."""
    until, crash = np.full(10, 5.0), np.zeros(10)
    crash[0] = 1.0
    inside = np.arange(10) < 3
    on = board_of(until, crash)
    found = crash_likelihood(on, inside, np.array([True]), GRID, tied=False)
    ratio = np.exp(GRID)
    assert found == pytest.approx(np.log(3 * ratio / (3 * ratio + 7)))
    assert informative(on, inside, np.array([True])) == 1


def test_a_table_of_crashes_is_fishers() -> None:
    """All at one moment: the noncentral hypergeometric of scipy."""
    crash = np.array([1.0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    inside = np.arange(12) < 5
    on = board_of(np.zeros(12), crash)
    found = crash_likelihood(on, inside, np.array([True]), GRID, tied=True)
    known = stats.nchypergeom_fisher.logpmf(3, 12, 5, 4, np.exp(GRID[::80]))
    assert found[::80] - found[320] == pytest.approx(known - stats.nchypergeom_fisher.logpmf(3, 12, 5, 4, 1.0))


def test_the_likelihoods_peak_is_the_exact_tests_estimate() -> None:
    """scipy's conditional odds ratio is where the likelihood of one table is largest."""
    crash = (np.arange(40) % 3 == 0).astype(float)
    inside = (np.arange(40) % 7 < 3) & ((np.arange(40) < 30) | (crash > 0))
    found = crash_likelihood(board_of(np.zeros(40), crash), inside, np.array([True]), GRID, tied=True)
    known = odds_ratio(inside, crash, np.zeros(40, dtype=np.int64))
    assert known.value is not None
    assert GRID[found.argmax()] == pytest.approx(np.log(known.value), abs=0.013)


def test_a_stratified_odds_ratio_as_r_prints_it() -> None:
    """R's mantelhaen.test(Rabbits, exact = TRUE) (Agresti 1990, p. 234): common odds ratio 10.36102."""
    tables = [(0, 6, 0, 5), (3, 3, 0, 6), (6, 0, 2, 4), (5, 1, 6, 0), (2, 0, 5, 0)]
    cured, early, delay = [], [], []
    for i, counts in enumerate(tables):
        for count, (is_cured, is_early) in zip(counts, ((1, 1), (0, 1), (1, 0), (0, 0)), strict=True):
            cured += [float(is_cured)] * count
            early += [bool(is_early)] * count
            delay += [i] * count
    found = odds_ratio(np.array(early), np.array(cured), np.array(delay))
    assert found.value == pytest.approx(10.36102, rel=1e-4)
    assert found.low is not None
    assert 1.0 < found.low < 10


def test_strata_change_nothing_where_there_is_one() -> None:
    """Law: the stratified odds ratio of strata with nothing to compare is that of the one with something."""
    crash = np.array([1.0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    inside = np.array([True, True, True, False, False, False, False, False, True, True, False])
    alone = odds_ratio(inside[:8], crash[:8], np.zeros(8, dtype=np.int64))
    with_more = odds_ratio(inside, crash, np.repeat([0, 1], [8, 3]))
    assert with_more == alone
    turned = odds_ratio(~inside, crash, np.repeat([0, 1], [8, 3]))
    assert turned.value == pytest.approx(1 / (alone.value or 1))


def test_a_difference_of_means_leans_on_the_pooled_variance() -> None:
    """Many runs: Welch's; few: their variance is held to that of the others, so two equal values are no certainty."""
    random = np.random.default_rng(1)
    x, y = random.normal(0.3, 1, 400), random.normal(0, 1, 500)
    found = difference(x, y)
    welch = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    reach = stats.t.ppf(0.975, found.df) * found.error
    assert found.value - reach == pytest.approx(welch.low, abs=0.002)
    assert found.value + reach == pytest.approx(welch.high, abs=0.002)
    assert difference(np.array([1.0, 1.0, 1.0]), y[:10]).error > 0.3


def test_one_diverged_run_does_not_decide() -> None:
    """Values beyond Tukey's outer fences are pulled in."""
    x = np.array([0.1, 0.2, 0.3, 0.4, 1e30])
    assert fenced(x).max() == pytest.approx(0.4 + 3 * 0.2)
    assert np.all(fenced(np.array([1.0, 1.0, 1.0, 5.0, 1.0])) == np.array([1.0, 1.0, 1.0, 5.0, 1.0]))
