"""Parallel coordinates: every run a line through its settings to its best value and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...analysis.results.postmortem import PostMortem
from ...analysis.sweepfile.checks import is_geometric
from ...analysis.types import OUTCOMES, Run
from ...analysis.values import MISSING, is_number, level, show
from .. import format as fmt
from ..charts import ticks
from ..hostile import short, visible
from ..words.common import listed
from .base import Drawing, plain
from .shared import FARTHEST, LONGEST_TEXT, brief, inner_range, spread, titled

MOST_PARAMETERS = 8
MOST_LEVELS = 12
"""Levels with a tick of their own; rarer words beyond share one, numbers have an axis of their own."""
MOST_RUNS, MOST_CRASHED = 2_000, 600
HEAVY = 300
MOST_ROWS, MOST_TOLD = 500, 3
LONGEST_TICK = 16
ENDED = {"early_stopped": "stopped by rule", "stopped_by_user": "stopped by user"}
NONE, OTHERS = "none", "others"
BELOW = 0.12
"""Runs without a number lie so far below an axis of numbers, as a share of its length."""
EXPLAINED = (
    "Each line is one run. Drag along an axis to keep only the runs that pass there; drag an axis' name to move it. "
    "Colours show the metric, or by the menu which runs crashed; the last axis says how each ended."
)
_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "&": "＆"})
"""Ticks of this kind of figure are shown as they are, neither unescaped nor read as markup."""


def draw(result: PostMortem) -> Drawing | None:
    """Axes of the most important parameters, of the best value and of how runs ended; None where there are none."""
    names = _names(result)
    if not names or all(run.best is None for run in result.sweep.runs):
        return None
    shown = _chosen(result)
    metric = plain(result.metric.name)
    # Crashed runs last, so that they lie on top of the others.
    lines = sorted(shown, key=lambda run: result.outcomes[run.id].label == "crashed")
    axes = [_parameter_axis(name, [level(run.config.get(name, MISSING)) for run in lines]) for name in names]
    value = _number_axis(f"Best {plain(result.metric.name, 24)}", [run.best for run in lines], log=False)
    title, ids, said = titled(result, ("best",), f"Settings and best {result.metric.name} of every run")
    crashed = [int(result.outcomes[run.id].label == "crashed") for run in lines]
    by_metric, by_crash = _metric_colours(value, metric), _crash_colours(crashed)
    return Drawing(
        id="parallel",
        title=title,
        findings=ids,
        description=f"{_told(result, names, shown)} {said}".rstrip(),
        data=[
            {
                "type": "parcoords",
                "dimensions": [*axes, value, _outcome_axis(result, lines)],
                "labelangle": -22,
                "labelfont": {"color": "role:ink", "size": 11},
                "tickfont": {"color": "role:ink", "size": 10, "shadow": "none"},
                "rangefont": {"color": "role:soft", "size": 9},
                "line": by_metric,
            }
        ],
        layout={
            "height": 480,
            "margin": {"l": 110, "r": 40, "t": 100, "b": 30},
            "updatemenus": [_menu({f"best {metric}": by_metric, "crashed or not": by_crash})],
        },
        columns=("Run", *(plain(name) for name in names), f"Best {metric}", "Ended"),
        rows=[_row(run, names, result) for run in shown[:MOST_ROWS]],
        notes=_notes(result, names, shown, [*axes, value]),
        heavy=len(result.sweep.runs) > HEAVY,
    )


def _names(result: PostMortem) -> list[str]:
    """The swept parameters of which runs differ: those that explain most first, then as the sweep has them."""
    found = result.importance
    shares = (*found.metric.shares, *found.crash.shares) if found else ()
    ordered = dict.fromkeys([*(share.parameter for share in shares), *result.sweep.parameters])
    return [name for name in ordered if len(result.sweep.parameters.get(name, ())) > 1][:MOST_PARAMETERS]


def _chosen(result: PostMortem) -> list[Run]:
    """At most MOST_RUNS, in the sweep's order: the best, the worst, crashed ones, others evenly over the sweep."""
    runs = result.sweep.runs
    if len(runs) <= MOST_RUNS:
        return list(runs)
    valued = sorted((run for run in runs if run.best is not None), key=lambda run: (run.best, run.id))
    kept = {run.id for run in (valued[0], valued[-1])}
    crashed = [run for run in runs if result.outcomes[run.id].label == "crashed" and run.id not in kept]
    kept |= {crashed[i].id for i in spread(len(crashed), MOST_CRASHED)}
    left = [run for run in runs if run.id not in kept]
    kept |= {left[i].id for i in spread(len(left), MOST_RUNS - len(kept))}
    return [run for run in runs if run.id in kept]


