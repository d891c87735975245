"""A sweep as one compact line: all that the pages across sweeps say of it, as JSON values.

The line is kept with the site, so that a sweep whose archive has not changed is neither read nor analysed again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict

from ...analysis.lineage import foretold
from ...analysis.results.postmortem import PostMortem
from ...analysis.results.tables import LevelRow
from ...analysis.types import Estimate, Finding, Sweep
from ...analysis.values import is_number, show
from ..hostile import short
from ..narrate import sentence
from ..sections.gate import gate_section
from ..view import KEY_KINDS

MOST_POINTS = 40
"""Points of a sweep's small curve."""
MOST_LEVELS = 24
"""Levels that a line keeps of a parameter: those with most runs."""
LONGEST_SENTENCE = 600
QUESTIONS = ("broken_host", "drift", "silent_failure", "unknown_outcomes", "mixed_scale", "space_edge")
"""Findings that ask for somebody to look, if the data carry them."""
FORECASTS = ("lineage_best", "lineage_crashes")

Bounds = list[float | None]
"""Value, low and high end."""


class Rate(TypedDict):
    """An adjudicated crash rate, of the runs that started and ended."""

    eligible: int
    low: Bounds
    """With what is unknown counted as not crashed."""
    high: Bounds
    """With what is unknown counted as crashed."""


class Level(TypedDict):
    label: str
    runs: int
    completed: int
    early_stopped: int
    rate: Rate
    best: float | None


class Said(TypedDict):
    """A finding in words."""

    id: str
    kind: str
    subject: str
    text: str


class Gate(TypedDict):
    status: str
    words: str


class Line(TypedDict):
    label: str
    id: str
    entity: str | None
    project: str | None
    name: str
    began: float | None
    runs: int
    outcomes: dict[str, int]
    metric: str
    goal: str
    unit: str
    method: str
    rule: str
    best: float | None
    curve: list[float]
    """The best value so far after each run that has one, thinned."""
    rate: Rate
    gate: Gate | None
    parent: str | None
    """The id of the sweep that it says to follow."""
    headline: list[str]
    said: list[Said]
    """Questions and forecasts."""
    group_by: str | None
    parameters: dict[str, list[Level]]
    spaces: dict[str, str]
    """What was searched, in words, by parameter."""
    risks: dict[str, list[Said]]
    """Supported findings on crashes, by parameter."""


def line(result: PostMortem) -> Line:
    """The line of a post-mortem; text is cut to a length that a table can bear."""
    sweep = result.sweep
    origin = foretold(sweep)
    gate = gate_section(result)
    starts = [run.created_at for run in sweep.runs if run.created_at is not None]
    return {
        "label": short("/".join(part for part in (sweep.entity, sweep.project, sweep.id) if part)),
        "id": sweep.id,
        "entity": sweep.entity,
        "project": sweep.project,
        "name": short(sweep.name or ""),
        "began": min(starts, default=None),
        "runs": result.status.total,
        "outcomes": dict(result.status.outcomes),
        "metric": result.metric.name,
        "goal": result.metric.goal,
        "unit": sweep.progress_unit,
        "method": short((sweep.config.method if sweep.config else None) or ""),
        "rule": _cut(result.rule or result.no_rule),
        "best": _rounded(result.best[0].value if result.best else None),
        "curve": _curve(sweep),
        "rate": {
            "eligible": result.crash_rate.eligible,
            "low": _bounds(result.crash_rate.low),
            "high": _bounds(result.crash_rate.high),
        },
        "gate": None if gate is None else {"status": gate["status"], "words": gate["verdict"]},
        "parent": origin.parent if origin else None,
        "headline": [_text(finding) for kind in KEY_KINDS for finding in result.findings if finding.kind == kind],
        "said": [
            _said(finding)
            for finding in result.findings
            if finding.kind in FORECASTS or (finding.supported and finding.kind in QUESTIONS)
        ],
        "group_by": result.group_by,
        "parameters": {name: _levels(rows) for name, rows in result.levels.items()},
        "spaces": _spaces(sweep),
        "risks": _risks(result.findings),
    }


def _levels(rows: Sequence[LevelRow]) -> list[Level]:
    kept = sorted(range(len(rows)), key=lambda i: -len(rows[i].runs))[:MOST_LEVELS]
    return [
        {
            "label": short(rows[i].label),
            "runs": len(rows[i].runs),
            "completed": rows[i].completed,
            "early_stopped": rows[i].early_stopped,
            "rate": {
                "eligible": rows[i].eligible,
                "low": _bounds(rows[i].crash_low),
                "high": _bounds(rows[i].crash_high),
            },
            "best": _rounded(rows[i].best),
        }
        for i in sorted(kept)
    ]


def _risks(findings: Sequence[Finding]) -> dict[str, list[Said]]:
    """Of swept parameters; what is found of a claim is no finding on one."""
    found: dict[str, list[Said]] = {}
    for finding in findings:
        if finding.kind == "risk_factor" and finding.supported and finding.facts["family"] == "parameter":
            found.setdefault(finding.subject, []).append(_said(finding))
    return found


def _said(finding: Finding) -> Said:
    return {"id": finding.id, "kind": finding.kind, "subject": short(finding.subject), "text": _text(finding)}


def _text(finding: Finding) -> str:
    return _cut(sentence(finding))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"


def _curve(sweep: Sweep) -> list[float]:
    sign, best = sweep.metric.sign, -math.inf
    curve = []
    for run in sweep.runs:
        if run.best is not None:
            best = max(best, sign * run.best)
            curve.append(float(f"{sign * best:.6g}"))
    if len(curve) <= MOST_POINTS:
        return curve
    return [curve[round(i * (len(curve) - 1) / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]


def _spaces(sweep: Sweep) -> dict[str, str]:
    declared = {item.name: item.spec for item in sweep.config.swept} if sweep.config else {}
    return {name: _space(declared.get(name), levels) for name, levels in sweep.parameters.items()}


def _space(spec: Any, levels: Sequence[Any]) -> str:
    """``64, 128, 256``; ``log_uniform_values, 1e-05 to 0.1``."""
    if spec and "values" not in spec:
        kind = str(spec.get("distribution") or "range")
        ends = [show(spec[end]) for end in ("min", "mu", "max", "sigma") if end in spec]
        return short(f"{kind}, {' to '.join(ends)}" if ends else kind)
    if len(levels) > MOST_LEVELS and all(is_number(level) for level in levels):
        return f"{show(min(levels))} to {show(max(levels))}, {len(levels)} values"
    more = f", and {len(levels) - MOST_LEVELS} more" if len(levels) > MOST_LEVELS else ""
    return ", ".join(short(show(level)) for level in levels[:MOST_LEVELS]) + more


def _bounds(estimate: Estimate) -> Bounds:
    return [_rounded(estimate.value), _rounded(estimate.low), _rounded(estimate.high)]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
