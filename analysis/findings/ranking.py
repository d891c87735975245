"""Findings of the section 'ranking'."""

from __future__ import annotations

from ..results.ranking import Ranking
from ..types import Finding, Sweep


def ranking_findings(sweep: Sweep, result: Ranking | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    return []


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return None
