"""Forest plot: how much more or less often the runs of each setting crash than the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.risk import ParameterRisk, RiskFactor
from ...analysis.types import Estimate
from .. import format as fmt
from ..hostile import short
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, brief, titled

MOST_ROWS = 40
LOWEST, HIGHEST = 0.01, 100.0
"""Ratios beyond are drawn at the edge."""
LEAST_SPAN = 4.0
"""The axis goes at least so far to both sides of 1, as a factor."""
AIR = 1.12
"""Beyond the farthest mark: plotly leaves out a mark that is not inside the axis."""
OPEN = 5.0
"""The axis goes on by this factor past an interval without an end, so that one sees that it goes on."""
TICKS = {
    50: (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
    1_000: (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
    math.inf: (0.01, 0.1, 1, 10, 100),
}
"""By how many times the axis' low end its high end is at most: a phone has no room for more."""
KINDS = {"level": "this against the rest", "trend": "per standard deviation", "window": "both ends against the middle"}
RISK = {"symbol": "diamond", "size": 13, "color": "role:crashed", "line": {"width": 1.5, "color": "role:ink"}}
RARER = {"symbol": "square", "size": 11, "color": "role:completed", "line": {"width": 1.5, "color": "role:ink"}}
OTHER = {"symbol": "circle", "size": 9, "color": "role:soft", "line": {"width": 1.5, "color": "role:soft"}}


@dataclass(frozen=True, kw_only=True)
class _Row:
    parameter: ParameterRisk
    factor: RiskFactor

    @property
    def called(self) -> bool:
        """True of the contrast that the parameter's verdict is about."""
        leading = self.parameter.leading
        return self.parameter.called and leading is not None and leading.text == self.factor.text


