"""The expected gain of more runs: held against simulated truth, and the same however the sweep is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from aftersweep.analysis.findings.outlook import outlook_findings
from aftersweep.analysis.outlook import MORE, beating_chance, expected_gain, outlook, tail_gains
from aftersweep.analysis.results.outlook import Outlook
from aftersweep.analysis.types import Outcome, Sweep
from aftersweep.reports.narrate import sentence

from ..factories import START, make_run, make_sweep

COMPLETED = Outcome(label="completed", grade="observed")


def ahead(sweep: Sweep, **labels: Outcome) -> Outlook:
    found = outlook(sweep, {run.id: labels.get(run.id, COMPLETED) for run in sweep.runs})
    assert found is not None
    return found


def sweep_of(values: Sequence[float], *, method: str = "random", goal: str = "maximize", **fields: Any) -> Sweep:
    runs = [
        make_run(f"r{i:03d}", [v], goal=goal, start=START + 600.0 * i, config={"lr": i + 1})
        for i, v in enumerate(values)
    ]
    sweep = make_sweep(runs, goal=goal, **fields)
    assert sweep.config is not None
    return replace(sweep, config=replace(sweep.config, method=method))


@pytest.mark.parametrize("n", [3, 20, 60])
def test_the_chance_of_a_better_run_is_true_whatever_the_values(n: int) -> None:
    """As often as it says in the mean, and within its interval for 95 % of sweeps."""
    rng = np.random.default_rng(n)
    best = rng.random((6_000, n)).max(axis=1)  # the ranks of any continuous values
    truth = 1 - best**MORE
    said = beating_chance(n, MORE)
    assert said.value is not None
    assert said.low is not None
    assert said.high is not None
    assert truth.mean() == pytest.approx(said.value, abs=0.015)
    assert ((truth >= said.low) & (truth <= said.high)).mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("name", ["norm", "beta", "uniform", "t"])
def test_the_upper_limit_of_the_gain_holds(name: str) -> None:
    """The expected gain given the sweep's own best is above the limit in few sweeps, for light and heavy tails."""
    law = {"norm": stats.norm(), "beta": stats.beta(5, 2), "uniform": stats.uniform(), "t": stats.t(4)}[name]
    rng = np.random.default_rng(6)
    passed = 0
    for n in np.repeat([20, 60], 60):
        x = law.ppf(rng.random(n))
        said = expected_gain(x, int(n), MORE, "m")
        assert said is not None
        share = law.sf(x.max()) * np.linspace(0, 1, 2_001)[1:]
        better = (law.isf(share) - x.max()) * MORE * (1 - share) ** (MORE - 1)
        passed += np.trapezoid(better, share) > (said.high or 0.0)
    assert passed / 120 < 0.09


@pytest.mark.parametrize("shape", [-0.5, 0.2])
def test_the_gain_of_a_tail_is_its_integral(shape: float) -> None:
    """scipy's generalised Pareto, integrated numerically: the mean of the best of 25 beyond a value."""
    law = stats.genpareto(shape, scale=0.3)
    at, share = 0.2, 0.4
    beyond = share * law.sf(at)
    upper = 0.6 if shape < 0 else np.inf
    truth, _ = integrate.quad(lambda x: 1 - (1 - share * law.sf(x)) ** MORE, at, upper)
    found = tail_gains(np.array([shape]), np.array([0.3]), np.array([share]), np.array([beyond]), MORE)
    assert found[0] == pytest.approx(truth, rel=1e-3)


def test_crashed_runs_are_tries_and_running_ones_are_not() -> None:
    """A run without a value makes a better one less likely; one that still runs changes nothing."""
    rng = np.random.default_rng(0)
    sweep = sweep_of(rng.random(30))
    more = replace(sweep, runs=(*sweep.runs, make_run("x", state="crashed"), make_run("y", [0.5])))
    crash = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))
    found = ahead(more, x=crash, y=Outcome(label="running", grade="observed"))
    assert (found.n, found.without_value) == (31, 1)
    assert found.chance is not None
    assert found.chance.value == pytest.approx(25 / 56)