def _parameter_axis(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Levels as ticks where they are few or words; numbers on a scale, logarithmic where they are spaced so."""
    numbers = [float(value) for value in values if is_number(value) and abs(value) <= FARTHEST]
    distinct = {(isinstance(value, bool), value) for value in values}
    if len(distinct) > MOST_LEVELS and 2 * len(numbers) > len(values):
        log = is_geometric(np.array(numbers))
        return _number_axis(plain(name, 24), [value if is_number(value) else None for value in values], log=log)
    counts: dict[str, int] = {}
    for value in values:
        counts[show(value)] = counts.get(show(value), 0) + 1
    order = sorted({float(value) for value in values if is_number(value)})
    kept = sorted(counts, key=lambda text: -counts[text])[: MOST_LEVELS - 1] if len(counts) > MOST_LEVELS else counts
    known = [show(level(value)) for value in order]
    known += [text for text in counts if text not in known]
    known = [text for text in known if text in kept]
    return _level_axis(
        plain(name, 24), known + [OTHERS] * (len(counts) > len(known)), [show(value) for value in values]
    )


def _level_axis(name: str, known: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """A place for each level; every value that is not known lies at the last."""
    place = {text: i for i, text in enumerate(known)}
    return {
        "label": name,
        "range": [-0.5, len(known) - 0.5],
        "tickvals": list(range(len(known))),
        "ticktext": _ticks(known),
        "values": [place.get(text, len(known) - 1) for text in values],
    }


def _ticks(texts: Sequence[str]) -> list[str]:
    """Short, no two alike: plotly draws alike ones as one; and nothing in them that could be markup."""
    found: list[str] = []
    for text in texts:
        seen = visible(text).replace("\n", " ").translate(_LOOKALIKES)
        cut = seen if len(seen) <= LONGEST_TICK else f"{seen[: LONGEST_TICK - 6]}…{seen[-5:]}"
        cut = cut.replace("role:", "role：")
        found.append(cut if cut not in found else f"{cut[: LONGEST_TICK - 4]} ({len(found) + 1})")
    return found


def _number_axis(name: str, values: Sequence[float | None], *, log: bool) -> dict[str, Any]:
    """Numbers to scale, far ones at the end of the axis; runs without one lie below it, at a tick of their own."""
    numbers = np.array([_number(value, log=log) for value in values], dtype=float)
    finite = numbers[np.isfinite(numbers)]
    low, high = inner_range(finite) or (float(finite.min()), float(finite.max()))
    low, high = (low, high) if low < high else (low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5))
    under = low - BELOW * (high - low)
    none = bool(np.isnan(numbers).any())
    marks = range(math.ceil(low), math.floor(high) + 1) if log and high - low > 1 else ticks(low, high)
    known = [(float(at), fmt.number(10**at if log else at, 3)) for at in marks if low <= at <= high]
    known = ([(under, NONE)] if none else []) + known
    return {
        "label": name,
        "range": brief([under if none else low, high]),
        "tickvals": brief([at for at, _ in known]),
        "ticktext": _ticks([text for _, text in known]),
        "values": brief([under if math.isnan(x) else min(max(x, low), high) for x in numbers.tolist()]),
    }


def _number(value: float | None, *, log: bool) -> float:
    """What is drawn: within what an axis can bear, the logarithm where that is asked for; NaN for none."""
    if value is None or math.isnan(value):
        return math.nan
    number = min(max(float(value), -FARTHEST), FARTHEST)
    return math.log10(number) if log else number


def _outcome_axis(result: PostMortem, runs: Sequence[Run]) -> dict[str, Any]:
    labels = [result.outcomes[run.id].label for run in runs]
    known = [name for name in OUTCOMES if name in labels]
    axis = _level_axis("Ended", known, labels)
    return {**axis, "ticktext": [ENDED.get(name, fmt.OUTCOME_WORDS[name]) for name in known]}


def _metric_colours(value: Mapping[str, Any], metric: str) -> dict[str, Any]:
    low, high = value["range"]
    return {
        "color": value["values"],
        "colorscale": [[0, "role:rank-1"], [0.5, "role:soft"], [1, "role:accent"]],
        "cmin": low,
        "cmax": high,
        "showscale": True,
        "colorbar": {"title": {"text": f"Best {metric}", "side": "right"}, "thickness": 14},
    }


def _crash_colours(crashed: Sequence[int]) -> dict[str, Any]:
    return {
        "color": crashed,
        "colorscale": [[0, "role:soft@0.5"], [0.5, "role:soft@0.5"], [0.5, "role:crashed"], [1, "role:crashed"]],
        "cmin": 0,
        "cmax": 1,
        "showscale": False,
    }


def _menu(colours: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A choice of colours; an array of a trace is one of an array of traces in a restyle."""

    def change(line: Mapping[str, Any]) -> dict[str, Any]:
        keys = ("color", "colorscale", "cmin", "cmax", "showscale")
        return {f"line.{key}": [line[key]] if isinstance(line[key], list) else line[key] for key in keys}

    buttons = [{"label": name, "method": "restyle", "args": [change(line)]} for name, line in colours.items()]
    return {"name": "Colour", "active": 0, "buttons": buttons}


def _row(run: Run, names: Sequence[str], result: PostMortem) -> tuple[str | float | int | None, ...]:
    settings = [level(run.config.get(name, MISSING)) for name in names]
    cells = [brief(value) if is_number(value) else plain(show(value), 60) for value in settings]
    outcome = result.outcomes[run.id]
    return plain(run.name, 60), *cells, brief(run.best), fmt.outcome_words(outcome.label, outcome.cause)


def _told(result: PostMortem, names: Sequence[str], shown: Sequence[Run]) -> str:
    """The best three and their settings."""
    sign = result.metric.sign
    valued = sorted((run for run in shown if run.best is not None), key=lambda run: (-sign * (run.best or 0.0), run.id))
    told = [
        f"{short(run.name)} {fmt.number(run.best)} ({', '.join(_settings(run, names))})" for run in valued[:MOST_TOLD]
    ]
    drawn = f"Lines of {fmt.plural(len(shown), 'run')} through {listed([short(name) for name in names])}"
    return plain(
        f"{drawn}, the best {result.metric.name} and how they ended. The best: {'; '.join(told)}.", LONGEST_TEXT
    )


def _settings(run: Run, names: Sequence[str]) -> list[str]:
    return [f"{short(name)} {short(show(level(run.config[name])))}" for name in names if name in run.config]


def _notes(
    result: PostMortem, names: Sequence[str], shown: Sequence[Run], axes: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    runs, swept = result.sweep.runs, sum(len(levels) > 1 for levels in result.sweep.parameters.values())
    notes = [EXPLAINED]
    if len(shown) < len(runs):
        notes.append(
            f"{len(shown):,} of {len(runs):,} runs are drawn: the best, the worst, crashed ones, others evenly."
        )
    if len(names) < swept:
        notes.append(f"{len(names)} of {swept} parameters have an axis, those that explain most.")
    if any(axis["ticktext"][:1] == [NONE] for axis in axes):
        notes.append(f"Runs without a number lie at “{NONE}”, below the others.")
    if any(OTHERS in axis["ticktext"] for axis in axes):
        notes.append(f"Rarer levels are drawn as one, “{OTHERS}”.")
    if len(shown) > MOST_ROWS:
        notes.append(f"The table has the first {MOST_ROWS} of them.")
    return tuple(notes)
