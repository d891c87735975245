"""Results to coordinates: what the small drawings of the page need. No statistics, no markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis.types import Estimate

MOST_POINTS = 60
WIDTH, HEIGHT = 720.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 14.0, 40.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece of a stacked bar; ``start`` and ``width`` in percent of the bar."""

    key: str
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """An interval on a scale from 0 to 100 percent of the cell; ``dot`` None where the value is not known."""

    start: float
    width: float
    dot: float | None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A drawing's size and axes; a tick is its label and its place."""

    x_ticks: tuple[tuple[str, float], ...]
    y_ticks: tuple[tuple[str, float], ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def stack(counts: Mapping[str, int], words: Mapping[str, str], total: int | None = None) -> tuple[Part, ...]:
    """Counts to the pieces of a bar, in their order; ``total`` is the count that fills the bar."""
    whole = total or sum(counts.values()) or 1
    parts, start = [], 0.0
    for key, count in counts.items():
        width = 100.0 * count / whole
        parts.append(Part(key=key, label=words.get(key, key), count=count, start=start, width=width))
        start += width
    return tuple(parts)


def whisker(estimate: Estimate, *, low: float = 0.0, high: float = 1.0, log: bool = False) -> Whisker | None:
    """An estimate on the scale from ``low`` to ``high`` (logarithmic for ratios); None without an interval."""
    if estimate.low is None or (estimate.high is None and estimate.value is None and not log):
        return None

    def place(value: float) -> float:
        value = min(max(value, low), high)
        share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        return 100.0 * share

    start = place(estimate.low)
    end = 100.0 if estimate.high is None else place(estimate.high)
    dot = None if estimate.value is None else place(estimate.value)
    return Whisker(start=start, width=end - start, dot=dot)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from low to high, low < high; about so many."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / about))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= about)
    first = math.ceil(low / step - 1e-9)
    return [(first + i) * step for i in range(int(high / step - first + 1e-9) + 1)]


def _spread(n: int, most: int) -> list[int]:
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def thin(x: Any, y: Any) -> tuple[Sequence[float], Sequence[float]]:
    """Finite points, evenly thinned; the last one is always kept."""
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if len(x) > MOST_POINTS:
        index = _spread(len(x), MOST_POINTS)
        x, y = x[index], y[index]
    return x, y
