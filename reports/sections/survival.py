"""Rows and drawings of the section 'survival'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem


def survival_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    return None
