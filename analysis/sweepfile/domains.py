"""What one parameter of a sweep file may be: drawn from, asked about, narrowed, and written again.

The names, defaults and meanings are those of W&B, "Sweep configuration options", "Distribution options for random and
Bayesian search" (docs.wandb.ai/guides/sweeps/sweep-config-keys). A narrowed domain stays in its own family where that
can say it. Normal, log-normal and beta distributions cannot be cut: between two ends they become uniform on their
scale.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from ..errors import FormatError, UsageError
from ..types import Floats
from ..values import is_number, level, same, show
from .config import Parameter
from .distributions import distribution, quantiles

UNIFORM = ("int_uniform", "uniform", "log_uniform", "log_uniform_values", "inv_log_uniform", "inv_log_uniform_values")
STEPPED = ("q_uniform", "q_log_uniform", "q_log_uniform_values", "q_normal", "q_log_normal", "q_beta")
UNBOUNDED = ("normal", "log_normal", "beta")
DISTRIBUTIONS = (*UNIFORM, *UNBOUNDED, *STEPPED, "categorical", "categorical_w_probabilities", "constant")
EXPONENTS = ("log_uniform", "inv_log_uniform", "q_log_uniform")
"""Their ``min`` and ``max`` are natural exponents."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class Domain:
    """One parameter's domain; ``levels`` None for a range, ``low`` and ``high`` in values, None without numbers."""

    name: str
    spec: Mapping[str, Any]
    levels: tuple[Any, ...] | None
    weights: Floats | None
    """[levels], summing to 1; None for a range."""
    ordered: bool
    geometric: bool
    integer: bool
    low: float | None
    high: float | None

    def sample(self, rng: np.random.Generator, n: int) -> list[Any]:
        """n values drawn as W&B draws them."""
        if self.levels is not None:
            return [self.levels[i] for i in rng.choice(len(self.levels), n, p=self.weights)]
        return [self.at(place) for place in rng.random(n)]

    def contains(self, value: Any) -> bool:
        """Whether it can be drawn; steps of ``q`` are not looked at."""
        if self.levels is not None:
            return any(same(level(one), level(value)) for one in self.levels)
        value = level(value)
        if not is_number(value) or not math.isfinite(value) or self.low is None or self.high is None:
            return False
        if self.integer and float(value) != round(value):
            return False
        slack = _CLOSE * max(abs(value), abs(self.low) if math.isfinite(self.low) else 0.0)
        return self.low - slack <= value <= self.high + slack

    def place(self, value: Any) -> float:
        """0 to 1 on its scale: of levels between the lowest and the highest, of a range the quantile; else NaN."""
        value = level(value)
        if not self.ordered or not is_number(value) or self.low is None or self.high is None:
            return math.nan
        if self.levels is None:
            found = quantiles(Parameter(self.name, self.spec), np.array([float(value)]))
            return math.nan if found is None else float(found[0])
        if self.high == self.low:
            return 0.0
        if self.geometric:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, place: float) -> Any:
        """The value of a range at a place 0 to 1: the inverse of ``place``, rounded to its step."""
        value = _inverse(self, place)
        step = _number(self.spec, "q", 1.0) if self._kind.startswith("q_") else None
        if step:
            value = round(value / step) * step
        return round(value) if self.integer else float(value)

    def keep(self, levels: Sequence[Any]) -> Domain:
        """Only these levels, in their old order and with their old relative chances.

        Raises UsageError for none at all, or one that there is not.
        """
        old = self.levels or ()
        for one in levels:
            if not any(same(level(one), level(known)) for known in old):
                choices = ", ".join(map(show, old))
                raise UsageError(f"{self.name}: {show(one)} is none of its values; it must be one of {choices}")
        kept = [i for i, one in enumerate(old) if any(same(level(one), level(asked)) for asked in levels)]
        if not kept:
            raise UsageError(f"{self.name}: no value is left; keep at least one of {', '.join(map(show, old))}")
        if len(kept) == len(old):
            return self
        if len(kept) == 1:
            return self._again(_without(self.spec, "values", "probabilities", "distribution") | {"value": old[kept[0]]})
        spec = dict(self.spec) | {"values": [old[i] for i in kept]}
        if "probabilities" in spec and self.weights is not None:
            share = self.weights[kept] / self.weights[kept].sum()
            spec["probabilities"] = _shares(share)
        return self._again(spec)

    def shrink(self, low: float, high: float) -> Domain:
        """Of a range, the values between; ends are rounded into it to two significant digits, where that leaves one.

        Raises UsageError where nothing of the range lies between.
        """
        if self.levels is not None or self.low is None or self.high is None:
            raise UsageError(f"{self.name}: it has values, not a range; keep some of them")
        low, high = max(low, self.low), min(high, self.high)
        if not low < high:
            raise UsageError(f"{self.name}: nothing of {self.low:g} to {self.high:g} lies between the ends asked for")
        if low > self.low:
            low = _rounded(low, self.integer, up=True) if _rounded(low, self.integer, up=True) < high else low
        if high < self.high:
            high = _rounded(high, self.integer, up=False) if _rounded(high, self.integer, up=False) > low else high
        return self._between(low, high)

    def extend(self, low: float, high: float) -> Domain:
        """Of a range, one that reaches further; ends that lie inside are not moved."""
        if self.levels is not None or self.low is None or self.high is None:
            raise UsageError(f"{self.name}: it has values, not a range; insert values")
        return self._between(min(low, self.low), max(high, self.high))

    def insert(self, levels: Sequence[Any]) -> Domain:
        """More levels, numbers in their order; a new one has the mean chance of its neighbours."""
        old = list(self.levels or ())
        new = [one for one in levels if not self.contains(one)]
        together = [*old, *new]
        if self.ordered:
            descending = len(old) > 1 and float(level(old[0])) > float(level(old[-1]))
            together.sort(key=lambda one: float(level(one)), reverse=descending)
        spec = _without(self.spec, "value") | {"values": together}
        if "probabilities" in spec and self.weights is not None:
            known = dict(zip(map(repr, old), self.weights, strict=True))
            share = np.array([known.get(repr(one), math.nan) for one in together])
            for i in np.flatnonzero(np.isnan(share)):
                beside = [share[k] for k in (i - 1, i + 1) if 0 <= k < len(share) and not math.isnan(share[k])]
                share[i] = float(np.mean(beside)) if beside else 1.0 / len(share)
            spec["probabilities"] = _shares(share / share.sum())
        return self._again(spec)

    def between(self, low: Any, high: Any) -> Any:
        """The midpoint of two values on its scale, as people would write it; None where nothing new lies between."""
        a, b = float(level(low)), float(level(high))
        middle = math.sqrt(a * b) if self.geometric and a * b > 0 else (a + b) / 2
        if self.integer:
            numbers = [int(level(one)) for one in self.levels or ()]
            step = 8 if numbers and all(one % 8 == 0 for one in numbers) else 1
            value: Any = round(middle / step) * step
        else:
            value = float(f"{middle:.2g}")
        return value if a < value < b and not (self.levels is not None and self.contains(value)) else None

    def is_subset(self, of: Domain) -> bool:
        """Whether all that can be drawn from it can be drawn from the other."""
        if self.levels is not None:
            return all(of.contains(one) for one in self.levels)
        if of.levels is not None or self.low is None or self.high is None or of.low is None or of.high is None:
            return False
        slack = _CLOSE * max(1.0, *(abs(end) for end in (of.low, of.high) if math.isfinite(end)), 1.0)
        return of.low - slack <= self.low and self.high <= of.high + slack and (self.integer or not of.integer)

    @property
    def _kind(self) -> str:
        return distribution(Parameter(self.name, self.spec)) or ""

    def _between(self, low: float, high: float) -> Domain:
        kind = self._kind
        base = kind.removeprefix("q_")
        if (low, high) == (self.low, self.high):
            return self
        spec = _without(self.spec, "mu", "sigma", "a", "b")
        if base in UNBOUNDED:
            base = "log_uniform_values" if base == "log_normal" and low > 0 else "uniform"
            spec["distribution"] = ("q_" if kind.startswith("q_") else "") + base
        if base in ("log_uniform", "inv_log_uniform"):
            # The exponents are written to twelve digits: rounded into the range, so that nothing new is let in.
            ends = sorted(
                (math.log(low), math.log(high)) if base == "log_uniform" else (-math.log(high), -math.log(low))
            )
            spec |= {"min": float(f"{ends[0]:.12g}"), "max": float(f"{ends[1]:.12g}")}
        elif self.integer:
            spec |= {"min": int(low), "max": int(high)}
        else:
            spec |= {"min": low, "max": high}
        return self._again(spec)

    def _again(self, spec: Mapping[str, Any]) -> Domain:
        """The domain of another specification; few levels are on the scale of the many that they come from."""
        new = read_domain(Parameter(self.name, spec))
        return replace(new, geometric=self.geometric) if new.levels is not None and self.levels is not None else new


