"""Hyperband as W&B stops runs with it: the bands, the thresholds and the decision.

The rule of the released package ``sweeps`` (0.3.0, ``hyperband_stopping.py``), which W&B's server runs; a test
compares the two on thousands of random sweeps. It differs from the paper (Li et al. 2018) in all that matters here:

- An **iteration** is a finite logged value of the sweep's metric, not an epoch.
- **Bands**: with ``max_iter``, int(max_iter / eta^i) for i = 1..s, those below 1 dropped; this form wins where both
  are given. With ``min_iter``, int(min_iter * eta^i) for i = 0, 1, 2, ...
- The **threshold** of a band is the value at position int(n / eta) of the n values logged at that iteration, best
  first. Every run that reached the band counts, the stopped and the finished too; so the first one, alone, passes.
- A run is judged at the last band that it has reached: it is stopped if its value at the band (``strict``), or its
  best value so far (otherwise), is strictly worse than the threshold. Thresholds move as runs arrive, and the rule
  is looked at again each time.

``strict`` is true unless the sweep says otherwise: that is what the released package fills in, although W&B's
documentation of the sweep file calls the default false.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError

DEFAULT_ETA = 3.0
MOST_BANDS = 100
LARGEST_BAND = 10**9  # no run logs more often; keeps the list of ``min_iter`` finite and free of overflow

_WHERE = "of the sweep's early_terminate"


@dataclass(frozen=True)
class Hyperband:
    """A sweep's stopping rule. ``bands`` are iterations, ascending and without repeats."""

    bands: tuple[int, ...]
    eta: float
    strict: bool
    described: str
    """The rule in one clause, as the page shows it."""

    def band_at(self, iterations: int) -> int | None:
        """The band at which a run that logged ``iterations`` values is judged; None before the first."""
        index = bisect_right(self.bands, iterations)
        return self.bands[index - 1] if index else None


def read_hyperband(early_terminate: Mapping[str, Any] | None) -> Hyperband | None:
    """The rule in a sweep's ``early_terminate``; None where there is none that we know (``why_no_rule`` says why).

    Raises FormatError where the section is Hyperband's but W&B itself could not run it.
    """
    if not early_terminate or early_terminate.get("type") != "hyperband":
        return None
    eta = _number(early_terminate, "eta", DEFAULT_ETA)
    if eta <= 1:
        raise FormatError(f"'eta' {_WHERE} is {eta:g}; it must be greater than 1")
    strict = early_terminate.get("strict", True)
    if not isinstance(strict, bool):
        raise FormatError(f"'strict' {_WHERE} is {strict!r:.60}; it must be true or false")
    if "max_iter" in early_terminate:
        form, bands = _bands_below(_whole(early_terminate, "max_iter"), _whole(early_terminate, "s"), eta)
    elif "min_iter" in early_terminate:
        form, bands = _bands_above(_whole(early_terminate, "min_iter"), eta)
    else:
        raise FormatError(f"neither 'max_iter' (with 's') nor 'min_iter' {_WHERE} is given; Hyperband needs one")
    shown = ", ".join(str(band) for band in bands[:6]) + (", ..." if len(bands) > 6 else "")
    judged = "the value at the band" if strict else "the best value so far"
    described = f"Hyperband ({form}, eta {eta:g}): {judged} is compared at iterations {shown}"
    return Hyperband(bands=bands, eta=eta, strict=strict, described=described)


def why_no_rule(early_terminate: Mapping[str, Any] | None) -> str:
    """One sentence: why ``read_hyperband`` found no rule in this section."""
    if not early_terminate:
        return "The sweep has no early_terminate: it stops no run by itself."
    kind = early_terminate.get("type")
    if kind == "hyperband":
        return "The sweep stops runs by Hyperband."
    named = f"'{kind!s:.60}'" if kind is not None else "missing"
    return f"The type of the sweep's early_terminate is {named}; W&B knows hyperband only, so nothing is replayed."


def _bands_below(max_iter: int, s: int, eta: float) -> tuple[str, tuple[int, ...]]:
    """Bands of the ``max_iter`` form; divided step by step, so that rounding is the reference's."""
    bands: set[int] = set()
    band = float(max_iter)
    for _ in range(min(s, MOST_BANDS)):
        band /= eta
        if band < 1:
            break
        bands.add(int(band))
    if not bands:
        raise FormatError(f"'max_iter' {max_iter} with 's' {s} and 'eta' {eta:g} {_WHERE} leaves no band to stop at")
    return f"max_iter {max_iter}, s {s}", tuple(sorted(bands))


def _bands_above(min_iter: int, eta: float) -> tuple[str, tuple[int, ...]]:
    """Bands of the ``min_iter`` form; W&B takes a hundred, far beyond what any run logs."""
    if min_iter < 1:
        raise FormatError(f"'min_iter' {_WHERE} is {min_iter}; it must be 1 or more")
    bands: set[int] = set()
    band = float(min_iter)
    for _ in range(MOST_BANDS):
        if band > LARGEST_BAND:
            break
        bands.add(int(band))
        band *= eta
    return f"min_iter {min_iter}", tuple(sorted(bands))


def _number(section: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = section.get(key, default)
    if value is None:
        raise FormatError(f"'{key}' {_WHERE} is missing; it must be a number")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FormatError(f"'{key}' {_WHERE} is {value!r:.60}; it must be a number")
    return float(value)


def _whole(section: Mapping[str, Any], key: str) -> int:
    value = _number(section, key)
    if not value.is_integer() or abs(value) > LARGEST_BAND:
        raise FormatError(f"'{key}' {_WHERE} is {value:g}; it must be a whole number up to {LARGEST_BAND:g}")
    return int(value)


def position(n: int, eta: float) -> int:
    """Index of the threshold among ``n`` values, best first; 0 where ``n`` is 1."""
    return min(int((1.0 / eta) * n), n - 1)  # multiplied, not divided: the reference's rounding


def threshold(costs_at_band: Sequence[float], eta: float) -> float:
    """The threshold among the costs of all runs at one band; smaller is better, infinite where there are none."""
    if not costs_at_band:
        return math.inf
    return sorted(costs_at_band)[position(len(costs_at_band), eta)]


def thresholds(histories: Sequence[Sequence[float]], rule: Hyperband, sign: int) -> dict[int, float]:
    """The threshold of every band as a cost (-sign * value), given all runs' finite values in order."""
    return {
        band: threshold([-sign * history[band - 1] for history in histories if len(history) >= band], rule.eta)
        for band in rule.bands
    }


def judged_cost(history: Sequence[float], band: int, rule: Hyperband, sign: int) -> float:
    """What the rule holds against the threshold of ``band``, as a cost: smaller is better."""
    return -sign * history[band - 1] if rule.strict else min(-sign * value for value in history)


def should_stop(history: Sequence[float], histories: Sequence[Sequence[float]], rule: Hyperband, sign: int) -> bool:
    """True where the rule stops a running run now.

    history: the run's finite values in order; histories: those of all runs, this one included; sign: +1 where
    larger is better, -1 where smaller is (``Metric.sign``).
    """
    band = rule.band_at(len(history))
    if band is None:
        return False
    at_band = [-sign * other[band - 1] for other in histories if len(other) >= band]
    return judged_cost(history, band, rule, sign) > threshold(at_band, rule.eta)
