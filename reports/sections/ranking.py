"""Rows and drawings of the section 'ranking'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.ranking import LevelRank, Mark, MarkValue, Ranking, TriesPoint
from ...analysis.types import Estimate
from ...analysis.values import show
from .. import format as fmt
from ..charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Frame, Whisker, ticks, whisker

MOST_LEVELS = 20
"""Levels in a table; the JSON report has them all."""
MOST_DRAWN = 6
"""Levels in the drawing, as many as can be told apart."""
WORDS = {"compared": "nearly all runs", "half": "half way", "longest": "the longest run"}


@dataclass(frozen=True, kw_only=True)
class TriesCurve:
    """One level of the drawing, in its units."""

    label: str
    line: str
    band: str
    ends: tuple[float, float] | None
    """The only point, where there is no line."""


@dataclass(frozen=True, kw_only=True)
class TriesChart(Frame):
    """Median best of k runs by k, on a logarithmic axis."""

    curves: tuple[TriesCurve, ...]
    of: int
    fair: float | None


def ranking_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    ranking = result.ranking
    if ranking is None:
        return None
    shown = ranking.levels[:MOST_LEVELS]
    return {
        "levels": [_level(item) for item in shown],
        "hidden": len(ranking.levels) - len(shown),
        "k": ranking.fair_tries,
        "ks": sorted({k for k in (ranking.bounded_tries, ranking.fair_tries) if k}),
        "group_by": ranking.group_by,
        "at": ranking.iteration,
        "marks": [_mark(mark) for mark in ranking.marks],
        "progress": [{"label": item.label, "cells": [_cell(value) for value in item.marks]} for item in shown],
        "chart": tries_chart(ranking),
        "caveats": ranking.caveats,
    }


def _level(item: LevelRank) -> dict[str, Any]:
    chance = Estimate(value=item.chance, low=0.0, high=item.chance) if item.chance is not None else None
    bar: Whisker | None = whisker(chance) if chance else None
    return {
        "label": item.label,
        "tries": item.tries,
        "lost": item.without_result,
        "best": fmt.number(item.best),
        "compared": item.compared,
        "chance": fmt.percent(item.chance),
        "bar": bar,
        "medians": [_spread(point.median) if point else fmt.NONE for point in _points_of(item)],
        "expected": fmt.number(item.fair.expected) if item.fair else fmt.NONE,
    }


def _points_of(item: LevelRank) -> list[TriesPoint | None]:
    """The points of the table's columns, one for each of its numbers of tries."""
    if item.bounded is None or item.fair is None or item.bounded.k == item.fair.k:
        return [item.fair]
    return [item.bounded, item.fair]


def _spread(estimate: Estimate) -> str:
    """``0.91 (0.88 to 0.95)``; a side without a limit as such, no result as such."""
    if estimate.value is None:
        return fmt.NONE
    value = "no result" if math.isinf(estimate.value) else fmt.number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return value
    low = "no limit" if math.isinf(estimate.low) else fmt.number(estimate.low)
    high = "no limit" if math.isinf(estimate.high) else fmt.number(estimate.high)
    return f"{value} ({low} to {high})"


def _mark(mark: Mark) -> dict[str, Any]:
    words = ", ".join(WORDS.get(part, part) for part in mark.text.split(", "))
    return {"at": fmt.plural(mark.iteration, "value"), "words": words, "left_out": mark.left_out}


def _cell(value: MarkValue) -> str:
    return f"{_spread(value.median)}; {fmt.plural(value.reached, 'run')}" if value.reached else "no run"


def tries_chart(ranking: Ranking) -> TriesChart | None:
    """The curves of the likeliest levels; None where no level has a finite one."""
    drawn = [item for item in ranking.levels if any(math.isfinite(_value(p)) for p in item.curve)]
    if not drawn:
        return None
    curves = drawn[:MOST_DRAWN]
    k_high = max(2, *(item.tries for item in curves))
    y_low, y_high = _range(curves)

    def px(k: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log(k) / math.log(k_high), 1)

    def py(value: float) -> float:
        share = min(max((value - y_low) / (y_high - y_low), 0.0), 1.0) if math.isfinite(value) else float(value > 0)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)

    def curve(item: LevelRank) -> TriesCurve:
        points = [(px(p.k), py(_value(p))) for p in item.curve if math.isfinite(_value(p))]
        low = [(px(p.k), py(_end(p.median.low, -math.inf))) for p in item.curve]
        high = [(px(p.k), py(_end(p.median.high, math.inf))) for p in item.curve]
        return TriesCurve(
            label=item.label,
            line=_points(points),
            band=_points([*high, *reversed(low)]),
            ends=points[0] if len(points) == 1 else None,
        )

    return TriesChart(
        curves=tuple(curve(item) for item in curves),
        of=len(ranking.levels),
        x_ticks=tuple((show(k), px(k)) for k in _powers(k_high)),
        y_ticks=tuple((f"{v:g}", py(v)) for v in ticks(y_low, y_high)),
        fair=px(ranking.fair_tries) if ranking.fair_tries and ranking.fair_tries > 1 else None,
    )


def _value(point: TriesPoint) -> float:
    return _end(point.median.value, math.nan)


def _end(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _range(curves: Sequence[LevelRank]) -> tuple[float, float]:
    """The ends of the axis: all medians, and the bands as far as they are near them."""
    medians = [_value(p) for item in curves for p in item.curve if math.isfinite(_value(p))]
    ends = [e for item in curves for p in item.curve for e in (p.median.low, p.median.high)]
    finite = [min(max(e, -1e300), 1e300) for e in ends if e is not None and math.isfinite(e)]
    low, high = (min(max(pick(medians), -1e300), 1e300) for pick in (min, max))
    margin = (high - low) * 0.5 or abs(high) * 0.05 or 1.0
    low, high = max(min([low, *finite]), low - margin), min(max([high, *finite]), high + margin)
    least = max(abs(low), abs(high)) * 1e-9 or 1e-300
    return (low, high) if high - low > least else (low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5))


def _powers(highest: int) -> list[int]:
    """1, 2, 5, 10, 20, ... up to the highest."""
    return [m * 10**e for e in range(len(str(highest))) for m in (1, 2, 5) if m * 10**e <= highest]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
