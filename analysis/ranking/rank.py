"""Architectures ranked fairly."""

from __future__ import annotations

from collections.abc import Mapping

from ..results.ranking import Ranking
from ..types import Outcome, Sweep


def rank(sweep: Sweep, outcomes: Mapping[str, Outcome], group_by: str | None) -> Ranking | None:
    """None until there is something to say."""
    return None
