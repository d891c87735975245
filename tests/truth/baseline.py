"""The page as it was written before: recorded states taken at face value, point estimates, the highest rate first.

The claims of the source report (data: its table of risk factors, its most stable learning rate, its best
architecture), made of any sweep in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aftersweep.analysis.levels import Level, levels_of
from aftersweep.analysis.types import Sweep

from .ratios import Judge
from .tally import Counts
from .world import Truth

LISTED = 3
FEWEST = 3
"""Runs that a level needs to be listed."""


@dataclass(frozen=True)
class Claim:
    """One of the page's risk factors: a level and its recorded crash rate."""

    level: Level
    recorded: int

    @property
    def share(self) -> float:
        return self.recorded / len(self.level.runs)


def risk_factors(sweep: Sweep) -> Sequence[Claim]:
    """All levels with enough runs, the highest recorded rate first; the page listed three."""
    claims = []
    for name in sweep.parameters:
        levels = levels_of(sweep, name)
        for level in levels if len(levels) > 1 else ():
            if len(level.runs) >= FEWEST:
                claims.append(Claim(level, sum(run.state in ("crashed", "failed") for run in level.runs)))
    return sorted(claims, key=lambda claim: (-claim.share, -len(claim.level.runs), claim.level.label))


def baseline(sweep: Sweep, truth: Truth, judge: Judge) -> Counts:
    """Which of the page's claims are false."""
    claims = risk_factors(sweep)
    listed = claims[:LISTED]
    wrong = sum(not _riskier(claim.level, truth, judge) for claim in listed)
    crashed = sum(label == "crashed" for label in truth.labels)
    recorded = sum(run.state in ("crashed", "failed") for run in sweep.runs)
    said = [("before: risk factors", wrong, len(listed)), ("before: crash rate", recorded != crashed, 1)]
    if claims:
        safest = min(claims, key=lambda claim: (claim.share, -len(claim.level.runs)))
        said.append(("before: most stable", not _safer(safest.level, truth, judge), 1))
    top = max((run for run in sweep.runs if run.best is not None), key=lambda run: run.best or 0.0, default=None)
    if top is not None and "model" in sweep.parameters:
        world = truth.world
        gains = world.parameter("model").gains or (0.0,) * len(world.parameter("model").levels)
        gain = gains[int(truth.places["model"][truth.index[top.id]])]
        said.append(("before: best architecture", gain < max(gains) or gains.count(max(gains)) > 1, 1))
    return {
        **{name: (float(bad), float(n)) for name, bad, n in said},
        "before: any false risk factor": (float(wrong > 0), 1.0),
        "before: all sentences": (float(sum(bad for _, bad, _ in said)), float(sum(n for *_, n in said))),
    }


def _riskier(level: Level, truth: Truth, judge: Judge) -> bool:
    return judge.level_ratio(level.parameter, [run.id for run in level.runs], truth) > 1.0


def _safer(level: Level, truth: Truth, judge: Judge) -> bool:
    return judge.level_ratio(level.parameter, [run.id for run in level.runs], truth) < 1.0