def read_domain(parameter: Parameter) -> Domain:
    """The domain of a parameter. Raises FormatError for one that W&B could not run."""
    name, spec = parameter.name, parameter.spec
    kind = spec.get("distribution")
    if kind is not None and kind not in DISTRIBUTIONS:
        raise FormatError(f"parameter '{name}': distribution '{kind}' is none of {', '.join(DISTRIBUTIONS)}")
    if parameter.values is not None:
        return _listed(parameter, parameter.values)
    kind = distribution(parameter)
    if kind is None:
        keys = ", ".join(map(str, spec)) or "nothing"
        raise FormatError(f"parameter '{name}' has {keys}; give it value, values, or a distribution with its numbers")
    if kind in ("constant", "categorical", "categorical_w_probabilities"):
        raise FormatError(f"parameter '{name}' is {kind}, and has no {'value' if kind == 'constant' else 'values'}")
    low, high = _ends(parameter, kind)
    base = kind.removeprefix("q_")
    return Domain(
        name=name,
        spec=spec,
        levels=None,
        weights=None,
        ordered=True,
        geometric="log" in base,
        integer=kind == "int_uniform",
        low=low,
        high=high,
    )


def _listed(parameter: Parameter, levels: tuple[Any, ...]) -> Domain:
    name, spec = parameter.name, parameter.spec
    if not levels:
        raise FormatError(f"parameter '{name}' has an empty list of values; give it at least one")
    weights = np.full(len(levels), 1.0 / len(levels))
    given = spec.get("probabilities")
    if given is not None:
        if not isinstance(given, list | tuple) or len(given) != len(levels) or not all(map(is_number, given)):
            raise FormatError(f"parameter '{name}': probabilities must be {len(levels)} numbers, one a value")
        weights = np.array(given, dtype=float)
        if weights.min() < 0 or abs(weights.sum() - 1.0) > 1e-6:
            raise FormatError(f"parameter '{name}': probabilities add up to {weights.sum():g}; they must add up to 1")
    numbers = [level(one) for one in levels]
    ordered = len(levels) > 0 and all(is_number(one) and math.isfinite(one) for one in numbers)
    return Domain(
        name=name,
        spec=spec,
        levels=levels,
        weights=weights / weights.sum(),
        ordered=ordered,
        geometric=ordered and _is_geometric(numbers),
        integer=ordered and all(float(one).is_integer() for one in numbers),
        low=float(min(numbers)) if ordered else None,
        high=float(max(numbers)) if ordered else None,
    )


