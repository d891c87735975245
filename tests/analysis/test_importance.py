"""Which parameters explain the metric and the crash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest

from aftersweep.analysis.explain.columns import BINS, MOST_LEVELS, Column, column
from aftersweep.analysis.explain.evaluators import EVALUATORS, board
from aftersweep.analysis.explain.quality import quality
from aftersweep.analysis.explain.targets import adjusted, crash_target, metric_target
from aftersweep.analysis.importance import Effort, importance
from aftersweep.analysis.sweepfile.config import Parameter
from aftersweep.analysis.types import Floats, Outcome, Run, Sweep

from ..factories import HYPERBAND, START, make_run, make_sweep

DONE = Outcome(label="completed", grade="observed")
STOPPED = Outcome(label="early_stopped", grade="replayed")
CRASHED = Outcome(label="crashed", grade="observed", cause="diverged", crash_probability=(1.0, 1.0))
UNKNOWN = Outcome(label="unknown", grade="unknown", probability=0.5, crash_probability=(0.0, 1.0))
LITTLE = Effort(draws=8, permutations=39)

both = pytest.mark.parametrize("name", list(EVALUATORS))


def _columns(n: int, seed: int = 0) -> tuple[Column, ...]:
    rng = np.random.default_rng(seed)
    return (
        Column("aug", rng.integers(0, 2, n), 2, True),
        Column("lr", rng.integers(0, 8, n), 8, True),
        Column("model", rng.integers(0, 5, n), 5, False),
        Column("still", np.zeros(n, dtype=np.int64), 1, True),
    )


def _shares(name: str, columns: Sequence[Column], y: Floats, draws: int = 4) -> Floats:
    on = board(columns, 0)
    return np.mean([EVALUATORS[name](on, y, seed) for seed in range(draws)], axis=0)


# What every evaluator has to hold.


@both
@pytest.mark.parametrize("matters", [0, 1, 2])
def test_the_only_parameter_that_matters_comes_first(name: str, matters: int) -> None:
    """Whatever its type; and one that is constant has no importance at all."""
    columns = _columns(200)
    effect = (columns[matters].codes == 1).astype(float) if matters != 1 else columns[1].codes / 7.0
    y = effect + 0.3 * np.random.default_rng(1).normal(size=200)
    shares = _shares(name, columns, y)
    assert int(np.argmax(shares)) == matters
    assert shares[3] == 0.0


@both
def test_shares_add_up_to_at_most_one(name: str) -> None:
    """Of PED-ANOVA to one; of fANOVA what is missing is interactions."""
    columns = _columns(80)
    y = columns[0].codes + columns[1].codes / 4 + 0.3 * np.random.default_rng(2).normal(size=80)
    total = float(_shares(name, columns, y).sum())
    assert 0.0 < total <= 1.0 + 1e-9
    if name == "PED-ANOVA":
        assert total == pytest.approx(1.0)


@both
def test_a_target_that_does_not_vary_has_no_importance(name: str) -> None:
    """Nor one that is known of a single run."""
    columns = _columns(30)
    assert not _shares(name, columns, np.ones(30)).any()
    assert not _shares(name, columns, np.where(np.arange(30) == 3, 1.0, np.nan)).any()


@both
def test_runs_without_a_target_do_not_count(name: str) -> None:
    """A half of the runs is evaluated as if the others were not there."""
    columns = _columns(60)
    y = columns[0].codes + 0.3 * np.random.default_rng(3).normal(size=60)
    part = np.where(np.arange(60) < 30, y, np.nan)
    first = [replace(c, codes=c.codes[:30]) for c in columns]
    assert _shares(name, columns, part) == pytest.approx(_shares(name, first, y[:30]))


@both
def test_optuna_is_silent_and_stays_as_it_was(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Its log level is the user's own again; nothing is printed, and warnings are errors in these tests."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.INFO)
    try:
        _shares(name, _columns(20), np.arange(20.0))
        assert optuna.logging.get_verbosity() == logging.INFO
        assert capfd.readouterr().err == ""
    finally:
        optuna.logging.set_verbosity(before)


# Settings as columns.


def test_a_log_range_is_cut_on_its_own_scale() -> None:
    """Parts of equal chance under the declared distribution: as many runs in each, whatever the scale."""
    values = (10 ** np.linspace(-4.999, -1.001, 80)).tolist()
    declared = Parameter("lr", {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1})
    made = column("lr", values, declared)
    assert made is not None
    assert np.bincount(made.codes).tolist() == [10] * BINS
    undeclared = column("lr", values, None)
    assert undeclared is not None
    assert np.bincount(undeclared.codes).tolist() == [10] * BINS


def test_what_is_not_set_is_a_level_of_its_own() -> None:
    """Of an ordered parameter the last, of others one more; text among numbers makes a parameter unordered."""
    ordered = column("x", [1, 2, "(not set)", 2], None)
    mixed = column("x", [1, "a", "(not set)", True], None)
    assert ordered is not None
    assert (ordered.ordered, ordered.codes.tolist()) == (True, [0, 1, 2, 1])
    assert mixed is not None
    assert (mixed.ordered, mixed.size) == (False, 4)


def test_rare_levels_are_put_together() -> None:
    """A name that each run has for itself would make as many levels as runs."""
    made = column("tag", [f"t{i // 3}" if i < 15 else f"one{i}" for i in range(40)], None)
    assert made is not None
    assert made.size == MOST_LEVELS
    assert made.merged == 30 - MOST_LEVELS + 1
    assert column("same", ["a"] * 5, None) is None


# What is explained.


def test_runs_are_compared_at_equal_progress() -> None:
    """A run counts with what it had by then, and one that ended before is left out, whatever its state."""
    runs = [make_run(f"r{i}", [0.1 * i, 0.9 - 0.1 * i], state="crashed") for i in range(8)]
    runs += [make_run("long", [0.05, 0.15, 5.0]), make_run("short", [9.0])]
    target = metric_target(make_sweep(runs))
    assert (target.iteration, target.left_out) == (2, 1)
    assert {run.id for run in target.runs} == {run.id for run in runs} - {"short"}
    assert target.runs[int(np.argmin(target.y))].id == "long"


def test_summaries_alone_are_compared_as_they_are() -> None:
    """Runs without history have a final value only."""
    runs = [make_run(f"r{i:02d}", best=float(i), config={"a": i}) for i in range(12)]
    target = metric_target(make_sweep(runs))
    assert target.iteration is None
    assert target.y.tolist() == sorted(target.y)


def test_longer_exposure_is_no_importance() -> None:
    """One hazard for all, but the runs of one setting live five times as long: per run they crash more, and their
    martingale residuals do not differ."""
    rng = np.random.default_rng(4)
    runs, outcomes = [], {}
    for i in range(2_000):
        good = i % 2
        crash, stop = rng.exponential(1 / 0.05), 20.0 if good else 4.0
        length = int(min(crash, stop))
        run = make_run(f"r{i}", np.linspace(0, 1, length), config={"good": good}, start=START + i)
        runs.append(run)
        outcomes[run.id] = CRASHED if crash < stop else STOPPED
    sweep = make_sweep(runs, early_terminate=HYPERBAND)
    target = crash_target(sweep, outcomes, early_stopping=True)
    good = np.array([run.config["good"] for run in target.runs])
    crashed = target.crashed
    assert crashed[good == 1].mean() - crashed[good == 0].mean() > 0.3
    difference = target.y[good == 1].mean() - target.y[good == 0].mean()
    error = np.sqrt(sum(target.y[good == g].var() / (good == g).sum() for g in (0, 1)))
    assert abs(difference) < 3 * error


def test_a_crash_is_one_that_a_setting_could_have_caused() -> None:
    """A code error is none; an unknown outcome is left out, and so is a run that still runs."""
    runs = [make_run(f"r{i}", [0.5]) for i in range(5)]
    bug = Outcome(label="crashed", grade="observed", cause="code_error", crash_probability=(1.0, 1.0))
    running = Outcome(label="running", grade="observed")
    outcomes = dict(zip((run.id for run in runs), (CRASHED, bug, UNKNOWN, running, DONE), strict=True))
    target = crash_target(make_sweep(runs), outcomes, early_stopping=False)
    assert (target.crashes, len(target.runs), target.left_out) == (1, 3, 1)


def test_a_change_in_time_is_taken_out() -> None:
    """Crashes of the first half alone are no different from none within blocks; without times nothing is done."""
    runs = [make_run(f"r{i:02d}", [0.5], start=START + i) for i in range(40)]
    outcomes = {run.id: CRASHED if i < 20 else DONE for i, run in enumerate(runs)}
    assert not adjusted(crash_target(make_sweep(runs[::-1]), outcomes, early_stopping=False)).y.any()
    untimed = make_sweep([make_run(f"r{i:02d}", [0.5], timed=False) for i in range(40)])
    target = crash_target(untimed, outcomes, early_stopping=False)
    assert adjusted(target).y == pytest.approx(np.repeat([0.5, -0.5], 20))


def test_a_broken_machine_is_taken_out() -> None:
    """Crashes of one host alone are none of a setting that was always tried there."""
    runs = [make_run(f"r{i:02d}", [0.5], host=f"h{i % 4}", start=START + i) for i in range(40)]
    outcomes = {run.id: CRASHED if run.host == "h1" else DONE for run in runs}
    target = adjusted(crash_target(make_sweep(runs), outcomes, early_stopping=False))
    assert np.abs(target.y).max() < 0.01


# The fit's own quality.


def test_p_is_fair_where_nothing_matters() -> None:
    """At most a few of 60 targets of pure noise are called at 5 % (binomial: over 8 has chance 0.2 %)."""
    columns = _columns(30)[:3]
    rng = np.random.default_rng(5)
    none = np.zeros(30, dtype=np.int64)
    called = sum(quality(columns, rng.normal(size=30), none, i, trees=10).p <= 0.05 for i in range(60))
    assert called <= 8


def test_targets_are_permuted_within_blocks_only() -> None:
    """A setting that changes with the time blocks alone explains no more than their permutations do."""
    block = np.repeat(np.arange(4), 12)
    columns = (Column("time", block.astype(np.int64), 4, True), _columns(48)[0])
    y = block + 0.1 * np.random.default_rng(6).normal(size=48)
    assert quality(columns, y, block, 0).p > 0.05
    assert quality(columns, y, np.zeros(48, dtype=np.int64), 0).p <= 0.05


# The whole.


def _sweep(n: int, *, seed: int = 0, lr: float = 0.0, goal: str = "maximize", **fields: Any) -> Sweep:
    rng = np.random.default_rng(seed)
    sign = 1.0 if goal == "maximize" else -1.0
    runs = []
    for i in range(n):
        config = {"model": "abc"[int(rng.integers(3))], "lr": float(10 ** rng.uniform(-5, -1)), "aug": bool(i % 2)}
        value = lr * (np.log10(config["lr"]) + 3) + rng.normal()
        runs.append(make_run(f"r{i:03d}", [sign * value], goal=goal, config=config, start=START + 60 * i))
    return make_sweep(runs, goal=goal, **fields)


def _found(sweep: Sweep, crashed: Sequence[Run] = ()) -> Any:
    ids = {run.id for run in crashed}
    return importance(sweep, {run.id: CRASHED if run.id in ids else DONE for run in sweep.runs}, effort=LITTLE)


def test_what_matters_is_named_and_what_does_not_is_near_nothing() -> None:
    """At 100 runs: named, its interval above all others; the idle ones explain little."""
    metric = _found(_sweep(100, lr=1.5)).metric
    assert metric.supported
    assert metric.leading == "lr"
    assert all(share.fanova.value < 0.1 for share in metric.shares[1:])
    assert metric.r2.low <= metric.r2.value <= metric.r2.high


def test_nothing_is_ranked_where_the_fit_explains_nothing() -> None:
    """Noise has importances as well; they are not shown."""
    metric = _found(_sweep(60)).metric
    assert metric.tested
    assert not metric.supported
    assert metric.shares == ()


def test_a_setting_that_crashes_explains_the_crash() -> None:
    """And not the metric."""
    sweep = _sweep(80)
    found = _found(sweep, [run for run in sweep.runs if run.config["aug"]])
    assert found.crash.leading == "aug"
    assert not found.metric.supported


def test_neither_order_names_nor_a_constant_matter() -> None:
    """The order of the runs, the names of levels and a parameter of one level change nothing."""
    sweep = _sweep(60, lr=1.5)
    found = _found(sweep).metric
    names = {"a": "zebra", "b": "*", "c": "b"}
    renamed = [
        replace(run, config={**run.config, "model": names[run.config["model"]], "still": 1}) for run in sweep.runs
    ]
    parameters = {"model": ["zebra", "*", "b"], "lr": sweep.parameters["lr"], "aug": [False, True], "still": [1]}
    for other in (replace(sweep, runs=sweep.runs[::-1]), make_sweep(renamed, parameters=parameters)):
        again = _found(other).metric
        assert (again.r2, again.p, again.shares) == (found.r2, found.p, found.shares)


def test_minimise_of_minus_x_is_maximise_of_x() -> None:
    """The goal is carried by the metric."""
    up, down = _sweep(60, lr=1.5), _sweep(60, lr=1.5, goal="minimize")
    assert _found(up).metric.shares == _found(down).metric.shares


def test_many_runs_are_a_random_part_of_them() -> None:
    """Above the cap a part is taken, the same for any order, and the result says so."""
    sweep = _sweep(90)
    outcomes = {run.id: DONE for run in sweep.runs}
    found = importance(sweep, outcomes, effort=Effort(most_runs=40, draws=4))
    again = importance(replace(sweep, runs=sweep.runs[::-1]), outcomes, effort=Effort(most_runs=40, draws=4))
    assert found is not None
    assert again is not None
    assert found.metric.n == 40
    assert set(found.metric.runs) == set(again.metric.runs)
    assert any("40 of 90" in caveat for caveat in found.metric.caveats)


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_runs_are_not_enough_evidence(n: int) -> None:
    """Nothing is computed, and nothing raised."""
    found = _found(_sweep(n))
    if n == 0:
        assert found is None
    else:
        assert not found.metric.tested
        assert "fewer than" in found.metric.why


def test_degenerate_sweeps_say_why_nothing_is_tested() -> None:
    """One level everywhere, one value everywhere, no metric, all crashed."""
    same = [make_run(f"r{i}", [0.5], config={"a": 1, "b": 2}) for i in range(12)]
    assert "two parameters" in _found(make_sweep(same)).metric.why
    flat = [make_run(f"r{i}", [0.5], config={"a": i, "b": i % 2}) for i in range(12)]
    assert _found(make_sweep(flat)).metric.why == "one value everywhere"
    silent = make_sweep([make_run(f"r{i}", config={"a": i, "b": i % 2}) for i in range(12)])
    assert _found(silent).metric.n == 0
    assert not _found(silent, silent.runs).crash.tested


def test_lists_dicts_and_mixed_types_are_levels() -> None:
    """Whatever a parameter's values are, the sweep is weighed."""
    levels: list[Any] = [[1, 2], {"k": 1}, None, "text", 3, True, float("nan")]
    runs = [
        make_run(f"r{i}", [float(i % 7)], config={"odd": levels[i % 7], "b": i % 3} | ({"c": 1} if i % 2 else {}))
        for i in range(42)
    ]
    found = _found(make_sweep(runs, parameters={"odd": levels[3:5], "b": [0, 1, 2], "c": [1, 2]})).metric
    assert found.parameters == 3
    assert found.leading == "odd"
