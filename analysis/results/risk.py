"""What carries risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..types import Estimate


@dataclass(frozen=True, kw_only=True)
class RiskFactor:
    """One condition held against the rest of the sweep's runs.

    ``k_in`` of ``n_in`` runs inside crashed, ``k_out`` of ``n_out`` outside (chances summed, so not whole numbers);
    ``recorded_*`` count the states crashed and failed as W&B recorded them.
    """

    text: str
    where: Mapping[str, Any]
    k_in: float
    n_in: int
    k_out: float
    n_out: int
    effect: Estimate
    p: float | None
    q: float | None
    method: str
    recorded_in: int
    recorded_out: int
    recorded_n_in: int
    recorded_n_out: int
    recorded_p: float | None
    stopped_in: int
    """Runs inside that the sweep's own rule stopped."""
    runs: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    claimed: str | None = None
    """The sentence of somebody's page that this tests."""
