"""Risk factors: the tests keep their level, agree with the libraries, and do not blame survivors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.levels import parse_where
from aftersweep.analysis.risk.factors import (
    called,
    crash_weight,
    expected_crashes,
    hazard_ratio,
    held_claims,
    permutation_p,
    risk_factors,
)
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import make_run, make_sweep

CRASHED = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))
COMPLETED = Outcome(label="completed", grade="observed")
STOPPED = Outcome(label="early_stopped", grade="replayed", probability=0.9, crash_probability=(0.1, 0.1))


def sweep_of(configs: list[dict[str, object]], ends: list[int]) -> Sweep:
    runs = [
        make_run(f"r{i:04d}", [0.5] * max(end, 1), config=c)
        for i, (c, end) in enumerate(zip(configs, ends, strict=True))
    ]
    return make_sweep(runs)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_numerator_is_the_log_rank_test_of_statsmodels(seed: int) -> None:
    """The sum of martingale residuals in a group is observed minus expected of the log-rank test."""
    rng = np.random.default_rng(seed)
    n = 40
    progress = rng.integers(1, 9, n).astype(float)
    crash = (rng.random(n) < 0.5).astype(float)
    inside = np.zeros(n, dtype=bool)
    inside[:15] = True
    rng.shuffle(inside)
    if crash.sum() < 2:
        return
    numerator = float((crash - expected_crashes(progress, crash))[inside].sum())
    observed_minus_expected, variance = 0.0, 0.0
    for t in np.unique(progress[crash == 1]):
        risk, group = progress >= t, (progress >= t) & inside
        d = float(((progress == t) & (crash == 1)).sum())
        n1, n_all = float(group.sum()), float(risk.sum())
        observed_minus_expected += float(((progress == t) & (crash == 1) & inside).sum()) - d * n1 / n_all
        if n_all > 1:
            variance += d * (n1 / n_all) * (1 - n1 / n_all) * (n_all - d) / (n_all - 1)
    assert numerator == pytest.approx(observed_minus_expected, abs=1e-9)
    if variance > 0:
        chi2, _ = survdiff(progress, crash, inside.astype(int))
        assert numerator**2 / variance == pytest.approx(float(chi2), rel=1e-6)


def test_a_permutation_p_is_uniform_where_nothing_matters() -> None:
    """Under the null the share of p below 0.05 is about 0.05 (400 sweeps of 40 runs)."""
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(400):
        weight = (rng.random(40) < 0.4).astype(float)
        progress = rng.integers(1, 10, 40).astype(float)
        inside = rng.permutation(np.arange(40) < 12)
        small += permutation_p(weight - expected_crashes(progress, weight), inside) <= 0.05
    low, high = stats.binom(400, 0.05).ppf([0.001, 0.999])
    assert low <= small <= high


def test_survivors_are_not_blamed() -> None:
    """With one hazard for all, a level whose runs live longer is not a risk factor under a stopping rule.

    Its runs crash more often (they are exposed longer), so Fisher's exact test on the same sweeps calls it.
    """
    rng = np.random.default_rng(11)
    blamed = exact = 0
    for _ in range(60):
        configs, ends, outcomes = [], [], []
        for i in range(120):
            good = i % 2 == 0
            limit = 20 if good else 2  # the rule stops the poor architecture early
            crash_at = int(rng.geometric(0.06))
            configs.append({"model": "good" if good else "poor"})
            ends.append(min(limit, crash_at))
            outcomes.append(CRASHED if crash_at <= limit else COMPLETED if good else STOPPED)
        sweep = sweep_of(configs, ends)
        by_id = {
            run.id: (o if o is not STOPPED else Outcome(label="early_stopped", grade="replayed"))
            for run, o in zip(sweep.runs, outcomes, strict=True)
        }
        blamed += called(risk_factors(sweep, by_id, early_stopping=True)[0])
        exact += (risk_factors(sweep, by_id, early_stopping=False)[0].p or 1.0) <= 0.05
    assert blamed <= stats.binom(60, 0.05).ppf(0.999)
    assert exact >= 50


def test_a_strong_risk_factor_is_found() -> None:
    """A level whose runs crash at once, among others that hardly do, is called, alone and first."""
    rng = np.random.default_rng(5)
    configs = [{"batch": [64, 128, 256][i % 3], "lr": float(rng.choice([1e-3, 1e-4]))} for i in range(90)]
    crash = [c["batch"] == 256 and rng.random() < 0.8 for c in configs]
    sweep = sweep_of(configs, [2 if c else 20 for c in crash])
    outcomes = {run.id: CRASHED if c else COMPLETED for run, c in zip(sweep.runs, crash, strict=True)}
    for early_stopping in (True, False):
        risks = risk_factors(sweep, outcomes, early_stopping=early_stopping)
        assert risks[0].text == "batch = 256"
        assert [r.text for r in risks if called(r)] == ["batch = 256"]
        assert risks[0].effect.low is not None
        assert risks[0].effect.low > 1


def crashes_of(inside: int, outside: int, at_risk: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crashes one after the other, alternately inside and outside while both last, among equally many at risk."""
    side = [True, False] * min(inside, outside) + [inside > outside] * abs(inside - outside)
    crashed = len(side)
    progress = np.array([*range(1, crashed + 1), *[crashed + 1] * (2 * at_risk)], dtype=float)
    group = np.array([*side, *[True] * at_risk, *[False] * at_risk])
    return progress, group, np.array([1.0] * crashed + [0.0] * (2 * at_risk))


