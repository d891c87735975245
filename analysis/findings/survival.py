"""Findings of the section 'survival'."""

from __future__ import annotations

from ..results.survival import Survival
from ..types import Finding, Sweep


def survival_findings(sweep: Sweep, result: Survival | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    return []


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return None
