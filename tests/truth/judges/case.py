"""One page and what is known about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.results.risk import ParameterRisk
from aftersweep.analysis.types import Estimate, Finding

from ..population import Population
from ..ratios import Judge, covers
from ..simulator import Simulated
from ..world import Truth, World

Verdict = bool | None


@dataclass(frozen=True)
class Case:
    """A page, the sweep it was made of, and the truth of its world."""

    result: PostMortem
    made: Simulated
    judge: Judge

    @property
    def truth(self) -> Truth:
        return self.made.truth

    @property
    def world(self) -> World:
        return self.truth.world

    @property
    def people(self) -> Population:
        return self.judge.people

    def risk(self, finding: Finding) -> ParameterRisk:
        """The parameter or circumstance that the finding speaks of."""
        known = (*self.result.parameter_risks, *self.result.circumstances)
        return next(risk for risk in known if risk.parameter == finding.subject)

    def most_alike(self) -> int:
        """The largest number of runs with one configuration."""
        return max(Counter(repr(sorted(run.config.items())) for run in self.made.sweep.runs).values())


Judging = Callable[[Finding, Case], Verdict]


def holds(f: Finding, truth: float) -> bool:
    """Whether the finding's interval holds the truth."""
    return f.estimate is not None and within(f.estimate, truth)


def within(estimate: Estimate, truth: float) -> bool:
    """Whether an interval holds the truth."""
    return covers(estimate.low, estimate.high, truth)
