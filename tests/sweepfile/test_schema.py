"""What is said of sweep files: what W&B takes passes, what it refuses is named."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from wandb.apis.public.sweeps import _validate_config_and_fill_distribution

from aftersweep.analysis.sweepfile.checks import DISTRIBUTIONS
from aftersweep.analysis.sweepfile.config import Parameter
from aftersweep.analysis.sweepfile.distributions import distribution
from aftersweep.analysis.sweepfile.schema import problems

from ..reference import answer
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


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"method": "custom", "scheduler": {"engine": "optuna"}, "early_terminate": None},
        {"method": "random", "scheduler": {"engine": "wandb"}},
        {"method": "bayes", "program": None, "command": None, "job": "me/x/job:v1", "scheduler": {"num_workers": 8}},
        {
            "method": "custom",
            "scheduler": {"engine": "optuna", "source": "search.py", "search_space": "space"},
            "early_terminate": None,
            "metric": None,
            "metrics": [{"name": "a"}, {"name": "b", "goal": "maximize"}],
            "parameters": None,
        },
        {"method": "grid", "parameters": {"a": {"min": 1, "max": 3}, "b": RANGES["q_uniform"], "c": {"value": "x"}}},
        {"metric": {"name": "x", "target": 0.9, "impute": "best", "impute_while_running": False}},
        {"parameters": {"optimizer": {"parameters": {"lr": {"values": [1, 2]}}}}},
        {"parameters": {"p": RANGES["inv_log_uniform_values"], "q": LEVELS["probabilities"]}},
        {"controller": {"type": "local"}, "entity": "me", "project": "x", "name": "n", "description": "d"},
    ],
)
def test_a_file_as_the_documentation_has_it_has_no_problem(change: dict[str, Any]) -> None:
    assert problems({**GOOD, **change}) == ()


@pytest.mark.parametrize("raw", [None, [], "method: random", 3])
def test_what_is_no_mapping_is_an_error(raw: Any) -> None:
    assert [one.severity for one in problems(raw)] == ["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "hillclimb"}, "method is hillclimb; it must be one of grid, random, bayes"),
        ({"method": "grid"}, "parameter 'lr' is a range (log_uniform_values); grid needs values"),
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
        ({"method": "grid", "parameters": {"a": {"distribution": "q_normal"}}}, "is a range (q_normal)"),
        ({"method": "grid", "parameters": {"a": {"values": [1, 2], "probabilities": [0.5, 0.5]}}}, "leave them out"),
        ({"parameters": {"a": {"min": 1, "max": 2.5}}}, "two ints or two floats"),
        ({"parameters": {"a": {"min": "1e-3", "max": "1e-2"}}}, "two ints or two floats"),
        ({"parameters": {"a": {"parameters": {}}}}, "the space holds no configuration"),
        ({"early_terminate": {"type": "hyperband", "max_iter": 9}}, "needs min_iter, or max_iter and s"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "strict": "yes"}}, "must be true or false"),
        ({"metric": {"name": "x", "target": "soon"}}, "target is soon; it must be a number"),
        ({"metrics": [{"name": "a"}, {"name": "b"}]}, "metric and metrics exclude each other"),
        ({"metric": None, "metrics": [{"name": "a"}, {"name": "b"}]}, "metrics needs a scheduler of its own"),
        ({"scheduler": {"engine": "skopt"}}, "engine is skopt; it must be one of wandb, optuna, ax"),
        ({"scheduler": {"engine": "optuna"}}, "it must be one of custom with the engine optuna"),
        ({"scheduler": "optuna"}, "scheduler is a str; it must be a mapping"),
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
        ({"parameters": {"lr": RANGES["text numbers"]}}, "'1e-5' is text to YAML 1.1; write 1.0e-5"),
        ({"parameters": {"lr": RANGES["log_uniform"]}}, "natural exponents; log_uniform_values takes the values"),
        ({"parameters": {"a": {"min": 1, "max": 9, "step": 2}}}, "'step' is no key of parameter 'a'"),
        ({"parameters": {"a": {"distribution": "int_uniform", "min": 1.0, "max": 4.0}}}, "without a decimal point"),
        ({"parameters": {"batch size": {"value": 1}}}, "takes letters, digits"),
        ({"parameters": {3: {"value": 1}}}, "takes letters, digits"),
        ({"metric": {"name": "x", "impute": "zero"}}, "knows latest, best, worst, and takes its default"),
        ({"metric": {"name": "x", "better": "up"}}, "'better' is no key of metric"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "patience": 2}}, "'patience' is no key"),
        ({"name": 2024}, "name is 2024, not text"),
        ({"method": "custom"}, "needs a scheduler that draws the values"),
        (
            {
                "method": "custom",
                "scheduler": {"engine": "ax"},
                "early_terminate": {"type": "hyperband", "min_iter": 1},
            },
            "does not read early_terminate",
        ),
    ],
)
def test_what_may_be_meant_otherwise_is_a_warning(change: dict[str, Any], message: str) -> None:
    found = problems({**GOOD, "command": None, **change})
    assert any(message in one.message for one in found)
    assert all(one.severity == "warning" for one in found)


def _refused(configs: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What the released package says of those that it refuses, by their number."""
    refused: dict[str, list[str]] = answer(Path(__file__).with_name("sweeps_schema.py"), configs)
    return refused


