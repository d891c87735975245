"""Whether more runs of the same sweep would pay."""

from __future__ import annotations

from collections.abc import Mapping

from .results.outlook import Outlook
from .types import Outcome, Sweep


def outlook(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Outlook | None:
    """None until there is something to say."""
    return None
