"""Firth-penalised logistic and hazard models: against the library, closed forms and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from firthmodels import FirthCoxPH, FirthLogisticRegression
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from aftersweep.analysis.risk.firth import (
    MOST_OTHERS,
    Adjusted,
    Fit,
    TooFew,
    adjusted_ratio,
    baseline,
    discrete_hazard,
    firth_logistic,
    hazard_model,
)
from aftersweep.analysis.types import Estimate

Array = NDArray[np.float64]


def ends(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value, estimate.low, estimate.high


def example(seed: int = 0, n: int = 60) -> tuple[Array, Array, Array]:
    """A column of two levels, one of numbers, and which runs crashed when."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.random(n) < 0.4, rng.normal(size=n)]).astype(float)
    life = np.floor(rng.exponential(12 / np.exp(x[:, 0]))) + 0.5
    crashed = (life < 8).astype(float)
    return np.minimum(life, 8.0), crashed, x


def same(one: Fit, other: Fit, rel: float = 1e-4) -> bool:
    pairs = zip(one.ratios, other.ratios, strict=True)
    return all(ends(a) == pytest.approx(ends(b), rel=rel) for a, b in pairs) and one.p == pytest.approx(
        other.p, rel=rel
    )


def test_the_logistic_model_is_the_librarys_on_rows_that_are_not_grouped() -> None:
    """Law: equal rows added up as frequencies give the estimates, profile intervals and tests of the single rows."""
    _, y, x = example()
    x[:, 1] = np.round(x[:, 1])
    model = FirthLogisticRegression(gtol=1e-8, xtol=1e-8, max_iter=100).fit(x, y).lrt()
    interval = np.exp(model.conf_int(method="pl", tol=1e-8, max_iter=100))
    fit = firth_logistic(x, y)
    for k in (0, 1):
        assert ends(fit.ratios[k]) == pytest.approx((np.exp(model.coef_[k]), *interval[k]), rel=1e-4)
        assert fit.p[k] == pytest.approx(model.lrt_pvalues_[k], rel=1e-4)


def test_a_chance_is_a_pair_of_weighted_rows() -> None:
    """Law: two runs that crashed with chance a half are one that crashed and one that did not."""
    _, y, x = example()
    half = np.full(2, 0.5)
    twice = np.vstack([x, x[:1], x[:1]])
    assert same(firth_logistic(twice, np.append(y, half)), firth_logistic(twice, np.append(y, [0.0, 1.0])))


def test_the_hazard_model_is_the_logistic_one_on_person_periods() -> None:
    """Law: a row for each run and unit of progress that it began, grouped, is the discrete-time model."""
    until, crashed, x = example()
    rows, outcome = [], []
    for t, crash, columns in zip(until, crashed, x, strict=True):
        for unit in range(int(np.ceil(t))):
            rows.append([*columns, float(unit >= 3)])
            outcome.append(float(crash and unit == int(t)))
    long = firth_logistic(np.array(rows), np.array(outcome))
    short = discrete_hazard(until, crashed, x, cuts=[3])
    assert [ends(r) for r in short.ratios] == [pytest.approx(ends(r), rel=1e-4) for r in long.ratios[:2]]
    assert short.p == pytest.approx(long.p[:2], rel=1e-4)


@pytest.mark.parametrize(("inside", "outside"), [(4, 3), (6, 0), (0, 5), (1, 1)])
def test_one_level_has_the_closed_form(inside: int, outside: int) -> None:
    """Law: where all crashes share one unit, Jeffreys' prior adds half a crash to each of two levels: the ratio of
    (crashes + 1/2) / (progress in that unit, (d + 1) / (2 d) for each of d crashes), finite under separation too."""
    column = np.repeat([1.0, 0.0], [10, 20])
    crashed = np.zeros(30)
    crashed[:inside] = 1
    crashed[10 : 10 + outside] = 1
    until = np.where(crashed > 0, 2.5, 9.0)
    missed = 0.5 - 0.5 / (inside + outside)
    exact = (inside + 0.5) / (10 - missed * inside) / ((outside + 0.5) / (20 - missed * outside))
    value, low, high = ends(hazard_model(until, crashed, column[:, None]).ratios[0])
    assert value == pytest.approx(exact, rel=0.01)
    assert 0 < low < value < high < np.inf


