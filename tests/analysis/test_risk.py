"""Risk factors: the tests keep their level, find what is there, and do not blame survivors, time or machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.levels import parse_where
from aftersweep.analysis.risk.cases import crash_weight, make_cases
from aftersweep.analysis.risk.circumstances import circumstances, suspect
from aftersweep.analysis.risk.factors import held_claims, parameter_risks, stands
from aftersweep.analysis.risk.tables import freeman_halton
from aftersweep.analysis.types import Outcome

from ..factories import make_run, make_sweep
from .risk_cases import COMPLETED, CRASHED, STOPPED, exponential_sweep, sweep_of


def at_most(rate: float, n: int) -> int:
    """More hits than this in n tries would be a wonder (1 in 1,000) if the rate were right."""
    return int(stats.binom(n, rate).ppf(0.999))


@pytest.mark.parametrize("goodness", [0.0, 1.0])
def test_survivors_are_not_blamed(goodness: float) -> None:
    """With one hazard for all, levels are called in about 5 % of sweeps, though the rule stops one far more often.

    Crash per run blames the level whose runs live longer in most of the same sweeps.
    """
    rng = np.random.default_rng(11)
    called = per_run = 0
    for _ in range(100):
        good = rng.random(120) < 0.3
        stopped = rng.random(120) < np.where(good, 0.5 - 0.45 * goodness, 0.5 + 0.45 * goodness)
        configs = [{"model": "good" if g else "poor"} for g in good]
        sweep, ends = exponential_sweep(rng, configs, np.full(120, 0.06), np.where(stopped, 2, 20))
        called += parameter_risks(sweep, ends, early_stopping=True)[0].called
        per_run += parameter_risks(sweep, ends, early_stopping=False)[0].called
    assert called <= at_most(0.05, 100)
    if goodness:
        assert per_run >= 60


def test_a_run_was_at_risk_until_it_ended_by_its_times() -> None:
    """The part of the last interval counts where times are known; else a crash falls half way, a stop at once."""
    timed = make_run("r0", [0.5, 0.5], step_s=60, lag_s=15, progress=2.0)
    blind = make_run("r1", [0.5, 0.5], timed=False, progress=2.0)
    for outcome, inside in ((CRASHED, 0.5), (STOPPED, 0.0)):
        sweep = make_sweep([timed, blind])
        cases = make_cases(sweep, {"r0": outcome, "r1": outcome}, early_stopping=True)
        assert cases.until.tolist() == pytest.approx([2.25, 2 + inside])


def test_any_false_call_is_rare_where_nothing_matters() -> None:
    """Eight parameters, none of which matters: any is called in at most about 5 % of the sweeps (200 of 40 runs)."""
    rng = np.random.default_rng(3)
    any_called = 0
    for _ in range(200):
        configs = [
            {f"p{j}": (float(rng.random()) if j < 2 else int(rng.integers(0, 2 + j % 4))) for j in range(8)}
            for _ in range(40)
        ]
        sweep, ends = exponential_sweep(rng, configs, np.full(40, 0.05), rng.choice([2, 6, 20], 40))
        any_called += any(risk.called for risk in parameter_risks(sweep, ends, early_stopping=True))
    assert any_called <= at_most(0.05, 200)


def test_a_bug_mended_in_mid_sweep_blames_no_setting() -> None:
    """A grid walks through the levels while the hazard falls to a tenth: the time is called, the level is not."""
    rng = np.random.default_rng(4)
    blamed = times = 0
    for _ in range(60):
        configs = [{"model": "abcd"[i // 25], "seed": i % 5} for i in range(100)]
        hazards = np.where(np.arange(100) < 50, 0.2, 0.02)
        sweep, ends = exponential_sweep(rng, configs, hazards, np.full(100, 20), "grid")
        blamed += any(risk.called for risk in parameter_risks(sweep, ends, early_stopping=True))
        found = {item.parameter: item for item in circumstances(sweep, ends, early_stopping=True)}
        times += found["start time"].called
    assert blamed <= at_most(0.05, 60)
    assert times >= 50


def test_a_broken_machine_is_called_and_no_setting_for_it() -> None:
    """Agents take turns and the grid's levels with them: the host is called, the level that it got is not."""
    rng = np.random.default_rng(5)
    blamed = hosts = 0
    for _ in range(60):
        where = np.arange(80) % 4
        level = np.where(rng.random(80) < 0.8, where, rng.integers(0, 4, 80))
        configs = [{"model": "abcd"[k]} for k in level]
        names = [f"node-{k}" for k in where]
        sweep, ends = exponential_sweep(
            rng, configs, np.where(where == 2, 0.3, 0.02), np.full(80, 20), "grid", host=names
        )
        around = circumstances(sweep, ends, early_stopping=True)
        host = next(item for item in around if item.parameter == "host")
        hosts += host.called and host.leading is not None and host.leading.text == "host = node-2"
        apart = suspect(around)
        blamed += any(risk.called for risk in parameter_risks(sweep, ends, early_stopping=True, apart=apart))
    assert hosts >= 50
    assert blamed <= at_most(0.05, 60)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_strong_risk_factor_is_found(early_stopping: bool) -> None:
    """A level whose runs crash at once, among others that hardly do, is called, alone and first."""
    rng = np.random.default_rng(5)
    configs = [{"batch": int(rng.choice([64, 128, 256])), "lr": float(rng.choice([1e-3, 1e-4]))} for _ in range(90)]
    crash = [c["batch"] == 256 and rng.random() < 0.8 for c in configs]
    sweep = sweep_of(configs, [2 if c else 20 for c in crash])
    outcomes = {run.id: CRASHED if c else COMPLETED for run, c in zip(sweep.runs, crash, strict=True)}
    risks = parameter_risks(sweep, outcomes, early_stopping=early_stopping)
    assert [risk.parameter for risk in risks if risk.called] == ["batch"]
    assert risks[0].raises
    assert risks[0].leading is not None
    assert risks[0].leading.text in ("batch = 256", "higher batch")
    assert risks[0].leading.effect.low is not None
    assert risks[0].leading.effect.low > 1


