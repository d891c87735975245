"""What one parameter of a sweep file may be: drawn from, asked about, narrowed, and written again.

The names, defaults and meanings are those of W&B, "Sweep configuration options", "Distribution options for random and
Bayesian search" (docs.wandb.ai/guides/sweeps/sweep-config-keys); values are drawn as its package ``sweeps`` draws them.
A narrowed domain stays in its own family where that can say it. Normal, log-normal and beta distributions cannot be
cut: between two ends they are restated as uniform on their scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import UsageError
from ..types import Floats
from ..values import is_number, level, same, show
from .checks import checked_ends, checked_kind, checked_weights, is_geometric
from .config import Parameter
from .distributions import EXPONENTS, SHAPED, distribution, number_in, quantiles, step_of, values_at
from .rewriting import as_uniform, finite_ends, put, unshared, with_ends
from .rounding import into, midpoints, multiples, shares

BATCH_STEP = 8
_CLOSE = 1e-9
_MOST_LISTED = 1000


@dataclass(frozen=True)
class Domain:
    """One parameter's domain; ``levels`` None for a range, ``low`` and ``high`` in values, None without numbers."""

    name: str
    spec: Mapping[str, Any]
    levels: tuple[Any, ...] | None
    weights: Floats | None = field(compare=False)
    """[levels], summing to 1; None for a range. They follow from ``spec``."""
    ordered: bool
    geometric: bool
    integer: bool
    low: float | None
    high: float | None
    restated: bool = False
    """True where shrinking could not stay in the family of the distribution: uniform on its scale instead."""

    def sample(self, rng: np.random.Generator, n: int) -> list[Any]:
        """n values drawn as W&B draws them."""
        if self.levels is not None:
            return [self.levels[i] for i in rng.choice(len(self.levels), n, p=self.weights)]
        drawn: list[Any] = values_at(self._parameter, rng.random(n)).tolist()
        return [self._typed(value) for value in drawn]

    def contains(self, value: Any) -> bool:
        """Whether it can be drawn; of a step ``q`` only that the ends are multiples of it."""
        if self.levels is not None and self.weights is not None:
            pairs = zip(self.levels, self.weights, strict=True)
            return any(_same(one, value) for one, weight in pairs if weight > 0)
        number = _number(value)
        if number is None or self.low is None or self.high is None:
            return False
        if self.integer and not number.is_integer():
            return False
        slack = _CLOSE * max(abs(number), abs(self.low) if math.isfinite(self.low) else 0.0)
        return self.low - slack <= number <= self.high + slack

    def place(self, value: Any) -> float:
        """0 to 1 on its scale: of levels between the lowest and the highest, of a range the quantile; else NaN."""
        number = _number(value)
        if not self.ordered or number is None or self.low is None or self.high is None:
            return math.nan
        if self.levels is None:
            found = quantiles(self._parameter, np.array([number]))
            return math.nan if found is None else float(found[0])
        if self.high == self.low:
            return 0.0
        if not self.geometric:
            place = (number - self.low) / (self.high - self.low)
        elif number > 0:
            place = math.log(number / self.low) / math.log(self.high / self.low)
        else:
            return math.nan
        return min(max(place, 0.0), 1.0)

    def at(self, place: float) -> Any:
        """The value of a range at a place 0 to 1: the inverse of ``place``, rounded to its step."""
        return self._typed(float(values_at(self._parameter, np.array([min(max(place, 0.0), 1.0)]))[0]))

    def keep(self, levels: Sequence[Any]) -> Domain:
        """Only these levels, in their old order and with their old relative chances.

        Raises UsageError for none at all, one that there is not, or only ones that are never drawn.
        """
        old = self.levels or ()
        choices = ", ".join(map(show, old))
        for one in levels:
            if not any(_same(one, known) for known in old):
                raise UsageError(f"{self.name}: {show(one)} is none of its values; it must be one of {choices}")
        kept = [i for i, one in enumerate(old) if any(_same(one, asked) for asked in levels)]
        if not kept:
            raise UsageError(f"{self.name}: no value is left; keep at least one of {choices}")
        if len(kept) == len(old):
            return self
        if len(kept) == 1:
            return self._again(_without(self.spec, "values", "probabilities", "distribution") | {"value": old[kept[0]]})
        spec = dict(self.spec) | {"values": [old[i] for i in kept]}
        if "probabilities" in spec and self.weights is not None:
            total = self.weights[kept].sum()
            if total <= 0:
                raise UsageError(f"{self.name}: the values left have probability 0; keep another one of {choices}")
            spec["probabilities"] = shares(self.weights[kept] / total)
        return self._again(spec)

    def shrink(self, low: float, high: float) -> Domain:
        """Of a range, the values between; the ends are rounded into it to few digits, or to multiples of its step.

        Raises UsageError where nothing of the range lies between.
        """
        if self.levels is not None:
            raise UsageError(f"{self.name}: it has values, not a range; keep some of them")
        old_low, old_high = self._ends
        low, high = max(low, old_low), min(high, old_high)
        if not low <= high or low == math.inf or high == -math.inf:
            raise UsageError(f"{self.name}: nothing of {old_low:g} to {old_high:g} lies between the ends asked for")
        if (low, high) == (old_low, old_high):
            return self
        low, high = finite_ends(self._parameter, low, high) if self._shaped else (low, high)
        step = 1.0 if self.integer and self._step is None else self._step
        if step is not None:
            low, high = multiples(low, high, step)
        elif distribution(self._parameter) not in EXPONENTS:
            short = into(low, high)
            low, high = (short[0] if low > old_low else low), (short[1] if high < old_high else high)
        if low > high or (low == high and step is None):
            raise UsageError(f"{self.name}: between the ends asked for lies nothing that can be drawn")
        return self._again({"value": self._typed(low)}) if low == high else self._between(low, high)

    def extend(self, low: float, high: float) -> Domain:
        """One that reaches further: what is lower than the lowest or higher than the highest is added to levels.

        Ends that lie inside are not moved. Raises UsageError where the scale has no such end.
        """
        old_low, old_high = self._ends
        if self.levels is not None:
            return self.insert([end for end in (low, high) if not old_low <= end <= old_high])
        low, high = min(low, old_low), max(high, old_high)
        if self.geometric and low < old_low and low <= 0:
            raise UsageError(f"{self.name}: {low:g} is no end of a logarithmic scale; it must be above 0")
        if (low, high) == (old_low, old_high):
            return self
        if self._shaped:
            low, high = finite_ends(self._parameter, low, high)
        return self._between(math.floor(low), math.ceil(high)) if self.integer else self._between(low, high)

    def insert(self, levels: Sequence[Any]) -> Domain:
        """More levels, numbers in their order; a new one has the mean chance of its neighbours."""
        if self.levels is None:
            raise UsageError(f"{self.name}: it has a range, not values; extend it")
        together = list(self.levels)
        for one in levels:
            if not any(_same(one, known) for known in together):
                together.append(one)
        if len(together) == len(self.levels):
            return self
        numbers = [_number(one) for one in self.levels]
        if all(_number(one) is not None for one in together):
            descending = len(numbers) > 1 and (numbers[0] or 0.0) > (numbers[-1] or 0.0)
            together.sort(key=lambda one: _number(one) or 0.0, reverse=descending)
        spec = _without(self.spec, "value") | {"values": together}
        if spec.get("distribution") == "constant":
            spec = _without(spec, "distribution")
        if "probabilities" in spec and self.weights is not None:
            spec["probabilities"] = _with_neighbours(self.levels, self.weights, together)
        return self._again(spec)

    def between(self, low: Any, high: Any) -> Any:
        """The midpoint of two values on its scale, as people would write it; None where nothing new lies between."""
        ends = [_number(low), _number(high)]
        if not self.ordered or None in ends:
            return None
        a, b = sorted(end for end in ends if end is not None)
        middle = math.sqrt(a * b) if self.geometric and a > 0 else (a + b) / 2
        if not math.isfinite(middle):
            return None
        for value in midpoints(middle, self._whole_step):
            if a < value < b and not (self.levels is not None and self.contains(value)):
                return int(value) if self.integer else value
        return None

    def is_subset(self, of: Domain) -> bool:
        """Whether all that can be drawn from it can be drawn from the other."""
        if self.levels is not None and self.weights is not None:
            pairs = zip(self.levels, self.weights, strict=True)
            return all(of.contains(one) for one, weight in pairs if weight > 0)
        if self.low is None or self.high is None or of.low is None or of.high is None:
            return False
        if of.levels is not None:
            few = self.integer and self.high - self.low < _MOST_LISTED
            step = self._step or 1.0
            return few and all(of.contains(one) for one in np.arange(self.low, self.high + 0.5, step).tolist())
        slack = [_CLOSE * abs(end) if math.isfinite(end) else 0.0 for end in (of.low, of.high)]
        inside = of.low - slack[0] <= self.low and self.high <= of.high + slack[1]
        return inside and (self.integer or not of.integer)

    @property
    def _parameter(self) -> Parameter:
        return Parameter(self.name, self.spec)

    @property
    def _step(self) -> float | None:
        return step_of(self._parameter)

    @property
    def _shaped(self) -> bool:
        return distribution(self._parameter, plain=True) in SHAPED

    @property
    def _whole_step(self) -> int | None:
        """What whole numbers are multiples of: the step, or that of batch sizes; None for other numbers."""
        if not self.integer:
            return None
        if self.levels is None:
            return int(self._step or 1)
        return BATCH_STEP if all((_number(one) or 0.0) % BATCH_STEP == 0 for one in self.levels) else 1

    @property
    def _ends(self) -> tuple[float, float]:
        if self.low is None or self.high is None:
            raise UsageError(f"{self.name}: its values are not all numbers, so it has no ends")
        return self.low, self.high

    def _typed(self, value: float) -> Any:
        """An int where W&B draws one: of int_uniform, and of a step that is written as an int."""
        step = self.spec.get("q")
        draws_int = self.integer if step is None else isinstance(step, int)
        draws_int = draws_int and not (step is None and self._step is not None)
        return int(value) if draws_int and math.isfinite(value) else value

    def _between(self, low: float, high: float) -> Domain:
        if self._shaped:
            return replace(self._again(as_uniform(self._parameter, low, high)), restated=True)
        moved = (low if low != self.low else None, high if high != self.high else None)
        return self._again(with_ends(self._parameter, *moved, whole=self.integer))

    def _again(self, spec: Mapping[str, Any]) -> Domain:
        """The domain of another specification; few levels are on the scale of the many that they come from."""
        new = read_domain(Parameter(self.name, spec))
        geometric = self.geometric if new.levels is not None and self.levels is not None else new.geometric
        return replace(new, geometric=geometric, restated=self.restated)


