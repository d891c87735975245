"""Findings of the section 'importance'."""

from __future__ import annotations

from ..results.importance import Importance
from ..types import Finding, Sweep


def importance_findings(sweep: Sweep, result: Importance | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    return []


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return None