def test_risk_at_both_ends_is_a_window() -> None:
    """A learning rate that crashes at both ends has no trend, and its window leads."""
    rng = np.random.default_rng(6)
    lr = rng.uniform(0, 1, 150)
    hazards = np.where(np.abs(lr - 0.5) > 0.25, 0.15, 0.01)
    sweep, ends = exponential_sweep(rng, [{"lr": float(v)} for v in lr], hazards, np.full(150, 20))
    risk = parameter_risks(sweep, ends, early_stopping=True)[0]
    assert risk.called
    assert risk.leading is not None
    assert risk.leading.kind == "window"
    assert risk.raises


def test_called_intervals_are_widened_for_their_selection() -> None:
    """The leading contrast of a called parameter has the level 1 - 0.05 R / m; the others keep 95 %."""
    rng = np.random.default_rng(7)
    level = rng.integers(0, 3, 120)
    sweep, ends = exponential_sweep(
        rng,
        [{"a": int(k), "b": int(rng.integers(0, 2))} for k in level],
        np.where(level == 1, 0.3, 0.01),
        np.full(120, 20),
    )
    first, second = parameter_risks(sweep, ends, early_stopping=True)
    assert first.called and not second.called
    assert first.leading is not None
    assert first.leading.effect.level == pytest.approx(1 - 0.05 * 1 / 5)  # a: three levels and a trend; b: one level
    assert {row.effect.level for row in first.contrasts if row is not first.leading} == {0.95}


