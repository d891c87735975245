"""The levels side by side at several numbers of logged values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from ..levels import Level
from ..results.ranking import Mark, MarkValue
from ..types import Estimate, Floats, Sweep
from .equal_progress import best_by, median

MOST_BANDS = 4


def progress_marks(levels: Sequence[Level], compared: int | None, bands: Sequence[int]) -> tuple[Mark, ...]:
    """Where to compare: where nearly all runs still are, at the rule's bands, half way and at the end; ascending.

    bands count the same values as the runs' histories. Marks that no two levels reached are left out.
    """
    counts = [[run.iterations for run in item.runs if run.iterations] for item in levels]
    longest = max((n for level in counts for n in level), default=0)
    texts: dict[int, list[str]] = {}
    if compared is not None:
        texts.setdefault(compared, []).append("compared")
    for number, band in enumerate(sorted(bands)[:MOST_BANDS], 1):
        texts.setdefault(band, []).append(f"band {number}")
    for at, text in ((max(1, longest // 2), "half"), (longest, "longest")):
        texts.setdefault(at, []).append(text)
    return tuple(
        Mark(iteration=at, text=", ".join(texts[at]), left_out=sum(n < at for level in counts for n in level))
        for at in sorted(texts)
        if at > 0 and sum(any(n >= at for n in level) for level in counts) >= 2
    )


def mark_value(sweep: Sweep, item: Level, mark: Mark) -> MarkValue:
    """One level's median best so far among its runs that got as far as the mark."""
    sign = sweep.metric.sign
    reached = np.array([best_by(run, mark.iteration, sign) for run in item.runs if run.iterations >= mark.iteration])
    if len(reached) == 0:
        return MarkValue(reached=0, median=Estimate(value=None, unit=sweep.metric.name))
    ends = sorted(sign * end for end in median_interval(reached))
    low, high = ends if ends else (None, None)
    middle = sign * median(reached)
    return MarkValue(reached=len(reached), median=Estimate(value=middle, low=low, high=high, unit=sweep.metric.name))


def median_interval(x: Floats) -> tuple[float, ...]:
    """The order statistics that hold the median with at least 95 % (Thompson 1936); empty under 6 values."""
    j = int(binom.ppf(0.025, len(x), 0.5))
    if binom.cdf(j - 1, len(x), 0.5) > 0.025 or j < 1:
        return ()
    ordered = np.sort(x)
    return float(ordered[j - 1]), float(ordered[len(x) - j])