def _is_geometric(numbers: Sequence[float]) -> bool:
    """Nearer to a geometric than to an arithmetic series; two numbers where one is five times the other."""
    values = np.unique(np.array(numbers, dtype=float))
    if len(values) < 2 or values[0] <= 0:
        return False
    if len(values) == 2:
        return bool(values[1] >= 5 * values[0])
    uneven = [float(np.std(np.diff(x)) / np.mean(np.diff(x))) for x in (np.log(values), values)]
    return uneven[0] < uneven[1]


def _ends(parameter: Parameter, kind: str) -> tuple[float, float]:
    """The ends in values. Raises FormatError for numbers that are missing or cannot be."""
    name, spec, base = parameter.name, parameter.spec, kind.removeprefix("q_")
    step = _number(spec, "q", 1.0)
    if kind.startswith("q_") and (step is None or step <= 0):
        raise FormatError(f"parameter '{name}': q is {spec.get('q')}; it must be a number above 0")
    if base in UNBOUNDED:
        if quantiles(parameter, np.array([0.5])) is None:
            raise FormatError(f"parameter '{name}': {kind} needs numbers, and a spread above 0")
        return {"normal": (-math.inf, math.inf), "log_normal": (0.0, math.inf), "beta": (0.0, 1.0)}[base]
    low, high = _number(spec, "min"), _number(spec, "max")
    if low is None or high is None:
        raise FormatError(f"parameter '{name}': {kind} needs the numbers min and max")
    if low > high:
        raise FormatError(f"parameter '{name}': min {low:g} is above max {high:g}; turn them round")
    if base.endswith("_values") and low <= 0:
        raise FormatError(f"parameter '{name}': min is {low:g}; {kind} needs numbers above 0")
    if base == "log_uniform":
        return _exp(name, low), _exp(name, high)
    if base == "inv_log_uniform":
        return _exp(name, -high), _exp(name, -low)
    return low, high