def test_the_smallest_effect_that_could_be_seen_is_found_in_about_four_of_five_sweeps() -> None:
    """Sweeps made with the ratio that an empty sweep calls detectable are called in at least about 80 %."""
    rng = np.random.default_rng(8)
    level = np.arange(100) % 3

    def draw(ratio: float) -> Any:
        return exponential_sweep(
            rng, [{"a": int(k)} for k in level], np.where(level == 0, 0.02 * ratio, 0.02), np.full(100, 20)
        )

    ratios = []
    while len(ratios) < 15:
        risk = parameter_risks(*draw(1.0), early_stopping=True)[0]
        ratios += [risk.detectable.ratio] if risk.detectable else []
    found = sum(parameter_risks(*draw(float(np.median(ratios))), early_stopping=True)[0].called for _ in range(60))
    assert found >= stats.binom(60, 0.8).ppf(0.001)


def laws_case() -> tuple[Any, dict[str, Outcome]]:
    rng = np.random.default_rng(9)
    level = rng.integers(0, 3, 60)
    configs = [{"a": "xyz"[k], "b": float(rng.random())} for k in level]
    return exponential_sweep(rng, configs, np.where(level == 1, 0.1, 0.03), rng.choice([2, 20], 60))


def summary(risks: Any) -> list[Any]:
    return [(r.parameter, r.p, r.q, [(c.effect, c.p) for c in r.contrasts]) for r in risks]


@settings(max_examples=8, deadline=None)
@given(st.permutations(list(range(60))))
def test_the_order_of_runs_does_not_matter(order: list[int]) -> None:
    """The start times say who came when, not the order of the list."""
    sweep, ends = laws_case()
    shuffled = replace(sweep, runs=tuple(sweep.runs[i] for i in order))
    assert summary(parameter_risks(shuffled, ends, early_stopping=True)) == summary(
        parameter_risks(sweep, ends, early_stopping=True)
    )


def test_names_of_levels_and_constant_parameters_do_not_matter() -> None:
    """Renaming levels, and adding a parameter that every run shares, change no figure."""
    sweep, ends = laws_case()
    renamed = [replace(run, config={**run.config, "a": f"level {run.config['a']}", "same": 1}) for run in sweep.runs]
    other = make_sweep(renamed)
    assert summary(parameter_risks(other, ends, early_stopping=True)) == summary(
        parameter_risks(sweep, ends, early_stopping=True)
    )


def test_a_sweep_twice_as_large_narrows_the_intervals() -> None:
    """Every run twice: the same ratios, narrower intervals."""
    sweep, ends = laws_case()
    twins = [replace(run, id=f"{run.id}-again") for run in sweep.runs]
    both = replace(sweep, runs=(*sweep.runs, *twins))
    ends_of_both = {**ends, **{f"{name}-again": end for name, end in ends.items()}}
    one = {c.text: c.effect for r in parameter_risks(sweep, ends, early_stopping=False) for c in r.contrasts}
    two = {c.text: c.effect for r in parameter_risks(both, ends_of_both, early_stopping=False) for c in r.contrasts}
    for text, effect in one.items():
        if effect.low and effect.high and effect.level == two[text].level:
            assert two[text].low > effect.low
            assert two[text].high < effect.high


def test_the_source_reports_exact_tests() -> None:
    """The p-value that the source report's own counts give for Swin Small (Fisher's exact test, two-sided)."""
    configs = [{"model": "swin_small" if i < 4 else "other"} for i in range(50)]
    runs = [
        make_run(f"r{i:02d}", [0.5], state="crashed" if i < 41 else "finished", config=c) for i, c in enumerate(configs)
    ]
    sweep = make_sweep(runs, claims=({"text": "Swin Small", "where": "model=swin_small"},))
    outcomes = {run.id: CRASHED if run.state == "crashed" else COMPLETED for run in runs}
    claim = held_claims(sweep, outcomes, early_stopping=False)[0]
    assert (claim.recorded_in, claim.recorded_n_in, claim.recorded_out, claim.recorded_n_out) == (4, 4, 37, 46)
    assert claim.recorded_p == pytest.approx(1.0)
    assert claim.claimed == "Swin Small"
    assert not stands(claim)