def test_the_interval_ends_where_the_test_does() -> None:
    """Law: the profile interval at level 1 - p reaches exactly to 1."""
    until, crashed, x = example(3)
    p = hazard_model(until, crashed, x).p[0]
    assert p is not None
    value, low, high = ends(hazard_model(until, crashed, x, level=1 - p).ratios[0])
    assert (low if value > 1 else high) == pytest.approx(1.0, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_sign_and_units_change_nothing(seed: int) -> None:
    """Law: the order of the runs does not matter; -x inverts a ratio; a column in other units has its ratio's power;
    a constant column and a copy are dropped and change nothing else."""
    until, crashed, x = example(seed)
    if not 3 <= crashed.sum() <= 57:
        return
    plain = hazard_model(until, crashed, x)
    order = np.random.default_rng(seed).permutation(len(x))
    assert same(plain, hazard_model(until[order], crashed[order], x[order]))
    value, low, high = ends(plain.ratios[0])
    mirrored = ends(hazard_model(until, crashed, -x).ratios[0])
    assert mirrored == pytest.approx((1 / value, 1 / high, 1 / low), rel=1e-3)
    scaled = hazard_model(until, crashed, x * [1.0, 1e-4] + [0.0, 7.0])
    assert ends(scaled.ratios[0]) == pytest.approx((value, low, high), rel=1e-3)
    more = hazard_model(until, crashed, np.column_stack([x, np.full(60, 3.3), x[:, 0] * 2 - 1, np.full(60, np.nan)]))
    assert more.dropped == (2, 3, 4)
    assert [r.value for r in more.ratios[2:]] == [None] * 3
    assert [ends(r) for r in more.ratios[:2]] == [pytest.approx(ends(r), rel=1e-4) for r in plain.ratios]


def test_a_ratio_too_large_to_write_is_none() -> None:
    """Law: what is not finite is None: a learning rate's ratio for a whole unit, where the range is 0.0001."""
    _, y, x = example()
    fit = firth_logistic(x[:, 1:] * 1e-6 + 1e-4, (x[:, 1] + 0.3 * y > 0).astype(float))
    assert fit.ratios[0].value is None
    assert fit.p[0] is not None


def level_and_others(rng: np.random.Generator, n: int, kinds: list[int]) -> tuple[Array, dict[str, Array]]:
    made = [
        np.zeros(n),
        np.ones(n),
        rng.normal(size=n),
        (rng.random(n) < 0.5).astype(float),
        np.full(n, np.nan),
        rng.normal(size=n) * 1e300,
        np.arange(n, dtype=float) * 1e-300,
    ]
    return made[kinds[0]], {f"o{i}": made[kind] for i, kind in enumerate(kinds)}


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 30),
    st.lists(st.integers(0, 6), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    st.booleans(),
)
def test_nothing_raises_and_all_is_finite(seed: int, n: int, kinds: list[int], share: float, stopping: bool) -> None:
    """Law: for any columns and outcomes (none, all, constant, collinear, not finite, huge) there is an answer whose
    numbers are finite or None."""
    rng = np.random.default_rng(seed)
    column, others = level_and_others(rng, n, kinds)
    weight = np.where(rng.random(n) < share, rng.choice([1.0, 1.0, 0.4], n), 0.0)
    until = rng.choice([0.0, 0.5, 1.5, 2.0, 20.0], n)
    found = adjusted_ratio(until, weight, column, others, stopping)
    fits = [firth_logistic(np.column_stack([column, *others.values()]), weight)]
    fits.append(hazard_model(until, weight, column[:, None]))
    fits.append(discrete_hazard(until, weight, column[:, None], cuts=[2, 6]))
    numbers = [v for f in fits for r, p in zip(f.ratios, f.p, strict=True) for v in (r.value, r.low, r.high, p)]
    if isinstance(found, Adjusted):
        numbers += [found.ratio.value, found.ratio.low, found.ratio.high, found.p]
        assert set(found.adjusted_for) | set(found.dropped) | set(found.left_out) == set(others)
    assert all(v is None or np.isfinite(v) for v in numbers)