@pytest.mark.reference
@pytest.mark.slow
def test_the_released_package_takes_what_we_take() -> None:
    """Every distribution passes the package's own schema too, but for what it advises against."""
    configs = [{**GOOD, "method": "random", "parameters": {"p": spec}} for spec in (*RANGES.values(), *LEVELS.values())]
    assert not [one for config in configs for one in problems(config) if one.severity == "error"]
    names = [*RANGES, *LEVELS]
    # Its own advice, not to give exponents, and text where a number belongs: warnings here.
    assert {names[int(i)] for i in _refused(configs)} == {
        "log_uniform",
        "q_log_uniform",
        "inv_log_uniform",
        "text numbers",
    }


KEYS = {
    "distribution": [*DISTRIBUTIONS, "gaussian", None, None],
    "min": [0, 1, 0.5, -2, 3, "1", None, None],
    "max": [1, 2.5, 7, 0.1, None, None],
    "q": [1, 0.5, 0, None, None, None],
    "mu": [0.0, 1, None, None],
    "sigma": [1, -1, None, None],
    "a": [1, 2.0, None, None],
    "values": [[1, 2], [], ["a", "b"], None, None, None],
    "probabilities": [[0.5, 0.5], [0.2, 0.2], [1.0], None, None, None],
    "value": [1, None, None, None],
    "step": [1, None, None, None, None, None],
}
OTHERS = {
    "method": ["grid", "random", "bayes", "custom", "hill"],
    "metric": [{"name": "x"}, {"name": "x", "goal": "up"}, {"name": "x", "impute": "zero"}, {}, {"name": "x", "a": 1}],
    "early_terminate": [{"type": "median"}, {"type": "hyperband"}, {"type": "hyperband", "min_iter": 0}, None],
    "run_cap": [1, 0, 2.5, None],
    "scheduler": [{"engine": "wandb"}, {"engine": "optuna"}, {"engine": "none"}, None, None, None],
    "mine": [1, None, None, None],
}


def _changed(random: Random, given: dict[str, Any], choices: dict[str, list[Any]]) -> dict[str, Any]:
    """The same with up to two keys changed, added or (None) left out."""
    changes = {key: random.choice(choices[key]) for key in random.sample(list(choices), random.randint(0, 2))}
    return {key: value for key, value in {**given, **changes}.items() if value is not None}


ONLY_HERE = (
    "it must be minimize or maximize",  # the package draws nothing by it
    "grid needs values, int_uniform or q_uniform",  # refused by its search, not by its schema
    "leave them out",
    "two ints or two floats",  # refused by the client
    "early_terminate needs a metric",
    "bayes needs a metric",
)
"""Errors here of files that the package's schema takes."""


@pytest.mark.reference
@pytest.mark.slow
def test_nothing_that_the_released_package_refuses_goes_without_a_word() -> None:
    """Law: of thousands of random files each one that the package refuses has a problem here; and each one that it
    takes has no error here, but for those listed."""
    random = Random(20_251_122)
    base = {key: GOOD[key] for key in ("program", "metric", "parameters")} | {"method": "random"}
    specs = [*RANGES.values(), *LEVELS.values()]
    configs = [base | {"parameters": {"p": _changed(random, random.choice(specs), KEYS)}} for _ in range(6000)]
    configs += [_changed(random, base, OTHERS) for _ in range(2000)]
    refused = _refused(configs)
    assert not [(configs[int(i)], why) for i, why in refused.items() if not problems(configs[int(i)])]
    taken = [config for i, config in enumerate(configs) if str(i) not in refused]
    assert len(refused) > 2000 and len(taken) > 1000
    errors = [(config, one.message) for config in taken for one in problems(config) if one.severity == "error"]
    assert not [one for one in errors if not any(known in one[1] for known in ONLY_HERE)]


@pytest.mark.parametrize("low", [1, 1.0, "1"])
@pytest.mark.parametrize("high", [2, 2.5, "2"])
def test_bounds_without_a_distribution_are_those_of_the_client(low: Any, high: Any) -> None:
    """Law: the client that sends a file refuses two bounds exactly where we do, and gives the same distribution."""
    parameters = {"p": {"min": low, "max": high}}
    errors = [one for one in problems({**GOOD, "parameters": parameters}) if one.severity == "error"]
    try:
        sent = _validate_config_and_fill_distribution({"parameters": parameters})
    except ValueError:
        assert errors
    else:
        assert not errors
        assert sent["parameters"]["p"]["distribution"] == distribution(Parameter("p", parameters["p"]))
