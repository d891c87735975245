"""Findings of the section 'outlook'."""

from __future__ import annotations

from ..results.outlook import Outlook
from ..types import Finding, Sweep


def outlook_findings(sweep: Sweep, result: Outlook | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    return []


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    return None
