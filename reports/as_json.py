"""The JSON report: the interface for other programs, described in docs/json.md."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..analysis.results.postmortem import PostMortem
from ..analysis.types import Estimate, Finding, Outcome, Run
from ..analysis.values import show
from .following import to_dict
from .gate_output import document as gate_document
from .narrate import sentence

SCHEMA_VERSION = 1
SECTIONS = (
    "parameter_risks",
    "circumstances",
    "pairs",
    "survival",
    "ranking",
    "importance",
    "space",
    "outlook",
    "pooled",
)


def to_json(result: PostMortem, version: str) -> str:
    """The report as JSON text, keys in a fixed order; numbers that JSON cannot write are null."""
    return json.dumps(document(result, version), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(result: PostMortem, version: str) -> dict[str, Any]:
    """The report as JSON values."""
    sweep = result.sweep
    rate = result.crash_rate
    whole: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "aftersweep": version,
        "sweep": {
            "id": sweep.id,
            "entity": sweep.entity,
            "project": sweep.project,
            "name": sweep.name,
            "description": sweep.description,
            "url": sweep.url,
            "state": sweep.state,
            "source": {
                "kind": sweep.source_kind,
                "target": sweep.source_target,
                "decided_by": sweep.source_decided_by,
                "notices": list(sweep.notices),
            },
            "metric": {
                "name": sweep.metric.name,
                "goal": sweep.metric.goal,
                "decided_by": sweep.metric_decided_by,
            },
            "progress_unit": sweep.progress_unit,
            "budget": sweep.budget,
            "stopping_rule": result.rule,
            "bands": list(result.bands),
            "parameters": {name: list(levels) for name, levels in sweep.parameters.items()},
            "states": dict(result.status.states),
            "outcomes": dict(result.status.outcomes),
            "excluded": [{"id": item.run_id, "reason": item.reason} for item in sweep.excluded],
            "problems": list(result.problems),
            "parts": [part.id for part in sweep.parts],
        },
        "provisional": any(finding.kind == "still_running" for finding in result.findings),
        "crash_rate": {
            "eligible": rate.eligible,
            "low": _estimate(rate.low),
            "high": _estimate(rate.high),
            "recorded": _estimate(rate.recorded),
        },
        "runs": [_run(run, result.outcomes[run.id]) for run in sweep.runs],
        "results": {name: plain(getattr(result, name)) for name in SECTIONS},
        "following": to_dict(result.following) if result.following else None,
        "gate": gate_document(result.gate) if result.gate else None,
        "findings": [_finding(finding) for finding in result.findings],
    }
    cleaned: dict[str, Any] = _clean(whole)
    return cleaned


def plain(value: Any) -> Any:
    """A result type as JSON values: its fields by name; runs by their ids."""
    if isinstance(value, Run):
        return value.id
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {show(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _run(run: Run, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "outcome": outcome.label,
        "cause": outcome.cause,
        "grade": outcome.grade,
        "probability": outcome.probability,
        "crash_probability": list(outcome.crash_probability),
        "progress": run.progress,
        "best": run.best,
        "config": dict(run.config),
        "evidence": [
            {
                "kind": item.kind,
                "text": item.text,
                "supports": item.supports,
                "cause": item.cause,
                "decisive": item.decisive,
                "line": item.line,
            }
            for item in outcome.evidence
        ],
        "contradictions": list(outcome.contradictions),
        "problems": list(run.problems),
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "level": estimate.level,
        "unit": estimate.unit,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "subject": finding.subject,
        "supported": finding.supported,
        "estimate": _estimate(finding.estimate),
        "n": finding.n,
        "p": finding.p,
        "q": finding.q,
        "method": finding.method,
        "caveats": list(finding.caveats),
        "runs": list(finding.runs),
        "facts": dict(finding.facts),
        "text": sentence(finding),
        "code": finding.code,
    }


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)
