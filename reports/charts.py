"""Results to coordinates: what the small drawings of the page need. No statistics, no markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis.crashes import band_progress
from ..analysis.results.postmortem import PostMortem
from ..analysis.types import Estimate, Floats

MOST_CURVES = 150
MOST_POINTS = 60
FARTHEST, SMALLEST = 1e300, 1e-300
"""Values beyond are drawn at the edge; ranges below are drawn as one value."""
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
class Curve:
    """One run's learning curve in the drawing's units."""

    run_id: str
    name: str
    outcome: str
    points: str
    end_x: float
    end_y: float


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


@dataclass(frozen=True, kw_only=True)
class Curves(Frame):
    """The learning curves of a sweep and its bands."""

    curves: tuple[Curve, ...]
    bands: tuple[tuple[int, float], ...]
    drawn: int
    of: int


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


def learning_curves(result: PostMortem) -> Curves | None:
    """Best-so-far is not drawn: the values as logged, so that one sees what the rule saw. None without values."""
    runs = [run for run in result.sweep.runs if run.iterations > 0]
    if not runs:
        return None
    shown = runs if len(runs) <= MOST_CURVES else [runs[i] for i in _spread(len(runs), MOST_CURVES)]
    series = [thin(run.metric_progress, run.metric) for run in shown]
    x_high = max(float(x[-1]) for x, _ in series) or 1.0
    y_low, y_high = _y_axis(np.concatenate([values for _, values in series]))

    def px(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / x_high, 1)

    def py(value: float) -> float:
        share = (min(max(value, y_low), y_high) - y_low) / (y_high - y_low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)

    curves = tuple(
        Curve(
            run_id=run.id,
            name=run.name,
            outcome=result.outcomes[run.id].label,
            points=" ".join(f"{px(float(a))},{py(float(b))}" for a, b in zip(xs, ys, strict=True)),
            end_x=px(float(xs[-1])),
            end_y=py(float(ys[-1])),
        )
        for run, (xs, ys) in zip(shown, series, strict=True)
    )
    at = band_progress(result.sweep, result.bands)
    from_bands = [(band, px(end)) for band, end in at.items() if end <= x_high]
    return Curves(
        curves=curves,
        bands=tuple(from_bands),
        x_ticks=tuple((f"{v:g}", px(v)) for v in ticks(0, x_high, 8)),
        y_ticks=tuple((f"{v:g}", py(v)) for v in ticks(y_low, y_high)),
        drawn=len(shown),
        of=len(runs),
    )


def _y_axis(y: Floats) -> tuple[float, float]:
    """The ends of the axis; a few diverged values would flatten all other curves, so it leaves out far ones."""
    y = np.clip(y, -FARTHEST, FARTHEST)
    inner_low, inner_high = (float(v) for v in np.quantile(y, [0.02, 0.98]))
    margin = (inner_high - inner_low) or abs(inner_high) or 1.0
    low, high = max(float(y.min()), inner_low - margin), min(float(y.max()), inner_high + margin)
    least = max(abs(low), abs(high)) * 1e-9 or SMALLEST  # closer values would be drawn apart by rounding alone
    return (low, high) if high - low > least else (low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5))


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
