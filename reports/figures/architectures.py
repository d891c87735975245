"""Architectures side by side at equal progress: a slider over the number of logged values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.levels import Level, levels_of
from ...analysis.ranking.equal_progress import best_by
from ...analysis.ranking.marks import mark_value
from ...analysis.results.postmortem import PostMortem
from ...analysis.results.ranking import Mark, MarkValue
from ...analysis.types import Floats, Run
from .. import format as fmt
from ..words.common import listed
from .base import Drawing, plain
from .shared import FARTHEST, LONGEST_TEXT, brief, clipped, inner_range, spread, titled

MOST_LEVELS = 12
MOST_STEPS = 12
"""Places of the slider: all marks of the ranking, and others evenly between the first and the last value."""
MOST_DOTS = 360
"""Runs that are drawn at each place of the slider, all levels together."""
DOTS = {"symbol": "circle-open", "size": 6, "color": "role:soft@0.8", "line": {"width": 1, "color": "role:soft@0.8"}}
MEDIAN = {"symbol": "diamond", "size": 13, "color": "role:accent", "line": {"width": 1.5, "color": "role:ink"}}
EXPLAINED = (
    "Diamonds: median of the runs' best so far, with its interval from order statistics (at least 95 %; none under 6 "
    "runs). Circles: single runs. Runs that ended before are left out."
)
JITTER = (0.14, 0.36)
"""Runs lie so far below their level's line, so that the interval stays free."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One place of the slider."""

    mark: Mark
    values: tuple[MarkValue, ...]
    """Of each level."""
    dots: tuple[Floats, ...]
    """Of each level, the best so far of the runs that are drawn, in the metric's own sign."""


def draw(result: PostMortem) -> Drawing | None:
    """Levels by their runs' best so far; None where no two levels have runs at any number of logged values."""
    ranking = result.ranking
    if ranking is None or ranking.group_by is None or not ranking.marks:
        return None
    by_label = {item.label: item for item in levels_of(result.sweep, ranking.group_by)}
    levels = [by_label[item.label] for item in ranking.levels[:MOST_LEVELS]]
    steps = [_step(result, levels, mark) for mark in _marks(ranking.marks, by_label)]
    first = next((i for i, step in enumerate(steps) if "compared" in step.mark.text.split(", ")), 0)
    metric, name = plain(result.metric.name), plain(ranking.group_by)
    title, ids, said = titled(
        result, ("comparison", "best_chance"), f"{result.metric.name} by {ranking.group_by} at equal progress"
    )
    xaxis: dict[str, Any] = {"title": {"text": f"{metric}<br>best so far"}}
    seen = _range(steps)
    if seen is not None:
        xaxis["range"] = brief(seen)
    return Drawing(
        id="architectures",
        title=title,
        findings=ids,
        description=f"{_told(result, levels, steps[first])} {said}".rstrip(),
        data=[trace for i, step in enumerate(steps) for trace in _traces(step, levels, shown=i == first)],
        layout={
            "height": 150 + 52 * len(levels),
            "xaxis": xaxis,
            "yaxis": {
                "title": {"text": name},
                "tickvals": list(range(len(levels))),
                "ticktext": _ticks(steps[first], levels),
                "range": [len(levels) - 0.45, -0.45],
                "zeroline": False,
                "fixedrange": True,
            },
            "sliders": [_slider(steps, levels, first)],
        },
        columns=("Logged values", name, "Runs", f"Median best {metric}", "Low", "High"),
        rows=[
            (step.mark.iteration, plain(item.label, 80), value.reached, *brief(_ends(value)))
            for step in steps
            for item, value in zip(levels, step.values, strict=True)
        ],
        notes=_notes(result, levels, steps, seen),
    )


def _marks(marks: Sequence[Mark], by_label: dict[str, Level]) -> list[Mark]:
    """The ranking's own, and as many others as there is room for; at all of them two levels have runs."""
    counts = [[run.iterations for run in item.runs if run.iterations] for item in by_label.values()]
    found = {mark.iteration: mark for mark in marks}
    last = max(found)
    for at in (1 + i for i in spread(last, MOST_STEPS)):
        if len(found) < MOST_STEPS and at not in found:
            found[at] = Mark(iteration=at, text="", left_out=sum(n < at for level in counts for n in level))
    return [found[at] for at in sorted(found)]


def _step(result: PostMortem, levels: Sequence[Level], mark: Mark) -> _Step:
    drawn = [_some([run for run in item.runs if run.iterations >= mark.iteration], len(levels)) for item in levels]
    sign = result.metric.sign
    return _Step(
        mark=mark,
        values=tuple(mark_value(result.sweep, item, mark) for item in levels),
        dots=tuple(np.array([sign * best_by(run, mark.iteration, sign) for run in runs]) for runs in drawn),
    )


