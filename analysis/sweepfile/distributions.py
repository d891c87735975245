"""Where a value lies in the distribution that a sweep file declares for its parameter, and the value at a place.

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
from ..values import is_number, level
from .config import Parameter

UNIFORM = ("int_uniform", "uniform", "log_uniform", "log_uniform_values", "inv_log_uniform", "inv_log_uniform_values")
SHAPED = ("normal", "log_normal", "beta")
"""Uniform on no scale: they cannot be cut."""
STEPPED = ("q_uniform", "q_log_uniform", "q_log_uniform_values", "q_normal", "q_log_normal", "q_beta")
RANGES = (*UNIFORM, *SHAPED, *STEPPED)
EXPONENTS = ("log_uniform", "inv_log_uniform", "q_log_uniform")
"""Their ``min`` and ``max`` are natural exponents."""


def distribution(parameter: Parameter, *, plain: bool = False) -> str | None:
    """The name of the declared distribution, worked out where it is left out; None for levels and for nonsense.

    plain: the name without the step.
    """
    spec = parameter.spec
    if parameter.values is not None:
        return None
    name = spec.get("distribution")
    if isinstance(name, str):
        return name.removeprefix("q_") if plain else name
    if not all(number_in(spec, key) is not None for key in ("min", "max")):
        return None
    return "int_uniform" if all(isinstance(spec[key], int) for key in ("min", "max")) else "uniform"


def quantiles(parameter: Parameter, values: Floats) -> Floats | None:
    """Each value's place in the declared distribution, 0 to 1; [n] for values [n].

    A whole number of ``int_uniform`` has the middle of its part. NaN where the value is. None where no distribution is
    declared, or one that cannot be: levels, unknown names, an empty range.
    """
    name = distribution(parameter, plain=True)
    if name is None:
        return None
    spec = parameter.spec
    if name in ("normal", "log_normal"):
        mu, sigma = number_in(spec, "mu", 0.0), number_in(spec, "sigma", 1.0)
        if mu is None or sigma is None or sigma <= 0:
            return None
        x = values if name == "normal" else _log(values)
        return np.asarray(stats.norm.cdf(x, mu, sigma), dtype=float)
    if name == "beta":
        a, b = number_in(spec, "a", 1.0), number_in(spec, "b", 1.0)
        return None if a is None or b is None or min(a, b) <= 0 else np.asarray(stats.beta.cdf(values, a, b))
    low, high = number_in(spec, "min"), number_in(spec, "max")
    if name == "int_uniform" and low is not None and high is not None and high >= low:
        return np.clip((values - low + 0.5) / (high - low + 1.0), 0.0, 1.0)
    scale = _scale(name, spec)
    if scale is None:
        return None
    low, high = scale
    return np.clip(((values if name == "uniform" else _log(values)) - low) / (high - low), 0.0, 1.0)


def values_at(parameter: Parameter, places: Floats) -> Floats:
    """The values at places 0 to 1, rounded to the steps of ``q`` as W&B rounds them; [n] for places [n].

    The parameter must have one of RANGES that can be drawn from.
    """
    spec = parameter.spec
    base = distribution(parameter, plain=True) or ""
    found: Floats
    if base in ("normal", "log_normal"):
        found = stats.norm.ppf(places, number_in(spec, "mu", 0.0), number_in(spec, "sigma", 1.0))
        if base == "log_normal":
            with np.errstate(over="ignore"):
                found = np.exp(found)
    elif base == "beta":
        found = stats.beta.ppf(places, number_in(spec, "a", 1.0), number_in(spec, "b", 1.0))
    elif base == "int_uniform":
        low, high = number_in(spec, "min", 0.0) or 0.0, number_in(spec, "max", 0.0) or 0.0
        found = np.minimum(low + np.floor(places * (high - low + 1.0)), high)
    else:
        low, high = _scale(base, spec) or (math.nan, math.nan)
        found = low + places * (high - low)
        found = found if base == "uniform" else np.exp(found)
    step = step_of(parameter)
    return np.asarray(found if step is None else np.round(found / step) * step, dtype=float)


def step_of(parameter: Parameter) -> float | None:
    """What values are rounded to whole multiples of; None without such a step."""
    return number_in(parameter.spec, "q", 1.0) if (distribution(parameter) or "").startswith("q_") else None


def is_range(parameter: Parameter) -> bool:
    """True where the search has two ends: a uniform distribution on some scale."""
    return quantiles(parameter, np.array([1.0])) is not None and "uniform" in (distribution(parameter) or "")


def number_in(spec: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    """A finite number of a specification, also where YAML 1.1 reads it as text (1e-3)."""
    value = level(spec.get(key, default))
    return float(value) if is_number(value) and abs(value) <= 1e308 else None


def _scale(base: str, spec: Mapping[str, Any]) -> tuple[float, float] | None:
    """The two ends on the scale on which all between is equally likely; None where they cannot be."""
    low, high = number_in(spec, "min"), number_in(spec, "max")
    if low is None or high is None or high <= low:
        return None
    if base in ("uniform", "log_uniform"):
        return low, high
    if base == "inv_log_uniform":
        return -high, -low
    if base in ("log_uniform_values", "inv_log_uniform_values") and low > 0:
        return math.log(low), math.log(high)
    return None


def _log(values: Floats) -> Floats:
    """The logarithm; -inf at and below 0."""
    return np.log(values, out=np.full(values.shape, -np.inf), where=~(values <= 0))
