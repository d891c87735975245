"""A controller that saw other values than we do: how likely a run was stopped although our replay lets it through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.findings.ends import early_stop_findings
from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.outcomes.untimed import chance_over_orders, chances_of_stop
from aftersweep.analysis.outcomes.view import Passes, chances_of_view
from aftersweep.analysis.types import Run, Sweep
from aftersweep.reports.words.ends import WORDS

from ..factories import HYPERBAND, START, curve, make_run, make_sweep
from .measure import VIEWS, measure
from .simulate import View, simulate


def _passes(ended: int, stayed: int, *, closeness: float = 0.5, after: float = 60.0) -> Passes:
    """Runs let through at a band: ``ended`` that ended a minute later, ``stayed`` that stayed for long."""
    n = ended + stayed
    return Passes(
        lasted=np.array([after] * ended + [20_000.0] * stayed),
        ended=np.array([1.0] * ended + [0.0] * stayed),
        open=np.ones(n),
        chance=np.full(n, closeness),
        lag=np.full(n, 200.0),
    )


def test_an_excess_of_ends_at_bands_is_no_chance() -> None:
    """Law: the more runs end just after bands for what the hazard explains, the less likely each crashed."""
    chances = [chances_of_view(_passes(ended, 20), ends=2.0, exposure=100_000.0)[0] for ended in (1, 2, 4, 8)]
    assert chances == sorted(chances)
    assert chances[0] < 0.5 < chances[2]
    assert chances[-1] > 0.9


def test_ends_that_the_hazard_explains_stay_crashes() -> None:
    """Law: where runs crash as often at any other time, those that end after a band are crashes."""
    found = chances_of_view(_passes(2, 20), ends=60.0, exposure=100_000.0)
    assert found[:2].max() < 0.2
    assert not found[2:].any()


def test_the_nearer_to_the_threshold_the_likelier() -> None:
    """Law: of two runs that end at a band alike, the one nearer to the threshold is the likelier stop."""
    both = _passes(4, 20)
    chance = both.chance.copy()
    chance[0] = 0.05
    found = chances_of_view(Passes(both.lasted, both.ended, both.open, chance, both.lag), ends=2.0, exposure=100_000.0)
    assert found[0] < found[1] == pytest.approx(found[2])


def test_a_late_end_and_a_settled_one_are_none() -> None:
    """Law: an end beyond the controller's lag is no stop, nor is one that other evidence settles."""
    late = chances_of_view(_passes(4, 20, after=900.0), ends=2.0, exposure=100_000.0)
    assert not late.any()
    known = _passes(4, 20)
    closed = Passes(known.lasted, known.ended, np.zeros(24), known.chance, known.lag)
    assert not chances_of_view(closed, ends=2.0, exposure=100_000.0).any()


@given(st.integers(0, 60), st.floats(0, 1))
def test_chance_over_orders_is_a_chance_and_grows_with_better_rivals(others: int, better: float) -> None:
    """Law: a chance; never true for the best run, nor for the first at its band; certain in the end for the worst."""
    chance = chance_over_orders(others, better, 3.0)
    assert 0.0 <= chance <= 1.0
    assert chance <= chance_over_orders(others, min(1.0, better + 0.1), 3.0) + 1e-12
    assert chance_over_orders(others, 0.0, 3.0) == 0.0
    if others >= 1:
        # alone it passes, against one or more that are all better it does not
        assert chance_over_orders(others, 1.0, 3.0) >= 0.5


def test_chance_over_orders_counts_orders() -> None:
    """Law: it is the mean over all places in the order of arrival, here counted out by drawing who came before."""
    random = np.random.default_rng(0)
    better, others, true = 9, 30, 0
    for _ in range(4_000):
        before = random.integers(0, others, random.integers(0, others + 1))
        true += int((before < better).sum()) > min(int((1 / 3) * (before.size + 1)), before.size)
    assert chance_over_orders(others, better / others, 3.0) == pytest.approx(true / 4_000, abs=0.025)


def test_without_times_stops_keep_to_the_band() -> None:
    """Law: where most candidates end right at the band, one that came further is the less likely a stop."""
    after = np.array([0] * 18 + [1, 3])
    found = chances_of_stop(after, np.full(20, 0.6), np.full(20, 0.02), np.ones(20))
    assert found[0] > found[18:].max()
    assert found[0] > 0.95


