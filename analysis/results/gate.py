"""The verdict of the gate: what was asked of a sweep, what was found, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..sweepfile.config import Metric
from ..types import Estimate

Level = Literal["off", "warn", "error"]
Status = Literal["met", "not_met", "unknown", "accepted", "off"]
"""``unknown``: it cannot be known from this sweep; ``accepted``: not met or unknown, and the baseline had it so."""
Comparison = Literal["at most", "at least"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One demand on a sweep."""

    name: str
    """One of ``analysis.gate.RULES``."""
    limit: float
    subject: str = ""
    """The cause, of ``max-cause``; empty else."""
    level: Level = "error"

    @property
    def key(self) -> str:
        """The rule as a path of the table: ``max-crash-rate``, ``max-cause.diverged``."""
        return f"{self.name}.{self.subject}" if self.subject else self.name


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a sweep has to say to one rule."""

    estimate: Estimate | None
    """The number with its interval where it has one; None where it cannot be known."""
    judged: float | None
    """What is held against the limit: of a rate its lower 95 % limit, else the number itself."""
    accepted: float | None
    """What a baseline would remember as the limit from now on: of a rate the rate itself."""
    n: int
    """Runs that it rests on."""
    finding: str | None
    """Kind of the finding that carries it; None where it is a plain count."""
    why: str = ""
    """Why it cannot be known."""
    values: Mapping[str, Any]
    """Everything that was looked at, by name: numbers, texts, or lists and mappings of them."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One rule, judged."""

    rule: Rule
    status: Status
    comparison: Comparison
    unit: str
    """``share``, ``runs``, ``parameters``, ``circumstances`` or the metric's name."""
    found: Found | None
    """None where the rule is off."""
    finding: str | None
    """Id of the report's finding that carries it."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All rules, judged, in the order in which they were given."""

    sweep: str
    metric: Metric
    running: int
    """Runs that still run: where there are any, the judgement is provisional."""
    verdicts: tuple[Verdict, ...]
    rules_from: str = ""
    """Where the rules stand, in words: a file's name, the command line."""

    @property
    def status(self) -> Literal["met", "not_met", "unknown"]:
        """Of the rules at level ``error`` alone; not met before unknown before met."""
        found = {verdict.status for verdict in self.verdicts if verdict.rule.level == "error"}
        return "not_met" if "not_met" in found else "unknown" if "unknown" in found else "met"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One rule as the baseline has it."""

    status: Literal["not_met", "unknown"]
    comparison: Comparison
    unit: str
    value: float | None
    """What was found then (``Found.accepted``); None where it could not be known."""