def read_domain(parameter: Parameter) -> Domain:
    """The domain of a parameter. Raises FormatError for one that W&B could not run."""
    kind = checked_kind(parameter)
    if kind is None:
        return _listed(parameter)
    low, high = checked_ends(parameter, kind)
    step = step_of(parameter)
    return Domain(
        name=parameter.name,
        spec=parameter.spec,
        levels=None,
        weights=None,
        ordered=True,
        geometric="log" in kind,
        integer=kind == "int_uniform" or (step is not None and step.is_integer()),
        low=low,
        high=high,
    )


def _listed(parameter: Parameter) -> Domain:
    levels = parameter.values or ()
    weights = checked_weights(parameter)
    numbers = [number for number in map(_number, levels) if number is not None]
    ordered = len(numbers) == len(levels)
    return Domain(
        name=parameter.name,
        spec=parameter.spec,
        levels=levels,
        weights=weights,
        ordered=ordered,
        geometric=ordered and is_geometric(np.array(numbers)),
        integer=ordered and all(number.is_integer() for number in numbers),
        low=min(numbers) if ordered else None,
        high=max(numbers) if ordered else None,
    )


def _number(value: Any) -> float | None:
    """A finite number, also where YAML 1.1 reads it as text."""
    return number_in({"": value}, "")


