"""The sweep that should follow: what changes, what it rests on, and what is to be expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..types import Estimate, Finding

Action = Literal["drop", "shrink", "extend", "insert", "fix", "add", "set", "remove"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One changed line of the sweep file."""

    path: tuple[str, ...]
    """Keys from the top of the file: ``("parameters", "lr")``, ``("early_terminate", "min_iter")``, ``("method",)``."""
    action: Action
    """``drop``, ``shrink``, ``extend``, ``insert`` and ``fix`` change what a parameter may be; ``add`` brings a line,
    ``remove`` takes one away, ``set`` gives it another value."""
    old: Any
    """What stood there: a parameter's specification or a value; None where there was nothing."""
    new: Any
    """What stands there now; None where it was removed."""
    finding: Finding
    """Why: estimate, n, method and runs. Its id is empty until the findings are numbered."""

    @property
    def parameter(self) -> str | None:
        """The parameter that changes, nested ones under dotted names; None for a line of the search itself."""
        if self.path[0] != "parameters":
            return None
        return ".".join(key for key in self.path[1:] if key != "parameters")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Whether anything is changed for performance's sake: the surrogate must know more than chance."""

    n: int
    """Runs that it rests on."""
    tested: bool
    """False where there was too little to test; ``why`` says what."""
    why: str
    iteration: int | None
    """Logged values at which runs are compared; None: at the end of what each logged."""
    agreement: Estimate | None
    """Rank correlation of the compared values with the final ones of the runs that have both; None where they are the
    same values."""
    skill: float | None
    """Leave-one-out R^2 on rank-normal values; 0 is no better than the mean."""
    p: float | None
    """Chance of so good a skill where nothing matters, by permutation."""
    permutations: int
    open: bool
    """True where p is at most 0.05 and the skill above 0."""
    covered: Estimate | None
    """Share of the left-out values inside the surrogate's central 80 %: its calibration."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is to be expected of runs of one space, from the fitted models."""

    runs: int
    best: Estimate | None
    """Expected best value after that many runs, in the metric's unit; None where the gate is shut."""
    crash_rate: Estimate | None
    hours: Estimate | None
    """Run-hours; None where no runtimes are known."""


@dataclass(frozen=True, kw_only=True)
class Following:
    """The sweep that should follow."""

    config: Mapping[str, Any]
    """The new sweep file; where nothing changed but its name and description, the old one."""
    parent: str
    """Id of the sweep that it follows."""
    size: float
    """Configurations of the new space; infinite with a range."""
    changes: tuple[Change, ...]
    """In the order in which they were decided."""
    gate: Gate
    held: float | None
    """Posterior chance that the new space still holds a configuration within ``tolerance`` of the best; None where no
    level was dropped for performance's sake."""
    tolerance: float | None
    """In units of the rank-normal scale."""
    advice: tuple[Finding, ...]
    """What a sweep file cannot say: a limit for one model only, a sweep to be split."""
    same: Forecast
    """What to expect of the same sweep again."""
    new: Forecast
    caveats: tuple[str, ...] = ()
    """What W&B would warn of in the parent's sweep file, as keys that it does not know; the same stands in the new."""

    @property
    def unchanged(self) -> bool:
        """True where the space is the parent's, whatever is mended of the search."""
        return not any(change.parameter for change in self.changes)
