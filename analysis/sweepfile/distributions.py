"""Where a value lies in the distribution that a sweep file declares for its parameter.

The names and their defaults are those of W&B, "Sweep configuration options", "Distribution options for random and
Bayesian search" (docs.wandb.ai/guides/sweeps/sweep-config-keys).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from ..types import Floats
from .config import Parameter


def distribution(parameter: Parameter) -> str | None:
    """The name of the declared distribution, worked out where it is left out; None for levels and for nonsense."""
    spec = parameter.spec
    if parameter.values is not None:
        return None
    name = spec.get("distribution")
    if isinstance(name, str):
        return name
    if not all(_number(spec, key) is not None for key in ("min", "max")):
        return None
    return "int_uniform" if all(isinstance(spec[key], int) for key in ("min", "max")) else "uniform"


def quantiles(parameter: Parameter, values: Floats) -> Floats | None:
    """Each value's place in the declared distribution, 0 to 1; [n] for values [n].

    A whole number of ``int_uniform`` has the middle of its part. NaN where the value is. None where no distribution is
    declared, or one that cannot be: levels, unknown names, an empty range.
    """
    name = distribution(parameter)
    if name is None:
        return None
    spec = parameter.spec
    name = name.removeprefix("q_")
    if name in ("normal", "log_normal"):
        mu, sigma = _number(spec, "mu", 0.0), _number(spec, "sigma", 1.0)
        if mu is None or sigma is None or sigma <= 0:
            return None
        x = values if name == "normal" else _log(values)
        return np.asarray(stats.norm.cdf(x, mu, sigma), dtype=float)
    if name == "beta":
        a, b = _number(spec, "a", 1.0), _number(spec, "b", 1.0)
        return None if a is None or b is None or min(a, b) <= 0 else np.asarray(stats.beta.cdf(values, a, b))
    return _uniform(name, spec, values)


def _uniform(name: str, spec: Mapping[str, Any], values: Floats) -> Floats | None:
    """All that are uniform on some scale between two ends."""
    low, high = _number(spec, "min"), _number(spec, "max")
    if name == "int_uniform" and low is not None and high is not None and high >= low:
        return np.clip((values - low + 0.5) / (high - low + 1.0), 0.0, 1.0)
    if low is None or high is None or high <= low:
        return None
    if name == "uniform":
        return np.clip((values - low) / (high - low), 0.0, 1.0)
    if name in ("log_uniform", "inv_log_uniform"):  # min and max are natural exponents
        place = (_log(values) - low) / (high - low) if name == "log_uniform" else (_log(values) + high) / (high - low)
        return np.clip(place, 0.0, 1.0)
    if name in ("log_uniform_values", "inv_log_uniform_values") and low > 0:
        return np.clip((_log(values) - math.log(low)) / (math.log(high) - math.log(low)), 0.0, 1.0)
    return None


def is_range(parameter: Parameter) -> bool:
    """True where the search has two ends: a uniform distribution on some scale."""
    return quantiles(parameter, np.array([1.0])) is not None and "uniform" in (distribution(parameter) or "")


def _number(spec: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    value = spec.get(key, default)
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _log(values: Floats) -> Floats:
    """The logarithm; -inf at and below 0."""
    return np.log(values, out=np.full(values.shape, -np.inf), where=~(values <= 0))
