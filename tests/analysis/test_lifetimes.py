"""Ends as chances, incidence and hazard: published examples, libraries, and what doubt does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from aftersweep.analysis.lifetimes.ends import ENDS, end_chances, lives_of
from aftersweep.analysis.lifetimes.hazard import count_range, rates_differ, sum_interval
from aftersweep.analysis.lifetimes.incidence import Incidence, aalen_johansen, intervals
from aftersweep.analysis.outcomes.rates import proportion
from aftersweep.analysis.types import Evidence, Floats, Outcome

from ..factories import make_run, make_sweep
from ..truth.scenarios import scenario
from ..truth.simulator import simulate, true_outcomes
from .survival_cases import ended

CASES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=40)


def one_hot(status: Sequence[int], kinds: int) -> Floats:
    """Statuses 1 to ``kinds`` as certain chances; 0 is censored."""
    return np.array([[float(s == k + 1) for k in range(kinds)] for s in status])


def at_events(found: Incidence, status: Sequence[int], time: Sequence[int]) -> np.ndarray[Any, Any]:
    return np.isin(found.at, [t for t, s in zip(time, status, strict=True) if s])


# Published examples


def test_the_example_of_r_and_stata_is_reproduced() -> None:
    """Incidence as R's cmprsk::cuminc prints it, standard errors as Stata's stcompet does.

    Both are recorded in statsmodels' test suite (duration/tests/test_survfunc.py, test_incidence).
    """
    time = [1, 1, 2, 4, 4, 4, 6, 6, 7, 8, 9, 9, 9, 1, 2, 2, 4, 4]
    status = [1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    found = aalen_johansen(np.array(time, float), one_hot(status, 3))
    rounded, errors = found.value.round(8), np.sqrt(found.variance).round(8)
    assert rounded[:5, 0].tolist() == [0.11111111, 0.17037037, 0.17037037, 0.17037037, 0.17037037]
    assert rounded[:5, 1].tolist() == [0.0, 0.0, 0.20740741, 0.20740741, 0.20740741]
    assert rounded[:5, 2].tolist() == [0.0, 0.0, 0.0, 0.17777778, 0.26666667]
    assert errors[:5, 0].tolist() == [0.07407407, 0.08976251, 0.08976251, 0.08976251, 0.08976251]
    assert errors[:5, 1].tolist() == [0.0, 0.0, 0.10610391, 0.10610391, 0.10610391]
    assert errors[:5, 2].tolist() == [0.0, 0.0, 0.0, 0.11196147, 0.12787781]


def test_the_breast_cancer_table_of_satagopan_is_reproduced() -> None:
    """Satagopan et al., British Journal of Cancer 91 (2004) 1229-1235, table 2: runs at risk, survival, increments.

    Its last column adds up rounded increments, 0.3 each; ours are held against the increments.
    """
    time = [7, 10, 14, 16, 18, 23, 24, 26, 27] + [100] * 296
    status = [0, 1, 0, 1, 2, 1, 0, 2, 1] + [0] * 296
    found = aalen_johansen(np.array(time, float), one_hot(status, 2))
    shown = at_events(found, status, time)
    assert found.at_risk[shown].tolist() == [304, 302, 301, 300, 298, 297]
    survived = 100 * (1 - found.value.sum(axis=1)[shown])
    assert np.abs(survived - [99.7, 99.3, 99.0, 98.7, 98.3, 98.0]).max() < 0.0501
    increments = 100 * np.diff(found.value[:, 0], prepend=0.0)
    assert increments[increments > 0].round(1).tolist() == [0.3, 0.3, 0.3, 0.3]


def test_two_poisson_rates_have_the_interval_that_r_prints() -> None:
    """R's help page of poisson.test: 11 in 800 against 21 in 3011 person-years (Eba, Zambia)."""
    _, low, high = rates_differ((11, 11), (21, 21), (800.0, 3011.0))
    assert round(low, 7) == 0.8584264 and high is not None and round(high, 7) == 4.2772659


# Against libraries


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_incidence_and_errors_are_those_of_statsmodels(cases: list[tuple[int, int]]) -> None:
    """For certain ends, any censoring: CumIncidenceRight, where it gives a number."""
    time, status = (np.array(column) for column in zip(*cases, strict=True))
    if not status.any():
        return
    with np.errstate(all="ignore"):
        reference = CumIncidenceRight(time, status)
    found = aalen_johansen(time.astype(float), one_hot(status.tolist(), 3))
    assert np.array_equal(found.at, reference.times)
    for k, (value, error) in enumerate(zip(reference.cinc, reference.cinc_se, strict=True)):
        assert np.allclose(found.value[:, k], value)
        known = np.isfinite(error)
        assert np.allclose(found.variance[known, k], error[known] ** 2, atol=1e-12)


def test_weights_are_those_of_statsmodels() -> None:
    """Ends by chance are frequency weights there: a run of half a crash and half a stop is two halves."""
    random = np.random.default_rng(3)
    progress = random.integers(0, 10, 60).astype(float)
    chances = random.dirichlet([1.0, 1.0, 1.0], 60)
    found = aalen_johansen(progress, chances)
    reference = CumIncidenceRight(np.tile(progress, 3), np.repeat([1, 2, 3], 60), freq_weights=chances.T.ravel())
    assert np.allclose(found.value, np.array(reference.cinc).T)


