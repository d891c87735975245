"""Findings of the section 'space'."""

from __future__ import annotations

from ..results.space import Space
from ..types import Finding, Sweep


def space_findings(sweep: Sweep, result: Space | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    return []


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return None
