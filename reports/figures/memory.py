"""GPU memory by batch size and model, where it was logged."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...analysis.levels import levels_of
from ...analysis.narrow.causes import BATCH
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Run
from ...analysis.values import MISSING, is_number, level, show
from .. import format as fmt
from ..narrate import sentence
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, brief, clipped, spread, titled

MOST_MODELS = 5
"""Models that can be told apart by colour and symbol; where there are more, the others are drawn as one."""
MOST_PLACES = 16
"""Batch sizes with a place of their own; beyond, the axis is one of numbers."""
MOST_DOTS, MOST_ROWS, MOST_TOLD = 600, 500, 4
EXPLAINED = "Each mark is one run; symbols tell models apart, crosses lie over the runs that ran out of memory."
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star")
OTHERS, ALL = "other models", "all runs"
OUT = {"symbol": "x-thin", "size": 13, "color": "role:crashed", "line": {"width": 3, "color": "role:crashed"}}
LOST = {
    "symbol": "triangle-up-open",
    "size": 12,
    "color": "role:crashed",
    "line": {"width": 2, "color": "role:crashed"},
}
OOM = "out_of_memory"
MEMORY = re.compile(r"(gpu|cuda|vram|peak|max).*mem|mem.*(gpu|cuda|peak|max)|(^|[._/-])vram", re.IGNORECASE)
GPU = re.compile("gpu|cuda|vram", re.IGNORECASE)
NOT_GPU = re.compile(r"host|cpu|rss|swap|limit|total", re.IGNORECASE)
UNITS = {"gib": "GiB", "mib": "MiB", "gb": "GB", "mb": "MB", "bytes": "bytes", "percent": "%"}
SHARE = "Peak GPU memory (% of the GPU's)"


@dataclass(frozen=True, kw_only=True)
class _Logged:
    """Where the numbers come from."""

    name: str
    axis: str
    """The axis' title, escaped."""
    unit: str
    values: Mapping[str, float]
    """By run id."""
    doubt: str
    """Why it may be other memory, escaped; empty where it is the GPU's."""


@dataclass(frozen=True, kw_only=True)
class _Dot:
    run: Run
    size: Any
    """Batch size; None where none was swept."""
    model: str
    value: float | None
    """None of a run that ran out of memory before it logged a number."""
    out: bool
    """The run ended out of memory."""


def draw(result: PostMortem) -> Drawing | None:
    """One mark for each run that logged its GPU's memory, by batch size, else by model.

    None where no run logged it, or where neither a batch size nor a model was swept.
    """
    logged = _logged(result.sweep.runs)
    batch = next((name for name in result.sweep.parameters if BATCH.search(name)), None)
    group = result.group_by if result.group_by != batch else None
    if logged is None or (batch is None and group is None):
        return None
    dots = _dots(result, logged, batch, group)
    models = list(dict.fromkeys(dot.model for dot in dots))
    axis = _Axis([dot.size for dot in dots] if batch else [dot.model for dot in dots])
    by = " and ".join(name for name in (batch, group) if name)
    title, ids, said = _titled(result, f"{logged.name} by {by}")
    top = 1.07 * max(logged.values.values())
    shown = [dots[i] for i in _chosen(dots)]
    return Drawing(
        id="memory",
        title=title,
        findings=ids,
        description=f"{_told(dots, logged, axis)} {said}".rstrip(),
        data=[trace for trace in _traces(shown, models, axis, top) if trace["x"]],
        layout={
            "height": 440,
            "xaxis": {"title": {"text": plain(batch or group)}, **axis.layout, "zeroline": False},
            "yaxis": {"title": {"text": logged.axis}, "rangemode": "tozero"},
        },
        columns=("Run", plain(batch or "Batch size"), plain(group or "Model"), logged.axis, "Ended"),
        rows=[_row(dot, result) for dot in shown[:MOST_ROWS]],
        notes=_notes(result, dots, shown, logged),
    )