def test_few_crashes_are_not_tested() -> None:
    """Under three crashes no p is given, and the caveat says why; under three runs a level is not tested."""
    sweep = sweep_of([{"a": i % 2} for i in range(20)], [5] * 20)
    outcomes = {run.id: COMPLETED for run in sweep.runs} | {sweep.runs[0].id: CRASHED}
    risk = parameter_risks(sweep, outcomes, early_stopping=True)[0]
    assert (risk.p, risk.q, risk.leading, risk.called) == (None, None, None, False)
    assert any("fewer than 3 crashes" in caveat for caveat in risk.caveats)
    rare = sweep_of([{"a": "odd" if i < 2 else "xy"[i % 2]} for i in range(20)], [5] * 20)
    outcomes = {run.id: CRASHED if i < 5 else COMPLETED for i, run in enumerate(rare.runs)}
    rows = {row.text: row for row in parameter_risks(rare, outcomes, early_stopping=True)[0].contrasts}
    assert rows["a = odd"].p is None
    assert any("fewer than 3 runs" in caveat for caveat in rows["a = odd"].caveats)
    assert rows["a = x"].p is not None


@pytest.mark.parametrize("cause", ["code_error", "infrastructure", "preempted"])
def test_crashes_that_no_setting_caused_do_not_count(cause: Any) -> None:
    """A bug in the code or a lost host is not a hyperparameter's fault, unless the user asks for it."""
    elsewhere = Outcome(label="crashed", grade="observed", cause=cause, crash_probability=(1, 1))
    assert crash_weight(elsewhere) == 0.0
    assert crash_weight(elsewhere, [cause]) == 1.0
    assert crash_weight(CRASHED) == 1.0
    rng = np.random.default_rng(1)
    configs = [{"a": int(rng.integers(0, 2))} for _ in range(60)]
    sweep = sweep_of(configs, [1 if c["a"] else 20 for c in configs])
    outcomes = {run.id: elsewhere if run.config["a"] else COMPLETED for run in sweep.runs}
    quiet = parameter_risks(sweep, outcomes, early_stopping=True)[0]
    assert quiet.p is None
    assert any("by other causes" in caveat for caveat in quiet.caveats)
    assert parameter_risks(sweep, outcomes, early_stopping=True, causes=[cause])[0].called


def test_without_a_rule_all_levels_are_tested_at_once_too() -> None:
    """The Fisher-Freeman-Halton p of crashed runs by level stands beside; under a rule it would blame survivors."""
    crashed = {"x": 7, "y": 2, "z": 1}
    configs = [{"a": name} for name in crashed for _ in range(10)]
    sweep = sweep_of(configs, [5] * 30)
    ends = {run.id: CRASHED if i % 10 < crashed[run.config["a"]] else COMPLETED for i, run in enumerate(sweep.runs)}
    risk = parameter_risks(sweep, ends, early_stopping=False)[0]
    assert risk.table_p == pytest.approx(freeman_halton([[7, 3], [2, 8], [1, 9]]))
    assert parameter_risks(sweep, ends, early_stopping=True)[0].table_p is None


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("n", [0, 1, 2, 12])
@pytest.mark.parametrize("end", [CRASHED, COMPLETED, STOPPED])
def test_degenerate_sweeps_are_judged_without_a_fault(early_stopping: bool, n: int, end: Outcome) -> None:
    """No runs, one, two; all crashed, all finished: nothing is called, nothing is raised."""
    sweep = sweep_of([{"a": i % 2, "b": float(i)} for i in range(n)], [3] * n)
    outcomes = {run.id: end for run in sweep.runs}
    assert not any(risk.called for risk in parameter_risks(sweep, outcomes, early_stopping=early_stopping))
    assert not any(item.called for item in circumstances(sweep, outcomes, early_stopping=early_stopping))


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
