"""Rows and drawings of the section 'survival'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.survival import EndIncidence, HazardRow, Survival
from .. import format as fmt
from ..charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Frame, ticks

ORDER = ("crashed", "unknown", "early_stopped", "stopped_by_user", "completed")
"""From the bottom up."""
KINDS = ("incidence_at_budget", "crash_at_start", "hazard_by_progress", "crash_without_rule")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One end's area in the drawing's units."""

    end: str
    words: str
    points: str
    share: str
    """At the end of the way."""


@dataclass(frozen=True, kw_only=True)
class Incidences(Frame):
    """The ends by progress, stacked."""

    layers: tuple[Layer, ...]
    bands: tuple[tuple[int, float], ...]
    text: str
    """What the drawing shows, for those who cannot see it."""


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
        "drawing": _drawing(found, unit),
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


def _drawing(found: Survival, unit: str) -> Incidences:
    x_high = max(found.horizon, found.at[-1]) or 1.0

    def px(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / x_high, 1)

    def py(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value, 1)

    by_end: dict[str, EndIncidence] = {end.end: end for end in found.ends}
    floor = [0.0] * len(found.at)
    layers = []
    for name in ORDER:
        if name not in by_end:
            continue
        roof = [min(low + value, 1.0) for low, value in zip(floor, by_end[name].value, strict=True)]
        places = [px(at) for at in found.at]
        upper, lower = (_steps(places, [py(share) for share in side], px(x_high)) for side in (roof, floor))
        layers.append(
            Layer(
                end=name,
                words=fmt.OUTCOME_WORDS[name],
                points=" ".join(f"{x},{y}" for x, y in [*upper, *reversed(lower)]),
                share=fmt.percent(by_end[name].value[-1]),
            )
        )
        floor = roof
    told = ", ".join(f"{layer.words} {layer.share}" for layer in layers)
    return Incidences(
        layers=tuple(layers),
        bands=tuple((band, px(at)) for band, at in found.bands),
        x_ticks=tuple((f"{v:g}", px(v)) for v in ticks(0.0, x_high, 8)),
        y_ticks=tuple((fmt.percent(v), py(v)) for v in (0.0, 0.25, 0.5, 0.75, 1.0)),
        text=f"Ends by {unit}, as shares of the runs stacked from below; by {x_high:g}: {told}",
    )


def _steps(places: list[float], heights: list[float], right: float) -> list[tuple[float, float]]:
    """The corners of a step curve: each height holds from its place to the next, the last to ``right``."""
    corners = []
    for place, until, height in zip(places, [*places[1:], right], heights, strict=True):
        corners += [(place, height), (until, height)]
    return corners
