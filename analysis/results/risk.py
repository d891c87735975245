"""What carries risk: conditions held against the rest, and parameters judged as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..types import Estimate

ContrastKind = Literal["level", "trend", "window", "claim", "circumstance", "interaction"]


@dataclass(frozen=True, kw_only=True)
class RiskFactor:
    """One condition held against the rest of the sweep's runs.

    ``k_in`` of ``n_in`` runs inside crashed, ``k_out`` of ``n_out`` outside (chances summed, so not whole numbers);
    ``recorded_*`` count the states crashed and failed as W&B recorded them. Of a trend the inside is the upper half
    of the parameter's values, of a window its two outer quarters: counts to look at, not what is tested.
    """

    text: str
    where: Mapping[str, Any]
    """The levels that make the condition, by parameter; empty for a trend or a window."""
    kind: ContrastKind
    parameter: str | None
    k_in: float
    n_in: int
    k_out: float
    n_out: int
    effect: Estimate
    """Inside over outside: the hazard ratio under a stopping rule, else the odds ratio; of a trend or a window for
    one standard deviation of its score."""
    z: float | None
    """The test's standardised statistic; positive where the inside crashes more."""
    p: float | None
    """Of this condition alone, not adjusted for any other."""
    q: float | None
    """Adjusted over the family: of a level, trend or window that of its parameter."""
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


@dataclass(frozen=True, kw_only=True)
class Detectable:
    """The smallest effect that this sweep would have found with chance ``power``, all else as it was."""

    ratio: float
    """Hazard (or odds) ratio above 1, of the condition ``text`` against the rest."""
    rate: float
    """The crash rate of the rest, 0 to 1, for scale."""
    rate_inside: float
    """The crash rate that the ratio makes of it."""
    power: float
    text: str


@dataclass(frozen=True, kw_only=True)
class ParameterRisk:
    """One parameter (or the host, the agent, the start time) judged as a whole."""

    parameter: str
    contrasts: tuple[RiskFactor, ...]
    """Its levels against the rest, and of a numeric one its trend and window."""
    leading: RiskFactor | None
    """The contrast with the largest statistic; its interval is widened for having been chosen."""
    p: float | None
    """Of the largest statistic over the contrasts."""
    q: float | None
    """Step-down adjusted over the parameters (family-wise)."""
    called: bool
    """True where the data carry that ``leading`` changes the chance of crashing (q at most 0.05)."""
    table_p: float | None
    """Of the Fisher-Freeman-Halton test of crashed runs by level, not adjusted for time; None under a stopping rule."""
    adjusted: Estimate | None
    """``leading``'s ratio given the other parameters (Firth-penalised); None where there are too few crashes."""
    adjusted_for: tuple[str, ...]
    detectable: Detectable | None
    """Of the best-placed contrast; None where nothing could have been seen."""
    adjusted_needs: int | None
    """Crashes that an adjusted model would need, where there are too few."""
    method: str
    n: int
    crashes: float
    caveats: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def raises(self) -> bool:
        """True where ``leading`` crashes more often than the rest; False where less."""
        return self.leading is not None and (self.leading.z or 0.0) > 0


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of settings, given the main effects of both: exploratory."""

    shown: tuple[RiskFactor, ...]
    """Those with the smallest p, that first; ``effect`` is how much the two differ from their product."""
    tested: int
    """Pairs tried; 0 where there are too few runs or crashes."""
    runs: int
