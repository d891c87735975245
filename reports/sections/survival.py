"""Rows of the section 'survival'."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.survival import HazardRow
from .. import format as fmt

KINDS = ("incidence_at_budget", "crash_at_start", "hazard_by_progress", "crash_without_rule")


def survival_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where there is nothing to show."""
    found = result.survival
    if found is None:
        return None
    unit = result.sweep.progress_unit
    return {
        "kinds": KINDS,
        "one": unit.removesuffix("s"),
        "rows": [_row(row, last=row is found.rows[-1]) for row in found.rows],
        "stops": any(row.stopped > 0 for row in found.rows),
        "caveats": found.caveats,
    }


def _row(row: HazardRow, *, last: bool) -> dict[str, Any]:
    crashes = fmt.chances(row.crashes)
    most = fmt.chances(row.crashes_high)
    return {
        "row": row,
        "where": f"from {fmt.number(row.start)} on" if last else f"{fmt.number(row.start)} to {fmt.number(row.end)}",
        "crashes": crashes if crashes == most else f"{crashes} to {most}",
        "stopped": fmt.chances(row.stopped),
        "exposure": fmt.number(round(row.exposure, 1)),
        "hazard": _hazard(row),
        "incidence": fmt.share_interval(row.incidence),
    }


def _hazard(row: HazardRow) -> str:
    found = row.hazard
    if found.low is None or found.high is None:
        return fmt.NONE
    low = found.low if found.low > found.high / 1e4 else 0.0  # beside such an upper end it is nothing
    inside = f"{fmt.number(low, 2)} to {fmt.number(found.high, 2)}"
    return inside if found.value is None else f"{fmt.number(found.value, 2)} ({inside})"
