"""What the sweeps of one project say together, as compact JSON values, and which sweeps go together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from ...analysis.errors import AftersweepError
from ..hostile import short
from .lines import Bounds, Line, Said

if TYPE_CHECKING:
    from ...analysis.archive.store import Archive
    from ...analysis.results.pooling import Pooled, PooledLevel
    from ...analysis.types import Finding

MOST_SWEEPS = 20
"""Sweeps that are pooled: the newest, said on the page. The work grows with their runs."""


class Effect(TypedDict):
    """One level against the other settings of its own sweep, over the sweeps."""

    question: str
    parameter: str
    label: str
    sweeps: int
    mean: Bounds
    level: float
    unit: str
    q: float
    spread: float | None
    called: bool


class Pool(TypedDict):
    project: str
    metric: str
    members: list[str]
    """Keys of the pooled sweeps."""
    left_out: int
    """Sweeps of the group that are older."""
    effects: list[Effect]
    said: dict[str, list[Said]]
    """Findings by parameter; under the empty name what is said of all."""
    problem: str | None
    """Why they could not be pooled."""


def groups(lines: Mapping[str, Line]) -> dict[str, list[str]]:
    """Keys of the sweeps that can be pooled, oldest first, by a name of the group; only groups of several."""
    found: dict[tuple[str, ...], list[str]] = {}
    for key, line in lines.items():
        if line["project"] is not None and line["runs"]:
            found.setdefault(
                (line["entity"] or "", line["project"], line["metric"], line["goal"], line["unit"]), []
            ).append(key)
    return {
        json.dumps(group): sorted(keys, key=lambda key: (lines[key]["began"] or 0.0, key))
        for group, keys in sorted(found.items())
        if len(keys) > 1
    }


def digest_of(members: Sequence[str], digests: Mapping[str, str]) -> str:
    """Changes whenever a member comes, goes or changes."""
    return hashlib.sha256(json.dumps([[key, digests[key]] for key in members]).encode()).hexdigest()


def pool_of(archive: Archive, keys: Sequence[str], about: Line) -> Pool:
    """The newest of the sweeps, pooled; ``about`` is the line of one of them."""
    from ...analysis.across.compare import pooled
    from ...analysis.findings.common import numbered
    from ...analysis.findings.pooling import pooling_findings
    from ...analysis.outcomes.adjudicate import adjudicate, may_stop
    from ...analysis.pooling import pool
    from ...analysis.risk.circumstances import circumstances, suspect
    from ...analysis.tidy import Options, tidy

    members = list(keys[-MOST_SWEEPS:])
    made: Pool = {
        "project": short("/".join(part for part in (about["entity"], about["project"]) if part)),
        "metric": about["metric"],
        "members": members,
        "left_out": len(keys) - len(members),
        "effects": [],
        "said": {},
        "problem": None,
    }
    try:
        sweep = pool([tidy(*archive.load(key), Options()) for key in members])
    except AftersweepError as error:
        return {**made, "problem": str(error)}
    outcomes = adjudicate(sweep)
    apart = suspect(circumstances(sweep, outcomes, early_stopping=may_stop(sweep)))
    result = pooled(sweep, outcomes, apart=apart)
    findings = numbered(pooling_findings(sweep, result))
    return {**made, "effects": _effects(result), "said": _said(findings)}


def _effects(result: Pooled | None) -> list[Effect]:
    return [_effect(level) for level in result.levels] if result else []


def _effect(level: PooledLevel) -> Effect:
    from ...analysis.values import show

    def rounded(value: float | None) -> float | None:
        return None if value is None else float(f"{value:.6g}")

    return {
        "question": level.question,
        "parameter": level.parameter,
        "label": short(" and ".join(show(value) for value in level.where.values()) or level.text),
        "sweeps": len(level.sweeps),
        "mean": [rounded(level.mean.value), rounded(level.mean.low), rounded(level.mean.high)],
        "level": level.mean.level,
        "unit": level.mean.unit,
        "q": float(f"{level.q:.3g}"),
        "spread": rounded(level.spread.value),
        "called": level.called,
    }


def _said(findings: Sequence[Finding]) -> dict[str, list[Said]]:
    from ..narrate import sentence

    found: dict[str, list[Said]] = {}
    for finding in findings:
        said: Said = {
            "id": finding.id,
            "kind": finding.kind,
            "subject": short(finding.subject),
            "text": sentence(finding),
        }
        found.setdefault(_parameter(finding), []).append(said)
    return found


def _parameter(finding: Finding) -> str:
    facts: Mapping[str, Any] = finding.facts
    return str(facts.get("parameter", "")) if finding.supported else ""
