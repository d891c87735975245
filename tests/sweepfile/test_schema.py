"""What is said of sweep files: what W&B takes passes, what it refuses is named."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.sweepfile.schema import problems

from .test_domains import LEVELS, RANGES

GOOD: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "val/acc", "goal": "maximize"},
    "early_terminate": {"type": "hyperband", "min_iter": 3},
    "parameters": {"lr": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"}, "size": {"values": [1, 2]}},
    "run_cap": 30,
    "command": ["${env}", "python", "${program}", "${args}"],
}


def test_a_file_as_the_documentation_has_it_has_no_problem() -> None:
    assert problems(GOOD) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "hillclimb"}, "method is hillclimb; it must be one of grid, random, bayes"),
        ({"method": "grid"}, "parameter 'lr' is a range; grid needs values"),
        ({"parameters": {}}, "the space holds no configuration"),
        ({"parameters": {"a": {"values": []}}}, "empty list of values"),
        ({"parameters": {"a": 3}}, "must be a mapping"),
        ({"metric": {"name": "x", "goal": "up"}}, "goal"),
        ({"metric": {}}, "metric must have a name"),
        ({"metric": None}, "bayes needs a metric"),
        ({"run_cap": 0}, "run_cap is 0"),
        ({"early_terminate": {"type": "median"}}, "it must be hyperband"),
        ({"early_terminate": {"type": "hyperband"}}, "needs min_iter, or max_iter and s"),
        ({"early_terminate": {"type": "hyperband", "min_iter": -1}}, "min_iter is -1"),
        ({"command": "python train.py"}, "must be a list of words"),
    ],
)
def test_what_cannot_be_is_an_error(change: dict[str, Any], message: str) -> None:
    found = [one.message for one in problems({**GOOD, **change}) if one.severity == "error"]
    assert any(message in one for one in found), found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mine": 1}, "'mine' is no key"),
        ({"program": None}, "there is no program"),
        ({"parameters": {"lr": {"values": ["1e-3", "1e-4"]}}}, "'1e-3' is text to YAML 1.1; write 0.001"),
    ],
)
def test_what_may_be_meant_otherwise_is_a_warning(change: dict[str, Any], message: str) -> None:
    found = problems({**GOOD, "command": None, **change})
    assert any(message in one.message for one in found)
    assert all(one.severity == "warning" for one in found)


@pytest.mark.reference
@pytest.mark.slow
def test_the_released_package_takes_what_we_take(reference_python: Path) -> None:
    """Every distribution passes the package's own schema too, but for what it advises against."""
    configs = [{**GOOD, "method": "random", "parameters": {"p": spec}} for spec in (*RANGES.values(), *LEVELS.values())]
    assert not [one for config in configs for one in problems(config) if one.severity == "error"]
    script = Path(__file__).with_name("sweeps_schema.py")
    done = subprocess.run(
        [str(reference_python), str(script)],
        input=json.dumps([{k: v for k, v in config.items() if k != "run_cap"} for config in configs]),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    names = [*RANGES, *LEVELS]
    # Its own advice, not to give exponents, and text where a number belongs: W&B's server takes the former.
    assert {names[int(i)] for i in json.loads(done.stdout)} == {
        "log_uniform",
        "q_log_uniform",
        "inv_log_uniform",
        "text numbers",
    }
