"""Levels over several sweeps: what is found, what is not blamed, what does not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aftersweep.analysis.across.compare import pooled
from aftersweep.analysis.findings.pooling import pooling_findings
from aftersweep.analysis.pooling import pool
from aftersweep.analysis.results.pooling import Pooled, PooledLevel
from aftersweep.analysis.risk.factors import parameter_risks
from aftersweep.analysis.sweepfile.config import Metric
from aftersweep.analysis.types import Outcome, Run, Sweep

from ..factories import make_sweep
from .sweeps import DAY, several

DEEP = "depth = 2"


def result_of(sweeps: list[Sweep], outcomes: dict[str, Outcome]) -> Pooled:
    found = pooled(pool(sweeps), outcomes)
    assert found is not None
    return found


def one(result: Pooled, text: str, question: str = "crash") -> PooledLevel:
    (level,) = [level for level in result.levels if (level.text, level.question) == (text, question)]
    return level


def again(sweep: Sweep, name: str, start: float) -> Sweep:
    """The same sweep under other ids, later."""
    runs = tuple(replace(run, id=f"{name}-{run.id}", created_at=(run.created_at or 0.0) + start) for run in sweep.runs)
    return replace(sweep, id=name, runs=runs)


def called(sweep: Sweep, outcomes: dict[str, Outcome]) -> set[str]:
    """The parameters that the test of risk calls."""
    return {r.parameter for r in parameter_risks(sweep, outcomes, early_stopping=True) if r.called}


def test_a_sweep_by_itself_has_no_pooled_result() -> None:
    """And one whose only part is itself has the risks of that part."""
    (sweep,), outcomes = several(1, [{}])
    assert pooled(sweep, outcomes) is None
    wrapped = replace(sweep, parts=(sweep,))
    ours, own = (parameter_risks(s, outcomes, early_stopping=True) for s in (wrapped, sweep))
    assert ours == own
    assert pooled(wrapped, outcomes) is not None


def test_a_duplicated_sweep_narrows_intervals() -> None:
    """Law: of the mean, of the common effect, and of the hazard ratio in the table of risks."""
    (sweep,), outcomes = several(7, [{"runs": 40, "ratio": 3.0, "hazard": 0.05}])
    widths = []
    for copies in (2, 4):
        parts = [again(sweep, f"copy{i}", DAY * i) for i in range(copies)]
        ends = {f"copy{i}-{run_id}": end for run_id, end in outcomes.items() for i in range(copies)}
        level = one(result_of(parts, ends), DEEP)
        (risk,) = [r for r in parameter_risks(pool(parts), ends, early_stopping=True) if r.parameter == "depth"]
        row = next(row for row in risk.contrasts if row.text == DEEP)
        widths.append([np.log((e.high or np.nan) / (e.low or np.nan)) for e in (level.mean, level.common, row.effect)])
    assert np.all(np.array(widths[1]) < np.array(widths[0]))


def test_order_and_names_do_not_matter() -> None:
    """Law: sweeps in any order; levels by any names."""
    sweeps, outcomes = several(3, [{"ratio": 4.0}, {"hazard": 0.1}, {"rule": False}], runs=30)
    whole = result_of(sweeps, outcomes)
    assert result_of(sweeps[::-1], outcomes) == whole

    def renamed(run: Run) -> Run:
        return replace(run, config={**run.config, "model": {"a": "z", "b": "y"}[run.config["model"]]})

    turned = [
        replace(s, runs=tuple(map(renamed, s.runs)), parameters={**s.parameters, "model": ("y", "z")}) for s in sweeps
    ]
    other = result_of(turned, outcomes)
    assert one(other, DEEP).mean == one(whole, DEEP).mean
    # of two levels the later one stands in the table
    mean, mirrored = one(whole, "model = b").mean, one(other, "model = z").mean
    assert mirrored.value == pytest.approx(1 / (mean.value or 1.0), rel=1e-3)


def test_minimising_the_negative_is_maximising() -> None:
    """Law: the same verdicts, differences with the other sign."""
    sweeps, outcomes = several(4, [{"gain": 0.2}] * 3, runs=25, hazard=0.01)
    turned = [
        replace(
            sweep,
            metric=Metric("val/acc", "minimize"),
            runs=tuple(replace(r, metric=-r.metric, best=None if r.best is None else -r.best) for r in sweep.runs),
        )
        for sweep in sweeps
    ]
    up, down = (one(result_of(s, outcomes), DEEP, "metric") for s in (sweeps, turned))
    assert down.q == pytest.approx(up.q)
    assert up.called
    assert down.mean.value == pytest.approx(-(up.mean.value or 0.0))
    assert (down.mean.low, down.mean.high) == pytest.approx((-(up.mean.high or 0.0), -(up.mean.low or 0.0)))
    facts = [pooling_findings(pool(s), result_of(s, outcomes))[0].facts["worse"] for s in (sweeps, turned)]
    assert facts == [False, False]


def test_a_better_level_is_found_and_its_size_is_right() -> None:
    """Two tenths in three sweeps whose own means lie far apart."""
    sweeps, outcomes = several(5, [{"gain": 0.2}] * 3, runs=25, hazard=0.01)
    shifted = [
        replace(s, runs=tuple(replace(r, metric=r.metric + i, best=(r.best or 0.0) + i) for r in s.runs))
        for i, s in enumerate(sweeps)
    ]
    for given in (sweeps, shifted):
        level = one(result_of(given, outcomes), DEEP, "metric")
        assert level.called
        assert level.mean.low is not None
        assert level.mean.high is not None
        assert level.mean.low < 0.2 < level.mean.high
        assert level.mean.unit == "val/acc"
    assert one(result_of(shifted, outcomes), DEEP, "metric").mean == level.mean


def test_constant_parameters_change_nothing() -> None:
    """Law: one that all runs share is in no comparison."""
    sweeps, outcomes = several(6, [{}, {}], runs=24)
    more = [
        replace(
            s,
            parameters={**s.parameters, "seed": (1,)},
            runs=tuple(replace(r, config={**r.config, "seed": 1}) for r in s.runs),
        )
        for s in sweeps
    ]
    assert result_of(more, outcomes) == result_of(sweeps, outcomes)


@pytest.mark.parametrize("rule", [True, False])
def test_a_sweep_with_more_crashes_blames_no_level(rule: bool) -> None:
    """Law: where model a was run mostly in the risky sweep, it is blamed no more than by chance."""
    apart = [
        {"hazard": 0.01, "shares": (0.1, 0.9)},
        {"hazard": 0.05, "shares": (0.5, 0.5)},
        {"hazard": 0.3, "shares": (0.9, 0.1)},
    ]
    blamed = tested = 0
    for seed in range(14):
        sweeps, outcomes = several(seed, apart, runs=40, rule=rule)
        whole = pool(sweeps)
        levels = [level for level in result_of(sweeps, outcomes).levels if level.question == "crash"]
        tested += len(levels)
        blamed += any(level.called for level in levels)
        blamed += bool(called(whole, outcomes))
    assert tested >= 14
    assert blamed <= 2  # of 28 looks


def test_three_sweeps_of_twenty_find_what_one_does_not() -> None:
    """A fivefold risk: three together find it about twice as often as one, and often where none of them did."""
    single, together, missed, recovered = 0, 0, 0, 0
    seeds = range(20)
    for seed in seeds:
        sweeps, outcomes = several(seed, [{}] * 3, runs=20, ratio=5.0, hazard=0.02)
        alone = ["depth" in called(s, {r.id: outcomes[r.id] for r in s.runs}) for s in sweeps]
        found = one(result_of(sweeps, outcomes), DEEP).called or "depth" in called(pool(sweeps), outcomes)
        single += sum(alone)
        together += found
        missed += not any(alone)
        recovered += found and not any(alone)
    assert together > len(seeds) / 2
    assert together > 1.8 * single / 3
    assert recovered > missed / 3


def test_sweeps_that_disagree_are_said_to() -> None:
    """Depth 2 crashes ten times as often in one sweep and a tenth as often in the other."""
    sweeps, outcomes = several(2, [{"ratio": 12.0, "hazard": 0.02}, {"ratio": 1 / 12, "hazard": 0.24}], runs=80)
    result = result_of(sweeps, outcomes)
    level = one(result, DEEP)
    assert level.differ_q < 0.01
    assert level.i2 > 0.7
    assert not level.called
    kinds = [(f.kind, f.subject, f.supported) for f in pooling_findings(pool(sweeps), result)]
    assert ("pooled_heterogeneity", DEEP, True) in kinds
    shrunk = [effect.shrunk.value or np.inf for effect in level.sweeps]
    assert shrunk[0] > 2 > 0.5 > shrunk[1]


def test_only_sweeps_that_have_both_sides_count() -> None:
    """A level that one sweep never ran, or hardly any, is compared in the others."""
    sweeps, outcomes = several(8, [{}, {}, {"shares": (1.0, 0.0)}], runs=40, hazard=0.08)
    level = one(result_of(sweeps, outcomes), "model = b")
    assert [effect.sweep for effect in level.sweeps] == ["A", "B"]
    assert {run_id[0] for run_id in level.runs} == {"A", "B"}
    assert result_of(sweeps, outcomes).sweeps[2].runs == 40


def test_degenerate_sweeps_say_what_cannot_be_said() -> None:
    """Empty ones, ones without crashes or a metric, one run each: no level, one finding that says so."""
    sweeps, outcomes = several(9, [{}, {}], runs=1)
    for parts in (sweeps, [make_sweep(id="e"), make_sweep(id="f")], [sweeps[0], make_sweep(id="e")]):
        result = result_of(parts, outcomes)
        assert result.levels == ()
        (finding,) = pooling_findings(pool(parts), result)
        assert (finding.kind, finding.supported) == ("pooled_level", False)
    sweeps, outcomes = several(9, [{}, {}], runs=12, hazard=1e-9)
    bare = [
        replace(s, runs=tuple(replace(r, metric=r.metric[:0], metric_time=r.metric_time[:0],
                                      metric_progress=r.metric_progress[:0], best=None) for r in s.runs))
        for s in sweeps
    ]  # fmt: skip
    assert result_of(bare, outcomes).levels == ()
    equal = [replace(s, runs=tuple(replace(r, metric=np.full(3, 0.5), metric_time=np.arange(3.0),
                                           metric_progress=np.arange(1.0, 4.0), best=0.5) for r in s.runs))
             for s in sweeps]  # fmt: skip
    assert result_of(equal, outcomes).levels == ()
    huge = [replace(s, runs=tuple(replace(r, metric=r.metric * 1e300, best=(r.best or 0) * 1e300) for r in s.runs))
            for s in sweeps]  # fmt: skip
    assert all(np.isfinite(level.p) for level in result_of(huge, outcomes).levels)
