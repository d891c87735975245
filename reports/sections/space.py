"""Rows and drawings of the section 'space'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.space import Edge
from ...analysis.values import show
from ..format import number, p_value


def space_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    found = result.space
    if found is None:
        return None
    edges = found.edges
    return {
        "best": 0 if edges is None else edges.best,
        "iteration": None if edges is None else edges.iteration,
        "edges": [] if edges is None else [_edge(end) for end in edges.ends],
        "pairs": []
        if found.pairs is None
        else [
            {
                "one": f"{pair.parameters[0]} = {show(pair.levels[0])}",
                "two": f"{pair.parameters[1]} = {show(pair.levels[1])}",
                "expected": number(pair.expected, 2),
                "p": p_value(pair.p),
                "q": p_value(pair.q),
            }
            for pair in found.pairs.missing
        ],
        "narrowed": [
            {
                "name": item.parameter,
                "parts": item.parts,
                "first": number(item.first, 2),
                "second": number(item.second, 2),
                "p": p_value(item.p),
                "q": p_value(item.q),
            }
            for item in found.narrowed
        ],
    }


def _edge(end: Edge) -> dict[str, Any]:
    at = show(end.low) if end.low == end.high else f"{number(end.low)} to {number(end.high)}"
    return {
        "name": end.parameter,
        "end": f"{end.side}: {at}",
        "best": f"{end.k_best} of {end.n_best}",
        "rest": f"{end.k_rest} of {end.n_rest}",
        "p": p_value(end.p),
        "q": p_value(end.q),
        "top": "yes" if end.top else "",
    }
