"""How likely it is that the sweep's rule ended a run for which it was true.

A controller that looks every few minutes stops a run at most a lag l after the rule became true for it; a run may
also end by itself in that time. With d the time since the rule became true, Bayes' rule gives

    P = 1 / (1 + h max(l - d, 0) / A) * (1 - h E / (N + 2)) * (1 - Z),   kept within [0.001, 1]

- l: the 95th percentile of d over the N candidate stops (runs with the rule true at their end, which nothing else
  settles), at most six times their median, times (1 + 1 / N), at least ``look_every_s``. Candidates count with
  their own probability, and by exp(h d) for the stops that crashes forestalled; solved by iteration. Half a step of
  the run longer where times are coarse, half an iteration where they are missing (there
  d itself counts only up to l: a threshold may have passed the run later).
- h: the hazard of the run's other explanation while the rule was false, from the first logged value on:
  (ends + 1/2) / exposure. The ends are crashes for a run that looks crashed, stops by hand for one that looks
  killed, completions short of the budget for one that looks finished. For a run whose log was kept and holds no
  decisive line, only crashes count that left no line either.
- E: the time that the rule was true in other runs, or was true and passed: h E of the candidates are such ends
  (out of N + 2, so that one run of a tiny sweep does not carry it).
  0 where times are missing: there the final thresholds call the rule true in runs for which it never was.
- Z: the chance that the controller did not act at all (it was off, or saw other values). Then the candidates are
  the other ends of the whole time that the rule was true: negative binomial, given h and its uncertainty. It is
  weighed, at odds of 1 to 4, against a controller that stops most runs for which the rule is true: a share with the
  density 3 x^2.
- A: 1 where times are known or coarse. Where they are missing the final thresholds are used, and A is the chance
  that the rule was true, over all orders in which the runs could have arrived.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, gammaln

from ..sweepfile.hyperband import Hyperband
from ..types import Floats, OutcomeLabel, Run
from .timeline import Board, Spell, Track

LEAST = 0.001
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
class Census:
    """What a sweep's runs say about its controller and its other ends, on one clock."""

    lag: float
    stops: int
    hazards: Mapping[OutcomeLabel, float]
    """Ends by label per unit of the clock while the rule was false."""
    silent_hazard: float
    """The same for crashes that left no decisive line in a log that was kept."""
    idle: float
    """Time that the rule was true without ending the run."""
    asleep: float
    """Chance that the controller did not act at all."""

    def hazard(self, label: OutcomeLabel, log_kept: bool) -> float:
        if label == "crashed" and log_kept:
            return self.silent_hazard
        return self.hazards.get(label, self.hazards["crashed"])


def blur(each: Track) -> float:
    """By how much a run's times may be out, on its clock."""
    return {"known": 0.0, "coarse": each.step / 2.0, "missing": 0.5}[each.times]


def take_census(
    runs: Sequence[Run], tracks: Sequence[Track], spells: Sequence[Spell], ends: Ends, chances: Sequence[float]
) -> Census:
    """Counts ends and exposures over all runs of one clock.

    chances: of each run having been stopped by the rule although the rule seems false at its end, as far as known.
    """
    lasted: list[float] = []
    idle = exposure = logged_exposure = 0.0
    counts: dict[OutcomeLabel, float] = dict.fromkeys(RIVALS, 0.0)
    silent = 0.0
    passed = 0
    for run, each, one, chance in zip(runs, tracks, spells, chances, strict=True):
        label = ends.label(run)
        settled = run.id in ends.settled
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
        if not one.true_at_end and label in counts and (label == "crashed" or not settled):
            counts[label] += 1.0 if settled else 1.0 - chance
            silent += 1.0 - chance if label == "crashed" and not settled and run.log_tail else 0.0
    rates = {label: (count + 0.5) / exposure if exposure > 0 else 0.0 for label, count in counts.items()}
    silent_rate = (silent + 0.5) / logged_exposure if logged_exposure > 0 else math.inf
    return Census(
        lag=_lag(np.array(lasted), sum(counts.values()) / exposure if exposure > 0 else 0.0),
        stops=len(lasted),
        hazards=rates,
        silent_hazard=min(silent_rate, rates["crashed"]),
        idle=0.0 if any(each.times == "missing" for each in tracks) else max(idle, 0.0),
        asleep=_asleep(len(lasted), passed, sum(counts.values()), exposure, idle + sum(lasted)),
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


def chance_of_stop(
    lasted: float, lag: float, census: Census, hazard: float, prior: float, *, late_is_doubtful: bool = False
) -> float:
    """P of this module's docstring; ``prior`` is A, or 0 where the rule was not true at the end."""
    if prior <= 0.0:
        return 0.0
    left = lag if late_is_doubtful and lasted > lag else max(lag - lasted, 0.0)
    in_time = 1.0 / (1.0 + hazard * left / prior)
    elsewhere = max(0.0, 1.0 - hazard * census.idle / (census.stops + 2.0))
    return float(min(max(in_time * elsewhere * (1.0 - census.asleep), LEAST), 1.0))


def chance_true(one: Spell, iterations: int, lag: float, by_band: Mapping[int, Board], rule: Hyperband) -> float:
    """Chance that the rule was true for a run without times, over the orders in which the others may have come.

    With m of the other runs there before it, each of them better with the share seen at the end, the rule is true
    where more than position(m + 1) of them are better: a binomial tail, averaged over m.
    """
    if one.band is None or one.judged is None:
        return 0.0
    if not one.true_at_end and iterations - one.band > lag:
        return 0.0  # had the rule been true at the band, the run would not have come this far
    costs = by_band[one.band].costs
    others = costs.size - 1
    better = min(int(np.searchsorted(costs, one.judged, side="left")), others)
    if others < 1:
        return 0.0
    seen: Floats = np.unique(np.linspace(0.0, others, 64).round())
    needed = np.minimum(np.floor((1.0 / rule.eta) * (seen + 1.0)), seen) + 1.0
    tails = np.where(seen >= needed, betainc(needed, np.maximum(seen - needed + 1.0, 1e-9), better / others), 0.0)
    return float(tails.mean())