def test_minimise_of_minus_x_is_maximise_of_x() -> None:
    """The same chance, gain and doubt; runs in another order change nothing."""
    x = np.random.default_rng(1).standard_normal(40)
    up, down = ahead(sweep_of(x)), ahead(sweep_of(-x, goal="minimize"))
    assert (up.chance, up.gain, up.best_run, up.best) == (down.chance, down.gain, down.best_run, -down.best)
    turned = sweep_of(x)
    again = ahead(replace(turned, runs=turned.runs[::-1]))
    assert (again.chance, again.gain, again.run_hours) == (up.chance, up.gain, up.run_hours)


def test_a_share_cannot_pass_one_nor_an_error_nought() -> None:
    """The limit of the gain ends at the bound that the metric's name speaks for; other metrics have none."""
    x = 1 - 0.5 * np.random.default_rng(2).random(20) ** 3
    for values, goal, metric, room in (
        (x, "maximize", "val/acc", 1 - x.max()),
        (100 * x, "maximize", "val/acc", 100 - 100 * x.max()),
        (1 - x, "minimize", "val/rmse", (1 - x).min()),
    ):
        found = ahead(sweep_of(values, goal=goal, metric=metric))
        assert found.gain is not None
        assert found.gain.high == pytest.approx(room)
    free = ahead(sweep_of(x, metric="reward"))
    assert free.gain is not None
    assert (free.gain.high or 0.0) > 1 - x.max()


def test_the_gain_is_told_per_hour_where_runtimes_are_known() -> None:
    """Hours of 25 runs as long as these; a sweep without runtimes has none."""
    x = np.random.default_rng(3).random(20)
    found = ahead(sweep_of(x))
    assert found.run_hours is not None
    assert found.run_hours.value == pytest.approx(25 * 61 / 3600)  # a value a minute, and a second
    assert found.gain is not None
    assert found.per_hour is not None
    assert found.per_hour.value == pytest.approx((found.gain.value or 0.0) / (25 * 61 / 3600))
    bare = make_sweep([make_run(f"r{i}", [v], timed=False) for i, v in enumerate(x)])
    assert (ahead(bare).run_hours, ahead(bare).per_hour) == (None, None)


def said(sweep: Sweep) -> list[str]:
    found = ahead(sweep)
    supported = {finding.supported for finding in outlook_findings(sweep, found)}
    assert supported == {found.doubt is None}
    return [sentence(finding) for finding in outlook_findings(sweep, found)]


def test_what_more_runs_are_like_is_told() -> None:
    """Random search says it; bayes and values that drift say it under a condition; a grid says what is left."""
    x = np.random.default_rng(4).random(30)
    assert said(sweep_of(x))[0].startswith("The chance that one of 25 more runs beats the best val/acc so far, ")
    assert "45 % (95 % interval" in said(sweep_of(x))[0]
    assert said(sweep_of(x, method="bayes"))[0].startswith("A bayes search learns")
    assert said(sweep_of(np.sort(x)))[0].startswith("Later runs did not do as earlier ones (p < 0.001)")
    grid = sweep_of(x, method="grid")
    assert said(grid) == ["The grid is complete: more runs of this sweep would only repeat settings that it has tried."]
    assert "5 settings that no run has tried" in said(replace(grid, runs=grid.runs[5:]))[0]
    assert "is at most 45 %" in said(sweep_of(np.round(np.minimum(x, 0.8), 1)))[0]


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.5, 0.5], [0.5] * 30, [float("nan")] * 5, [1.7e308, -1.7e308] * 10, [5e-324, 0.0] * 10],
)
def test_degenerate_sweeps(values: list[float]) -> None:
    """Nothing, one value, equal values, the largest and the smallest: no error, and every finding can be said."""
    sweep = sweep_of(values)
    found = outlook(sweep, {run.id: COMPLETED for run in sweep.runs})
    assert (found is None) == (not np.isfinite(values).any())
    assert all(sentence(finding) for finding in outlook_findings(sweep, found))
