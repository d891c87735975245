"""The rule against the package that W&B runs it with, on thousands of random sweeps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aftersweep.analysis.errors import FormatError
from aftersweep.analysis.sweepfile.hyperband import Hyperband, read_hyperband, should_stop, thresholds

from ..reference import answer

pytestmark = [pytest.mark.reference, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("sweeps_decisions.py")
SWEEPS = 4_000


def _decisions(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    decided: list[dict[str, Any]] = answer(SCRIPT, cases)
    return decided


def _sections(random: Random) -> dict[str, Any]:
    """A random early_terminate, mostly one that the reference accepts."""
    section: dict[str, Any] = {"type": "hyperband"}
    if random.random() < 0.6:
        section |= {"max_iter": random.choice([2, 5, 9, 20, 27, 50, 81, 100]), "s": random.randint(1, 5)}
    if "max_iter" not in section or random.random() < 0.2:
        section["min_iter"] = random.choice([1, 2, 3, 5, 10])
    if random.random() < 0.7:
        section["eta"] = random.choice([1.1, 1.3, 1.5, 2, 2.5, 3, 3.0, 4, 7, 49])
    if random.random() < 0.6:
        section["strict"] = random.random() < 0.5
    return section


def _histories(random: Random) -> Iterator[list[float]]:
    rounded = random.random() < 0.4  # ties
    for _ in range(random.randint(1, 40)):
        values = [random.gauss(0.5, 0.2) for _ in range(random.choice([0, 1, 2, 3, 6, 7, 9, 20, 30]))]
        values = [round(value, 1) if rounded else value for value in values]
        yield [random.choice([math.nan, math.inf, -math.inf]) if random.random() < 0.05 else v for v in values]


def _case(random: Random) -> dict[str, Any]:
    states = ["running", "running", "finished", "crashed", "killed", "failed"]
    return {
        "config": {
            "method": "random",
            "metric": {"name": "val/acc", "goal": random.choice(["minimize", "maximize"])},
            "early_terminate": _sections(random),
            "parameters": {"a": {"values": [1, 2]}},
        },
        "runs": [
            {"name": f"r{i}", "state": random.choice(states), "history": history}
            for i, history in enumerate(_histories(random))
        ],
    }


def _ours(case: dict[str, Any], rule: Hyperband) -> dict[str, Any]:
    sign = 1 if case["config"]["metric"]["goal"] == "maximize" else -1
    finite = {run["name"]: [v for v in run["history"] if math.isfinite(v)] for run in case["runs"]}
    running = {run["name"] for run in case["runs"] if run["state"] == "running"}
    histories = list(finite.values())
    return {
        "stopped": sorted(name for name in running if should_stop(finite[name], histories, rule, sign)),
        "thresholds": thresholds(histories, rule, sign),
    }


def test_decisions_are_those_of_the_released_package() -> None:
    """Law: on random sweeps bands, thresholds and the runs to stop are those of sweeps 0.3.0, every one."""
    random = Random(20_240)
    cases = [_case(random) for _ in range(SWEEPS)]
    stopped = refused = 0
    for case, theirs in zip(cases, _decisions(cases), strict=True):
        section = case["config"]["early_terminate"]
        if "error" in theirs:
            refused += 1
            with pytest.raises(FormatError):
                read_hyperband(section)
            continue
        rule = read_hyperband(section)
        assert rule is not None
        ours = _ours(case, rule)
        assert ours["stopped"] == theirs["stopped"], case
        stopped += len(ours["stopped"])
        if theirs["bands"] is not None:
            expected = {b: t for b, t in zip(theirs["bands"], theirs["thresholds"], strict=True) if b in rule.bands}
            assert set(rule.bands) == {band for band in theirs["bands"] if band <= 10**9}, case
            assert ours["thresholds"] == pytest.approx(expected), case
    assert stopped > SWEEPS, "the random sweeps must exercise the rule"
    assert 0 < refused < SWEEPS / 2


@pytest.mark.parametrize(
    "section",
    [
        {"max_iter": 27},
        {"min_iter": 0},
        {"min_iter": 3, "eta": 1},
        {"min_iter": 3, "eta": True},
        {"min_iter": 3, "strict": "yes"},
        {"max_iter": 27.5, "s": 2},
        {"max_iter": "27", "s": 2},
        {"max_iter": 1, "s": 2},
        {"max_iter": 27, "s": 0},
        {},
    ],
)
def test_what_the_released_package_refuses_is_refused(section: dict[str, Any]) -> None:
    """Law: a section that W&B could not run is an error here too, never a guess."""
    full = {"type": "hyperband", **section}
    case = _case(Random(1)) | {"runs": [{"name": "a", "state": "running", "history": [0.1] * 30}]}
    case["config"]["early_terminate"] = full
    assert "error" in _decisions([case])[0]
    with pytest.raises(FormatError, match="early_terminate"):
        read_hyperband(full)
