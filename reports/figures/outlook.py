"""The best value to be expected after further runs of the same sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...analysis.outlook import beating_chance, expected_gain
from ...analysis.results.outlook import Outlook
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Estimate
from .. import format as fmt
from ..narrate import sentence
from .base import Drawing, plain
from .shared import LONGEST_TEXT, brief, titled

PLACES = (1, 2, 3, 5, 8, 12, 18)
"""Numbers of further runs before the one that the result is about."""


def draw(result: PostMortem) -> Drawing | None:
    """Best so far and best after up to ``Outlook.more`` runs with its band; None where no gain is known."""
    ahead = result.outlook
    if ahead is None or ahead.gain is None or ahead.gain.high is None:
        return None
    gains = _gains(result, ahead, ahead.gain)
    metric = plain(result.metric.name)
    title, ids, said = titled(result, ("more_runs_gain",), f"Best {result.metric.name} after further runs")
    sign = result.metric.sign
    middle = [brief(ahead.best + sign * (gain.value or 0.0)) for gain in gains.values()]
    most = [brief(ahead.best + sign * (gain.high or 0.0)) for gain in gains.values()]
    words = (
        f"The best {result.metric.name} of {fmt.plural(ahead.n, 'run')} is {fmt.number(ahead.best)}; after "
        f"{ahead.more} further runs {fmt.number(middle[-1])} is the middle estimate, and {fmt.number(most[-1])} is not "
        "passed with 95 % certainty."
    )
    return Drawing(
        id="best-after",
        title=title,
        findings=ids,
        description=f"{plain(words, LONGEST_TEXT)} {said}".rstrip(),
        data=_traces(list(gains), middle, most, brief(ahead.best)),
        layout={
            "height": 400,
            "xaxis": {"title": {"text": "Further runs"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": f"Best {metric}"}},
        },
        columns=(
            *("Further runs", f"Middle estimate of the best {metric}", "Not passed with 95 % certainty"),
            *("Middle estimate of the gain", "Gain at most", "Chance that one is better (%)"),
        ),
        rows=[
            (k, value, end, brief(gain.value), brief(gain.high), _chance(ahead, k))
            for (k, gain), value, end in zip(gains.items(), middle, most, strict=True)
        ],
        notes=_notes(result, ahead),
    )


def _gains(result: PostMortem, ahead: Outlook, last: Estimate) -> Mapping[int, Estimate]:
    """The expected gain by further runs: the model of ``Outlook.gain`` at fewer runs, and that itself.

    Gains grow with the runs, so where the metric's bound holds at the last it is the upper end there, and where it
    does not nothing before reaches it: that end is the bound for them all.
    """
    sign, runs = result.metric.sign, {run.id: run for run in result.sweep.runs}
    best = (runs[run_id].best for run_id in ahead.runs)
    values = np.array([sign * value for value in best if value is not None])
    gains = {0: Estimate(value=0.0, low=0.0, high=0.0, unit=last.unit)}
    for k in (place for place in PLACES if place < ahead.more):
        gain = expected_gain(values, ahead.n, k, last.unit, most=float("inf") if last.high is None else last.high)
        if gain is not None:
            gains[k] = gain
    return {**gains, ahead.more: last}


def _chance(ahead: Outlook, k: int) -> Any:
    if ahead.chance is None or ahead.chance.value is None:
        return None
    chance = 0.0 if not k else beating_chance(ahead.n, k).value
    return brief(None if chance is None else 100 * chance)


def _traces(k: Sequence[int], middle: Sequence[Any], most: Sequence[Any], best: Any) -> list[dict[str, Any]]:
    same = {"type": "scatter", "x": list(k), "legendgroup": "after"}
    return [
        {
            **same,
            "mode": "lines",
            "y": [best] * len(k),
            "name": "best so far",
            "legendgroup": "now",
            "line": {"dash": "dash", "width": 1.5, "color": "role:soft"},
            "hovertemplate": "best so far %{y}<extra></extra>",
        },
        {
            **same,
            "mode": "lines",
            "y": list(most),
            "name": "not passed with 95 % certainty",
            "fill": "tonexty",
            "fillcolor": "role:accent@0.16",
            "line": {"width": 1, "dash": "dot", "color": "role:accent"},
            "hovertemplate": "after %{x} further runs at most %{y}<extra></extra>",
        },
        {
            **same,
            "mode": "lines+markers",
            "y": list(middle),
            "name": "middle estimate",
            "line": {"width": 2, "color": "role:accent"},
            "marker": {"symbol": "circle", "size": 7, "color": "role:accent"},
            "hovertemplate": "after %{x} further runs %{y}<extra></extra>",
        },
    ]


def _notes(result: PostMortem, ahead: Outlook) -> tuple[str, ...]:
    notes = [
        f"By a generalised Pareto tail fitted to the best {ahead.tail} values; the band starts at the best so far."
    ]
    if ahead.doubt is not None:
        notes += [plain(sentence(one), LONGEST_TEXT) for one in result.findings if one.kind == "more_runs"]
    if ahead.caveats:
        notes.append(plain(f"Mind: {'; '.join(ahead.caveats)}.", LONGEST_TEXT))
    return tuple(notes)