def _same(a: Any, b: Any) -> bool:
    a, b = level(a), level(b)
    return same(a, b) or (is_number(a) and is_number(b) and math.isclose(a, b, rel_tol=_CLOSE))


def _with_neighbours(old: Sequence[Any], weights: Floats, together: Sequence[Any]) -> list[float]:
    """The chances of levels old and new: a new one has the mean of those beside it."""
    known = dict(zip(map(repr, old), weights, strict=True))
    chances = np.array([known.get(repr(one), math.nan) for one in together])
    for i in np.flatnonzero(np.isnan(chances)):
        beside = [chances[k] for k in (i - 1, i + 1) if 0 <= k < len(chances) and not math.isnan(chances[k])]
        chances[i] = float(np.mean(beside)) if beside else 1.0 / len(chances)
    return shares(chances / chances.sum())


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def with_domains(raw: Mapping[str, Any], domains: Iterable[Domain]) -> dict[str, Any]:
    """A copy of a sweep configuration with these parameters' specifications, keys in their old order.

    Raises KeyError for a parameter that it does not have.
    """
    new: dict[str, Any] = unshared(raw)
    for domain in domains:
        if not put(new.get("parameters") or {}, domain.name, unshared(domain.spec)):
            raise KeyError(domain.name)
    return new