def test_what_is_still_going_is_kaplan_meiers() -> None:
    random = np.random.default_rng(4)
    time, status = random.integers(1, 12, 80), random.integers(0, 3, 80)
    found = aalen_johansen(time.astype(float), one_hot(status.tolist(), 2))
    reference = SurvfuncRight(time, (status > 0).astype(int))
    shown = np.isin(found.at, reference.surv_times)
    assert np.allclose(1 - found.value.sum(axis=1)[shown], reference.surv_prob)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 8), (3, 20), (20, 20), (37, 200)])
def test_without_censoring_the_interval_is_that_of_a_share(k: int, n: int) -> None:
    value = np.array([k / n])
    low, high = intervals(value, value * (1 - value) / n, np.array([float(k == 0)]), np.array([n]))
    share = proportion(k, n)
    assert share.low == pytest.approx(float(low[0]), abs=1e-9) and share.high == pytest.approx(float(high[0]), abs=1e-9)


@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_the_interval_of_one_count_is_the_mid_p_poisson_one(count: int) -> None:
    low, high = sum_interval(np.ones(count), np.ones(count), 1.0)
    if count:
        assert stats.poisson.sf(count, low) + stats.poisson.pmf(count, low) / 2 == pytest.approx(0.025)
    assert stats.poisson.cdf(count - 1, high) + stats.poisson.pmf(count, high) / 2 == pytest.approx(0.025)


def test_the_ratio_test_agrees_with_its_interval() -> None:
    """p is at most 0.05 exactly where the 95 % interval leaves out 1."""
    for k in range(15):
        for other in range(15):
            p, low, high = rates_differ((k, k), (other, other), (10.0, 25.0))
            outside = low > 1.0 or (high is not None and high < 1.0)
            assert outside == (p <= 0.05)


# Doubt


def test_what_a_label_leaves_goes_to_its_rival() -> None:
    """A stop that may be something else is what its state says; anything else that may not be, a stop."""
    state = Evidence(kind="state", text="", supports="stopped_by_user")
    stop = Outcome(label="early_stopped", grade="replayed", probability=0.7, evidence=(state,))
    assert dict(zip(ENDS, end_chances(stop), strict=True))["stopped_by_user"] == pytest.approx(0.3)
    assert end_chances(ended("crashed", 0.8))[:2].tolist() == pytest.approx([0.8, 0.2])
    assert end_chances(ended("early_stopped", 0.8))[:2].tolist() == pytest.approx([0.2, 0.8])
    assert end_chances(ended("running")).sum() == 0
    half_known = Outcome(label="unknown", grade="unknown", probability=0.6, crash_probability=(0.0, 0.6))
    assert end_chances(half_known).tolist() == pytest.approx([0, 0.4, 0, 0, 0.6])


def test_doubt_leaves_a_range_of_counts() -> None:
    sure = np.array([1.0, 1.0, 0.0])
    assert count_range(sure, sure) == (2, 2)
    half = np.full(16, 0.5)
    assert count_range(half, half) == (4, 12)
    assert count_range(np.zeros(3), np.ones(3)) == (0, 3)


def test_a_difference_that_hangs_on_doubtful_ends_is_not_called() -> None:
    """p is the largest over the counts, and 1 where they disagree about the direction."""
    certain, _, _ = rates_differ((12, 12), (1, 1), (50.0, 50.0))
    doubtful, low, _ = rates_differ((2, 12), (1, 1), (50.0, 50.0))
    assert certain < 0.01 and doubtful > 0.5 and low < 1.0
    assert rates_differ((0, 20), (10, 10), (50.0, 50.0))[0] == 1.0


# Lives


def test_exposure_is_what_was_lived() -> None:
    """Where times are known the part of the last step is too: sums agree with the simulator within 1 %."""
    sim = simulate(scenario("nothing, Hyperband", 200), 200, 5)
    lives = lives_of(sim.sweep, true_outcomes(sim.truth))
    assert lives.timed
    assert lives.lived.sum() == pytest.approx(sim.truth.exposure.sum(), rel=0.01)


def test_without_times_half_the_last_step_was_lived() -> None:
    runs = [make_run("a", [0.1, 0.2], timed=False), make_run("b", [0.1] * 4, timed=False)]
    lives = lives_of(make_sweep(runs, budget=4.0), {"a": ended("crashed"), "b": ended("completed")})
    assert lives.lived.tolist() == [2.5, 4.0] and not lives.timed


def test_steps_are_those_between_logged_values() -> None:
    """A metric logged every fifth epoch: a run that died after 10 lived up to 15, half of it in the mean."""
    run = make_run("a", [0.1, 0.2], timed=False, metric_progress=np.array([5.0, 10.0]), progress=10.0)
    lives = lives_of(make_sweep([run], budget=20.0), {"a": ended("crashed")})
    assert lives.step == 5.0 and lives.lived.tolist() == [12.5]
