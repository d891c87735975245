"""What the search space left out, and what the search did with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One end of a parameter: its lowest or highest level, or tenth of a range."""

    parameter: str
    side: Literal["lowest", "highest"]
    low: float
    high: float
    """The lowest and highest value that runs had there."""
    k_best: int
    n_best: int
    k_rest: int
    n_rest: int
    """``k_best`` of the ``n_best`` best runs lie there, ``k_rest`` of the ``n_rest`` others."""
    p: float
    """Chance of so many of the best there where the parameter is of no account (hypergeometric, one-sided)."""
    q: float
    """p adjusted over all ends (Holm)."""
    top: bool
    """True where the single best run lies there: a fact, not a finding."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Both ends of every ordered parameter with bounds and at least three levels."""

    n: int
    """Runs compared."""
    best: int
    """How many of them count as the best."""
    iteration: int | None
    """Logged values at which they are compared; None where there are no histories."""
    left_out: int
    ends: tuple[Edge, ...]
    runs: tuple[str, ...]
    """The best, best first."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """A declared level that no run had."""

    parameter: str
    level: Any
    chance: float | None
    """Of so few draws missing it, 0 to 1; None where levels are not drawn at random."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two levels that no run had together."""

    parameters: tuple[str, str]
    levels: tuple[Any, Any]
    expected: float
    """Runs that would have had both, were the two parameters drawn independently."""
    p: float
    """Chance of none where they are (hypergeometric)."""
    q: float
    """p adjusted over all cells that were expected often enough (Holm)."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """How many combinations of two levels were tried."""

    cells: int
    tried: int
    enough: int
    """Cells expected FEWEST_EXPECTED times or more, tried or not."""
    by_chance: float
    """How many of those would be missed by chance alone."""
    missing: tuple[Pair, ...]
    """The least likely of those that were missed."""
    missed: int
    """All that were missed."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The largest part of a declared continuous range that no run tried."""

    parameter: str
    low: float | None
    high: float | None
    """Values of the runs beside it; None at an end of the range."""
    share: float
    """Of the declared distribution, 0 to 1."""
    n: int
    p: float | None
    """Chance of so large a gap among random draws; None where they are not random."""
    q: float | None
    """Adjusted over the parameters (Holm)."""


@dataclass(frozen=True, kw_only=True)
class Narrowing:
    """How widely a bayes search tried a parameter in the first and the second half of its runs."""

    parameter: str
    parts: int
    """Levels, or parts of equal chance of a range."""
    first: float
    second: float
    """Effective number of parts: 2 to the power of the entropy in bits."""
    left: tuple[str, ...]
    """Levels of the first half that no run of the second had."""
    p: float
    """Chance of so much narrowing where the halves are alike, by permutation (one-sided)."""
    q: float
    """Adjusted over the parameters (Holm)."""
    n: int


@dataclass(frozen=True, kw_only=True)
class Imputed:
    """Runs that a bayes search counted with a value that is not their own."""

    strategy: str
    """``worst``, ``best`` or ``latest``."""
    declared: bool
    """False where the sweep does not set it: W&B's default."""
    runs: tuple[str, ...]
    """Recorded as failed, crashed or killed, with values of their own."""
    stopped: int
    """How many of them the sweep's own rule stopped, as far as is known."""
    stopped_between: tuple[int, int]
    """Between how many and how many it stopped, by the runs' chances (95 % at each end)."""
    better: int
    """How many of them had a better value than half of all runs with one."""
    total: int
    """All runs with a value."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Edges, what was never tried, what was given up, what was imputed."""

    n: int
    """Runs that it rests on."""
    method: str | None
    edges: Edges | None
    unseen: tuple[Unseen, ...]
    pairs: Pairs | None
    gaps: tuple[Gap, ...]
    """The largest first."""
    narrowed: tuple[Narrowing, ...]
    """Of a bayes sweep every parameter, the smallest q first."""
    imputed: Imputed | None
    caveats: tuple[str, ...] = ()
