"""Where a value lies in a declared distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.sweepfile.config import Parameter
from aftersweep.analysis.sweepfile.distributions import distribution, is_range, quantiles


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        ({"min": 0.0, "max": 4.0}, stats.uniform(0, 4)),
        ({"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}, stats.loguniform(1e-5, 1e-1)),
        ({"distribution": "log_uniform", "min": -9.0, "max": -1.0}, stats.loguniform(np.exp(-9), np.exp(-1))),
        ({"distribution": "normal", "mu": 1.0, "sigma": 2.0}, stats.norm(1, 2)),
        ({"distribution": "log_normal", "mu": 0.5, "sigma": 0.7}, stats.lognorm(0.7, scale=np.exp(0.5))),
        ({"distribution": "beta", "a": 2, "b": 3}, stats.beta(2, 3)),
        ({"distribution": "q_uniform", "min": 0, "max": 4, "q": 0.1}, stats.uniform(0, 4)),
    ],
)
def test_quantiles_are_those_of_scipy(spec: dict[str, Any], reference: Any) -> None:
    """The cumulative distribution of scipy.stats with the parameters that W&B documents."""
    values = reference.rvs(size=50, random_state=0)
    assert quantiles(Parameter("x", spec), values) == pytest.approx(reference.cdf(values))


def test_whole_numbers_have_the_middle_of_their_part() -> None:
    """Two whole ends declare int_uniform, both ends included: as scipy's randint, half a step back."""
    parameter = Parameter("x", {"min": 2, "max": 6})
    values = np.arange(2.0, 7.0)
    assert distribution(parameter) == "int_uniform"
    assert quantiles(parameter, values) == pytest.approx(stats.randint(2, 7).cdf(values) - 0.1)


@pytest.mark.parametrize(
    "spec",
    [
        {"values": [1, 2]},
        {"value": 3},
        {"distribution": "uniform"},
        {"min": 1.0, "max": 1.0},
        {"min": "a", "max": 2.0},
        {"distribution": "log_uniform_values", "min": 0.0, "max": 1.0},
        {"distribution": "no such thing", "min": 0.0, "max": 1.0},
        {"distribution": "normal", "sigma": 0.0},
        {},
    ],
)
def test_what_is_no_distribution_has_no_quantiles(spec: dict[str, Any]) -> None:
    """Levels, constants and nonsense are told apart from a distribution, without an error."""
    assert quantiles(Parameter("x", spec), np.array([1.0])) is None
    assert not is_range(Parameter("x", spec))


def test_ends_that_are_text_are_numbers() -> None:
    """YAML 1.1 reads 1e-5 as text."""
    parameter = Parameter("lr", {"distribution": "log_uniform_values", "min": "1e-5", "max": "1e-1"})
    assert quantiles(parameter, np.array([1e-3])) == pytest.approx([0.5])
    assert is_range(parameter)