def test_five_minority_outcomes_a_coefficient() -> None:
    """Law: with 10 crashes one other column fits, with 9 none, and the answer says that 10 would do; without others
    5 are enough; where fewer did not crash, those count."""
    rng = np.random.default_rng(1)
    column = np.repeat([0.0, 1.0], 30)
    others = {"near": column + rng.normal(size=60), "nearer": column + 0.2 * rng.normal(size=60)}
    crash = rng.permutation(60)
    for crashes, expected in (
        (9, None),
        (10, ("nearer",)),
        (14, ("nearer",)),
        (15, ("nearer", "near")),
        (50, ("nearer",)),
    ):
        weight = np.isin(np.arange(60), crash[:crashes]).astype(float)
        found = adjusted_ratio(None, weight, column, others, early_stopping=False)
        if expected is None:
            assert found == TooFew(needed=10, events=9.0)
        else:
            assert isinstance(found, Adjusted)
            assert found.adjusted_for == expected
            assert found.left_out == tuple(name for name in ("nearer", "near") if name not in expected)
    assert isinstance(adjusted_ratio(None, np.isin(np.arange(60), crash[:5]) * 1.0, column, {}, False), Adjusted)
    assert adjusted_ratio(None, np.zeros(60), column, {}, False) == TooFew(needed=5, events=0.0)


def test_what_cannot_be_told_apart_is_named() -> None:
    """Law: a copy of the column (mirrored, in other units) and constant columns are dropped by name, whatever the
    names' order; the ratio is as without them."""
    until, crashed, x = example(5, 200)
    others = {"z": x[:, 1], "copy": 3 - 2 * x[:, 0], "flat": np.ones(200)}
    found = adjusted_ratio(until, crashed, x[:, 0], others, early_stopping=True)
    alone = adjusted_ratio(until, crashed, x[:, 0], {"z": x[:, 1]}, early_stopping=True)
    assert isinstance(found, Adjusted)
    assert isinstance(alone, Adjusted)
    assert (found.adjusted_for, set(found.dropped)) == (("z",), {"copy", "flat"})
    assert (found.ratio, found.ratio.unit) == (alone.ratio, "hazard ratio")
    backwards = adjusted_ratio(until, crashed, x[:, 0], dict(reversed(others.items())), early_stopping=True)
    assert isinstance(backwards, Adjusted)
    assert backwards.ratio == found.ratio


def test_of_many_others_the_nearest_enter() -> None:
    """Law: at most MOST_OTHERS, by absolute correlation with the column; the rest is named."""
    rng = np.random.default_rng(2)
    column = rng.normal(size=2000)
    others = {f"o{k:02}": column * (-1) ** k + (k + 1) * rng.normal(size=2000) for k in range(20)}
    found = adjusted_ratio(None, (rng.random(2000) < 0.5).astype(float), column, others, early_stopping=False)
    assert isinstance(found, Adjusted)
    assert len(found.adjusted_for) == MOST_OTHERS
    assert {"o00", "o01", "o02"} <= set(found.adjusted_for)
    assert len(found.left_out) == 20 - MOST_OTHERS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0.0, 0.5, 1.0])), max_size=120))
def test_every_crash_is_in_one_piece_of_the_baseline(runs: list[tuple[int, float]]) -> None:
    """Law: the pieces do not overlap, are bounded by whole units, at most 20, and each has crashes."""
    until = np.array([t + 0.5 for t, _ in runs])
    weight = np.array([w for _, w in runs])
    pieces = baseline(until, weight)
    inside = (until[:, None] > pieces[:, 0]) & (until[:, None] <= pieces[:, 1])
    assert np.all(inside[weight > 0].sum(axis=1) == 1)
    assert np.all(weight @ inside > 0)
    assert np.all(pieces[1:, 0] >= pieces[:-1, 1])
    assert len(pieces) <= 20
    assert np.all(pieces[:, 0] == np.floor(pieces[:, 0]))


