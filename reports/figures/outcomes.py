"""From the state that W&B recorded to the outcome that the evidence speaks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.tables import StatusTable
from .. import format as fmt
from ..words.common import listed
from .base import Drawing, plain
from .shared import LONGEST_TEXT, titled

MOST_STATES = 10
"""W&B knows fewer; a table from elsewhere may hold anything."""
OTHERS = "other states"
LONGEST_NAME, MOST_NAMED = 24, 3
EXPLAINED = "On the left the state as recorded, on the right the outcome as adjudicated; each flow's width is its runs."


def draw(result: PostMortem) -> Drawing | None:
    """The runs' flow from recorded state to outcome; None without runs."""
    table = result.status
    if not table.total:
        return None
    flows = _flows(table)
    states = list(dict.fromkeys(state for state, _, _ in flows))
    outcomes = [name for name in table.outcomes if any(outcome == name for _, outcome, _ in flows)]
    title, ids, said = titled(result, ("early_stopping", "crash_rate"), "Runs by recorded state and by outcome")
    told = listed(
        [f"{fmt.number(runs)} recorded as {state}: {fmt.OUTCOME_WORDS[outcome]}" for state, outcome, runs in flows]
    )
    whole = plain(f"Of {fmt.plural(table.total, 'run')}, {told}.", LONGEST_TEXT)
    hidden = len(table.states) - MOST_STATES
    return Drawing(
        id="outcome-flow",
        title=title,
        findings=ids,
        description=f"{whole} {said}".rstrip(),
        data=[_sankey(flows, states, outcomes)],
        layout={
            "height": max(220, 60 + 46 * max(len(states), len(outcomes))),
            "margin": {"l": 8, "r": 8, "t": 12, "b": 12},  # no axes, and on a phone no room to spare
        },
        columns=("State as recorded", "Outcome as adjudicated", "Runs", "Share of all runs (%)"),
        rows=[
            (plain(state, 80), fmt.OUTCOME_WORDS[outcome], runs, round(100 * runs / table.total, 1))
            for state, outcome, runs in flows
        ],
        notes=(EXPLAINED, *((f"{hidden + 1} rarer states are drawn as one.",) if hidden > 0 else ())),
    )


def _flows(table: StatusTable) -> list[tuple[str, str, int]]:
    """State, outcome and runs, the most frequent state first, outcomes in their order; rare states as one."""
    most = MOST_STATES if len(table.states) <= MOST_STATES else MOST_STATES - 1
    counts: dict[str, dict[str, int]] = {}
    for place, (state, row) in enumerate(table.counts.items()):
        name = (state or "(none)") if place < most else OTHERS
        into = counts.setdefault(name, {})
        for outcome, runs in row.items():
            into[outcome] = into.get(outcome, 0) + runs
    return [
        (state, outcome, row[outcome])
        for state, row in counts.items()
        for outcome in table.outcomes
        if row.get(outcome)
    ]


def _sankey(flows: Sequence[tuple[str, str, int]], states: Sequence[str], outcomes: Sequence[str]) -> Mapping[str, Any]:
    left = {state: sum(runs for one, _, runs in flows if one == state) for state in states}
    nodes = [f"{plain(state, LONGEST_NAME)}: {fmt.number(runs)}" for state, runs in left.items()] + [
        _into(name, flows) for name in outcomes
    ]
    return {
        "type": "sankey",
        "arrangement": "fixed",
        "textfont": {"color": "role:ink", "size": 12},
        "node": {
            "label": nodes,
            "color": ["role:state"] * len(states) + [f"role:{name}" for name in outcomes],
            "line": {"width": 0},
            "thickness": 16,
            "pad": 22,
            "hovertemplate": "%{label} runs<extra></extra>",
        },
        "link": {
            "source": [states.index(state) for state, _, _ in flows],
            "target": [len(states) + outcomes.index(outcome) for _, outcome, _ in flows],
            "value": [runs for _, _, runs in flows],
            "label": [
                f"{fmt.number(runs)} recorded as {plain(state)}: {fmt.OUTCOME_WORDS[name]}"
                for state, name, runs in flows
            ],
            "color": [f"role:{outcome}@0.4" for _, outcome, _ in flows],
            "hovertemplate": "%{label}<extra></extra>",
        },
    }


def _into(outcome: str, flows: Sequence[tuple[str, str, int]]) -> str:
    """``crashed: 2`` and, where several states lead to it, from which: the counts of its links."""
    parts = [(state, runs) for state, name, runs in flows if name == outcome]
    said = f"{fmt.OUTCOME_WORDS[outcome]}: {fmt.number(sum(runs for _, runs in parts))}"
    if len(parts) == 1:
        return said
    named = [f"{fmt.number(runs)} {plain(state, LONGEST_NAME)}" for state, runs in parts[:MOST_NAMED]]
    more = ", …" if len(parts) > MOST_NAMED else ""
    return f"{said}<br>(from {', '.join(named)}{more})"
