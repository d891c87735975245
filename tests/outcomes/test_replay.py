"""The rule replayed in time, and the odds that it ended a run."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.outcomes.replay import Replay, duration, replay
from aftersweep.analysis.sweepfile.config import Metric
from aftersweep.analysis.sweepfile.hyperband import read_hyperband, should_stop
from aftersweep.analysis.types import OutcomeLabel, Run, Sweep

from ..factories import HYPERBAND, START, make_run
from .simulate import simulate, without_times

METRIC = Metric("val/acc", "maximize")
RULE = read_hyperband(HYPERBAND)


def _replay(*runs: Run) -> dict[str, Replay]:
    assert RULE is not None
    return dict(replay(runs, RULE, METRIC))


def test_thresholds_are_those_of_the_time() -> None:
    """Law: a run is judged by what had been logged by its end, not by what came later."""
    early = make_run("early", [0.2, 0.3], state="crashed", start=START, lag_s=10)
    later = [make_run(f"later-{i}", [0.5, 0.6], state="crashed", start=START + 10_000 + i) for i in range(6)]
    judged = _replay(early, *later)["early"]
    assert not judged.true_at_end  # the first at its band always passes
    assert judged.threshold == pytest.approx(0.3)
    assert "was no worse than" in judged.text


def test_a_drifting_threshold_stops_between_bands() -> None:
    """Law: the rule is looked at again at each value of any run; a threshold that drifts past a run makes it true."""
    slow = make_run("slow", [0.2, 0.3, 0.35, 0.36], state="crashed", start=START, step_s=1000, lag_s=400)
    rivals = [make_run(f"r{i}", [0.5, 0.6], state="crashed", start=START + 3700, step_s=100) for i in range(6)]
    judged = _replay(slow, *rivals)["slow"]
    assert judged.true_at_end
    assert (judged.band, judged.since_iterations) == (2, 2)
    assert judged.since_s == pytest.approx(START + 4400 - (START + 3900))
    assert "had been for 8 min" in judged.text


def test_the_value_at_the_end_agrees_with_the_rule_itself() -> None:
    """Law: at the end of the last run, the replay's verdict is that of ``should_stop`` on all histories."""
    assert RULE is not None
    for seed in range(20):
        runs = simulate(seed, runs=15).sweep.runs
        histories = [run.finite_metric.tolist() for run in runs]
        for run in runs:
            last = replace(run, ended_at=max(other.ended_at or 0.0 for other in runs) + 1)
            others = [last if other.id == run.id else other for other in runs]
            expected = should_stop(run.finite_metric.tolist(), histories, RULE, 1)
            assert _replay(*others)[run.id].true_at_end == expected


def test_nan_is_no_iteration() -> None:
    """Law: an iteration is a finite value: two epochs of which one is NaN have not reached band 2."""
    judged = _replay(make_run("a", [0.1, np.nan], state="crashed"), make_run("b", [0.9, 0.9]))["a"]
    assert (judged.iterations, judged.band, judged.true_at_end) == (1, None, False)
    assert judged.probability == 0.0
    assert "the first band of the sweep's stopping rule is at 2" in judged.text


def test_missing_times_use_final_thresholds_and_lower_the_probability() -> None:
    """Law: without times the final thresholds are used, and the label is less certain than with them."""
    simulated = simulate(3)
    known = adjudicate(simulated.sweep)
    missing = adjudicate(without_times(simulated.sweep, keep_ends=False))
    stopped = [run for run, how in simulated.truth.items() if how == "early_stopped"]
    assert np.mean([missing[run].probability for run in stopped]) < np.mean([known[run].probability for run in stopped])
    assert any("times are missing" in piece.text for piece in missing[stopped[0]].evidence)


def test_a_controller_that_does_not_act_stops_nobody() -> None:
    """Law: where runs go on for long while the rule is true, a run that ends then is not taken for a stop."""
    ran_on = 0
    for seed in range(10):
        simulated = simulate(seed, acting=False)
        labels = [outcome.label for outcome in adjudicate(simulated.sweep).values()]
        assert labels.count("early_stopped") <= 3
        completed: dict[str, OutcomeLabel] = {r: how for r, how in simulated.truth.items() if how == "completed"}
        assert RULE is not None
        replayed = replay(simulated.sweep.runs, RULE, METRIC, settled=completed)
        ran_on += any(replayed[run_id].ran_on for run_id in completed)
    assert ran_on >= 5, "and that is said of the runs that went on"


@pytest.mark.parametrize(
    ("times", "hazard", "least", "calibration"),
    [
        ("known", 0.02, 0.97, 0.03),
        ("known", 0.1, 0.96, 0.03),
        ("coarse", 0.02, 0.96, 0.04),
        ("missing", 0.02, 0.92, 0.06),
    ],
)
def test_outcomes_are_right_as_often_as_they_claim(times: str, hazard: float, least: float, calibration: float) -> None:
    """Law: over simulated sweeps the labels are right, and the chance of a crash is calibrated in the mean."""
    right: list[bool] = []
    error: list[float] = []
    for seed in range(40):
        simulated = simulate(seed, hazard=hazard)
        for run_id, (label, chance) in _labels(simulated.sweep, times).items():
            truth = simulated.truth[run_id]
            right.append(label == truth)
            if label in ("crashed", "early_stopped"):
                error.append(chance - (truth == "crashed"))
    assert np.mean(right) >= least
    assert abs(np.mean(error)) <= calibration


def _labels(sweep: Sweep, times: str) -> dict[str, tuple[OutcomeLabel, float]]:
    shown = sweep if times == "known" else without_times(sweep, keep_ends=times == "coarse")
    return {run: (outcome.label, outcome.crash_probability[0]) for run, outcome in adjudicate(shown).items()}


def test_two_thousand_runs_take_seconds() -> None:
    """Law: cost grows near-linearly: 2,000 runs of 100 values are replayed in seconds (0.9 s where this was made)."""
    random = np.random.default_rng(0)
    runs = [
        make_run(f"r{i}", random.normal(0.5, 0.1, 100).cumsum().tolist(), state="crashed", start=START + 50.0 * i)
        for i in range(2_000)
    ]
    rule = read_hyperband({"type": "hyperband", "min_iter": 1, "eta": 2, "strict": False})
    assert rule is not None
    begun = time.process_time()
    replay(runs, rule, METRIC)
    assert time.process_time() - begun < 20.0


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (200, "3 min"), (9000, "2.5 h")])
def test_durations_in_words(seconds: float, words: str) -> None:
    """Law: durations are shown in the unit that a reader would choose."""
    assert duration(seconds) == words
