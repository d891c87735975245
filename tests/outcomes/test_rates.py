"""Shares with mid-p intervals, and crash rates that sum probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from aftersweep.analysis.errors import InvariantError
from aftersweep.analysis.outcomes.rates import crash_rate, proportion, uncertain_proportion
from aftersweep.analysis.types import Estimate, Outcome

from ..factories import make_run, make_sweep


def _ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2544, 0.3658), (15, 148, 0.0601, 0.1581), (0, 20, 0.0, 0.1391), (1, 29, 0.0017, 0.1585)],
)
def test_published_intervals(k: int, n: int, low: float, high: float) -> None:
    """Law: the mid-p intervals of Newcombe (1998, table I, method 6) are reproduced to the printed digits."""
    assert _ends(proportion(k, n)) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_ends_are_where_the_mid_p_tails_are_five_percent(counts: tuple[int, int]) -> None:
    """Law: at each end half the observed count's weight and the tail beyond it make 2.5 %, by scipy's binomial."""
    k, n = counts
    low, high = _ends(proportion(k, n))
    if k > 0:
        assert binom.sf(k, n, low) + binom.pmf(k, n, low) / 2 == pytest.approx(0.025, rel=1e-4)
    if k < n:
        assert binom.cdf(k - 1, n, high) + binom.pmf(k, n, high) / 2 == pytest.approx(0.025, rel=1e-4)


@pytest.mark.parametrize("n", [4, 10, 25, 50])
def test_coverage_is_near_nominal(n: int) -> None:
    """Law: exact coverage over shares from 5 to 95 % is 94 to 99 % in the mean, and never under 89 %."""
    intervals = [_ends(proportion(k, n)) for k in range(n + 1)]
    covered = []
    for share in (i / 100 for i in range(5, 96)):
        covered.append(sum(binom.pmf(k, n, share) for k, (low, high) in enumerate(intervals) if low <= share <= high))
    assert 0.94 <= sum(covered) / len(covered) <= 0.99
    assert min(covered) >= 0.89


@given(st.floats(0, 50), st.floats(0, 50))
def test_complement(k: float, rest: float) -> None:
    """Law: the interval of what did not happen is the complement, for fractional counts too."""
    n = k + rest
    if n < 1:
        return
    low, high = _ends(proportion(k, n))
    other_low, other_high = _ends(proportion(n - k, n))
    assert (low, high) == (pytest.approx(1 - other_high, abs=1e-6), pytest.approx(1 - other_low, abs=1e-6))
    assert low <= k / n <= high


def test_nothing_and_nonsense() -> None:
    """Law: of no trials there is no share and no interval; impossible counts are refused."""
    assert proportion(0, 0) == Estimate(value=None, unit="share")
    assert uncertain_proportion([]).value is None
    with pytest.raises(InvariantError, match="3 successes in 2 trials"):
        proportion(3, 2)


@given(st.integers(0, 30), st.integers(0, 30))
def test_certain_labels_give_the_plain_interval(ones: int, zeros: int) -> None:
    """Law: with probabilities of 0 and 1 alone, the sum is a count and its interval the plain one."""
    summed, counted = uncertain_proportion([1.0] * ones + [0.0] * zeros), proportion(ones, ones + zeros)
    assert summed.value == counted.value
    assert (summed.low, summed.high) == (pytest.approx(counted.low), pytest.approx(counted.high))


def test_doubt_widens() -> None:
    """Law: the less certain the labels, the wider the interval around the same expected share."""
    widths = []
    for doubt in (0.0, 0.1, 0.3, 0.5):
        low, high = _ends(uncertain_proportion([1.0 - doubt] * 10 + [doubt] * 10))
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[-1] > widths[0] * 1.2


def _rate(chances: Sequence[tuple[float, float]]) -> tuple[Estimate, Estimate]:
    runs = [make_run(f"r{i}", state="crashed" if i % 2 else "failed") for i in range(len(chances))]
    outcomes = {
        run.id: Outcome(label="unknown", grade="unknown", crash_probability=pair)
        for run, pair in zip(runs, chances, strict=True)
    }
    rate = crash_rate(make_sweep(runs), outcomes)
    assert rate.eligible == len(chances)
    assert rate.recorded.value == 1.0
    return rate.low, rate.high


def test_crash_rate_sums_probabilities() -> None:
    """Law: the low end adds the lowest chances, the high end the highest, and unknown runs lie between."""
    low, high = _rate([(1.0, 1.0), (0.25, 0.25), (0.0, 1.0), (0.0, 0.0)])
    assert low.value == pytest.approx(1.25 / 4)
    assert high.value == pytest.approx(2.25 / 4)


def test_runs_that_never_started_or_still_run_do_not_count() -> None:
    """Law: only runs that started and have ended are eligible."""
    runs = [make_run("a"), make_run("b", state="pending"), make_run("c", state="running")]
    outcomes = {
        "a": Outcome(label="completed", grade="observed"),
        "b": Outcome(label="never_started", grade="observed"),
        "c": Outcome(label="running", grade="observed"),
    }
    assert crash_rate(make_sweep(runs), outcomes).eligible == 1
