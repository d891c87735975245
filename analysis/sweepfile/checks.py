"""Whether W&B could draw from a parameter's specification; if not, a sentence that says what to write instead."""

from __future__ import annotations

import math

import numpy as np

from ..errors import FormatError
from ..types import Floats
from ..values import is_number, show
from .config import Parameter
from .distributions import RANGES, SHAPED, distribution, number_in, quantiles, values_at

LISTED = ("categorical", "categorical_w_probabilities")
DISTRIBUTIONS = (*RANGES, *LISTED, "constant")
AS_WRITTEN = ("uniform", "int_uniform", "log_uniform_values", "inv_log_uniform_values")
"""Their lowest and highest value are ``min`` and ``max``, to the last digit."""
LARGEST_EXPONENT = 700.0
"""The exponential of more is no number."""
SUM_WITHIN = 1e-5
"""Chances add up to 1 within this, as for W&B (numpy.isclose)."""


def checked_kind(parameter: Parameter) -> str | None:
    """The name of the distribution of a range; None for a constant or values. Raises FormatError for neither."""
    name, spec = parameter.name, parameter.spec
    kind = spec.get("distribution")
    if kind is not None and kind not in DISTRIBUTIONS:
        raise FormatError(
            f"parameter '{name}': distribution '{show(kind)}' is unknown; it must be one of {', '.join(DISTRIBUTIONS)}"
        )
    if parameter.values is not None:
        has = "value" if "value" in spec else "values"
        if kind in RANGES or (kind is not None and (kind == "constant") != (has == "value")):
            raise FormatError(f"parameter '{name}' has {has} and is {kind} too; leave one of the two out")
        return None
    kind = distribution(parameter)
    if kind is None:
        keys = ", ".join(map(str, spec)) or "nothing"
        raise FormatError(f"parameter '{name}' has {keys}; give it value, values, or a distribution with its numbers")
    if kind not in RANGES:
        raise FormatError(f"parameter '{name}' is {kind}, and has no {'value' if kind == 'constant' else 'values'}")
    return kind


def checked_weights(parameter: Parameter) -> Floats:
    """The chance of each level, adding up to 1. Raises FormatError."""
    name, levels, given = parameter.name, parameter.values or (), parameter.spec.get("probabilities")
    if not levels:
        raise FormatError(f"parameter '{name}' has an empty list of values; give it at least one")
    if given is None and parameter.spec.get("distribution") == LISTED[1]:
        raise FormatError(f"parameter '{name}' is {LISTED[1]} and has none; give probabilities, one a value")
    if given is None:
        return np.full(len(levels), 1.0 / len(levels))
    numbers = given if isinstance(given, list | tuple) else ()
    if len(numbers) != len(levels) or not all(is_number(one) and 0 <= one <= 1 + SUM_WITHIN for one in numbers):
        raise FormatError(
            f"parameter '{name}': probabilities are {show(given)}; they must be {len(levels)} numbers from 0 to 1, "
            "one a value"
        )
    weights = np.array(numbers, dtype=float)
    if abs(weights.sum() - 1.0) > SUM_WITHIN:
        raise FormatError(f"parameter '{name}': probabilities add up to {weights.sum():g}; they must add up to 1")
    return np.asarray(weights / weights.sum(), dtype=float)


def checked_ends(parameter: Parameter, kind: str) -> tuple[float, float]:
    """The lowest and highest value that a range can draw. Raises FormatError for numbers that cannot be."""
    name, spec, base = parameter.name, parameter.spec, kind.removeprefix("q_")
    step = number_in(spec, "q", 1.0)
    if kind.startswith("q_") and (step is None or step <= 0):
        raise FormatError(f"parameter '{name}': q is {show(spec.get('q'))}; it must be a number above 0")
    if base not in SHAPED:
        _check_bounds(parameter, kind)
    elif quantiles(parameter, np.array([0.5])) is None:
        given = ", ".join(f"{key} {show(spec[key])}" for key in ("mu", "sigma", "a", "b") if key in spec)
        needs = "a and b above 0" if base == "beta" else "mu, and sigma above 0"
        raise FormatError(f"parameter '{name}': {kind} has {given}; it needs numbers, {needs}")
    low, high = number_in(spec, "min"), number_in(spec, "max")
    if kind in AS_WRITTEN and low is not None and high is not None:
        return low, high
    low, high = values_at(parameter, np.array([0.0, 1.0])).tolist()
    return low, high


def _check_bounds(parameter: Parameter, kind: str) -> None:
    name, spec = parameter.name, parameter.spec
    low, high = number_in(spec, "min"), number_in(spec, "max")
    if low is None or high is None:
        given = f"min is {show(spec.get('min'))} and max {show(spec.get('max'))}"
        raise FormatError(f"parameter '{name}': {given}; {kind} needs the numbers min and max")
    if low > high:
        raise FormatError(f"parameter '{name}': min {low:g} is above max {high:g}; turn them round")
    if low == high:
        raise FormatError(f"parameter '{name}': min and max are both {low:g}; write value: {show(spec['min'])}")
    if kind == "int_uniform" and not (low.is_integer() and high.is_integer()):
        raise FormatError(
            f"parameter '{name}': min is {low:g} and max {high:g}; int_uniform needs whole numbers, uniform takes these"
        )
    if kind.endswith("_values") and low <= 0:
        raise FormatError(f"parameter '{name}': min is {low:g}; {kind} needs numbers above 0")
    if "log_uniform" in kind and not kind.endswith("_values") and max(abs(low), abs(high)) > LARGEST_EXPONENT:
        raise FormatError(
            f"parameter '{name}': min {low:g} and max {high:g} are natural exponents here, and too large; "
            f"with {kind}_values they are the values themselves"
        )


def is_geometric(numbers: Floats) -> bool:
    """Nearer to a geometric than to an arithmetic series; two numbers where one is five times the other."""
    values = np.unique(numbers)
    if len(values) < 2 or values[0] <= 0 or not math.isfinite(values[-1]):
        return False
    if len(values) == 2:
        return bool(values[1] >= 5 * values[0])
    uneven = [float(np.std(np.diff(x)) / np.mean(np.diff(x))) for x in (np.log(values), values)]
    return uneven[0] < uneven[1]
