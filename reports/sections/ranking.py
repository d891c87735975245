"""Rows and drawings of the section 'ranking'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem


def ranking_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    return None