class _Axis:
    """Few values have a place each, lowest first; many numbers lie where they are."""

    def __init__(self, values: Sequence[Any]) -> None:
        numbers = sorted({float(value) for value in values if is_number(value)})
        words = list(dict.fromkeys(show(value) for value in values if not is_number(value)))
        self.continuous = len(numbers) > MOST_PLACES and not words
        self.names = [show(level(value)) for value in numbers] + words
        self._at = {name: place for place, name in enumerate(self.names)}
        self.layout: dict[str, Any] = {
            "tickvals": list(range(len(self.names))),
            "ticktext": [plain(name, 20) for name in self.names],
            "range": [-0.6, len(self.names) - 0.4],
        }
        if self.continuous:
            self.layout = {"type": "log"} if numbers[0] > 0 else {}

    def at(self, value: Any, model: int, models: int) -> float:
        """The place of a value; models lie side by side in it."""
        if self.continuous:
            return float(value)
        return self._at[show(level(value))] + (model - (models - 1) / 2) * min(0.13, 0.7 / models)


def _logged(runs: Sequence[Run]) -> _Logged | None:
    """The share of the GPU's memory that W&B's agent saw, or what more runs have in their summary."""
    shares = {run.id: 100 * run.gpu_memory_peak for run in runs if run.gpu_memory_peak is not None}
    keys: dict[str, dict[str, float]] = {}
    for run in runs:
        for name, value in run.summary.items():
            if MEMORY.search(name) and not NOT_GPU.search(name) and is_number(value) and math.isfinite(value):
                keys.setdefault(name, {})[run.id] = float(value)
    key = max(sorted(keys), key=lambda name: (bool(GPU.search(name)), len(keys[name])), default=None)
    if key is None or len(shares) >= len(keys[key]):
        return _Logged(name="Peak GPU memory", axis=SHARE, unit=" %", values=shares, doubt="") if shares else None
    unit = UNITS.get(key.casefold().rsplit("_", 1)[-1].rsplit(".", 1)[-1].rsplit("/", 1)[-1], "")
    doubt = "" if GPU.search(key) else f"Its name does not say that {key} is the GPU's memory: it is shown as logged."
    return _Logged(
        name=key,
        axis=f"{plain(key)} ({unit or 'as logged'})",
        unit=f" {unit}" if unit else "",
        values=keys[key],
        doubt=plain(doubt, LONGEST_TEXT),
    )


def _dots(result: PostMortem, logged: _Logged, batch: str | None, group: str | None) -> list[_Dot]:
    """The runs with a number, by model in the levels' order; models beyond MOST_MODELS as one."""
    levels = levels_of(result.sweep, group) if group else []
    there = {run.id for run in result.sweep.runs if run.id in logged.values or result.outcomes[run.id].cause == OOM}
    levels = [item for item in levels if any(run.id in there for run in item.runs)]
    model = {
        run.id: item.label if place < MOST_MODELS or len(levels) == MOST_MODELS + 1 else OTHERS
        for place, item in enumerate(levels)
        for run in item.runs
    }
    order = {name: place for place, name in enumerate(dict.fromkeys(model.values()))}
    dots = [
        _Dot(
            run=run,
            size=level(run.config.get(batch, MISSING)) if batch else None,
            model=model.get(run.id, ALL),
            value=logged.values.get(run.id),
            out=result.outcomes[run.id].cause == OOM,
        )
        for run in result.sweep.runs
        if run.id in there
    ]
    return sorted(dots, key=lambda dot: order.get(dot.model, len(order)))