def test_without_ties_it_is_coxs_model() -> None:
    """Law: where no two crashes share a unit of progress, estimates, intervals and tests are those of firthmodels'
    penalised Cox model; the penalty alone differs, by half a crash in each of the 15 units."""
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.random(400) < 0.4, rng.normal(size=400)]).astype(float)
    crashed = (np.arange(400) < 15).astype(float)
    until = np.where(crashed > 0, np.arange(400) + 0.5, rng.integers(2, 20, 400))
    x[:15, 0] = np.arange(15) < 10
    cox = FirthCoxPH().fit(x, (crashed > 0, until)).lrt()
    interval = cox.conf_int(method="pl")
    fit = hazard_model(until, crashed, x)
    for k in (0, 1):
        found = np.log(ends(fit.ratios[k]))
        assert found == pytest.approx(np.array([cox.coef_[k], *interval[k]]), abs=0.02)
        assert fit.p[k] == pytest.approx(cox.lrt_pvalues_[k], rel=0.1)


def test_an_end_that_the_library_does_not_find_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where the library's search for an end fails, ours gives the same end: the value whose test has p = 0.05."""
    until, crashed, x = example()
    direct = hazard_model(until, crashed, x)

    def fails(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(FirthLogisticRegression, "conf_int", fails)
    assert same(hazard_model(until, crashed, x), direct, rel=1e-3)


def stopped_sweep(rng: np.random.Generator, ratio: float, n: int = 50) -> tuple[Array, Array, Array]:
    """Five crashes in a hundred epochs of 20, times ``ratio`` for half of the runs, whose metric is better too; at
    epochs 2 and 6 the worse half is stopped."""
    column = np.repeat([1.0, 0.0], n // 2)
    life = np.floor(rng.exponential(20 / np.where(column > 0, ratio, 1.0))) + 0.5
    metric = column + rng.normal(size=n)
    end = np.full(n, 20.0)
    for band in (2.0, 6.0):
        there = (life > band) & (end > band)
        if there.any():
            end[there & (metric < np.median(metric[there]))] = band
    return np.minimum(life, end), (life < end).astype(float), column


@pytest.mark.parametrize("ratio", [1.0, 8.0])
def test_intervals_hold_the_hazard_ratio_though_the_metric_stops_runs(ratio: float) -> None:
    """Law: 95 % intervals hold the hazard ratio in 93 % of sweeps or more, up to the error of 250 sweeps."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(250):
        until, crashed, column = stopped_sweep(rng, ratio)
        found = hazard_model(until, crashed, column[:, None]).ratios[0]
        held += (found.low is None or found.low <= ratio) and (found.high is None or ratio <= found.high)
    assert held >= stats.binom(250, 0.93).ppf(0.01)


def test_adjusting_takes_a_confounder_out() -> None:
    """Law: where another column crashes runs and goes with this one, this one's adjusted ratio is near 1 and its crude
    one is not (geometric means over 60 sweeps of 100 runs)."""
    rng = np.random.default_rng(12)
    crude, adjusted = [], []
    for _ in range(60):
        cause = (rng.random(100) < 0.5).astype(float)
        column = (rng.random(100) < np.where(cause > 0, 0.8, 0.2)).astype(float)
        life = np.floor(rng.exponential(30 / np.where(cause > 0, 6.0, 1.0))) + 0.5
        until, crashed = np.minimum(life, 20.0), (life < 20).astype(float)
        others = {"cause": cause, "noise": rng.normal(size=100)}
        found = adjusted_ratio(until, crashed, column, others, early_stopping=True)
        assert isinstance(found, Adjusted)
        crude.append(np.log(ends(hazard_model(until, crashed, column[:, None]).ratios[0])[0]))
        adjusted.append(np.log(ends(found.ratio)[0]))
    assert np.mean(crude) > np.log(1.8)
    assert abs(np.mean(adjusted)) < 0.2