def draw(result: PostMortem) -> Drawing | None:
    """One row for each tested setting, by parameter, the smallest q first; None where nothing was tested."""
    tested = [_Row(parameter=one, factor=factor) for one in result.parameter_risks for factor in one.contrasts]
    tested = [row for row in tested if row.factor.effect.low is not None or row.factor.effect.high is not None]
    if not tested:
        return None
    rows = _chosen(tested)
    unit = rows[0].factor.effect.unit
    title, ids, said = titled(result, ("risk_summary",), "Crashing by setting, each against the rest")
    names, at = _places(rows)
    low, high = _ends([row.factor.effect for row in rows])
    ticks = [tick for tick in next(TICKS[most] for most in TICKS if high / low <= most) if low <= tick <= high]
    called = [_told(row) for row in rows if row.called]
    words = f"{fmt.plural(len(rows), 'setting')} against the rest, each with its {unit} of crashing and an interval."
    words += f" Called at q ≤ 0.05: {listed(called)}." if called else " None is called a risk."
    left_out = f"{len(rows)} of {len(tested)} settings tested are drawn: those of the smallest p, and one a parameter."
    return Drawing(
        id="risk-forest",
        title=title,
        findings=ids,
        description=f"{plain(words, LONGEST_TEXT)} {said}".rstrip(),
        data=[trace for trace in _traces(rows, at, low, high) if trace["y"]],
        layout={
            "height": 130 + 24 * len(names),
            "xaxis": {
                "type": "log",
                "title": {"text": f"{unit.capitalize()} (log scale)"},
                "range": [brief(math.log10(low / AIR)), brief(math.log10(high * AIR))],
                "tickvals": ticks,
                "ticktext": [fmt.number(tick) for tick in ticks],
            },
            "yaxis": {
                "tickvals": list(range(len(names))),
                "ticktext": names,
                "range": [len(names) - 0.4, -0.6],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
            "shapes": [{"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "line": _ONE}],
        },
        columns=(
            *("Parameter", "Setting", "Compared", unit.capitalize(), "Low", "High", "Level (%)", "p", "q"),
            *("Crashed", "Of runs", "Crashed otherwise", "Of runs otherwise", "Called"),
        ),
        rows=[_table_row(row) for row in rows],
        notes=(
            "The line is at 1: no difference; to its right crashes are more frequent. A diamond carries risk, a square "
            "crashes less often (q ≤ 0.05, adjusted over the parameters). Arrows go on beyond the axis; an open mark "
            "stands for an estimate that lies beyond it.",
            *([left_out] if len(rows) < len(tested) else []),
        ),
    )


_ONE = {"width": 1.5, "color": "role:ink"}


def _chosen(rows: Sequence[_Row]) -> list[_Row]:
    """At most MOST_ROWS, in their order: the leading one of each parameter before the others, small p first."""

    def rank(place: int) -> tuple[bool, bool, float, int]:
        row = rows[place]
        leads = row.parameter.leading is not None and row.parameter.leading.text == row.factor.text
        return not row.called, not leads, 2.0 if row.factor.p is None else row.factor.p, place

    return [rows[place] for place in sorted(sorted(range(len(rows)), key=rank)[:MOST_ROWS])]


def _places(rows: Sequence[_Row]) -> tuple[list[str], list[int]]:
    """The names down the axis, a line with its q for each parameter and then its settings; the place of each row."""
    names: list[str] = []
    at = []
    above = None
    for row in rows:
        if row.parameter is not above:
            above = row.parameter
            names.append(f"<b>{plain(above.parameter, 24)}</b> {plain(fmt.p_phrase('q', above.q))}")
        at.append(len(names))
        names.append(plain(row.factor.text.removeprefix(f"{above.parameter} = "), 28))
    return names, at


def _ends(effects: Sequence[Estimate]) -> tuple[float, float]:
    """The ends of the axis: all ends of intervals inside LOWEST to HIGHEST, and some way to both sides of 1."""
    seen = [end for effect in effects for end in (effect.low, effect.value, effect.high) if end is not None and end > 0]
    seen += [OPEN * effect.low for effect in effects if effect.low is not None and effect.high is None]
    seen += [effect.high / OPEN for effect in effects if effect.high is not None and not effect.low]
    inside = [min(max(end, LOWEST), HIGHEST) for end in seen if math.isfinite(end)]
    return min([1 / LEAST_SPAN, *inside]), max([LEAST_SPAN, *inside])


def _traces(rows: Sequence[_Row], at: Sequence[int], low: float, high: float) -> list[dict[str, Any]]:
    lines: dict[str, list[Any]] = {"x": [], "y": []}
    arrows: dict[str, list[Any]] = {"x": [], "y": [], "symbol": []}
    for row, place in zip(rows, at, strict=True):
        effect = row.factor.effect
        on_left, on_right = effect.low is None or effect.low < low, effect.high is None or effect.high > high
        lines["x"] += [_inside(effect.low, low, high, low), _inside(effect.high, low, high, high), None]
        lines["y"] += [place, place, None]
        for edge, goes_on, symbol in ((low, on_left, "triangle-left"), (high, on_right, "triangle-right")):
            if goes_on:
                arrows["x"].append(edge)
                arrows["y"].append(place)
                arrows["symbol"].append(symbol)
    skipped = {"type": "scatter", "hoverinfo": "skip", "showlegend": False, "cliponaxis": False}
    pairs = list(zip(rows, at, strict=True))
    return [
        {
            **skipped,
            "mode": "lines",
            "x": brief(lines["x"]),
            "y": lines["y"],
            "line": {"width": 2, "color": "role:soft"},
        },
        {
            **skipped,
            "mode": "markers",
            "x": brief(arrows["x"]),
            "y": arrows["y"],
            "marker": {"symbol": arrows["symbol"], "size": 9, "color": "role:soft"},
        },
        _dots("settings tested", OTHER, [pair for pair in pairs if not pair[0].called], low, high),
        _dots(
            "crashes less often", RARER, [(r, y) for r, y in pairs if r.called and not r.parameter.raises], low, high
        ),
        _dots("carries risk", RISK, [(r, y) for r, y in pairs if r.called and r.parameter.raises], low, high),
    ]


def _dots(
    name: str, marker: dict[str, Any], rows: Sequence[tuple[_Row, int]], low: float, high: float
) -> dict[str, Any]:
    """The estimates of some rows; one beyond the axis at its edge."""
    known = [(row, place, _dot(row.factor.effect, low, high)) for row, place in rows]
    known = [(row, place, x) for row, place, x in known if x is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "cliponaxis": False,
        "x": brief([x for _, _, x in known]),
        "y": [place for _, place, _ in known],
        "text": [plain(row.factor.text, 60) for row, _, _ in known],
        "customdata": [[_effect(row.factor.effect), _counts(row.factor)] for row, _, _ in known],
        "hovertemplate": "%{text}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        "marker": {**marker, "symbol": [marker["symbol"] + ("-open" if x in (low, high) else "") for _, _, x in known]},
    }


def _dot(effect: Estimate, low: float, high: float) -> float | None:
    """Where it is drawn; None where only the interval is known. Without a value and an upper end it is infinite."""
    if effect.value is None:
        return high if effect.high is None else None
    return _inside(effect.value, low, high, high)


def _inside(value: float | None, low: float, high: float, otherwise: float) -> float:
    return otherwise if value is None else min(max(value, low), high)


def _effect(effect: Estimate) -> str:
    return f"{effect.unit} {fmt.ratio_interval(effect)}, level {fmt.percent(effect.level)}"


def _counts(factor: RiskFactor) -> str:
    inside, outside = fmt.chances(factor.k_in), fmt.chances(factor.k_out)
    return f"{inside} of {factor.n_in} crashed, of the others {outside} of {factor.n_out}"


def _told(row: _Row) -> str:
    more = "carries risk" if row.parameter.raises else "crashes less often"
    return f"{short(row.factor.text)} {more} ({_effect(row.factor.effect)}, {fmt.p_phrase('q', row.parameter.q)})"


def _table_row(row: _Row) -> tuple[str | float | int | None, ...]:
    factor, effect = row.factor, row.factor.effect
    called = ("carries risk" if row.parameter.raises else "crashes less often") if row.called else "no"
    return (
        plain(row.parameter.parameter, 60),
        plain(factor.text, 80),
        KINDS[factor.kind],
        *(brief(number) for number in (effect.value, effect.low, effect.high, 100 * effect.level, factor.p, factor.q)),
        *(brief(factor.k_in), factor.n_in, brief(factor.k_out), factor.n_out),
        called,
    )