def _chosen(dots: Sequence[_Dot]) -> list[int]:
    """At most MOST_DOTS: those that ran out of memory and the highest first, others evenly."""
    if len(dots) <= MOST_DOTS:
        return list(range(len(dots)))
    out = [i for i, dot in enumerate(dots) if dot.out]
    kept = {out[i] for i in spread(len(out), MOST_DOTS // 2)}
    kept.add(max(range(len(dots)), key=lambda i: -math.inf if (value := dots[i].value) is None else value))
    left = [i for i in range(len(dots)) if i not in kept]
    return sorted(kept | {left[i] for i in spread(len(left), MOST_DOTS - len(kept))})


def _titled(result: PostMortem, neutral: str) -> tuple[str, tuple[str, ...], str]:
    """The finding where there is one only; of several none says what the whole figure shows."""
    found = [plain(sentence(finding), LONGEST_TEXT) for finding in result.findings if finding.kind == "next_memory"]
    title, ids, said = titled(result, ("next_memory",) if len(found) == 1 else (), neutral)
    return title.split(". ")[0], ids, said or " ".join(found[:MOST_TOLD])


def _traces(dots: Sequence[_Dot], models: Sequence[str], axis: _Axis, top: float) -> list[dict[str, Any]]:
    """One trace for each model, crosses over the runs that ran out of memory, and above all those without a number."""
    traces = [
        _trace(
            plain(name, 28),
            {
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "size": 9,
                "color": f"role:rank-{place % len(SYMBOLS)}@0.75" if name != OTHERS else "role:soft@0.75",
                "line": {"width": 1, "color": "role:ink@0.7"},
            },
            [dot for dot in dots if dot.model == name and dot.value is not None],
            models,
            axis,
        )
        for place, name in enumerate(models)
    ]
    seen = [dot for dot in dots if dot.out and dot.value is not None]
    lost = [replace(dot, value=top) for dot in dots if dot.value is None]
    return [
        *traces,
        _trace("ran out of memory", OUT, seen, models, axis),
        _trace("ran out of memory, no number", LOST, lost, models, axis),
    ]


def _trace(
    name: str, marker: Mapping[str, Any], dots: Sequence[_Dot], models: Sequence[str], axis: _Axis
) -> dict[str, Any]:
    across = [dot.model if dot.size is None else dot.size for dot in dots]
    beside = [0 if dot.size is None else models.index(dot.model) for dot in dots]
    many = 1 if dots and dots[0].size is None else len(models)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": brief([axis.at(value, place, many) for value, place in zip(across, beside, strict=True)]),
        "y": brief(clipped(np.array([dot.value for dot in dots], dtype=float))),
        "text": [plain(dot.run.name) for dot in dots],
        "hovertemplate": f"%{{text}}<br>{name if marker is LOST else '%{y}'}<extra></extra>",
        "marker": marker,
    }


def _row(dot: _Dot, result: PostMortem) -> tuple[str | float | int | None, ...]:
    outcome = result.outcomes[dot.run.id]
    size = dot.size if is_number(dot.size) else None if dot.size is None else plain(show(dot.size), 80)
    words = fmt.outcome_words(outcome.label, outcome.cause)
    return plain(dot.run.name, 80), size, plain(dot.model, 80), brief(dot.value), words


def _told(dots: Sequence[_Dot], logged: _Logged, axis: _Axis) -> str:
    """The range of each value of the axis, where they are few."""
    found: dict[str, list[float]] = {}
    for dot in dots:
        if dot.value is not None:
            found.setdefault(show(level(dot.model if dot.size is None else dot.size)), []).append(dot.value)
    names = [name for name in axis.names if name in found][:MOST_PLACES] if not axis.continuous else []
    told = [
        f"{name}: {fmt.number(min(found[name]))} to {fmt.number(max(found[name]))}{logged.unit}"
        f" ({fmt.plural(len(found[name]), 'run')})"
        for name in names
    ]
    out = sum(dot.out for dot in dots)
    whole = f"{logged.name} of {fmt.plural(len(logged.values), 'run')}; {fmt.plural(out, 'run')} ran out of memory."
    return plain(f"{whole} {listed(told)}." if told else whole, LONGEST_TEXT)


def _notes(result: PostMortem, dots: Sequence[_Dot], shown: Sequence[_Dot], logged: _Logged) -> tuple[str, ...]:
    notes = [EXPLAINED, *([logged.doubt] if logged.doubt else [])]
    if lost := sum(dot.value is None for dot in dots):
        notes.append(
            f"Out of memory before a number was logged, and drawn above all others: {fmt.plural(lost, 'run')}."
        )
    if without := len(result.sweep.runs) - len(dots):
        notes.append(f"Without a number, and not drawn: {fmt.plural(without, 'run')}.")
    if len(shown) < len(dots):
        notes.append(f"{len(shown)} of {len(dots):,} runs are drawn, those out of memory first, others evenly.")
    if len(shown) > MOST_ROWS:
        notes.append(f"The table has the first {MOST_ROWS} of them.")
    return tuple(notes)
