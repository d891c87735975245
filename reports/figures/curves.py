"""Learning curves: the metric as logged, and where and how each run ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.crashes import band_progress
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import OUTCOMES, Floats, OutcomeLabel, Run
from .. import format as fmt
from ..charts import thin
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, LOOKS, band_marks, brief, clipped, inner_range, spread, titled

MOST_CURVES = 150
MOST_CRASHED = 60
"""Crashed runs among the curves of a large sweep that are drawn whatever their values are."""
HEAVY = 500
"""Runs beyond which the figure is drawn when somebody asks for it."""
ORDER = (*(name for name in OUTCOMES if name != "crashed"), "crashed")
"""Later ones lie on top."""
EXPLAINED = "Each line is one run; the mark at its end says how it ended."


@dataclass(frozen=True, kw_only=True)
class _Line:
    run: Run
    outcome: OutcomeLabel
    x: Floats
    """Progress of the points drawn, [at most charts.MOST_POINTS]."""
    y: Floats


def draw(result: PostMortem) -> Drawing | None:
    """The runs' metric by progress, one line each, with the bands of the stopping rule; None without a value."""
    runs = [run for run in result.sweep.runs if np.isfinite(run.metric[np.isfinite(run.metric_progress)]).any()]
    if not runs:
        return None
    lines = [_line(run, result) for run in _chosen(runs, result)]
    unit, metric = result.sweep.progress_unit, plain(result.metric.name)
    bands = _bands(result, lines)
    kinds = ("ends_at_bands", "best") if bands else ("best",)
    title, ids, said = titled(result, kinds, f"{result.metric.name} of every run by its progress")
    of = Counter(result.outcomes[run.id].label for run in runs)
    yaxis: dict[str, Any] = {"title": {"text": metric}}
    seen = inner_range(np.concatenate([line.y for line in lines]))
    if seen is not None:
        yaxis["range"] = brief(seen)
    return Drawing(
        id="learning-curves",
        title=title,
        findings=ids,
        description=_described(result, lines, bands, said),
        data=[trace for name in ORDER for trace in _traces([line for line in lines if line.outcome == name], unit, of)],
        layout={
            "height": 460,
            "xaxis": {"title": {"text": f"Progress ({unit})"}, "rangemode": "tozero"},
            "yaxis": yaxis,
            **band_marks(bands),
        },
        columns=("Run", "Ended", f"Progress ({unit})", "Logged values", f"Last {metric}", f"Best {metric}"),
        rows=[_row(line, result) for line in lines],
        notes=_notes(result, runs, lines, seen),
        heavy=len(runs) > HEAVY,
    )


def _chosen(runs: Sequence[Run], result: PostMortem) -> list[Run]:
    """At most MOST_CURVES, in the sweep's order: the best, the worst, crashed ones, others evenly over the sweep."""
    if len(runs) <= MOST_CURVES:
        return list(runs)
    valued = sorted((run for run in runs if run.best is not None), key=lambda run: (run.best, run.id))
    kept = {run.id for run in (valued[:1] + valued[-1:])}
    crashed = [run for run in runs if result.outcomes[run.id].label == "crashed" and run.id not in kept]
    kept |= {crashed[i].id for i in spread(len(crashed), MOST_CRASHED)}
    others = [run for run in runs if run.id not in kept and result.outcomes[run.id].label != "crashed"]
    kept |= {others[i].id for i in spread(len(others), MOST_CURVES - len(kept))}
    left = [run for run in runs if run.id not in kept]  # where nearly all crashed there is room for more of them
    kept |= {left[i].id for i in spread(len(left), MOST_CURVES - len(kept))}
    return [run for run in runs if run.id in kept]


def _line(run: Run, result: PostMortem) -> _Line:
    x, y = thin(run.metric_progress, run.metric)
    return _Line(run=run, outcome=result.outcomes[run.id].label, x=np.asarray(x), y=clipped(np.asarray(y)))


