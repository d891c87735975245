"""Pairwise response: the metric by two parameters at a time, and where runs crashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ...analysis.levels import Level, levels_of
from ...analysis.ranking.equal_progress import best_by, median
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Run
from .. import format as fmt
from ..words.common import listed
from .base import Drawing, plain
from .shared import FARTHEST, LONGEST_TEXT, brief, titled

MOST_PARAMETERS = 4
"""Of which all pairs are shown: six."""
MOST_LEVELS = 10
"""A parameter with more has no cells that hold enough runs to be looked at."""
MOST_ROWS, MOST_TOLD = 500, 3
FAR = 3.0
LEAST_MARK, MOST_MARK = 9, 26
EXPLAINED = (
    "Medians of what was observed, not of a model; a cell without a colour has no run to compare. Crosses: runs with "
    "both levels crashed. Long ranges are cut into thirds. All pairs have one scale of colours."
)
CRASHED = {"symbol": "x", "color": "role:crashed", "opacity": 1, "line": {"width": 1.5, "color": "role:ground"}}


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """The runs that had two levels together."""

    x: int
    y: int
    started: int
    """Runs that started and ended."""
    crashed: int
    values: int
    """Runs that the median rests on."""
    median: float | None


@dataclass(frozen=True, kw_only=True)
class _Pair:
    across: tuple[Level, ...]
    down: tuple[Level, ...]
    cells: tuple[_Cell, ...]

    @property
    def names(self) -> tuple[str, str]:
        return self.across[0].parameter, self.down[0].parameter


def draw(result: PostMortem) -> Drawing | None:
    """A heatmap for each pair of the most important parameters, chosen by a menu.

    None under two parameters with two to MOST_LEVELS levels, without a value, and for sweeps that were pooled, whose
    runs are not to be taken together.
    """
    values, at = _values(result)
    if result.sweep.parts or not values:
        return None
    found = [levels_of(result.sweep, name) for name in _by_importance(result)]
    chosen = [levels for levels in found if 2 <= len(levels) <= MOST_LEVELS][:MOST_PARAMETERS]
    pairs = [_pair(result, values, across, down) for across, down in combinations(chosen, 2)]
    if not pairs:
        return None
    metric = plain(result.metric.name)
    when = f" after {fmt.plural(at, 'logged value')}" if at else ""
    title, ids, _ = titled(result, (), f"Median best {result.metric.name}{when} by two parameters, and crashes")
    return Drawing(
        id="response",
        title=title,
        findings=ids,
        description=_told(result, pairs[0], when),
        data=[trace for i, pair in enumerate(pairs) for trace in _traces(pair, metric, shown=i == 0)],
        layout={
            "height": 480,
            "xaxis": {"fixedrange": True, "showgrid": False, "zeroline": False, **_axis(pairs[0].across)},
            "yaxis": {"fixedrange": True, "showgrid": False, "zeroline": False, **_axis(pairs[0].down)},
            "coloraxis": {
                "colorscale": "role:sequential",
                **_ends(pairs),
                "colorbar": {"title": {"text": f"Median best {metric}", "side": "right"}, "thickness": 14},
            },
            "updatemenus": [_menu(pairs)],
        },
        columns=(
            *("Parameters", "First", "Second", "Runs that started and ended", "Crashed", "Compared"),
            f"Median best {metric}",
        ),
        rows=[row for pair in pairs for row in _rows(pair)][:MOST_ROWS],
        notes=_notes(result, pairs, values, len(found) - len(chosen), at),
    )


def _values(result: PostMortem) -> tuple[dict[str, float], int | None]:
    """Each run's best so far where the runs are compared, by id, and at how many logged values that is.

    Without histories the best value of each run, and None.
    """
    at = result.importance.metric.iteration if result.importance else None
    at = result.ranking.iteration if at is None and result.ranking else at
    if at is None:
        return {run.id: run.best for run in result.sweep.runs if run.best is not None}, None
    sign = result.metric.sign
    return {run.id: sign * best_by(run, at, sign) for run in result.sweep.runs if run.iterations >= at}, at


def _by_importance(result: PostMortem) -> list[str]:
    """The swept parameters: those that explain the metric first, then the crashes, then as the sweep has them."""
    found = result.importance
    shares = (*found.metric.shares, *found.crash.shares) if found else ()
    return list(dict.fromkeys([*(share.parameter for share in shares), *result.sweep.parameters]))


def _pair(result: PostMortem, values: Mapping[str, float], across: Sequence[Level], down: Sequence[Level]) -> _Pair:
    row = {run.id: y for y, item in enumerate(down) for run in item.runs}
    cells = []
    for x, item in enumerate(across):
        at: dict[int, list[Run]] = {}
        for run in item.runs:
            if run.id in row:
                at.setdefault(row[run.id], []).append(run)
        cells += [_cell(result, values, x, y, at[y]) for y in sorted(at)]
    return _Pair(across=tuple(across), down=tuple(down), cells=tuple(cells))


def _cell(result: PostMortem, values: Mapping[str, float], x: int, y: int, runs: Sequence[Run]) -> _Cell:
    ended = [result.outcomes[run.id] for run in runs if result.outcomes[run.id].eligible]
    known = np.array([values[run.id] for run in runs if run.id in values])
    return _Cell(
        x=x,
        y=y,
        started=len(ended),
        crashed=sum(outcome.label == "crashed" for outcome in ended),
        values=len(known),
        median=median(known) if len(known) else None,
    )


def _traces(pair: _Pair, metric: str, *, shown: bool) -> list[dict[str, Any]]:
    """The medians as a heatmap, and over it where runs crashed."""
    z, text, said = _blank(pair, None), _blank(pair, ""), _blank(pair, "")
    for cell in pair.cells:
        z[cell.y][cell.x] = _inside(cell.median)
        text[cell.y][cell.x] = fmt.number(cell.median, 3) if cell.median is not None else ""
        said[cell.y][cell.x] = _said(pair, cell)
    crashed = [cell for cell in pair.cells if cell.crashed]
    sizes = [LEAST_MARK + (MOST_MARK - LEAST_MARK) * cell.crashed / cell.started for cell in crashed]
    return [
        {
            "type": "heatmap",
            "name": f"median best {metric}",
            "visible": shown,
            "coloraxis": "coloraxis",
            "z": brief(z),
            "text": text,
            "texttemplate": "%{text}",
            "textfont": {"size": 13, "weight": 600, "shadow": "auto"},
            "customdata": said,
            "hovertemplate": "%{customdata}<extra></extra>",
            "hoverongaps": False,
            "xgap": 2,
            "ygap": 2,
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "crashed (larger: more of the runs)",
            "visible": shown,
            "showlegend": True,
            "x": brief([cell.x + 0.32 for cell in crashed]),
            "y": brief([cell.y - 0.3 for cell in crashed]),
            "text": [_said(pair, cell) for cell in crashed],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {**CRASHED, "size": brief(sizes)},
        },
    ]


def _blank(pair: _Pair, value: Any) -> list[list[Any]]:
    return [[value] * len(pair.across) for _ in pair.down]


def _said(pair: _Pair, cell: _Cell) -> str:
    """What hovering over a cell says."""
    across, down = (
        f"{plain(name, 24)} = {plain(item.label, 24)}"
        for name, item in zip(pair.names, (pair.across[cell.x], pair.down[cell.y]), strict=True)
    )
    middle = f"median {fmt.number(cell.median)} of {fmt.plural(cell.values, 'run')}" if cell.values else "no value"
    return f"{across}<br>{down}<br>{middle}<br>{cell.crashed} of {cell.started} crashed"


def _axis(levels: Sequence[Level]) -> dict[str, Any]:
    return {
        "title": {"text": plain(levels[0].parameter)},
        "tickvals": list(range(len(levels))),
        "ticktext": [plain(item.label, 18) for item in levels],
        "range": [-0.5, len(levels) - 0.5],
    }


def _menu(pairs: Sequence[_Pair]) -> dict[str, Any]:
    def layout(name: str, levels: Sequence[Level]) -> dict[str, Any]:
        whole = _axis(levels)
        title = whole.pop("title")["text"]
        return {f"{name}.title.text": title, **{f"{name}.{key}": value for key, value in whole.items()}}

    return {
        "name": "Parameters",
        "active": 0,
        "buttons": [
            {
                "label": " and ".join(plain(name, 30) for name in pair.names),
                "method": "update",
                "args": [
                    {"visible": [k == i for k in range(len(pairs)) for _ in range(2)]},
                    {**layout("xaxis", pair.across), **layout("yaxis", pair.down)},
                ],
            }
            for i, pair in enumerate(pairs)
        ],
    }


def _inside(value: float | None) -> float | None:
    return None if value is None else min(max(value, -FARTHEST), FARTHEST)


def _ends(pairs: Sequence[_Pair]) -> dict[str, Any]:
    """The ends of the colours, the same for all pairs; medians beyond have the colour of the end.

    Far ones are those beyond three interquartile ranges from the quartiles (Tukey 1977, Exploratory Data Analysis).
    """
    seen = np.array([_inside(cell.median) for pair in pairs for cell in pair.cells if cell.median is not None])
    if not len(seen):
        return {}
    low, high, first, third = (float(end) for end in np.quantile(seen, [0.0, 1.0, 0.25, 0.75]))
    if third > first:
        low, high = max(low, first - FAR * (third - first)), min(high, third + FAR * (third - first))
    return {"cmin": brief(low), "cmax": brief(high)} if brief(low) < brief(high) else {}


def _rows(pair: _Pair) -> list[tuple[str | float | int | None, ...]]:
    both = " and ".join(plain(name, 60) for name in pair.names)
    return [
        (
            both,
            plain(pair.across[cell.x].label, 60),
            plain(pair.down[cell.y].label, 60),
            *(cell.started, cell.crashed, cell.values, brief(cell.median)),
        )
        for cell in pair.cells
    ]


def _told(result: PostMortem, pair: _Pair, when: str) -> str:
    """The first pair: its highest and lowest median, and where most crashed."""
    across, down = pair.names
    words = [f"Median best {result.metric.name}{when} by {across} and {down}."]

    def named(cell: _Cell) -> str:
        return f"{pair.across[cell.x].label} with {pair.down[cell.y].label}"

    known = [(cell.median, cell) for cell in pair.cells if cell.median is not None]
    if known:
        (low, at_low), (high, at_high) = min(known, key=lambda one: one[0]), max(known, key=lambda one: one[0])
        words.append(f"Highest: {fmt.number(high)}, {named(at_high)}; lowest: {fmt.number(low)}, {named(at_low)}.")
    crashed = sorted((cell for cell in pair.cells if cell.crashed), key=lambda cell: -cell.crashed)[:MOST_TOLD]
    told = [f"{cell.crashed} of {cell.started} at {named(cell)}" for cell in crashed]
    words.append(f"Crashes: {listed(told)}." if told else "No run of it crashed.")
    return plain(" ".join(words), LONGEST_TEXT)


def _notes(
    result: PostMortem, pairs: Sequence[_Pair], values: Mapping[str, float], others: int, at: int | None
) -> tuple[str, ...]:
    notes = [EXPLAINED]
    if (without := len(result.sweep.runs) - len(values)) > 0:
        why = "ended before" if at else "have no value"
        notes.append(f"Of {fmt.plural(without, 'run')} that {why} only the crashes are drawn.")
    if others:
        notes.append(f"Not among the pairs: {fmt.plural(others, 'parameter')}, less important or with too many levels.")
    ends = _ends(pairs)
    medians = [cell.median for pair in pairs for cell in pair.cells if cell.median is not None]
    if ends and (brief(min(medians)) < ends["cmin"] or brief(max(medians)) > ends["cmax"]):
        notes.append("Far medians have the colour of the end of the scale.")
    cells = sum(len(pair.cells) for pair in pairs)
    if cells > MOST_ROWS:
        notes.append(f"The table has the first {MOST_ROWS} of {cells} cells.")
    return tuple(notes)