def _some(runs: Sequence[Run], levels: int) -> list[Run]:
    """So many that all levels fit: evenly from the worst final best to the best, both kept."""
    most = max(3, MOST_DOTS // levels)
    ordered = sorted(runs, key=lambda run: (run.best or 0.0, run.id))
    kept = {ordered[i].id for i in spread(len(ordered), most)}
    return [run for run in runs if run.id in kept]


def _traces(step: _Step, levels: Sequence[Level], *, shown: bool) -> list[dict[str, Any]]:
    """The runs, and the medians with their intervals."""
    near, far = JITTER
    below = [place + near + (far - near) * (k % 4) / 3 for place, x in enumerate(step.dots) for k in range(len(x))]
    there = [(place, value) for place, value in enumerate(step.values) if value.median.value is not None]
    ends = [[_inside(end) for end in _ends(value)] for _, value in there]
    common = {"type": "scatter", "mode": "markers", "visible": shown}
    return [
        {
            **common,
            "name": "runs",
            "x": brief(clipped(np.concatenate(step.dots))),
            "y": brief(below),
            "marker": DOTS,
            "hovertemplate": "a run: %{x}<extra></extra>",
        },
        {
            **common,
            "name": "median and its interval",
            "x": brief([value for value, _, _ in ends]),
            "y": [place for place, _ in there],
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": brief([0.0 if value is None or high is None else high - value for value, _, high in ends]),
                "arrayminus": brief([0.0 if value is None or low is None else value - low for value, low, _ in ends]),
                "thickness": 2,
                "width": 7,
                "color": "role:ink",
            },
            "text": [plain(levels[place].label) for place, _ in there],
            "customdata": [
                [plain(fmt.estimate_words(value.median)), fmt.plural(value.reached, "run")] for _, value in there
            ],
            "hovertemplate": "%{text}<br>median %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            "marker": MEDIAN,
        },
    ]


def _ends(value: MarkValue) -> tuple[float | None, float | None, float | None]:
    return value.median.value, value.median.low, value.median.high


def _inside(end: float | None) -> float | None:
    return None if end is None else min(max(end, -FARTHEST), FARTHEST)


def _ticks(step: _Step, levels: Sequence[Level]) -> list[str]:
    return [f"{plain(item.label, 26)}<br>n = {value.reached}" for item, value in zip(levels, step.values, strict=True)]


def _slider(steps: Sequence[_Step], levels: Sequence[Level], first: int) -> dict[str, Any]:
    return {
        "active": first,
        "currentvalue": {"prefix": "Logged values"},
        "steps": [
            {
                "label": _named(step),
                "method": "update",
                "args": [
                    {"visible": [k == i for k in range(len(steps)) for _ in range(2)]},
                    {"yaxis.ticktext": _ticks(step, levels)},
                ],
            }
            for i, step in enumerate(steps)
        ],
    }


def _named(step: _Step) -> str:
    """``6 (band 2), 14 runs``."""
    words = [part for part in step.mark.text.split(", ") if part.startswith("band")]
    runs = fmt.plural(sum(value.reached for value in step.values), "run")
    return f"{step.mark.iteration}{f' ({words[0]})' if words else ''}, {runs}"


def _range(steps: Sequence[_Step]) -> tuple[float, float] | None:
    """One axis for all places of the slider, so that one sees the levels move; None without any value."""
    ends = [_inside(end) for step in steps for value in step.values for end in _ends(value) if end is not None]
    dots = clipped(np.concatenate([x for step in steps for x in step.dots]))
    if not len(dots):
        return None
    low, high = inner_range(dots) or (float(dots.min()), float(dots.max()))
    low, high = min([low, *(end for end in ends if end is not None)]), max([high, *(e for e in ends if e is not None)])
    air = 0.04 * (high - low) or abs(high) * 0.05 or 1.0
    return low - air, high + air


def _told(result: PostMortem, levels: Sequence[Level], step: _Step) -> str:
    told = [
        f"{item.label} {fmt.estimate_words(value.median)} over {fmt.plural(value.reached, 'run')}"
        for item, value in zip(levels, step.values, strict=True)
        if value.reached
    ]
    at = fmt.plural(step.mark.iteration, "logged value")
    return plain(f"Median best {result.metric.name} after {at}: {listed(told or ['no run'])}.", LONGEST_TEXT)


def _notes(
    result: PostMortem, levels: Sequence[Level], steps: Sequence[_Step], seen: tuple[float, float] | None
) -> tuple[str, ...]:
    notes = [EXPLAINED]
    of = len(result.ranking.levels) if result.ranking else 0
    if len(levels) < of:
        notes.append(f"{len(levels)} of {of} levels are drawn, those most likely to be the best.")
    if any(len(x) < value.reached for step in steps for x, value in zip(step.dots, step.values, strict=True)):
        notes.append("Of many runs some are drawn, evenly from the worst to the best; medians rest on all.")
    if seen is not None:
        beyond = max(sum(int(((x < seen[0]) | (x > seen[1])).sum()) for x in step.dots) for step in steps)
        if beyond:
            notes.append(f"Far values lie outside the axis: of up to {fmt.plural(beyond, 'run')} at a place.")
    return tuple(notes)
