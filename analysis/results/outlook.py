"""The result of the section 'outlook'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..types import Estimate

Doubt = Literal["grid", "bayes", "drift"]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What more runs of the same sweep would bring, if they were like those that ended.

    A try is a run that started and ended; one without any value is a try that was worse than all others.
    """

    n: int
    """Tries so far."""
    without_value: int
    more: int
    """Runs that are asked about."""
    best_run: str
    best: float
    ties: int
    """Other runs with the same best value: then the chance is an upper limit."""
    doubt: Doubt | None
    """Why more runs would not be like these: a grid goes on to other settings, bayes learns, values drifted in time."""
    drift_p: float | None
    """Of a rank correlation between start and best value; None where starts or values are not known to differ."""
    chance: Estimate | None
    """Share: chance that the best of ``more`` beats the best so far, more / (n + more); its interval is that of the
    chance given this sweep's own best. None for a grid."""
    gain: Estimate | None
    """By how much the best is expected to improve, in the metric's unit, never negative; ``low`` is 0. Model-based;
    None where there are too few values, or for a grid."""
    tail: int
    """Best values that the tail is fitted to; 0 without a gain."""
    run_hours: Estimate | None
    """Hours that ``more`` runs take one after the other; GPU-hours where a run has one GPU. None where not known."""
    per_hour: Estimate | None
    """``gain`` over the expected hours."""
    grid_left: int | None
    """Settings of the grid that no run has tried; None for other searches."""
    early_stopped: int
    """Tries that the rule stopped: their best so far is a lower bound."""
    runs: tuple[str, ...]
    caveats: tuple[str, ...] = ()
