"""Specifications of parameters rewritten: ranges with other ends, and where they stand in the sweep file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..values import is_number
from .config import Parameter
from .distributions import EXPONENTS, distribution, number_in, step_of, values_at
from .rounding import into

TAIL = 0.001
"""A distribution without an end is cut at this quantile."""


def with_ends(parameter: Parameter, low: float | None, high: float | None, *, whole: bool) -> dict[str, Any]:
    """The same family from ``low`` to ``high``, in values; None for an end that stays as it is written.

    whole: its values are whole numbers.
    """
    kind, spec = distribution(parameter) or "", parameter.spec
    ends = {"min": low, "max": high}
    if kind in EXPONENTS:
        ends = {key: end if end is None else math.log(end) for key, end in ends.items()}
    if kind == "inv_log_uniform":
        ends = {"min": _minus(ends["max"]), "max": _minus(ends["min"])}
    new = dict(spec)
    for key, end in ends.items():
        new[key] = end if end is not None else spec[key] if is_number(spec[key]) else number_in(spec, key)
    if kind in EXPONENTS:
        # A hundredth of an exponent is a ratio of one per cent, wherever it lies.
        short = into(float(new["min"]), float(new["max"]), decimals=True)
        new |= {key: new[key] if ends[key] is None else end for key, end in zip(ends, short, strict=True)}
    elif kind == "uniform":
        new |= {key: float(new[key]) for key in ends}  # wandb refuses an int beside a float without a distribution
    elif whole:
        new |= {key: int(new[key]) for key in ends if float(new[key]).is_integer()}
    return new


def as_uniform(parameter: Parameter, low: float, high: float) -> dict[str, Any]:
    """A normal, log-normal or beta distribution as one that is uniform on its scale; a step stays."""
    family = "log_uniform_values" if distribution(parameter, plain=True) == "log_normal" else "uniform"
    new = {key: value for key, value in parameter.spec.items() if key not in ("mu", "sigma", "a", "b")}
    kind = family if step_of(parameter) is None else f"q_{family}"
    return new | {"distribution": kind, "min": float(low), "max": float(high)}


def finite_ends(parameter: Parameter, low: float, high: float) -> tuple[float, float]:
    """Ends that a uniform distribution can have: for infinity, or 0 on a logarithmic scale, the quantile TAIL."""
    base = distribution(parameter, plain=True)
    spec = {key: value for key, value in parameter.spec.items() if key != "q"} | {"distribution": base}
    first, last = values_at(Parameter(parameter.name, spec), np.array([TAIL, 1.0 - TAIL])).tolist()
    none_below = low == -math.inf or (base == "log_normal" and low <= 0)
    return (first if none_below else low), (last if high == math.inf else high)


def unshared(value: Any) -> Any:
    """A deep copy in which nothing is shared: what a YAML anchor repeats is copied as often."""
    if isinstance(value, Mapping):
        return {key: unshared(inner) for key, inner in value.items()}
    return [unshared(inner) for inner in value] if isinstance(value, list | tuple) else value


def put(parameters: dict[str, Any], name: str, spec: Mapping[str, Any]) -> bool:
    """Puts the specification where the parameter of this dotted name stands; False where there is none."""
    for key, old in parameters.items():
        nested = old.get("parameters") if isinstance(old, dict) else None
        if isinstance(nested, dict):
            if name.startswith(f"{key}.") and put(nested, name[len(str(key)) + 1 :], spec):
                return True
        elif str(key) == name:
            parameters[key] = dict(spec)
            return True
    return False


def _minus(end: float | None) -> float | None:
    return None if end is None else -end
