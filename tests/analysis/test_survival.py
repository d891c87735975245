"""Ends by progress: what the section says, and what it would be without the stopping rule."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.findings.survival import advice, survival_findings
from aftersweep.analysis.lifetimes.ends import lives_of
from aftersweep.analysis.survival import MOST_PLACES, survival
from aftersweep.analysis.types import Outcome, OutcomeLabel, Run
from aftersweep.reports.narrate import sentence

from ..factories import HYPERBAND, make_run, make_sweep
from ..truth.scenarios import scenario
from ..truth.simulator import simulate, true_outcomes
from .survival_cases import BANDS, ended, judge, sweep_of

# Doubt


def test_doubt_about_ends_widens() -> None:
    """Twenty runs of half a crash are less certain than ten crashes and ten stops."""
    others = [(20, ended("completed"))] * 5
    sure = judge(*[(2, ended("crashed"))] * 10, *[(2, ended("early_stopped"))] * 10, *others)
    unsure = judge(*[(2, ended("crashed", 0.5))] * 20, *others)
    for certain, doubtful in (
        (sure.rows[-1].incidence, unsure.rows[-1].incidence),
        (sure.rows[2].hazard, unsure.rows[2].hazard),
    ):
        assert certain.value == doubtful.value
        assert None not in (certain.low, certain.high, doubtful.low, doubtful.high)
        assert doubtful.low < certain.low and certain.high < doubtful.high


def test_unknown_ends_are_bounds() -> None:
    """Lower ends are those without these crashes, upper ends those with them, in every number."""
    shared = [(1, ended("crashed")), (7, ended("crashed")), *[(20, ended("completed"))] * 6]
    unknown = judge(*shared, (3, ended("unknown")), (4, ended("unknown")))
    least = judge(*shared, (3, ended("stopped_by_user")), (4, ended("stopped_by_user")))
    most = judge(*shared, (3, ended("crashed")), (4, ended("crashed")))
    assert unknown.rows[-1].incidence.value is None
    assert unknown.rows[-1].incidence.low == least.rows[-1].incidence.low
    assert unknown.rows[-1].incidence.high >= most.rows[-1].incidence.high
    assert unknown.rows[2].hazard.low == least.rows[2].hazard.low
    assert unknown.rows[2].hazard.high == most.rows[2].hazard.high
    assert unknown.early_late is not None and unknown.early_late.early == (1, 3)


def test_where_there_may_be_no_crash_at_all_intervals_reach_zero() -> None:
    """Forty stops with a chance of 1 in 100 each to be a crash: expected 0.4, none with 67 %."""
    found = judge(*[(2, ended("early_stopped", 0.99))] * 40, *[(20, ended("completed"))] * 5)
    assert found.rows[2].crashes == pytest.approx(0.4) and found.rows[2].hazard.low == 0.0
    assert found.rows[-1].incidence.low == 0.0
    assert found.without_stops is not None and found.without_stops.rate is not None
    assert found.without_stops.rate.low == 0.0 and found.without_stops.none.low == 0.0


def test_runs_that_never_started_are_left_out_and_running_ones_count_as_far_as_they_are() -> None:
    found = judge((0, ended("never_started")), (3, ended("running")), (2, ended("crashed")), (20, ended("completed")))
    assert (found.n, found.running) == (3, 1)
    crashed = next(end for end in found.ends if end.end == "crashed")
    assert crashed.value[-1] == pytest.approx(1 / 3)
    assert [row.at_risk for row in found.rows] == [3, 3, 3, 1]


# Laws


def varied() -> list[tuple[int, Outcome]]:
    return [
        (0, ended("crashed")),
        (1, ended("crashed", 0.9)),
        *[(2, ended("early_stopped", 0.95))] * 8,
        (3, ended("unknown")),
        (6, ended("early_stopped")),
        (9, ended("stopped_by_user")),
        (12, ended("crashed")),
        (14, ended("running")),
        *[(20, ended("completed"))] * 3,
    ]


def test_the_order_of_runs_does_not_matter() -> None:
    sweep, outcomes = sweep_of(varied())
    turned = replace(sweep, runs=sweep.runs[::-1])
    one, other = survival(sweep, outcomes, BANDS), survival(turned, outcomes, BANDS)
    assert one is not None and one == other


def test_the_metric_plays_no_part() -> None:
    """Minimise(-x), and other values altogether: the same result; so does a parameter that never changes."""
    sweep, outcomes = sweep_of(varied())
    flipped = [replace(run, metric=-run.metric, best=None, config={"constant": 1}) for run in sweep.runs]
    other = make_sweep(flipped, goal="minimize", early_terminate=HYPERBAND, budget=20.0)
    assert survival(sweep, outcomes, BANDS) == survival(other, outcomes, BANDS)


def test_shares_of_all_ends_add_up_and_grow() -> None:
    found = judge(*[case for case in varied() if case[1].label != "running"])
    total = np.sum([end.value for end in found.ends], axis=0)
    assert total[-1] == pytest.approx(1.0) and (np.diff(total) >= 0).all()
    for end in found.ends:
        assert (np.diff(end.value) >= 0).all()
        assert all(low <= value <= high for low, value, high in zip(end.low, end.value, end.high, strict=True))


def test_a_doubled_sweep_narrows_intervals() -> None:
    one, two = judge(*varied()), judge(*varied(), *varied())
    for small, large in zip(one.rows, two.rows, strict=True):
        assert large.hazard.high < small.hazard.high
        assert large.incidence.high < small.incidence.high


def test_rows_hold_every_crash_and_all_that_was_lived() -> None:
    sweep, outcomes = sweep_of(varied())
    found, lives = survival(sweep, outcomes, BANDS), lives_of(sweep, outcomes)
    assert found is not None
    assert sum(row.crashes for row in found.rows) == pytest.approx(lives.chances[:, 0].sum())
    assert sum(row.exposure for row in found.rows) == pytest.approx(lives.lived.sum())
    assert [(row.start, row.end, row.band) for row in found.rows] == [
        (0.0, 1.0, None),
        (1.0, 2.0, None),
        (2.0, 6.0, 2),
        (6.0, 20.0, 6),
    ]


def test_without_a_rule_rows_are_equal_parts() -> None:
    sweep, outcomes = sweep_of([(3, ended("crashed")), *[(21, ended("completed"))] * 5], early_terminate=None)
    found = survival(replace(sweep, budget=21.0), outcomes, ())
    assert found is not None and found.without_stops is None
    assert [row.start for row in found.rows] == [0, 1, 6, 11, 16]


# Without the rule


def test_without_stops_the_rate_lies_between_the_bounds() -> None:
    found = judge(*[case for case in varied() if case[1].label != "unknown"]).without_stops
    assert found is not None and found.rate is not None and found.rate.value is not None
    assert found.none.value is not None and found.all.value is not None
    assert found.none.value < found.rate.value < found.all.value
    assert any("plain censoring" in caveat for caveat in found.caveats)


def test_bounds_are_shares_of_the_runs() -> None:
    """2 crashed, 3 stopped, 1 ended by itself short of the budget, 4 came to it: 20 % to 60 %."""
    cases = [
        *[(3, ended("crashed"))] * 2,
        *[(2, ended("early_stopped"))] * 3,
        (5, ended("completed")),
        *[(20, ended("completed"))] * 4,
    ]
    found = judge(*cases).without_stops
    assert found is not None and (found.short, found.stopped) == (4, 3.0)
    assert (found.none.value, found.all.value) == (0.2, pytest.approx(0.6))
    assert len(found.caveats) == 2


def test_nothing_is_carried_on_beyond_what_was_seen() -> None:
    """A budget of 100 that no run came near: the horizon is the furthest run."""
    found = judge(
        (1, ended("crashed")), *[(2, ended("early_stopped"))] * 5, (8, ended("stopped_by_user")), budget=100.0
    )
    assert found.horizon == 8.0


@pytest.mark.parametrize("runs", [20, 50])
def test_intervals_cover_the_truth_where_the_hazard_is_constant(runs: int) -> None:
    """The hazard of every row and the crash chance without the rule: 95 % but for three Monte Carlo standard errors.

    Over 1,500 sweeps the latter is 95.9 % at 20 runs and 96.1 % at 50.
    """
    world = scenario("nothing, Hyperband", runs)
    hits: list[bool] = []
    whole: list[bool] = []
    for seed in range(100):
        sim = simulate(world, runs, (seed, runs))
        found = survival(sim.sweep, true_outcomes(sim.truth), BANDS)
        assert found is not None
        for row in found.rows:
            if row.hazard.low is not None and row.hazard.high is not None:
                hits.append(row.hazard.low <= world.hazard <= row.hazard.high)
        if found.without_stops and found.without_stops.rate:
            rate, truth = found.without_stops.rate, -math.expm1(-world.hazard * found.horizon)
            whole.append(rate.low <= truth <= rate.high)
    assert np.mean(hits) > 0.917 and len(whole) > 80 and np.mean(whole) > 0.885


def test_a_constant_hazard_is_seldom_called_changing() -> None:
    """At most 5 % of sweeps, and the exact test is on the safe side: of 120, at most 10."""
    world = scenario("unequal metric", 50)
    called = 0
    for seed in range(120):
        sim = simulate(world, 50, (seed, 9))
        found = survival(sim.sweep, true_outcomes(sim.truth), BANDS)
        assert found is not None
        called += found.early_late is not None and found.early_late.p <= 0.05
    assert called <= 10


# Findings


def kinds(*cases: tuple[int, Outcome], **fields: Any) -> dict[str, str]:
    sweep, outcomes = sweep_of(cases, **fields)
    return {f.kind: sentence(f) for f in survival_findings(sweep, survival(sweep, outcomes, BANDS))}


def test_early_crashes_are_called_where_the_test_says_so() -> None:
    cases = [*[(3, ended("crashed"))] * 14, *[(20, ended("completed"))] * 20]
    sweep, outcomes = sweep_of(cases)
    found = next(f for f in survival_findings(sweep, survival(sweep, outcomes, BANDS)) if f.p is not None)
    assert found.supported and found.p < 0.001 and found.facts["higher_early"]
    assert "crash at a higher rate before 6 epochs than after: 14 crashes" in sentence(found)
    late = kinds(*[(15, ended("crashed"))] * 14, *[(20, ended("completed"))] * 20)["hazard_by_progress"]
    assert "at a lower rate before 6 epochs" in late
    few = kinds((3, ended("crashed")), *[(20, ended("completed"))] * 3)["hazard_by_progress"]
    assert "cannot be told" in few


def test_the_rule_is_undone_only_where_it_stopped_runs() -> None:
    assert "crash_without_rule" not in kinds((3, ended("crashed")), (20, ended("completed")))
    said = kinds((3, ended("crashed")), *[(2, ended("early_stopped"))] * 2, (20, ended("completed")))
    assert "between 25 % and 75 % would have crashed" in said["crash_without_rule"]
    assert "none or all of the 2 runs" in said["crash_without_rule"]


def test_crashes_before_the_first_value_are_told_and_advised_on() -> None:
    sweep, outcomes = sweep_of([(0, ended("crashed")), (0, ended("crashed")), (20, ended("completed"))])
    found = {f.kind: f for f in survival_findings(sweep, survival(sweep, outcomes, BANDS))}
    assert advice(found["crash_at_start"]) == "try_one_step"
    assert sentence(found["crash_at_start"]).startswith("Before 1 epoch was logged, 67 %")
    assert all(advice(f) is None for kind, f in found.items() if kind != "crash_at_start")


def test_no_crash_is_said_with_its_interval() -> None:
    said = kinds(*[(20, ended("completed"))] * 10)
    assert list(said) == ["incidence_at_budget"]
    assert said["incidence_at_budget"] == "No run crashed by 20 epochs (95 % interval of the share: 0 % to 26 %)."


# Degenerate sweeps and size


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [make_run("a")],
        [make_run("a", [0.1], state="crashed")],
        [make_run("a", [], progress=0.0), make_run("b", [], progress=0.0)],
        [make_run("a", [np.nan] * 3), make_run("b", [np.inf], timed=False)],
        [make_run("a", [0.1] * 3), make_run("b", [0.1] * 3)],
    ],
)
@pytest.mark.parametrize("label", ["crashed", "completed", "early_stopped", "unknown", "running", "never_started"])
@pytest.mark.parametrize("bands", [(), (1,), BANDS])
def test_degenerate_sweeps_give_a_result_or_none(runs: list[Run], label: OutcomeLabel, bands: tuple[int, ...]) -> None:
    """None exactly where no run has ended; sentences for whatever there is."""
    sweep = make_sweep(runs)
    found = survival(sweep, {run.id: ended(label) for run in runs}, bands)
    assert (found is None) == (not runs or label in ("running", "never_started"))
    for finding in survival_findings(sweep, found):
        assert sentence(finding).endswith(".")


def test_many_ends_are_given_at_few_places() -> None:
    runs = [make_run(f"r{i}", [0.1], progress=1.0 + i / 7) for i in range(1000)]
    found = survival(make_sweep(runs), {run.id: ended("crashed") for run in runs}, ())
    assert found is not None and len(found.at) == MOST_PLACES
    assert found.at[-1] == runs[-1].progress and found.ends[0].value[-1] == pytest.approx(1.0)
