"""What all findings share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..types import Finding

PROPORTION = "mid-p Clopper-Pearson interval"


def runs_in_words(n: int) -> str:
    return "1 run" if n == 1 else f"{n} runs"


def numbered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with ids F1, F2, ... in their order; claims C1, C2, ... and recommendations R1, R2, ..."""
    counts: Counter[str] = Counter()
    done = []
    for finding in findings:
        letter = {"claim": "C", "recommendation": "R"}.get(finding.facts.get("family", ""), "F")
        counts[letter] += 1
        done.append(replace(finding, id=f"{letter}{counts[letter]}"))
    return tuple(done)
