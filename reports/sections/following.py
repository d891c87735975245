"""Rows of the section 'following': the sweep that should come next."""

from __future__ import annotations

from typing import Any

from ...analysis.following import findings_of
from ...analysis.results.postmortem import PostMortem
from ..following import forecast_rows, rows, to_yaml


def following_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is no next sweep."""
    after = result.following
    if after is None:
        return None
    return {
        "rows": rows(after),
        "reasons": [finding.id for finding in findings_of(after) if finding.kind != "next_gate"],
        "forecast": forecast_rows(after),
        "caveats": after.caveats,
        "yaml": to_yaml(result, after),
        "command": f"aftersweep next {result.sweep.id} -o next.yaml",
    }
