"""Completed runs that failed all the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from aftersweep.analysis.findings.ends import advice, silent_failure_finding
from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.outcomes.silent import LEAST, Silence, noise, silent_failures
from aftersweep.analysis.types import Sweep
from aftersweep.reports.words.ends import ADVICE, WORDS

from ..factories import curve, make_run, make_sweep
from .simulate import simulate

GOOD = [curve(0.7 + i / 100, 12, start=0.2) for i in range(6)]
CHANCE = [0.1, 0.102, 0.099, 0.101, 0.098, 0.1, 0.102, 0.1, 0.097, 0.101]


def _sweep(values: Sequence[float], others: Sequence[Sequence[float]] = GOOD, goal: str = "maximize") -> Sweep:
    runs = [make_run(f"good-{i}", other, goal=goal, exit_code=0) for i, other in enumerate(others)]
    return make_sweep([*runs, make_run("it", values, goal=goal, exit_code=0)], goal=goal, budget=None)


def _kind(values: Sequence[float], others: Sequence[Sequence[float]] = GOOD, goal: str = "maximize") -> Silence | None:
    sweep = _sweep(values, others, goal)
    found = silent_failures(sweep, adjudicate(sweep))
    assert set(found) <= {"it"}
    return found.get("it")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.3, 0.4, math.nan], "not_finite"),
        ([0.3, math.inf], "not_finite"),
        ([0.1] * 8, "constant"),
        ([0.1] * (LEAST - 1), None),
        (CHANCE, "never_improved"),
        ([0.15, 0.12, 0.1, 0.09, 0.08, 0.09, 0.08], "never_improved"),
        ([0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.22], None),  # slow, but it learns
        ([0.9, 0.89, 0.9, 0.88, 0.89, 0.9], None),  # good from the start
        ([1.0] * 8, None),  # perfect
        ([0.99] * 8, None),  # nobody came further
        ([], None),
    ],
)
def test_what_is_a_silent_failure(values: list[float], kind: Silence | None) -> None:
    """Law: not finite, constant, or never better than at first where the others are; each as the docstring says."""
    assert _kind(values) == kind


def test_minimising_is_maximising_the_negative() -> None:
    """Law: the same runs are found with every value's sign turned and the goal with it."""
    for values in (CHANCE, [0.1] * 8, [0.1, 0.2, 0.3, 0.4, 0.5]):
        turned = [[-value for value in other] for other in GOOD]
        assert _kind([-value for value in values], turned, "minimize") == _kind(values)


def test_a_loss_of_zero_is_perfect() -> None:
    """Law: a loss cannot get below 0; one that stays at 0.7 can."""
    falling = [[1.0, 0.6, 0.4, 0.3, 0.25, 0.2 + i / 100] for i in range(5)]
    assert _kind([0.0] * 6, falling, "minimize") is None
    assert _kind([0.7] * 6, falling, "minimize") == "constant"


def test_a_sweep_in_which_nothing_moves_is_found_constant_only() -> None:
    """Law: where all runs stay near where they began none is held against the others; constants show by themselves."""
    random = np.random.default_rng(1)
    level = [(0.9 + random.normal(0, 0.003, 12)).tolist() for _ in range(20)]
    sweep = make_sweep([make_run(f"r{i}", values, exit_code=0) for i, values in enumerate(level)], budget=None)
    assert not silent_failures(sweep, adjudicate(sweep))
    still = make_sweep([make_run(f"r{i}", [0.5] * 6, exit_code=0) for i in range(4)], budget=None)
    assert set(silent_failures(still, adjudicate(still)).values()) == {"constant"}


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_tiny_sweeps(runs: int) -> None:
    """Law: nothing to hold a run against is no reason to name it, and no reason to fail."""
    sweep = make_sweep([make_run(f"r{i}", CHANCE, exit_code=0) for i in range(runs)], budget=None)
    assert not silent_failures(sweep, adjudicate(sweep))


def test_runs_that_learn_are_left_alone() -> None:
    """Law: of simulated runs that all learn, with noise, none is named; whatever the order."""
    for seed in range(20):
        sweep = simulate(seed, runs=30, acting=False).sweep
        outcomes = adjudicate(sweep)
        assert not silent_failures(sweep, outcomes)
    sweep = _sweep(CHANCE)
    runs = list(sweep.runs)
    Random(0).shuffle(runs)
    mixed = replace(sweep, runs=tuple(runs))
    assert silent_failures(mixed, adjudicate(mixed)) == {"it": "never_improved"}


def test_noise_is_a_standard_deviation_whatever_the_trend() -> None:
    """Law: for normal noise on a straight line it is the noise's standard deviation."""
    random = np.random.default_rng(2)
    values = np.linspace(0, 50, 5_000) + random.normal(0, 0.3, 5_000)
    assert noise(values) == pytest.approx(0.3, rel=0.05)
    assert noise(values[:2]) == 0.0


def test_the_finding_counts_by_kind_and_says_so() -> None:
    """Law: one finding, each run once, its kinds counted, its words and its advice those of what was found."""
    sweep = _sweep(CHANCE)
    more = [make_run("nan", [0.3, math.nan], exit_code=0), make_run("still", [0.1] * 8, exit_code=0)]
    both = replace(sweep, runs=(*sweep.runs, *more))
    finding = silent_failure_finding(both, adjudicate(both))
    assert finding is not None
    assert finding.facts["kinds"] == {"not_finite": 1, "constant": 1, "never_improved": 1}
    assert (finding.facts["bad"], finding.n, set(finding.runs)) == (3, 9, {"it", "nan", "still"})
    assert advice(finding) == "stop_on_nan"
    said = WORDS[finding.kind](finding)
    assert said.startswith(
        "3 of the 9 completed runs failed silently: 1 logged NaN or infinity (val/acc), 1 logged the same value "
        "throughout (val/acc) and 1 never got better than the first value (val/acc) (95 % interval"
    )
    alone = silent_failure_finding(sweep, adjudicate(sweep))
    assert alone is not None
    key = advice(alone)
    assert key == "look_at_stuck"
    assert ADVICE[key](alone).startswith("Look at the run whose val/acc never got better: it used up")
    assert WORDS[alone.kind](alone).startswith(
        "1 of the 7 completed runs failed silently: never got better than the first value (val/acc)"
    )