def _traces(lines: Sequence[_Line], unit: str, of: Mapping[OutcomeLabel, int]) -> list[dict[str, Any]]:
    """One trace of all lines of an outcome, parted by gaps, and one of their ends; none without lines."""
    if not lines:
        return []
    name = lines[0].outcome
    words = fmt.OUTCOME_WORDS[name]
    count = fmt.number(len(lines)) if len(lines) == of[name] else f"{len(lines)} of {fmt.number(of[name])}"
    gaps: dict[str, list[Any]] = {"x": [], "y": []}
    for line in lines:
        gaps["x"] += [*line.x, None]
        gaps["y"] += [*line.y, None]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": words,
            "legendgroup": name,
            "showlegend": False,
            "hoverinfo": "skip",
            "x": brief(gaps["x"][:-1]),
            "y": brief(gaps["y"][:-1]),
            "line": {"width": 1.2, "color": f"role:{name}@0.6", "dash": "solid"},
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{words} ({count})",
            "legendgroup": name,
            "x": brief([line.x[-1] for line in lines]),
            "y": brief([line.y[-1] for line in lines]),
            "text": [plain(line.run.name) for line in lines],
            "hovertemplate": f"%{{text}}<br>last value %{{y}} at %{{x}} {unit}<br>{words}<extra></extra>",
            "marker": LOOKS[name].marker(name),
        },
    ]


def _bands(result: PostMortem, lines: Sequence[_Line]) -> list[tuple[int, float]]:
    last = max(float(line.x[-1]) for line in lines)
    return [(band, at) for band, at in band_progress(result.sweep, result.bands).items() if at <= last]


def _row(line: _Line, result: PostMortem) -> tuple[str | float | int | None, ...]:
    run, outcome = line.run, result.outcomes[line.run.id]
    return (
        plain(run.name, 80),
        fmt.outcome_words(outcome.label, outcome.cause),
        brief(run.progress),
        run.iterations,
        brief(run.finite_metric[-1]),
        brief(run.best),
    )


def _described(result: PostMortem, lines: Sequence[_Line], bands: Sequence[tuple[int, float]], said: str) -> str:
    unit, many = result.sweep.progress_unit, Counter(line.outcome for line in lines)
    ends = listed([f"{many[name]} {fmt.OUTCOME_WORDS[name]}" for name in OUTCOMES if many[name]])
    drawn = f"Lines of {fmt.plural(len(lines), 'run')}: {result.metric.name} by {unit}. They ended so: {ends}."
    at = listed([f"{band} at {fmt.plural(place, unit.removesuffix('s'))}" for band, place in bands]) if bands else ""
    rule = f" Dashed lines are the bands of the stopping rule: {at}." if bands else ""
    return f"{plain(drawn + rule, LONGEST_TEXT)} {said}".rstrip()


def _notes(
    result: PostMortem, runs: Sequence[Run], lines: Sequence[_Line], seen: tuple[float, float] | None
) -> tuple[str, ...]:
    notes = [EXPLAINED]
    if len(lines) < len(runs):
        crashed, drawn = (
            sum(result.outcomes[id].label == "crashed" for id in ids)
            for ids in ([run.id for run in runs], [line.run.id for line in lines])
        )
        some = f"the best, the worst, {drawn} of the {crashed} that crashed, and others evenly over the sweep"
        notes.append(f"{len(lines)} of {len(runs):,} runs are drawn: {some}.")
    if without := len(result.sweep.runs) - len(runs):
        notes.append(f"Without a value, and not drawn: {fmt.plural(without, 'run')}.")
    if any(line.run.iterations > len(line.x) for line in lines):
        notes.append("Of long curves evenly spaced points are drawn; the last value is always one of them.")
    if seen is not None:
        beyond = sum(bool(((line.y < seen[0]) | (line.y > seen[1])).any()) for line in lines)
        notes.append(f"Far values lie outside the axis: of {fmt.plural(beyond, 'run')}.")
    return tuple(notes)
