"""Early termination: what a rule costs, and when its bands move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from aftersweep.analysis.mends import advice, apply, mends
from aftersweep.analysis.mends.curves import Ends, cost_of, ends_of
from aftersweep.analysis.sweepfile.hyperband import read_hyperband
from aftersweep.analysis.types import Finding, Outcome, Sweep
from aftersweep.reports.words.search import WORDS

from ..factories import HYPERBAND, make_run, make_sweep
from ..truth.judges.case import within
from ..truth.judges.search import cost
from ..truth.scenarios import scenario
from ..truth.simulator import simulate, true_outcomes
from .worlds import Curve, early, late, slow, stopped, sweep_of, with_file

DONE = Outcome(label="completed", grade="observed")
CUT = Outcome(label="early_stopped", grade="replayed")


def outcomes(sweep: Sweep) -> dict[str, Outcome]:
    return {run.id: DONE if run.state == "finished" else CUT for run in sweep.runs}


def after(sweep: Sweep) -> tuple[dict[str, Any], list[Finding]]:
    """The new ``early_terminate``, and what is said of bands."""
    assert sweep.config is not None
    raw = sweep.config.raw
    ends = outcomes(sweep)
    changes = mends(sweep, ends, size=float("inf"), budget=None, config=raw)
    config = apply(raw, changes)
    said = [*{id(c.finding): c.finding for c in changes}.values(), *advice(sweep, ends, config=config)]
    return config.get("early_terminate", {}), [f for f in said if f.kind in ("search_bands", "search_warmup")]


def test_slow_starters_are_lost_to_the_rule_and_its_bands_move() -> None:
    """Where the best start slowest a rule at 2 and 6 stops nearly all of them; moved past the crossing it does not."""
    rule, (found,) = after(sweep_of(slow))
    assert found.supported and found.estimate is not None
    assert found.estimate.low is not None and found.estimate.low > 0.4
    assert found.facts["stopped"][1] > 0.9
    assert found.facts["seen_lost"] >= 0.8 * found.facts["seen_good"] > 0
    assert found.facts["correlation"].high < -0.8
    assert set(rule) == {"type", "eta", "strict", "min_iter"}
    assert 9 <= rule["min_iter"] <= 15
    assert found.facts["after"][2] <= 0.1


def test_early_values_that_tell_everything_change_nothing() -> None:
    """Where good runs lead from the start the rule costs few of them and stays word for word."""
    rule, (found,) = after(sweep_of(early, noise=0.002))
    assert rule == HYPERBAND
    assert not found.supported and found.estimate is not None
    assert found.estimate.value is not None and found.estimate.value < 0.05
    assert found.facts["correlation"].low > 0.9


def test_bands_move_no_further_than_curves_take_to_separate() -> None:
    """Where everything shows from epoch 8 on the first band is at 8 or a little after."""
    rule, _ = after(sweep_of(late, noise=0.005))
    assert 7 <= rule["min_iter"] <= 10


@pytest.mark.parametrize("curve", [slow, late])
def test_the_mirror_image_of_the_metric_changes_the_same(curve: Curve) -> None:
    """minimise(-x) = maximise(x)."""
    sweep = sweep_of(curve, 60)
    mirrored = make_sweep(
        [replace(run, metric=-run.metric, best=-(run.best or 0.0)) for run in sweep.runs],
        goal="minimize",
        early_terminate=HYPERBAND,
    )
    (rule, (found,)), (other_rule, (other,)) = after(sweep), after(mirrored)
    assert rule == other_rule
    assert found.estimate == other.estimate


def test_neither_the_order_of_runs_nor_a_constant_parameter_matters() -> None:
    sweep = sweep_of(slow, 40)
    turned = replace(sweep, runs=sweep.runs[::-1])
    assert sweep.config is not None
    parameters = {**sweep.config.raw["parameters"], "depth": {"value": 3}}
    more = with_file(sweep, {"parameters": parameters})
    for other in (turned, more):
        assert after(other)[0] == after(sweep)[0]
        assert after(other)[1][0].estimate == after(sweep)[1][0].estimate


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_too_few_ends_leave_the_rule_alone(n: int) -> None:
    """Under 8 runs at their end nothing can be told, and nothing else is said."""
    rule, found = after(sweep_of(slow, n))
    assert rule == HYPERBAND
    assert len(found) == (n > 0)
    assert all(f.estimate is not None and f.estimate.value is None and not f.supported for f in found)


def test_a_sweep_of_which_all_were_stopped_keeps_its_rule() -> None:
    sweep = sweep_of(slow, 40)
    rule, found = after(replace(sweep, runs=tuple(stopped(run) for run in sweep.runs)))
    assert rule == HYPERBAND
    assert all(not f.supported for f in found)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {"type": "median"},
        {"type": "hyperband"},
        {"type": "hyperband", "min_iter": 0},
        {"type": "hyperband", "min_iter": 2, "eta": 1},
        {},
    ],
)
def test_a_rule_that_is_none_or_not_known_is_left_alone(given: Any) -> None:
    sweep = with_file(sweep_of(slow, 30), {"early_terminate": given})
    rule, found = after(sweep)
    assert rule == (given or {})
    assert found == []


def test_no_history_changes_nothing() -> None:
    runs = [make_run(f"r{i}", [], config={"lr": i % 3}, best=0.5) for i in range(12)]
    assert after(make_sweep(runs, early_terminate=HYPERBAND)) == (HYPERBAND, [])


@pytest.mark.parametrize("value", [0.5, 1e308])
def test_values_that_do_not_vary_or_overflow_raise_nothing(value: float) -> None:
    runs = [make_run(f"r{i}", [value * (-1) ** (i * k) for k in range(20)], config={"lr": i}) for i in range(20)]
    rule, _ = after(make_sweep(runs, early_terminate=HYPERBAND))
    assert rule["type"] == "hyperband"


def test_the_cost_under_a_rule_that_acted_is_that_of_one_that_did_not() -> None:
    """Sweeps of a world of which two thirds were cut at a band give the cost that the world has: selection is undone.

    The truth is drawn from the world and replayed by other code (tests/truth/judges/search.py).
    """
    world = scenario("Hyperband, no crash", 200)
    rule = read_hyperband(HYPERBAND)
    assert rule is not None
    held = 0
    for i in range(8):
        made = simulate(world, 200, (3, i))
        found = cost_of(ends_of(made.sweep, true_outcomes(made.truth)), rule.bands, rule)
        assert found is not None
        pairs = zip((found.stopped, found.misled), cost(world, 200, rule.bands, 3.0, True), strict=True)
        held += sum(within(estimate, true) for estimate, true in pairs)
    assert held >= 11  # of 16 at 90 %


def test_the_cost_of_one_band_is_that_of_two_normal_variables() -> None:
    """With correlation r of the value at the band and the final one, the good runs below the threshold are an
    integral: P(X < its upper third's edge | Y in its upper fifth)."""
    rng, r, n = np.random.default_rng(5), 0.7, 4000
    x = rng.standard_normal(n)
    y = r * x + np.sqrt(1 - r * r) * rng.standard_normal(n)
    histories = tuple(np.array([-a, 10.0 - b - 9.0]) for a, b in zip(x, y, strict=True))
    ends = Ends(histories, np.array([-b for b in y]), tuple(map(str, range(n))), 2)
    rule = read_hyperband({"type": "hyperband", "max_iter": 3, "s": 1, "eta": 3})
    assert rule is not None and rule.bands == (1,)
    found = cost_of(ends, rule.bands, rule)
    grid = np.linspace(norm.ppf(0.8), 6, 4001)
    edge = norm.ppf(2 / 3)
    true = np.trapezoid(norm.pdf(grid) * norm.cdf((edge - r * grid) / np.sqrt(1 - r * r)), grid) / 0.2
    # Sweeps of 200 runs let a few more through at their start, and hardly a good run falls to foresight.
    assert found is not None
    assert found.stopped.value == pytest.approx(true, abs=0.03)
    assert found.misled.value == pytest.approx(true, abs=0.03)


def warm(values: Any, **changed: Any) -> Sweep:
    """A sweep with a warm-up of those epochs, each run with one of them."""
    sweep = sweep_of(early, 30, noise=0.002)
    levels = values if isinstance(values, list) else [values]
    runs = tuple(
        replace(r, config={**r.config, "warmup_epochs": levels[i % len(levels)]}) for i, r in enumerate(sweep.runs)
    )
    spec = {"values": values} if isinstance(values, list) else {"value": values}
    assert sweep.config is not None
    parameters = {**sweep.config.raw["parameters"], "warmup_epochs": spec}
    return with_file(replace(sweep, runs=runs), {"parameters": parameters, **changed})


@pytest.mark.parametrize(("values", "first"), [([0, 5, 10], 11), (5, 6), ("5", 6), ([0, 4.5], 5)])
def test_bands_begin_after_the_longest_warm_up(values: Any, first: int) -> None:
    """Swept or constant: the first logged value past it; the eta stays."""
    rule, found = after(warm(values))
    assert rule == {"type": "hyperband", "eta": 3, "strict": True, "min_iter": first}
    assert found[0].kind == "search_warmup"
    assert found[0].facts["new"] == first


def test_where_only_the_warm_up_moves_the_bands_the_sentence_says_so() -> None:
    """The cost of the rule is told beside it, and not that the rule stays."""
    _, found = after(warm([0, 5, 10]))
    cost_of_rule = next(f for f in found if f.kind == "search_bands")
    assert WORDS["search_bands"](cost_of_rule).endswith("so nothing but the warm-up moves its first band, to 11.")


def test_only_the_warm_up_that_the_new_space_still_has_counts() -> None:
    sweep = warm([0, 5, 10])
    assert sweep.config is not None
    parameters = {**sweep.config.raw["parameters"], "warmup_epochs": {"values": [0, 5]}}
    new = {**sweep.config.raw, "parameters": parameters}
    changes = mends(sweep, outcomes(sweep), size=float("inf"), budget=None, config=new)
    assert apply(new, changes)["early_terminate"]["min_iter"] == 6


@pytest.mark.parametrize("values", [[0, 1, 2], 0, [0, 18], "long"])
def test_a_warm_up_before_the_first_band_or_nearly_as_long_as_a_run_changes_nothing(values: Any) -> None:
    assert after(warm(values))[0] == HYPERBAND


def test_strict_is_said_where_the_sweep_leaves_it_open() -> None:
    """As W&B's package fills it in; where it is given it stays."""
    loose = {key: value for key, value in HYPERBAND.items() if key != "strict"}
    sweep = sweep_of(early, 30, noise=0.002, raw={"early_terminate": loose})
    assert after(sweep)[0] == {**loose, "strict": True}
    said = sweep_of(early, 30, noise=0.002, raw={"early_terminate": {**loose, "strict": False}})
    assert after(said)[0] == {**loose, "strict": False}


def test_strict_counts_the_runs_that_the_two_readings_judge_otherwise() -> None:
    """Of four runs one was good before its band and is below the threshold at it."""
    rows = [[0.1, 0.5], [0.1, 0.4], [0.9, 0.1], [0.1, 0.2]]
    runs = [make_run(f"r{i}", row, config={"lr": i}) for i, row in enumerate(rows)]
    sweep = make_sweep(runs, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    assert sweep.config is not None
    changes = mends(sweep, outcomes(sweep), size=float("inf"), budget=None, config=sweep.config.raw)
    (found,) = [change.finding for change in changes if change.path == ("early_terminate", "strict")]
    assert (found.n, found.facts["differ"]) == (4, 1)
