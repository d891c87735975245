"""Which parameters explain the metric, and which the outcome."""

from __future__ import annotations

from collections.abc import Mapping

from .results.importance import Importance
from .types import Outcome, Sweep


def importance(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Importance | None:
    """None until there is something to say."""
    return None