def test_the_hazard_ratio_interval_is_the_exact_binomial_one() -> None:
    """With (nearly) equal numbers at risk the interval is that of scipy's exact binomial share, as odds."""
    share = stats.binomtest(7, 10).proportion_ci(0.95, method="exact")
    ratio = hazard_ratio(*crashes_of(7, 3))
    assert ratio.value == pytest.approx(7 / 3, rel=0.02)
    assert ratio.low == pytest.approx(share.low / (1 - share.low), rel=0.02)
    assert ratio.high == pytest.approx(share.high / (1 - share.high), rel=0.02)


def test_separation_has_an_open_end() -> None:
    """All crashes inside: the ratio has no finite value and no upper end, but a lower one."""
    ratio = hazard_ratio(*crashes_of(6, 0))
    assert ratio.value is None
    assert ratio.high is None
    assert ratio.low is not None
    assert ratio.low > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_hazard_ratio_is_that_of_cox(seed: int) -> None:
    """Without ties the value is the maximum of Cox's partial likelihood, by statsmodels."""
    rng = np.random.default_rng(seed)
    inside = np.arange(60) % 2 == 0
    progress = rng.permutation(60) + 1.0
    weight = (rng.random(60) < 0.5).astype(float)
    if min(weight[inside].sum(), weight[~inside].sum()) < 3:
        return
    cox = PHReg(progress, inside.astype(float)[:, None], status=weight).fit(disp=0)
    assert hazard_ratio(progress, inside, weight).value == pytest.approx(float(np.exp(cox.params[0])), rel=1e-3)


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
        found = hazard_ratio(np.minimum(crash_at, stop_at), inside, (crash_at <= stop_at).astype(float))
        assert found.low is not None
        covered += found.low <= ratio and (found.high is None or ratio <= found.high)
    assert covered >= stats.binom(200, 0.93).ppf(0.01)


def test_crashes_that_met_one_side_only_say_nothing() -> None:
    """Where no crash had both sides at risk there is no ratio, and nothing is called."""
    inside = np.arange(20) < 10
    progress = np.where(inside, 9.0, 1.0)
    found = hazard_ratio(progress, inside, (inside & (np.arange(20) < 5)).astype(float))
    assert (found.value, found.low, found.high) == (None, None, None)


def test_the_source_reports_exact_tests() -> None:
    """The three p-values that the source report's own counts give (Fisher's exact test, two-sided)."""
    configs = [{"model": "swin_small" if i < 4 else "other"} for i in range(50)]
    runs = [
        make_run(f"r{i:02d}", [0.5], state="crashed" if i < 41 else "finished", config=c) for i, c in enumerate(configs)
    ]
    sweep = make_sweep(runs, claims=({"text": "Swin Small", "where": "model=swin_small"},))
    outcomes = {run.id: CRASHED if run.state == "crashed" else COMPLETED for run in runs}
    claim = held_claims(sweep, outcomes, early_stopping=False)[0]
    assert (claim.recorded_in, claim.recorded_n_in, claim.recorded_out, claim.recorded_n_out) == (4, 4, 37, 46)
    assert claim.recorded_p == pytest.approx(1.0)
    assert not called(claim)


def test_few_crashes_are_not_tested() -> None:
    """Under three crashes no p is given, and the caveat says why."""
    sweep = sweep_of([{"a": i % 2} for i in range(20)], [5] * 20)
    outcomes = {run.id: COMPLETED for run in sweep.runs} | {sweep.runs[0].id: CRASHED}
    risk = risk_factors(sweep, outcomes, early_stopping=True)[0]
    assert risk.p is None
    assert any("fewer than 3 crashes" in caveat for caveat in risk.caveats)


@pytest.mark.parametrize("cause", ["code_error", "infrastructure", "preempted"])
def test_crashes_that_no_setting_caused_do_not_count(cause: str) -> None:
    """A bug in the code or a lost host is not a hyperparameter's fault."""
    assert crash_weight(Outcome(label="crashed", grade="observed", cause=cause, crash_probability=(1, 1))) == 0.0
    assert crash_weight(CRASHED) == 1.0
    assert crash_weight(STOPPED) == pytest.approx(0.1)


@settings(max_examples=15, deadline=None)
@given(st.permutations(list(range(24))))
def test_the_order_of_runs_does_not_matter(order: list[int]) -> None:
    """Effects do not depend on the order of the runs, nor do exact p-values."""
    sweep = sweep_of([{"a": i % 3} for i in range(24)], [1 + i % 5 for i in range(24)])
    outcomes = {run.id: CRASHED if i % 4 == 0 else COMPLETED for i, run in enumerate(sweep.runs)}
    shuffled = make_sweep([sweep.runs[i] for i in order], parameters={"a": [0, 1, 2]})
    first = {r.text: (r.effect, r.p) for r in risk_factors(sweep, outcomes, early_stopping=False)}
    again = {r.text: (r.effect, r.p) for r in risk_factors(shuffled, outcomes, early_stopping=False)}
    assert first == again


def test_a_claim_that_does_not_fit_the_sweep_is_refused() -> None:
    """An unknown parameter or level is named, with what there is."""
    sweep = sweep_of([{"batch_size": 64}, {"batch_size": 128}], [1, 1])
    with pytest.raises(UsageError, match=r"Did you mean 'batch_size'\?"):
        parse_where("batch_sise=64", sweep)
    with pytest.raises(UsageError, match="its levels are 64, 128"):
        parse_where("batch_size=99", sweep)
    with pytest.raises(UsageError, match="PARAMETER=VALUE"):
        parse_where("batch_size", sweep)
    assert parse_where("batch_size=128", sweep) == {"batch_size": 128}
