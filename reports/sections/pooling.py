"""Rows of the section 'pooling'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.pooling import Pooled, PooledLevel, PooledSweep, SweepEffect
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Estimate
from .. import format as fmt
from ..charts import whisker

MOST_ROWS = 30
"""Levels in a table; the JSON report has them all."""
MOST_SWEEPS = 5
"""Sweeps that have a column of their own."""
RATIO_LOW, RATIO_HIGH = 0.05, 20.0


def pooling_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None for a sweep by itself."""
    pooled = result.pooled
    if pooled is None:
        return None
    return {
        "sweeps": [_sweep(item) for item in pooled.sweeps],
        "columns": [item.id for item in pooled.sweeps[:MOST_SWEEPS]],
        "more_columns": max(0, len(pooled.sweeps) - MOST_SWEEPS),
        "tables": [table for table in (_table(pooled, "crash"), _table(pooled, "metric")) if table],
        "metric": pooled.metric,
        "iteration": pooled.iteration,
        "caveats": pooled.caveats,
    }


def _sweep(item: PooledSweep) -> dict[str, Any]:
    return {
        "id": item.id,
        "runs": item.runs,
        "method": item.method or "not known",
        "rule": item.rule,
        "crashes": fmt.chances(item.crashes),
        "stopped": item.stopped,
        "best": fmt.number(item.best),
    }


def _table(pooled: Pooled, question: str) -> dict[str, Any] | None:
    levels = [level for level in pooled.levels if level.question == question]
    if not levels:
        return None
    shown = levels[:MOST_ROWS]
    return {
        "question": question,
        "unit": levels[0].mean.unit,
        "rows": [_row(level, pooled) for level in shown],
        "hidden": len(levels) - len(shown),
    }


def _row(level: PooledLevel, pooled: Pooled) -> dict[str, Any]:
    crash = level.question == "crash"
    by_sweep = {effect.sweep: effect for effect in level.sweeps}
    names = [item.id for item in pooled.sweeps[:MOST_SWEEPS]]
    return {
        "label": level.text,
        "mean": _write(level.mean, crash)
        + ("" if level.mean.level == 0.95 else f" at {fmt.percent(level.mean.level)}"),
        "bar": whisker(level.mean, low=RATIO_LOW, high=RATIO_HIGH, log=True) if crash else None,
        "common": _write(level.common, crash),
        "classic": _write(level.classic, crash),
        "spread": ("× " if crash else "± ") + fmt.number(level.spread.value, 2),
        "i2": fmt.percent(level.i2),
        "q": fmt.p_value(level.q),
        "cells": [_cell(by_sweep.get(name), crash) for name in names],
    }


def _write(estimate: Estimate, ratio: bool) -> str:
    if ratio:
        return fmt.ratio_interval(estimate)
    inside = fmt.interval(estimate, lambda value: fmt.number(value, 2))
    return f"{fmt.number(estimate.value, 2)} ({inside})" if inside else fmt.number(estimate.value, 2)


def _cell(effect: SweepEffect | None, ratio: bool) -> dict[str, str] | None:
    """One sweep's own estimate, what it becomes in the light of the others, and its counts."""
    if effect is None:
        return None
    counts = f"{effect.n_in} against {effect.n_out} runs"
    if effect.k_in is not None and effect.k_out is not None:
        counts = f"{fmt.chances(effect.k_in)} of {effect.n_in} against {fmt.chances(effect.k_out)} of {effect.n_out}"
    return {"own": _write(effect.own, ratio), "shrunk": _write(effect.shrunk, ratio), "counts": counts}
