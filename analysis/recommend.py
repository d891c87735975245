"""What the findings say to do next. A recommendation is a finding itself: it names those that it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from .findings import best, ends, pooling, ranking, risk, space, survival
from .types import Finding

_SECTIONS = (best, ends, pooling, ranking, risk, space, survival)


def recommendations(findings: Sequence[Finding]) -> list[Finding]:
    """The recommendations that the findings carry, the most certain first."""
    found: list[Finding] = []
    for finding in findings:
        advice = next((key for section in _SECTIONS if (key := section.advice(finding))), None)
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
