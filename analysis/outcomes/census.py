"""What a sweep's runs say about its controller and its other ends: lag, hazards, and whether the controller acted.

- l, the lag: the 95th percentile of d, the time since the rule became true, over the N candidate stops (runs with the
  rule true at their end, which nothing else settles), at most six times their median, times (1 + 1 / N). Candidates
  count with their own probability, and by exp(h d) for the stops that crashes forestalled; solved by iteration.
- h, the hazard of a run's other explanation: (ends + 1/2) / exposure, while the rule was false, from the first
  logged value on. The ends are crashes for a run that looks crashed, stops by hand for one that looks killed,
  completions short of the budget for one that looks finished. For a run whose log was kept and holds no decisive
  line, only crashes count that left no line either.
- E, ``idle``: the time that the rule was true in other runs, or was true and passed.
- Z, ``asleep``: the chance that the controller did not act at all (it was off). Then the candidates are the other
  ends of the whole time that the rule was true: negative binomial, given h and its uncertainty. It is weighed, at
  odds of 1 to 4, against a controller that stops most runs for which the rule is true: a share with the density
  3 x^2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from ..types import Floats, OutcomeLabel, Run
from .timeline import Spell, Track

RIVALS: tuple[OutcomeLabel, ...] = ("crashed", "stopped_by_user", "completed")
"""What a run that the rule seems to have stopped may have been instead."""

_BY_STATE: Mapping[str, OutcomeLabel] = {
    "finished": "completed",
    "killed": "stopped_by_user",
    "pending": "never_started",
    "running": "running",
    "preempting": "running",
}
_ROUNDS = 4
_ODDS_OF_ACTING = 4.0  # a sweep that has a rule mostly has a controller that follows it
_MOST_WEIGHT = 5.0  # of one candidate among those that set the lag


@dataclass(frozen=True)
class Ends:
    """What is thought of each run's end apart from the rule, by run id."""

    settled: Mapping[str, OutcomeLabel]
    otherwise: Mapping[str, OutcomeLabel]

    def label(self, run: Run) -> OutcomeLabel:
        named = self.settled.get(run.id) or self.otherwise.get(run.id)
        if named is not None:
            return "crashed" if named == "unknown" else named
        return _BY_STATE.get(run.state, "crashed")


@dataclass(frozen=True)
class Sample:
    """The runs of one clock; all columns [runs]."""

    runs: Sequence[Run]
    tracks: Sequence[Track]
    spells: Sequence[Spell]
    labels: Sequence[OutcomeLabel]
    """What each end is called if the rule did not make it."""
    settled: Sequence[bool]
    """Whether other evidence settles it."""

    @classmethod
    def of(
        cls, members: Sequence[int], runs: Sequence[Run], tracks: Sequence[Track], spells: Sequence[Spell], ends: Ends
    ) -> Sample:
        """The runs at the places ``members``."""
        mine = [runs[i] for i in members]
        return cls(
            mine,
            [tracks[i] for i in members],
            [spells[i] for i in members],
            [ends.label(run) for run in mine],
            [run.id in ends.settled for run in mine],
        )

    def counts(self, place: int) -> bool:
        """Whether the run's end, if the rule did not make it, is one that a hazard counts."""
        label = self.labels[place]
        return label in RIVALS and (label == "crashed" or not self.settled[place])


@dataclass(frozen=True)
class Census:
    """See this module's docstring; times on the sample's clock."""

    lag: float
    stops: int
    """N."""
    rates: Mapping[OutcomeLabel, float]
    """Ends by label per unit of the clock while the rule was false."""
    silent_rate: float
    """The same for crashes that left no decisive line in a log that was kept."""
    idle: float
    asleep: float

    def hazards(self, sample: Sample) -> Floats:
        """h of each run, [runs]."""
        both = zip(sample.runs, sample.labels, strict=True)
        return np.array([self.hazard(label, bool(run.log_tail)) for run, label in both], dtype=np.float64)

    def hazard(self, label: OutcomeLabel, log_kept: bool) -> float:
        if label == "crashed" and log_kept:
            return self.silent_rate
        return self.rates.get(label, self.rates["crashed"])


