"""What trials are given: the grid of W&B's package, draws that follow from the id, a search that finds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aftersweep.training.agent.journal import Trial
from aftersweep.training.agent.sampling import grid_size, nested, propose

from ..reference import answer
from .sweeps_of import plan_of

GRIDS: list[dict[str, Any]] = [
    {"b": {"values": [1, 2]}, "a": {"values": [3, 4]}},
    {"lr": {"values": [0.1, 0.01]}, "fixed": {"value": 7}, "Z": {"values": ["x", "y", "z"]}},
    {"n": {"values": [3, 4, 3.0, 4]}, "m": {"values": [True, 1, "1", None]}},
    {"outer": {"parameters": {"z": {"values": [1, 2]}, "a": {"values": [5, 6]}}}, "between": {"values": [0, 9]}},
    {"k": {"distribution": "int_uniform", "min": 2, "max": 5}, "s": {"values": [[1, 2], [3]]}},
    {"q": {"distribution": "q_uniform", "min": 0, "max": 10, "q": 4}, "a": {"value": "x"}},
    {"q": {"distribution": "q_uniform", "min": 0.5, "max": 2.0, "q": 0.25}},
    {"q": {"distribution": "q_uniform", "min": 0, "max": 3}},
]


def as_json(values: dict[str, Any]) -> str:
    """1, 1.0 and True are three things, as they are for a program."""
    return json.dumps(values, sort_keys=True)


@pytest.mark.reference
def test_the_grid_is_that_of_the_released_package(tmp_path: Path) -> None:
    """All combinations in the order in which ``sweeps`` 0.3.0 proposes them: parameters by name, repeated values once,
    values of the same type; then none."""
    for parameters, theirs in zip(GRIDS, answer(Path(__file__).with_name("sweeps_grid.py"), GRIDS), strict=True):
        plan = plan_of(tmp_path, parameters)
        assert grid_size(plan) == len(theirs)
        ours = [propose(plan, number, ()) for number in range(len(theirs))]
        assert [as_json(nested(plan, one or {})) for one in ours] == [as_json(one) for one in theirs]
        assert propose(plan, len(theirs), ()) is None


def test_a_large_grid_is_not_listed(tmp_path: Path) -> None:
    """The last of 10^18 combinations is at hand at once."""
    plan = plan_of(tmp_path, {name: {"min": 1, "max": 1000} for name in "abcdef"})
    assert propose(plan, 1000**6 - 1, ()) == dict.fromkeys("abcdef", 1000)
    assert propose(plan, 1000**6, ()) is None


def test_random_proposals_follow_from_the_id(tmp_path: Path) -> None:
    """The same id and number propose the same, in any order of asking, another id something else; all levels come as
    often as their chances say."""
    parameters = {"a": {"values": [1, 2], "probabilities": [0.25, 0.75]}, "b": {"min": 0.0, "max": 1.0}}
    plan = plan_of(tmp_path, parameters, method="random")
    found = [propose(plan, number, ()) or {} for number in range(400)]
    assert [propose(plan, number, ()) for number in (7, 3)] == [found[7], found[3]]
    assert propose(plan_of(tmp_path, parameters, "sweep002", method="random"), 7, ()) != found[7]
    share = Counter(values["a"] for values in found)
    assert abs(share[2] / 400 - 0.75) < 4 * (0.25 * 0.75 / 400) ** 0.5
    assert len({values["b"] for values in found}) == 400


def test_bayes_finds_what_is_good(tmp_path: Path) -> None:
    """After 30 trials told, the best of ``x + (k is b)`` is a fifth of what random search finds, over eight ids; only
    levels of the file are proposed, and the same trials lead to the same proposal."""
    parameters = {"x": {"min": 0.0, "max": 1.0}, "k": {"values": ["a", "b"]}, "n": {"values": [8, 2, 4]}}
    best: dict[str, list[float]] = {"bayes": [], "random": []}
    for method, number in ((method, number) for method in best for number in range(8)):
        plan = plan_of(tmp_path, parameters, f"sweep00{number}", method=method)
        told: list[Trial] = []
        for at in range(30):
            values = propose(plan, at, told) or {}
            told.append(Trial(str(at), at, values, values=[-values["x"] - (values["k"] == "b")]))
            assert values["n"] in (8, 2, 4)
        assert propose(plan, 29, told[:29]) == told[29].parameters
        best[method].append(max(trial.values[0] for trial in told))
    assert -np.median(best["bayes"]) < -np.median(best["random"]) / 5


def test_bayes_hears_of_trials_however_they_ended(tmp_path: Path) -> None:
    """Running without a value, crashed without one, stopped with one, given a value that is no longer in the file: a
    proposal is made from each, and a normal distribution's is finite."""
    parameters = {"x": {"distribution": "normal", "mu": 0.0, "sigma": 1.0}, "n": {"values": [8, 2, 4]}}
    plan = plan_of(tmp_path, parameters, method="bayes")
    told = [
        Trial("running", 0, {"x": 0.5, "n": 8}),
        Trial("crashed", 1, {"x": 9.0, "n": 2}, ended_at=1.0, exit_status=1),
        Trial("stopped", 2, {"x": -40.0, "n": 4}, values=[0.1, 0.3, 0.2], ended_at=1.0, stop_requested=True),
        Trial("other", 3, {"x": 0.1, "n": 16}, values=[1.0]),
    ] * 5
    for number in range(20):
        values = propose(plan, number, told) or {}
        assert np.isfinite(values["x"])
        assert values["n"] in (8, 2, 4)
