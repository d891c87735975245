"""Every distribution of W&B's schema: drawn from, narrowed, written and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aftersweep.analysis.errors import FormatError, UsageError
from aftersweep.analysis.sweepfile.config import Parameter, read_config
from aftersweep.analysis.sweepfile.distributions import EXPONENTS
from aftersweep.analysis.sweepfile.domains import Domain, read_domain, with_domains
from aftersweep.analysis.sweepfile.write import to_yaml

from ..reference import answer

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
PLACES = st.integers(0, 200).map(lambda n: n / 200)
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
    assert all(domain.contains(value) for value in domain.sample(np.random.default_rng(1), 200))
    other = again(domain)
    assert other.spec == domain.spec and other.is_subset(domain) and domain.is_subset(other)


@pytest.mark.parametrize("name", RANGES)
@settings(max_examples=40, deadline=None)
@given(ends=st.tuples(PLACES, PLACES))
def test_a_shrunk_range_is_inside_the_old_one_and_what_was_asked(name: str, ends: tuple[float, float]) -> None:
    """Law: what the narrowed domain draws, the old one draws too, and it lies between the ends asked for; a domain that
    is written and read is the same, and so is one shrunk to its own ends."""
    domain = of(RANGES[name])
    low, high = sorted(float(domain.at(place)) for place in ends)
    try:
        new = domain.shrink(low, high)
    except UsageError:
        assert low == high or np.isclose(low, high, rtol=1e-6)
        return
    assert new.is_subset(domain) and of(dict(new.spec)).is_subset(domain)
    assert again(new).spec == new.spec
    assert (new.low is not None and new.high is not None and np.isfinite([new.low, new.high]).all()) or new is domain
    slack = 1e-9 * max(1.0, abs(new.low or 0.0), abs(new.high or 0.0))
    for value in new.sample(np.random.default_rng(2), 20):
        assert domain.contains(value) and low - slack <= value <= high + slack
    assert new.shrink(new.low or 0.0, new.high or 0.0) is new if new.levels is None else new.levels == (new.low,)


@pytest.mark.parametrize("name", ["uniform", "log_uniform", "inv_log_uniform", "log_uniform_values", "int_uniform"])
@settings(max_examples=40, deadline=None)
@given(ends=st.tuples(PLACES, PLACES))
def test_rounding_takes_little_of_a_shrunk_range(name: str, ends: tuple[float, float]) -> None:
    """Law: short numbers cost at most a 20th of the width at each end, on the scale it is drawn on or in values."""
    domain = of(RANGES[name])
    low, high = sorted(float(domain.at(place)) for place in ends)
    if high - low < (5 if domain.integer else 1e-9 * abs(high)):
        return
    new = domain.shrink(low, high)
    assert new.low is not None and new.high is not None
    on_scale = np.log([low, new.low, new.high, high]) if name in EXPONENTS else np.array([low, new.low, new.high, high])
    moved = np.diff(on_scale)[[0, 2]]
    assert (moved <= 0.0501 * (on_scale[-1] - on_scale[0]) + 1e-12).all()


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


@pytest.mark.reference
@pytest.mark.slow
def test_values_are_those_of_the_released_package() -> None:
    """Law: at every place of every distribution the value is that of sweeps 0.3.0, and of its type."""
    names = [name for name in RANGES if name != "text numbers"]  # which it does not take
    places = ((np.arange(400) + 0.37) / 400).tolist()
    given = [[RANGES[name] for name in names], places]
    for name, theirs in zip(names, answer(Path(__file__).with_name("sweeps_values.py"), given), strict=True):
        ours = [of(RANGES[name]).at(place) for place in places]
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12), name
        assert {type(value) for value in ours} == {type(value) for value in theirs}, name


@pytest.mark.parametrize("name", RANGES)
def test_draws_are_the_values_at_random_places(name: str) -> None:
    domain = of(RANGES[name])
    places = np.random.default_rng(4).random(50)
    assert domain.sample(np.random.default_rng(4), 50) == [domain.at(float(place)) for place in places]


def test_levels_are_drawn_by_their_probabilities() -> None:
    drawn = of(LEVELS["probabilities"]).sample(np.random.default_rng(5), 4000)
    counts = [drawn.count(one) for one in ("a", "b", "c", "d")]
    assert stats.chisquare(counts, [2000, 1000, 500, 500]).pvalue > 1e-3


def test_a_distribution_without_ends_is_restated_between_finite_ones() -> None:
    """A range that reaches to infinity, or logarithmically to 0, is cut where one draw of a thousand lies beyond."""
    normal = of(RANGES["normal"]).shrink(-np.inf, 2)
    assert normal.restated and normal.spec == {"distribution": "uniform", "min": -5.1, "max": 2.0}
    sizes = of({"distribution": "log_normal", "mu": 3.0, "sigma": 1.0}).shrink(0, 40)
    assert sizes.restated and sizes.geometric
    assert sizes.spec == {"distribution": "log_uniform_values", "min": 0.92, "max": 40.0}
    steps = of(RANGES["q_log_normal"]).shrink(0, 20)
    assert steps.spec == {"distribution": "q_log_uniform_values", "q": 1, "min": 1.0, "max": 20.0} and steps.restated
    assert not of(RANGES["uniform"]).shrink(0, 1).restated


def test_shrunk_ends_are_short_numbers_of_the_family() -> None:
    rate = of(RANGES["log_uniform_values"]).shrink(0.000123, 0.0345)
    assert rate.spec == {"distribution": "log_uniform_values", "min": 0.00013, "max": 0.034}
    assert of(RANGES["log_uniform"]).shrink(0.0015, 0.04).spec == {
        "distribution": "log_uniform",
        "min": -6.5,
        "max": -3.3,
    }
    assert of(RANGES["int_uniform"]).shrink(3.2, 7.9).spec == {"distribution": "int_uniform", "min": 4, "max": 7}
    assert of(RANGES["int_uniform"]).shrink(3.2, 4.9).spec == {"value": 4}
    assert of(RANGES["q_log_uniform_values"]).shrink(9, 100).spec["max"] == 96
    assert of({"min": 0.0, "max": 2.5}).shrink(0, 1).spec == {"min": 0.0, "max": 1.0}
    with pytest.raises(UsageError, match="nothing that can be drawn"):
        of(RANGES["int_uniform"]).shrink(3.2, 3.8)


def test_a_range_reaches_further_and_levels_past_their_ends() -> None:
    assert of(RANGES["uniform"]).extend(-2, 1).spec == {"distribution": "uniform", "min": -2.0, "max": 3.0}
    assert of(RANGES["int without a name"]).extend(1, 60).spec == {"min": 1, "max": 60}
    assert of(LEVELS["numbers"]).extend(32, 100).levels == (32, 64, 128, 256)
    assert of(RANGES["normal"]).extend(-5, 5) == of(RANGES["normal"])
    beyond = of(RANGES["beta"]).extend(-1, 0.5)
    assert beyond.restated and (beyond.low, beyond.high) == (-1.0, 1.0)
    with pytest.raises(UsageError, match="above 0"):
        of(RANGES["log_uniform_values"]).extend(0, 1)
    with pytest.raises(UsageError, match="no ends"):
        of(LEVELS["words"]).extend(0, 1)


def test_domains_of_the_same_specification_are_equal() -> None:
    assert of(LEVELS["numbers"]) == of(LEVELS["numbers"]) != of({"values": [64, 128]})


def test_steps_that_are_whole_make_whole_numbers() -> None:
    domain = of({"distribution": "q_uniform", "min": 1, "max": 9, "q": 4})
    assert domain.integer and (domain.low, domain.high) == (0.0, 8.0) and domain.contains(4) and not domain.contains(9)
    assert {type(value) for value in domain.sample(np.random.default_rng(6), 9)} == {int}
    assert domain.is_subset(of({"values": [0, 4, 8]})) and not domain.is_subset(of({"values": [0, 8]}))


def test_places_are_0_to_1_and_nan_where_none_can_be() -> None:
    rates = of({"values": [1e-4, 1e-3, 1e-2]})
    assert [rates.place(value) for value in (1e-4, "1e-3", 1e-2, 1.0, 1e-9)] == pytest.approx([0, 0.5, 1, 1, 0])
    assert all(np.isnan(rates.place(value)) for value in (0, -1.0, "adam", None, True, float("nan"), float("inf")))
    assert np.isnan(of(LEVELS["words"]).place("a"))


def test_levels_are_compared_as_numbers_within_a_billionth() -> None:
    domain = of({"values": ["1e-4", 0.3]})
    assert domain.contains(0.1 + 0.2) and domain.contains(1e-4) and not domain.contains(0.3001)
    assert not of({"values": [1, 2]}).contains(True)


def test_a_level_of_probability_0_is_never_drawn() -> None:
    domain = of({"values": ["a", "b", "c"], "probabilities": [1.0, 0, 0]})
    assert not domain.contains("b") and domain.is_subset(of({"value": "a"}))
    with pytest.raises(UsageError, match="probability 0"):
        domain.keep(["b", "c"])


@given(st.lists(st.floats(1e-7, 1.0), min_size=3, max_size=8), st.integers(1, 7))
def test_chances_left_add_up_to_1_and_none_vanishes(chances: list[float], left: int) -> None:
    total = sum(chances)
    spec = {"values": list(range(len(chances))), "probabilities": [one / total for one in chances]}
    new = of(spec).keep(range(min(left, len(chances) - 1) + 1))
    assert new.weights is not None and new.weights.min() > 0
    assert sum(new.spec["probabilities"]) == pytest.approx(1.0, abs=1e-8)


def test_kept_levels_keep_their_order_and_their_relative_chances() -> None:
    new = of(LEVELS["probabilities"]).keep(["c", "a"])
    assert new.spec == {"values": ["a", "c"], "probabilities": [0.8, 0.2]}
    assert of(LEVELS["numbers"]).keep([128]).spec == {"value": 128}
    assert of(LEVELS["booleans"]).keep([True]).levels == (True,)


def test_inserted_levels_take_their_place_and_a_neighbour_s_chance() -> None:
    assert of(LEVELS["numbers"]).insert([96]).spec == {"values": [64, 96, 128, 256]}
    assert of({"values": [4, 2, 1]}).insert([3]).spec == {"values": [4, 3, 2, 1]}
    new = of({"values": [1, 3], "probabilities": [0.5, 0.5]}).insert([2])
    assert new.spec["probabilities"] == pytest.approx([1 / 3] * 3, abs=1e-3)
    assert of({"value": 3, "distribution": "constant"}).insert([4]).spec == {"values": [3, 4]}
    assert of(LEVELS["words"]).insert([1]).levels == ("a", "b", "c", 1)


def test_midpoints_are_on_the_scale_that_was_swept() -> None:
    assert of({"values": [1e-4, 1e-3, 1e-2]}).between(1e-4, 1e-2) is None
    assert of({"values": [1e-4, 1e-2]}).between(1e-4, 1e-2) == 1e-3
    assert of({"values": [64, 128, 256]}).between(64, 128) == 88
    assert of({"values": [8, 16]}).between(8, 16) is None
    assert of({"values": [0.1, 0.2, 0.3]}).between(0.2, 0.1) == 0.15
    assert of({"values": [1000, 3001]}).between(1000, 3001) == 2000
    assert of({"values": [1, 2, 3]}).between(1, 2) is None
    assert of(LEVELS["words"]).between("a", "b") is None
    assert of({"values": [0.101, 0.103]}).between(0.101, 0.103) == 0.102


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


def test_what_an_anchor_repeats_is_changed_once() -> None:
    raw = yaml.safe_load("parameters: {a: &x {parameters: {lr: {values: [1, 2]}}}, b: *x}")
    new = with_domains(raw, [read_domain(read_config(raw).parameters[0]).keep([2])])
    assert new["parameters"]["a"] != new["parameters"]["b"] == raw["parameters"]["a"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"distribution": "gaussian"}, "'gaussian' is unknown; it must be one of"),
        ({"distribution": "uniform", "min": 2, "max": 1}, "min 2 is above max 1"),
        ({"distribution": "uniform", "min": 2, "max": 2}, "both 2; write value: 2"),
        ({"distribution": "int_uniform", "min": 1.5, "max": 4}, "needs whole numbers"),
        ({"distribution": "uniform", "values": [1, 2]}, "leave one of the two out"),
        ({"distribution": "constant", "values": [1, 2]}, "leave one of the two out"),
        ({"distribution": "categorical", "value": 1}, "leave one of the two out"),
        ({"distribution": "categorical_w_probabilities", "values": [1, 2]}, "give probabilities"),
        ({"distribution": "beta", "a": 0}, "a and b above 0"),
        ({"values": [1, 2], "probabilities": [float("nan"), 1.0]}, "numbers from 0 to 1"),
        ({"distribution": "uniform", "min": 2}, "needs the numbers min and max"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "needs numbers above 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1e4}, "log_uniform_values"),
        ({"distribution": "normal", "sigma": -1}, "sigma -1; it needs numbers, mu, and sigma above 0"),
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
