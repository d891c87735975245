"""Every distribution of W&B's schema: drawn from, narrowed, written and read again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aftersweep.analysis.errors import FormatError, UsageError
from aftersweep.analysis.sweepfile.config import Parameter, read_config
from aftersweep.analysis.sweepfile.domains import Domain, read_domain, with_domains
from aftersweep.analysis.sweepfile.write import to_yaml

RANGES: dict[str, dict[str, Any]] = {
    "int_uniform": {"distribution": "int_uniform", "min": 2, "max": 900},
    "int without a name": {"min": 1, "max": 40},
    "uniform without a name": {"min": 0.1, "max": 0.9},
    "uniform": {"distribution": "uniform", "min": -1.0, "max": 3.0},
    "q_uniform": {"distribution": "q_uniform", "min": 0.0, "max": 2.0, "q": 0.25},
    "log_uniform": {"distribution": "log_uniform", "min": -9.0, "max": -2.0},
    "q_log_uniform": {"distribution": "q_log_uniform", "min": 0.0, "max": 6.0, "q": 2},
    "inv_log_uniform": {"distribution": "inv_log_uniform", "min": 1.0, "max": 5.0},
    "log_uniform_values": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "q_log_uniform_values": {"distribution": "q_log_uniform_values", "min": 8, "max": 512, "q": 8},
    "inv_log_uniform_values": {"distribution": "inv_log_uniform_values", "min": 1e-3, "max": 1.0},
    "normal": {"distribution": "normal", "mu": 1.0, "sigma": 2.0},
    "q_normal": {"distribution": "q_normal", "mu": 0.0, "sigma": 3.0, "q": 0.5},
    "log_normal": {"distribution": "log_normal", "mu": 0.0, "sigma": 1.0},
    "q_log_normal": {"distribution": "q_log_normal", "mu": 1.0, "sigma": 1.0, "q": 1},
    "beta": {"distribution": "beta", "a": 2, "b": 5},
    "q_beta": {"distribution": "q_beta", "a": 2.0, "b": 3.0, "q": 0.1},
    "text numbers": {"distribution": "log_uniform_values", "min": "1e-5", "max": "1e-1"},
}
LEVELS: dict[str, dict[str, Any]] = {
    "constant": {"value": 3},
    "numbers": {"values": [64, 128, 256]},
    "words": {"values": ["a", "b", "c"]},
    "booleans": {"values": [True, False]},
    "probabilities": {"values": ["a", "b", "c", "d"], "probabilities": [0.5, 0.25, 0.125, 0.125]},
    "mixed": {"values": [1, "a", None, 0.5]},
}


def of(spec: dict[str, Any], name: str = "p") -> Domain:
    return read_domain(Parameter(name, spec))


def again(domain: Domain) -> Domain:
    """Written into a file and read from it."""
    config = with_domains({"parameters": {domain.name: {"value": 0}}}, [domain])
    return read_domain(read_config(yaml.safe_load(to_yaml(config, {}))).parameters[0])


@pytest.mark.parametrize("name", [*RANGES, *LEVELS])
def test_every_draw_is_contained_and_the_domain_survives_its_file(name: str) -> None:
    domain = of({**RANGES, **LEVELS}[name])
    for value in domain.sample(np.random.default_rng(1), 200):
        if "q" not in domain.spec:
            assert domain.contains(value)
    other = again(domain)
    assert other.spec == domain.spec and other.is_subset(domain) and domain.is_subset(other)


@pytest.mark.parametrize("name", RANGES)
@settings(max_examples=25, deadline=None)
@given(ends=st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)))
def test_a_shrunk_range_is_inside_the_old_one_and_survives_its_file(name: str, ends: tuple[float, float]) -> None:
    domain = of(RANGES[name])
    low, high = sorted(float(domain.at(place)) for place in ends)
    if not low < high:
        return
    new = domain.shrink(low, high)
    assert new.is_subset(domain)
    assert new.low is not None and new.high is not None
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    assert low - slack <= new.low <= new.high <= high + slack
    written = again(new)
    assert written.is_subset(domain) and written.low == pytest.approx(new.low) == pytest.approx(written.low)
    for value in new.sample(np.random.default_rng(2), 20):
        assert "q" in domain.spec or domain.contains(value)


@pytest.mark.parametrize("name", [name for name in RANGES if not name.startswith("q_")])
def test_a_place_and_its_value_are_each_other_s_inverse(name: str) -> None:
    domain = of(RANGES[name])
    for place in np.linspace(0.05, 0.95, 7):
        back = domain.place(domain.at(float(place)))
        assert back == pytest.approx(place, abs=0.5 / 39 if domain.integer else 1e-9)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("uniform", stats.uniform(-1, 4)),
        ("log_uniform", stats.loguniform(np.exp(-9), np.exp(-2))),
        ("inv_log_uniform", stats.loguniform(np.exp(-5), np.exp(-1))),
        ("log_uniform_values", stats.loguniform(1e-5, 1e-1)),
        ("normal", stats.norm(1, 2)),
        ("log_normal", stats.lognorm(1.0)),
        ("beta", stats.beta(2, 5)),
    ],
)
def test_draws_follow_scipy_s_distribution(name: str, reference: Any) -> None:
    drawn = of(RANGES[name]).sample(np.random.default_rng(3), 3000)
    assert stats.kstest(drawn, reference.cdf).pvalue > 1e-3


def test_kept_levels_keep_their_order_and_their_relative_chances() -> None:
    new = of(LEVELS["probabilities"]).keep(["c", "a"])
    assert new.spec == {"values": ["a", "c"], "probabilities": [0.8, 0.2]}
    assert of(LEVELS["numbers"]).keep([128]).spec == {"value": 128}
    assert of(LEVELS["booleans"]).keep([True]).levels == (True,)


def test_inserted_levels_take_their_place_and_a_neighbour_s_chance() -> None:
    assert of(LEVELS["numbers"]).insert([96]).spec == {"values": [64, 96, 128, 256]}
    assert of({"values": [4, 2, 1]}).insert([3]).spec == {"values": [4, 3, 2, 1]}
    new = of({"values": [1, 3], "probabilities": [0.5, 0.5]}).insert([2])
    assert sum(new.spec["probabilities"]) == pytest.approx(1.0)


def test_midpoints_are_on_the_scale_that_was_swept() -> None:
    assert of({"values": [1e-4, 1e-3, 1e-2]}).between(1e-4, 1e-2) is None
    assert of({"values": [1e-4, 1e-2]}).between(1e-4, 1e-2) == 1e-3
    assert of({"values": [64, 128, 256]}).between(64, 128) == 88
    assert of({"values": [8, 16]}).between(8, 16) is None
    assert of({"values": [0.1, 0.2, 0.3]}).between(0.1, 0.2) == 0.15


def test_text_that_is_a_number_is_that_number() -> None:
    domain = of({"values": ["1e-4", "1e-3", "1e-2"]})
    assert domain.ordered and domain.geometric and domain.contains(1e-3)
    assert domain.place(1e-3) == pytest.approx(0.5)
    assert domain.keep([1e-3]).spec == {"value": "1e-3"}


def test_nested_parameters_are_put_back_where_they_were() -> None:
    raw = {"parameters": {"opt": {"parameters": {"lr": {"values": [1, 2]}, "wd": {"value": 0}}}, "b": {"value": 1}}}
    lr = read_domain(read_config(raw).parameters[0])
    new = with_domains(raw, [lr.keep([2])])
    assert new["parameters"]["opt"]["parameters"] == {"lr": {"value": 2}, "wd": {"value": 0}}
    assert raw["parameters"]["opt"]["parameters"]["lr"] == {"values": [1, 2]}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"distribution": "gaussian"}, "distribution 'gaussian' is none of"),
        ({"distribution": "uniform", "min": 2, "max": 1}, "min 2 is above max 1"),
        ({"distribution": "uniform", "min": 2}, "needs the numbers min and max"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "needs numbers above 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1e4}, "log_uniform_values"),
        ({"distribution": "normal", "sigma": -1}, "spread above 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "q is 0"),
        ({"values": []}, "empty list"),
        ({"values": [1, 2], "probabilities": [0.5]}, "must be 2 numbers"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "add up to 1.1"),
        ({"distribution": "constant"}, "has no value"),
        ({}, "give it value, values, or a distribution"),
    ],
)
def test_what_wandb_could_not_run_is_named(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        of(spec)


def test_a_space_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="keep at least one of 64, 128, 256"):
        of(LEVELS["numbers"]).keep([])
    with pytest.raises(UsageError, match="none of its values"):
        of(LEVELS["numbers"]).keep([100])
    with pytest.raises(UsageError, match="nothing of"):
        of(RANGES["uniform"]).shrink(5, 6)