def _near() -> tuple[list[Run], Sweep]:
    """Four runs that ended as nine stops did, although the replayed rule was false for them; and their sweep."""
    full = [make_run(f"full-{i}", curve(0.9 + i / 1000, 20), exit_code=0, start=START + 600 * i) for i in range(12)]
    stops = [
        make_run(f"stop-{i}", [0.1, 0.1 + i / 100], state="crashed", start=START + 8000 + 600 * i) for i in range(9)
    ]
    near: list[Run] = [
        make_run(f"near-{i}", curve(0.905 + i / 1000, 2), state="crashed", start=START + 20_000 + 600 * i, lag_s=0.8)
        for i in range(4)
    ]
    return near, make_sweep([*full, *stops, *near], early_terminate=HYPERBAND, budget=20.0)


def test_a_run_that_ends_at_a_band_for_no_reason_is_doubtful() -> None:
    """Law: one that ends as the stops do, just after a band, is neither a certain crash nor a replayed stop."""
    near, sweep = _near()
    outcomes = adjudicate(sweep)
    for run in near:
        outcome = outcomes[run.id]
        assert (outcome.label, outcome.grade) == ("early_stopped", "inferred"), outcome
        assert 0.0 < outcome.crash_probability[0] < 0.5
        assert any("as a stop would" in piece.text for piece in outcome.evidence)
        assert any("our replay" in told.casefold() for told in outcome.contradictions)


def test_probable_stops_are_told_apart_in_words() -> None:
    """Law: the sentence counts what the replay shows, and what only the time of the end speaks for, by themselves."""
    near, sweep = _near()
    outcomes = adjudicate(sweep)
    (finding, *_) = early_stop_findings(sweep, outcomes, (2, 6), "Hyperband")
    assert (finding.facts["stopped"], finding.facts["inferred"]) == (13, 4)
    said = WORDS["early_stopping"](finding)
    assert "9 were the sweep's own early stops, and 4 more probably were, by when they ended (Hyperband" in said
    assert any("of 4 the replayed rule was false" in caveat for caveat in finding.caveats)
    assert finding.estimate is not None
    assert finding.estimate.value is not None
    assert finding.estimate.value < 1.0  # the chances, not the labels
    assert {run.id for run in near} <= set(finding.runs)


def test_an_exact_view_is_left_as_it_was() -> None:
    """Law: where the controller saw what we see, doubt about its view costs next to nothing."""
    score = measure(range(40), hazard=0.02)
    assert score.accuracy >= 0.98
    assert abs(score.bias) <= 0.01
    assert score.calibration_error <= 0.03


@pytest.mark.parametrize(("name", "accuracy", "bias"), [("20 % deleted", 0.93, 0.07), ("stale looks", 0.97, 0.03)])
def test_another_view_is_allowed_for(name: str, accuracy: float, bias: float) -> None:
    """Law: where the controller saw other values, few of its stops are called crashes."""
    score = measure(range(30), hazard=0.01, view=VIEWS[name])
    assert score.accuracy >= accuracy
    assert abs(score.bias) <= bias


@pytest.mark.parametrize("times", ["known", "coarse", "missing"])
@pytest.mark.parametrize("hazard", [0.02, 0.1])
def test_outcomes_are_calibrated(times: str, hazard: float) -> None:
    """Law: among runs that are given the same chance of having crashed, as many did, in the mean over the bins."""
    score = measure(range(40), times, hazard=hazard)
    assert score.calibration_error <= 0.035
    assert score.accuracy >= (0.9 if times == "missing" else 0.96)


@pytest.mark.parametrize("strict", [True, False])
def test_a_certain_stop_is_never_a_crash(strict: bool) -> None:
    """Law: where nothing crashes and the rule was true at its end, no run is called crashed; timed or not.

    Without crashes the rule is what ended these runs, for certain.
    """
    for seed in range(25):
        simulated = simulate(seed, hazard=0.0, strict=strict)
        outcomes = adjudicate(simulated.sweep)
        for run in simulated.sweep.runs:
            truly = any(piece.kind == "replay" and "was true when" in piece.text for piece in outcomes[run.id].evidence)
            if truly and simulated.truth[run.id] == "early_stopped":
                assert outcomes[run.id].label == "early_stopped"


def test_logs_settle_nearly_all() -> None:
    """Law: where crashes leave their lines, 99 % of the outcomes are right, times or not."""
    for times in ("known", "coarse", "missing"):
        assert measure(range(30), times, logged=1.0).accuracy >= 0.99


def test_a_view_that_differs_changes_what_the_controller_does() -> None:
    """Law: the simulator's views do differ; an exact one is the default."""
    plain = simulate(3).truth
    assert simulate(3, view=View()).truth == plain
    assert any(dict(simulate(3, view=view).truth) != dict(plain) for name, view in VIEWS.items() if name != "exact")
