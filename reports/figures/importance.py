"""How much each parameter explains: of the metric and, where that is explained too, of the crashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...analysis.results.importance import Explained, ParameterShare
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Estimate
from .. import format as fmt
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, brief, titled

MOST_DRAWN = 20
"""Parameters of a target that are drawn; the table has all of them, up to MOST_ROWS."""
MOST_ROWS = 250
MOST_TOLD = 4
KINDS = {"metric": "importance", "crash": "importance_crash"}
CRASHES = "which runs crashed"
APART = 0.17
"""The two measures of a parameter lie so far above and below its line."""
EXPLAINED = (
    "Circles: share of the fit by fANOVA; diamonds: share of what sets the best fifth apart (of crashes, the highest) "
    "by PED-ANOVA. Lines go from the 2.5th to the 97.5th percentile over random halves of the runs."
)
Pick = Callable[[ParameterShare], Estimate]


@dataclass(frozen=True, kw_only=True)
class _Part:
    found: Explained
    name: str
    """Of what is explained, escaped."""
    shown: tuple[ParameterShare, ...]


def draw(result: PostMortem) -> Drawing | None:
    """Two points with intervals for each parameter; None where the parameters explain nothing that can be shown."""
    found = result.importance
    if found is None:
        return None
    parts = [
        _Part(found=part, name=name, shown=part.shares[:MOST_DRAWN])
        for part, name in ((found.metric, plain(result.metric.name)), (found.crash, CRASHES))
        if part.shares
    ]
    if not parts:
        return None
    kinds = [KINDS[part.found.target] for part in parts]
    title, ids, _ = titled(result, kinds[:1], "Importance of the parameters")
    names, at = _places(parts)
    of = f", {parts[0].name}" if len(parts) == 1 else ""
    return Drawing(
        id="importance",
        title=title,
        findings=ids,
        description=" ".join([*map(_told, parts), *(titled(result, [kind], "")[2] for kind in kinds)]).rstrip(),
        data=[
            _trace("fANOVA", parts, at, lambda share: share.fanova, "circle", "role:accent", -APART),
            _trace("PED-ANOVA", parts, at, lambda share: share.ped_anova, "diamond-open", "role:rank-1", APART),
        ],
        layout={
            "height": 130 + 34 * len(names),
            "xaxis": {"title": {"text": f"Share explained (%){of}"}, "range": [-1, brief(_right(parts))]},
            "yaxis": {
                "tickvals": list(range(len(names))),
                "ticktext": names,
                "range": [len(names) - 0.4, -0.6],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
        },
        columns=(
            *("Explained", "Parameter", "fANOVA (%)", "Low (%)", "High (%)"),
            *("PED-ANOVA (%)", "PED-ANOVA low (%)", "PED-ANOVA high (%)", "First in halves (%)"),
        ),
        rows=[_row(part, share) for part in parts for share in part.found.shares[:MOST_ROWS]],
        notes=(EXPLAINED, *_left_out(parts)),
    )


def _places(parts: Sequence[_Part]) -> tuple[list[str], list[list[int]]]:
    """The names down the axis, with a heading for each target where there are two; the places of the parameters."""
    names: list[str] = []
    at: list[list[int]] = []
    for part in parts:
        if len(parts) > 1:
            names.append(f"Explaining {part.name}:")
        at.append(list(range(len(names), len(names) + len(part.shown))))
        names += [plain(share.parameter, 28) for share in part.shown]
    return names, at


def _trace(
    name: str, parts: Sequence[_Part], at: Sequence[Sequence[int]], pick: Pick, symbol: str, colour: str, offset: float
) -> dict[str, Any]:
    """One measure of all parameters, each with its interval."""
    shares = [(part, share) for part in parts for share in part.shown]
    points = [pick(share) for _, share in shares]
    ends = [[_percent(end) for end in (point.low, point.value, point.high)] for point in points]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "cliponaxis": False,
        "x": brief([value for _, value, _ in ends]),
        "y": brief([place + offset for places in at for place in places]),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": brief([_reach(value, high) for _, value, high in ends]),
            "arrayminus": brief([_reach(low, value) for low, value, _ in ends]),
            "thickness": 1.5,
            "width": 4,
            "color": colour,
        },
        "text": [plain(share.parameter) for _, share in shares],
        "customdata": [
            [plain(fmt.share_interval(point)), part.name] for point, (part, _) in zip(points, shares, strict=True)
        ],
        "hovertemplate": f"%{{text}}<br>{name} %{{customdata[0]}}<br>of %{{customdata[1]}}<extra></extra>",
        "marker": {"symbol": symbol, "size": 10, "color": colour, "line": {"width": 1.5, "color": colour}},
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _reach(low: float | None, high: float | None) -> float:
    """The length of one side of an error bar; 0 where there is no end to go to."""
    return 0.0 if low is None or high is None else max(high - low, 0.0)


def _right(parts: Sequence[_Part]) -> float:
    """The right end of the axis."""
    points = [point for part in parts for share in part.shown for point in (share.fanova, share.ped_anova)]
    ends = [end for point in points for end in (point.value, point.high) if end is not None]
    return min(101.0, 105 * max([0.1, *ends]))


def _told(part: _Part) -> str:
    """The first parameters with their shares."""
    told = [f"{share.parameter} {fmt.share_interval(share.fanova)}" for share in part.found.shares[:MOST_TOLD]]
    more = len(part.found.shares) - len(told)
    others = f"; {more} more explain less" if more else ""
    return f"Of {part.name}, by fANOVA: {plain(listed(told) + others, LONGEST_TEXT)}."


def _row(part: _Part, share: ParameterShare) -> tuple[str | float | None, ...]:
    estimates = (share.fanova, share.ped_anova)
    numbers = [_percent(end) for one in estimates for end in (one.value, one.low, one.high)]
    return part.name, plain(share.parameter, 80), *brief([*numbers, 100 * share.first])


def _left_out(parts: Sequence[_Part]) -> list[str]:
    return [
        f"{len(part.shown)} of {len(part.found.shares)} parameters are drawn, those that explain most of {part.name}"
        + (f"; the table has {MOST_ROWS}." if len(part.found.shares) > MOST_ROWS else ".")
        for part in parts
        if len(part.shown) < len(part.found.shares)
    ]
