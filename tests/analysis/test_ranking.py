"""Best results and the comparison at equal progress."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.levels import level_row, levels_of, mean
from aftersweep.analysis.ranking.best import best_results
from aftersweep.analysis.ranking.equal_progress import equal_progress, kruskal_permutation_p
from aftersweep.analysis.types import Outcome

from ..factories import make_run, make_sweep

COMPLETED = Outcome(label="completed", grade="observed")


def test_the_permutation_p_agrees_with_scipys_kruskal() -> None:
    """Where groups are large the permutation p is near the chi-squared p of scipy."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 40)
    for shift in (0.0, 0.35, 0.6):
        x = rng.normal(size=120) + shift * (groups == 2)
        expected = stats.kruskal(*(x[groups == g] for g in range(3))).pvalue
        assert kruskal_permutation_p(x, groups) == pytest.approx(expected, abs=0.02)


def test_levels_are_compared_where_nearly_all_runs_still_are() -> None:
    """A run that trained longer is compared by what it had at the common number of values, not by its end."""
    runs = [make_run(f"a{i}", [0.1, 0.2 + 0.01 * i], config={"m": "a"}) for i in range(8)]
    runs += [make_run(f"b{i}", [0.1, 0.1 + 0.01 * i] + [0.9] * 20, config={"m": "b"}) for i in range(8)]
    sweep = make_sweep(runs)
    compared = equal_progress(sweep, levels_of(sweep, "m"))
    assert compared is not None
    assert compared.iteration == 2
    assert compared.best_label == "a"
    assert compared.n == 16
    assert best_results(sweep, {run.id: COMPLETED for run in runs}, "m")[0].run.id.startswith("b")


def test_minimise_of_minus_x_is_maximise_of_x() -> None:
    """The goal is carried by the metric: mirrored values under the mirrored goal rank alike."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 4))
    up = make_sweep([make_run(f"r{i}", v, config={"m": i % 2}) for i, v in enumerate(values)])
    down = make_sweep(
        [make_run(f"r{i}", -v, goal="minimize", config={"m": i % 2}) for i, v in enumerate(values)], goal="minimize"
    )
    outcomes = {run.id: COMPLETED for run in up.runs}
    assert [b.run.id for b in best_results(up, outcomes, None)] == [
        b.run.id for b in best_results(down, outcomes, None)
    ]
    one, two = equal_progress(up, levels_of(up, "m")), equal_progress(down, levels_of(down, "m"))
    assert one is not None
    assert two is not None
    assert (one.best_label, one.p) == (two.best_label, two.p)


def test_long_ranges_are_cut_in_thirds() -> None:
    """A continuous parameter has three levels of about equal size, each named by what it holds."""
    runs = [make_run(f"r{i}", [0.5], config={"lr": 1e-5 * (i + 1)}) for i in range(30)]
    sweep = make_sweep(runs)
    levels = levels_of(sweep, "lr")
    assert [len(item.runs) for item in levels] == [10, 10, 10]
    assert levels[0].label == "1e-05 to 0.0001"


def test_an_unknown_outcome_makes_the_crash_rate_an_interval() -> None:
    """The low end counts it as not crashed, the high end as crashed."""
    runs = [make_run(f"r{i}", [0.5], config={"m": "a"}) for i in range(4)]
    sweep = make_sweep(runs, parameters={"m": ["a"]})
    unknown = Outcome(label="unknown", grade="unknown", probability=0.5, crash_probability=(0.0, 1.0))
    row = level_row(sweep, {r.id: unknown if r.id == "r0" else COMPLETED for r in runs}, levels_of(sweep, "m")[0])
    assert (row.crash_low.value, row.crash_high.value) == (0.0, 0.25)


def test_the_mean_has_students_interval() -> None:
    """As scipy's t distribution gives it."""
    values = [2.0, 4.0, 9.0, 3.0]
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    found = mean(values)
    assert found.value == pytest.approx(4.5)
    assert found.high == pytest.approx(expected[1])
    assert found.low == max(0.0, float(expected[0]))
    assert mean([]).value is None