def take_census(sample: Sample, chances: Floats, look_every_s: float | None = None) -> Census:
    """Counts ends and exposures.

    chances: [runs], of each run having been stopped by the rule although the rule seems false at its end, as far as
    known. look_every_s: a lag that is known to be reached.
    """
    lasted: list[float] = []
    idle = exposure = logged_exposure = silent = 0.0
    counts: dict[OutcomeLabel, float] = dict.fromkeys(RIVALS, 0.0)
    passed = 0
    for place, (run, each, one) in enumerate(zip(sample.runs, sample.tracks, sample.spells, strict=True)):
        label, settled = sample.labels[place], sample.settled[place]
        if one.true_at_end and not settled and label in RIVALS:
            lasted.append(one.lasted)
            idle += one.true_for - one.lasted
        else:
            idle += one.true_for
            passed += one.true_for > 0
        if not each.costs.size:
            continue  # it never came so far that the rule could act: its hazard is that of starting up
        exposure += one.false_for
        logged_exposure += one.false_for if run.log_tail else 0.0
        if not one.true_at_end and sample.counts(place):
            counts[label] += 1.0 if settled else 1.0 - chances[place]
            silent += 1.0 - chances[place] if label == "crashed" and not settled and run.log_tail else 0.0
    rates = {label: (count + 0.5) / exposure if exposure > 0 else 0.0 for label, count in counts.items()}
    silent_rate = (silent + 0.5) / logged_exposure if logged_exposure > 0 else math.inf
    ends = sum(counts.values())
    return Census(
        lag=max(_lag(np.array(lasted), ends / exposure if exposure > 0 else 0.0), look_every_s or 0.0),
        stops=len(lasted),
        rates=rates,
        silent_rate=min(silent_rate, rates["crashed"]),
        idle=max(idle, 0.0),
        asleep=_asleep(len(lasted), passed, ends, exposure, idle + sum(lasted)),
    )


def _lag(lasted: Floats, hazard: float) -> float:
    """The controller's lag, from the times that the rule had been true when runs ended."""
    if not lasted.size:
        return 0.0
    lasted = np.sort(lasted)
    most = 6.0 * float(np.median(lasted)) or math.inf
    lag = float(lasted[-1])
    for _ in range(_ROUNDS):
        # A candidate is a stop with P; stops at d were as many more as runs crashed before they came to d.
        stops = np.exp(np.minimum(hazard * lasted, math.log(_MOST_WEIGHT))) / (
            1.0 + hazard * np.maximum(lag - lasted, 0)
        )
        below = (np.cumsum(stops) - stops / 2.0) / stops.sum()
        lag = min(float(np.interp(0.95, below, lasted)), most)
    return lag * (1.0 + 1.0 / lasted.size)


def _asleep(stops: int, passed: int, ends: float, exposure: float, true_for: float) -> float:
    """Posterior chance that the controller never acted, given how many runs ended while the rule was true."""
    if stops == 0 or exposure <= 0 or true_for <= 0:
        return 0.0
    shape = ends + 0.5
    share = exposure / (exposure + true_for)
    log_idle = (
        gammaln(stops + shape) - gammaln(shape) - gammaln(stops + 1.0)
        + shape * math.log(share) + stops * math.log1p(-share)
    )  # fmt: skip
    idle = math.exp(float(log_idle))
    log_acting = (
        math.log(3.0) + gammaln(stops + passed + 1.0) + gammaln(stops + 3.0)
        - gammaln(stops + 1.0) - gammaln(stops + passed + 4.0)
    )  # fmt: skip
    return idle / (idle + _ODDS_OF_ACTING * math.exp(float(log_acting)))
