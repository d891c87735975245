"""The simulator's own laws: its truth is the truth of what it makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.sweepfile.hyperband import judged_cost, read_hyperband, thresholds

from ..factories import HYPERBAND
from .population import pooled, population
from .scenarios import NULL, SCENARIOS, scenario
from .simulator import simulate
from .world import Truth


def _truths(name: str, runs: int, sweeps: int) -> list[Truth]:
    world = scenario(name, runs)
    return [simulate(world, runs, (1, i)).truth for i in range(sweeps)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_crashes_are_as_many_as_the_hazards_say(name: str) -> None:
    """Crashes by settings, less hazard times exposure, is noise around 0 (a martingale), overall and by level."""
    people = pooled(_truths(name, 100, 25))
    surprise = people.by_setting - people.hazard * people.exposure
    groups = [np.full(len(surprise), True)]
    for p in people.world.parameters:
        groups += [people.places[p.name] == i for i in range(len(p.levels))]
    for group in groups:
        expected = float((people.hazard * people.exposure)[group].sum())
        assert abs(float(surprise[group].sum())) <= 4.2 * np.sqrt(expected) + 1e-9


def test_ratios_of_the_population_are_those_of_the_world() -> None:
    """With one factor of two levels the population's hazard ratio is the world's, with and without a rule."""
    for name in ("one of 2", "one of 2, Hyperband"):
        people = population(name, 50, 6_000)
        assert people.hazard_ratio(people.places["augment"]) == pytest.approx(3.5, rel=0.01)
        assert people.hazard_ratio((people.places["batch_size"] == 2).astype(float)) == pytest.approx(1.0, abs=0.1)


def test_of_five_levels_the_harmless_are_safer_than_their_rest() -> None:
    """A level's rest holds the bad one: its ratio is below 1, and that of the bad level below its own effect."""
    people = population("one of 5", 50, 6_000)
    ratios = [people.hazard_ratio((people.places["model"] == i).astype(float)) for i in range(5)]
    assert ratios[2] == pytest.approx(6.5, rel=0.02)
    assert all(0.3 < ratios[i] < 0.75 for i in (0, 1, 3, 4))


def test_separation_is_the_normal_case() -> None:
    """Of 50 runs the safe level mostly has no crash at all, though its hazard is not 0."""
    separated = 0
    for truth in _truths("separation", 50, 40):
        crashed = np.array([label == "crashed" for label in truth.labels])
        separated += not crashed[truth.places["augment"] == 0].any()
    assert 15 <= separated < 40
    people = population("separation", 50, 6_000)
    assert people.hazard_ratio(people.places["augment"]) == pytest.approx(50.0, rel=0.02)


def test_early_stops_are_the_rules_own() -> None:
    """A run that the rule ended was worse than the threshold at the moment; no other run was for long.

    Replayed here by the rule's plain definition over all that had been logged by then.
    """
    rule = read_hyperband(HYPERBAND)
    assert rule is not None
    for seed in range(6):
        made = simulate(scenario("unequal metric", 50), 50, seed)
        for run, label in zip(made.sweep.runs, made.truth.labels, strict=True):
            assert run.ended_at is not None
            look = run.ended_at - (32.0 if label == "early_stopped" else 260.0)
            seen = [other.finite_metric[other.metric_time <= look].tolist() for other in made.sweep.runs]
            own = run.finite_metric[run.metric_time <= look].tolist()
            band = rule.band_at(len(own))
            true = band is not None and judged_cost(own, band, rule, 1) > thresholds(seen, rule, 1)[band]
            if label == "early_stopped":
                assert rule.band_at(run.iterations) is not None
            else:
                assert not true


def test_without_a_rule_nothing_is_stopped() -> None:
    """Runs end by a crash or at their budget."""
    truth = _truths("nothing", 200, 1)[0]
    assert set(truth.labels) == {"crashed", "completed"}
    assert truth.exposure[np.array(truth.labels) == "completed"] == pytest.approx(20.0)


def test_the_same_seed_makes_the_same_sweep() -> None:
    """A sweep is a function of its world, size and seed."""
    one, same, other = (simulate(scenario("bayes", 50), 50, seed) for seed in (3, 3, 4))
    assert [run.progress for run in one.sweep.runs] == [run.progress for run in same.sweep.runs]
    assert one.truth.labels == same.truth.labels
    assert [run.progress for run in one.sweep.runs] != [run.progress for run in other.sweep.runs]


def test_a_run_that_turns_nan_goes_on_to_its_end() -> None:
    """Silent failures finish, show a NaN and no more finite values, and are known to the truth."""
    made = simulate(scenario("NaN at the end", 200), 200, 1)
    silent = [run for run, is_silent in zip(made.sweep.runs, made.truth.silent, strict=True) if is_silent]
    assert silent
    for run in silent:
        assert run.state == "finished"
        assert not np.isfinite(run.metric[-1])
        assert run.iterations < run.progress == 20.0


def test_code_errors_are_a_fifth_of_the_runs_and_leave_a_line() -> None:
    """As the issue asks; each says so in its log, whatever else does."""
    made = simulate(scenario("code errors", 1000), 1000, 2)
    bugs = [run for run in made.sweep.runs if made.truth.cause(run.id) == "code_error"]
    assert stats.binomtest(len(bugs), 1000, 0.2).pvalue > 1e-4
    assert all(run.exit_code == 1 and run.log_tail for run in bugs)


def test_a_search_that_learns_goes_where_results_are_good() -> None:
    """The bayes-like search draws the best model more often than the worst, and late more than early."""
    models = np.concatenate([t.places["model"] for t in _truths("bayes, nothing", 200, 5)])
    assert (models == 0).mean() > 2 * (models == 4).mean()


def test_grids_follow_time_and_null_worlds_carry_no_risk() -> None:
    """In a grid the first parameter moves slowest; worlds listed as null have null parameters only."""
    truth = simulate(scenario("drift, grid", 50), 50, 1).truth
    assert np.all(np.diff(truth.places["model"]) >= 0)
    for name in SCENARIOS:
        world = scenario(name, 50)
        names = {p.name for p in world.parameters}
        assert (world.nulls == names) == (name in (*NULL, "interaction"))
    assert scenario("correlated", 50).nulls == {"optimizer", "augment", "lr"}
