"""What the findings say to do next. A recommendation is a finding itself: it names those that it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from .findings import EARLY, NO_REPEATS
from .types import Finding


def recommendations(findings: Sequence[Finding]) -> list[Finding]:
    """The recommendations that the findings carry, the most certain first."""
    found: list[Finding] = []
    for finding in findings:
        advice = _advice(finding)
        if advice:
            found.append(
                Finding(
                    id="",
                    kind="recommendation",
                    subject=finding.subject,
                    supported=finding.supported,
                    estimate=finding.estimate,
                    n=finding.n,
                    method=f"follows from {finding.id}",
                    p=finding.p,
                    q=finding.q,
                    caveats=finding.caveats,
                    runs=finding.runs,
                    facts={**finding.facts, "family": "recommendation", "advice": advice, "rests_on": [finding.id]},
                )
            )
    return found


def _advice(finding: Finding) -> str | None:
    """The key of the advice; ``reports.narrate`` has its words."""
    if finding.kind == "early_stopping" and finding.facts["stopped"]:
        return "read_stops_as_stops"
    if finding.kind == "warmup_judged" and finding.facts["stopped"]:
        return "later_first_band"
    if finding.kind == "risk_factor" and finding.supported and finding.facts["family"] == "level":
        return "restrict_level"
    if finding.kind == "risk_summary" and not finding.supported and finding.facts["levels"]:
        return "keep_levels"
    if finding.kind == "best":
        return "repeat_best" if NO_REPEATS in finding.caveats else None
    if finding.kind == "comparison":
        if not finding.supported:
            return "keep_architectures"
        # A lead of a few values is no reason to give up the others.
        return "prefer_level" if finding.facts["iteration"] > EARLY else None
    if finding.kind == "causes" and finding.facts["known"] < finding.n:
        return "keep_logs"
    if finding.kind == "silent_failure":
        return "stop_on_nan"
    return None