def _exp(name: str, exponent: float) -> float:
    if abs(exponent) > 700:
        raise FormatError(
            f"parameter '{name}': {exponent:g} is a natural exponent here, and too large; "
            "with log_uniform_values min and max are the values themselves"
        )
    return math.exp(exponent)


def _inverse(domain: Domain, place: float) -> float:
    """The value of a range at a quantile."""
    base, spec = domain._kind.removeprefix("q_"), domain.spec
    assert domain.low is not None and domain.high is not None
    place = min(max(place, 0.0), 1.0)
    if base in ("normal", "log_normal"):
        value = float(stats.norm.ppf(place, _number(spec, "mu", 0.0), _number(spec, "sigma", 1.0)))
        return value if base == "normal" else math.exp(value)
    if base == "beta":
        return float(stats.beta.ppf(place, _number(spec, "a", 1.0), _number(spec, "b", 1.0)))
    if base == "int_uniform":
        return min(domain.low + math.floor(place * (domain.high - domain.low + 1)), domain.high)
    if domain.geometric:
        return float(domain.low * (domain.high / domain.low) ** place)
    return domain.low + place * (domain.high - domain.low)


def _rounded(value: float, integer: bool, *, up: bool) -> float:
    """Two significant digits, up or down; whole numbers whole."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 1.0
    if integer:
        step = max(1.0, step)
    turned = math.ceil(value / step - _CLOSE) if up else math.floor(value / step + _CLOSE)
    return float(f"{turned * step:.12g}")


def _number(spec: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    value = level(spec.get(key, default))
    return float(value) if is_number(value) and math.isfinite(value) else None


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def _shares(weights: Floats) -> list[float]:
    """Chances as people write them that still add up to 1."""
    rounded = [float(f"{one:.4f}") for one in weights]
    rounded[int(np.argmax(rounded))] += 1.0 - sum(rounded)
    return [float(f"{one:.6g}") for one in rounded]


def with_domains(raw: Mapping[str, Any], domains: Iterable[Domain]) -> dict[str, Any]:
    """A copy of a sweep configuration with these parameters' specifications, keys in their old order."""
    new = copy.deepcopy(dict(raw))
    for domain in domains:
        if not _put(new["parameters"], domain.name, dict(domain.spec)):
            raise KeyError(domain.name)
    return new


def _put(parameters: dict[str, Any], name: str, spec: dict[str, Any]) -> bool:
    for key, old in parameters.items():
        nested = old.get("parameters") if isinstance(old, Mapping) else None
        if isinstance(nested, dict):
            if name.startswith(f"{key}.") and _put(nested, name[len(key) + 1 :], spec):
                return True
        elif key == name:
            parameters[key] = spec
            return True
    return False
