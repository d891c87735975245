"""Cumulative incidence: the share of runs that ended in each way, by progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.survival import EndIncidence, Survival
from .. import format as fmt
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, LOOKS, band_marks, brief, spread, titled

MOST_PLACES = 40
"""Places of progress in the table, for each end."""
EXPLAINED = (
    "Aalen-Johansen estimates with pointwise 95 % intervals (shaded); the ends compete, so the shares sum to at most "
    "100 %."
)


def draw(result: PostMortem) -> Drawing | None:
    """Steps of each end's cumulative incidence with its band; None where no run started or ended."""
    found = result.survival
    if found is None or not found.at or not found.ends:
        return None
    ends = sorted(found.ends, key=lambda end: end.end == "crashed")  # it lies on top
    otherwise = f"Share of runs by how they ended, by progress in {result.sweep.progress_unit}"
    title, ids, said = titled(result, ("incidence_at_budget",), otherwise)
    unit = result.sweep.progress_unit
    places = spread(len(found.at), MOST_PLACES)
    last = listed([_said(end) for end in found.ends])
    by = fmt.plural(found.horizon, unit.removesuffix("s"))
    words = f"Of {fmt.plural(found.n, 'run')} that started, by {by}: {last}."
    thinned = f"The table has {len(places)} of {len(found.at)} places; the figure has them all."
    return Drawing(
        id="incidence",
        title=title,
        findings=ids,
        description=f"{plain(words, LONGEST_TEXT)} {said}".rstrip(),
        data=[trace for end in ends for trace in _traces(end, found, unit)],
        layout={
            "height": 440,
            "xaxis": {"title": {"text": f"Progress ({unit})"}, "rangemode": "tozero"},
            "yaxis": {
                "title": {"text": "Share of the runs that started"},
                "tickformat": ".0%",
                "range": _range(ends),
            },
            **band_marks(found.bands),
        },
        columns=(f"Progress ({unit})", "Ended", "Share (%)", "Low (%)", "High (%)"),
        rows=[_row(end, found, place) for end in found.ends for place in places],
        notes=(
            EXPLAINED,
            *([thinned] if len(places) < len(found.at) else []),
            *([plain(f"Mind: {'; '.join(found.caveats)}.", LONGEST_TEXT)] if found.caveats else []),
        ),
    )


def _range(ends: Sequence[EndIncidence]) -> list[Any]:
    return [0, brief(min(1.0, 1.05 * max(max(end.high) for end in ends)) or 1.0)]


def _said(end: EndIncidence) -> str:
    inside = f"{fmt.percent(end.low[-1])} to {fmt.percent(end.high[-1])}"
    return f"{fmt.OUTCOME_WORDS[end.end]} {fmt.percent(end.value[-1])} ({inside})"


def _row(end: EndIncidence, found: Survival, place: int) -> tuple[str | float | int | None, ...]:
    shares = (end.value[place], end.low[place], end.high[place])
    return brief(found.at[place]), fmt.OUTCOME_WORDS[end.end], *(brief(100 * share) for share in shares)


def _traces(end: EndIncidence, found: Survival, unit: str) -> list[dict[str, Any]]:
    """Lower end, upper end with the band between them, and the line; each holds to the horizon."""
    name, words, look = end.end, fmt.OUTCOME_WORDS[end.end], LOOKS[end.end]
    more = found.horizon > found.at[-1]
    at = brief([*found.at, *([found.horizon] if more else [])])
    low, high, value = (brief([*line, *line[-1:]] if more else list(line)) for line in (end.low, end.high, end.value))
    start = [0] if found.at[0] > 0 else []
    same = {"type": "scatter", "mode": "lines", "legendgroup": name, "name": words}
    edge = {**same, "x": at, "showlegend": False, "hoverinfo": "skip", "line": {"shape": "hv", "width": 0}}
    return [
        {**edge, "y": low},
        {**edge, "y": high, "fill": "tonexty", "fillcolor": f"role:{name}@0.16"},
        {
            **same,
            "x": [*start, *at],
            "y": [*start, *value],
            "line": {"shape": "hv", "width": 2, "dash": look.dash, "color": f"role:{name}"},
            "hovertemplate": f"{words}: %{{y:.1%}} by %{{x}} {unit}<extra></extra>",
        },
    ]
