"""Rows and drawings of the section 'outlook'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem
from .. import format as fmt


def outlook_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    ahead = result.outlook
    if ahead is None:
        return None
    rows = [("Runs that started and ended", str(ahead.n))]
    rows.append((f"Best {result.metric.name} so far", fmt.number(ahead.best)))
    if ahead.chance is not None:
        rows.append((f"Chance that one of {ahead.more} more is better", fmt.share_interval(ahead.chance)))
    if ahead.gain is not None:
        rows.append(("Expected gain", f"{fmt.number(ahead.gain.value, 2)} (0 to {fmt.number(ahead.gain.high, 2)})"))
    if ahead.run_hours is not None:
        inside = fmt.interval(ahead.run_hours, lambda v: fmt.number(v, 3))
        hours = fmt.number(ahead.run_hours.value, 3)
        rows.append((f"Hours of {ahead.more} runs, one after the other", f"{hours} ({inside})" if inside else hours))
    return {"rows": rows, "more": ahead.more}
