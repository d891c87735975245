"""Rows of the section 'following': the sweep that should come next."""

from __future__ import annotations

import shlex
from typing import Any

from ...analysis.following import findings_of
from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Sweep
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
        "command": command(result.sweep),
    }


def command(sweep: Sweep) -> str:
    """The command that writes the next sweep's file; its words are quoted, for ids and paths are hostile in a shell."""
    words = [sweep.id]
    if sweep.source_kind in ("offline", "export", "sample"):
        words = [sweep.source_target, *(("--sweep", sweep.id) if sweep.source_kind == "offline" else ())]
    elif sweep.source_kind == "server" and sweep.entity and sweep.project:
        words = [f"{sweep.entity}/{sweep.project}/{sweep.id}"]
    return f"aftersweep next {' '.join(shlex.quote(word) for word in words)} -o next.yaml"
