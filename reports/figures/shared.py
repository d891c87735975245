"""What several figures share: titles from findings, looks by outcome, ends of axes, even choices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Floats, OutcomeLabel
from ..narrate import sentence
from .base import plain, rounded

LONGEST_TITLE, MOST_TITLE = 130, 190
"""Beyond the first a title keeps only the first words in each of its brackets, beyond the second not these either."""
LONGEST_SHOWN, LONGEST_TEXT = 280, 1_500
MOST_BANDS = 12
FARTHEST = 1e300
"""Values beyond are drawn there: the width of an axis has to be finite."""
_IN_BRACKETS = re.compile(r"(\([^(),;]*)[,;][^()]*\)")
_BRACKET = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an outcome is drawn: colour is never the only thing that tells two apart."""

    symbol: str
    dash: str

    def marker(self, label: str, size: int = 9) -> dict[str, Any]:
        """A marker in the outcome's colour, with an outline that is seen on any ground."""
        outline = {"width": 0 if self.symbol == "x" else 1, "color": "role:ink@0.7"}
        return {"symbol": self.symbol, "size": size, "color": f"role:{label}", "line": outline}


LOOKS: Mapping[OutcomeLabel, Look] = {
    "completed": Look(symbol="circle", dash="solid"),
    "early_stopped": Look(symbol="square", dash="dash"),
    "stopped_by_user": Look(symbol="diamond", dash="dashdot"),
    "crashed": Look(symbol="x", dash="solid"),
    "never_started": Look(symbol="triangle-down", dash="dot"),
    "running": Look(symbol="triangle-right", dash="longdash"),
    "unknown": Look(symbol="circle-open", dash="dot"),
}


def titled(result: PostMortem, kinds: Sequence[str], otherwise: str) -> tuple[str, tuple[str, ...], str]:
    """Title, ids of the findings that it says, and the whole sentence, of the first of ``kinds`` that there is.

    Where there is none: ``otherwise``, no id, and an empty sentence. All are escaped.
    """
    for kind in kinds:
        for finding in result.findings:
            if finding.kind == kind:
                said = sentence(finding)
                return plain(_shortened(said), LONGEST_SHOWN), (finding.id,), plain(said, LONGEST_TEXT)
    return plain(otherwise, LONGEST_SHOWN), (), ""


def _shortened(said: str) -> str:
    """A sentence without what its brackets add, where it is long; brackets in brackets go first."""
    if len(said) > LONGEST_TITLE:
        said = _IN_BRACKETS.sub(r"\1)", said)
    while len(said) > MOST_TITLE and (shorter := _BRACKET.sub("", said)) != said:
        said = shorter
    return said


def spread(n: int, most: int) -> list[int]:
    """At most so many of 0 to n - 1, evenly, both ends kept."""
    if n <= most:
        return list(range(n))
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)}) if most > 1 else [n - 1][:most]


def inner_range(values: Floats) -> tuple[float, float] | None:
    """Ends of an axis that far values would flatten: around the middle 96 %; None where the axis needs no help.

    values [n], finite, n >= 1.
    """
    low, high = (float(v) for v in np.quantile(values, [0.02, 0.98]))
    margin = (high - low) or abs(high) or 1.0
    below, above = float(values.min()), float(values.max())
    if below >= low - margin and above <= high + margin:
        return None
    low, high = max(below, low - margin), min(above, high + margin)
    air = 0.04 * (high - low)
    return low - air, high + air


def clipped(values: Floats) -> Floats:
    """Values that an axis can bear."""
    return np.clip(values, -FARTHEST, FARTHEST)


def brief(value: Any) -> Any:
    """``rounded``, and whole numbers whole: 2 and not 2.0, in sequences too."""
    short = rounded(value)
    if isinstance(short, list):
        return [brief(one) for one in short]
    return int(short) if isinstance(short, float) and short.is_integer() and abs(short) < 1e15 else short


def band_marks(bands: Sequence[tuple[int, float]]) -> dict[str, list[dict[str, Any]]]:
    """The stopping rule's bands, each with its progress, as dashed lines with names: ``shapes`` and ``annotations``."""
    named = [(f"band {band}", brief(at)) for band, at in bands[:MOST_BANDS]]
    across = {"type": "line", "y0": 0, "y1": 1, "yref": "paper"}
    line = {"width": 1.5, "dash": "dash", "color": "role:soft"}
    top = {"y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top", "showarrow": False}
    text = {"font": {"color": "role:ink", "size": 11}, "bgcolor": "role:ground@0.7"}
    return {
        "shapes": [{**across, "x0": at, "x1": at, "line": line} for _, at in named],
        "annotations": [{**top, **text, "text": name, "x": at} for name, at in named],
    }
