"""Rows and drawings of the section 'importance'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.importance import Explained
from ...analysis.results.postmortem import PostMortem
from ..charts import whisker
from ..format import percent, share_interval


def importance_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    found = result.importance
    if found is None:
        return None
    return {
        "tables": [
            _table(part, name)
            for part, name in ((found.metric, result.metric.name), (found.crash, "crashes"))
            if part.shares
        ]
    }


def _table(part: Explained, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "draws": part.draws,
        "highest": part.target == "crash",
        "rows": [
            {
                "name": share.parameter,
                "fanova": share_interval(share.fanova),
                "bar": whisker(share.fanova),
                "ped": share_interval(share.ped_anova),
                "first": percent(share.first),
            }
            for share in part.shares
        ],
    }
