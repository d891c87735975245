"""The sweep's own stopping rule, run again over what its runs logged.

For every run: was the rule true when it ended, since when, and how likely is it that the rule ended it? W&B has no
state for a run that its rule stopped: such runs show up as crashed, killed, failed or finished.

**Probability.** A controller that looks every few minutes stops a run at most a lag l after the rule became true
for it; a run may also crash in that time. With d the time since the rule became true, that gives

    P = 1 / (1 + h max(l - d, 0)) * max(0, 1 - h E / N) * A,  kept within [0.001, 1]

- l: the 95th percentile of d over the N candidate stops (runs with the rule true at their end whose end nothing else
  explains), at most six times their median, times (1 + 2 / N), at least ``look_every_s``; one step of the run longer
  where times are coarse or missing.
- h: the hazard of the run's other explanation while the rule was false, in runs that logged something:
  (ends + 1/2) / exposure. The ends are crashes for a run that looks crashed, stops by hand for one that looks killed,
  completions short of the budget for one that looks finished. For a run whose log was kept and holds no decisive
  line, only crashes count that left no line either.
- E: the time that the rule was true in other runs, or was true and passed. Where E is long the controller did not
  act (it was off, or saw other values), and a run that ended while the rule was true may as well have crashed.
- A: 1 where times are known or coarse. Where they are missing the final thresholds are used, and A is the chance
  that the rule was true, over all orders in which the runs could have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from ..sweepfile.config import Metric
from ..sweepfile.hyperband import Hyperband
from ..types import Floats, OutcomeLabel, Run
from .timeline import Board, Spell, Times, Track, boards, spell, track

LEAST = 0.001
_RIVALS: tuple[OutcomeLabel, ...] = ("crashed", "stopped_by_user", "completed")
_BY_STATE: Mapping[str, OutcomeLabel] = {
    "finished": "completed",
    "killed": "stopped_by_user",
    "pending": "never_started",
    "running": "running",
    "preempting": "running",
}
_RAN_ON = 2.0  # lags: no controller that acts is this late


@dataclass(frozen=True)
class Replay:
    """The rule and one run."""

    run_id: str
    true_at_end: bool
    """The rule would have stopped the run, judged with all that was logged until its end."""
    iterations: int
    band: int | None
    """The last band that the run reached; None before the first."""
    threshold: float | None
    value: float | None
    """What the rule held against the threshold: the value at the band (``strict``) or the best so far."""
    since_s: float | None
    """Seconds before its end since when the rule had been true; None where it was not or times are missing."""
    since_iterations: int | None
    """Values logged after the band; None before the first band."""
    ran_on: bool
    """The rule had been true for longer than the controller ever took: it was not acting on this run."""
    probability: float
    """Chance that the rule ended the run, given that nothing else settles its end; 0 where it was not true then.
    Without times the final thresholds may be false and a chance remain."""
    times: Times
    text: str
    """One plain sentence."""


def replay(
    runs: Sequence[Run],
    rule: Hyperband,
    metric: Metric,
    *,
    look_every_s: float | None = None,
    settled: Mapping[str, OutcomeLabel] | None = None,
    otherwise: Mapping[str, OutcomeLabel] | None = None,
) -> Mapping[str, Replay]:
    """The rule replayed in time order; one Replay a run, by id.

    look_every_s: how often the controller is known to look. settled: runs whose end other evidence settles, by id;
    they are no candidate stops. otherwise: what the others' ends would be called if there were no rule; by default
    what their states suggest.
    """
    ends = _Ends(settled or {}, otherwise or {})
    tracks = [track(run, metric.sign) for run in runs]
    by_band = boards(tracks, rule)
    spells = [spell(each, rule, by_band) for each in tracks]
    probabilities = np.zeros(len(runs))
    lags = np.zeros(len(runs))
    for timed in (True, False):  # two clocks, seconds and iterations: never mixed
        group = [i for i, each in enumerate(tracks) if (each.times != "missing") == timed]
        census = _census([runs[i] for i in group], [tracks[i] for i in group], [spells[i] for i in group], ends)
        lag = census.lag if look_every_s is None or not timed else max(census.lag, look_every_s)
        for i in group:
            lags[i] = lag + (0.0 if tracks[i].times == "known" else max(tracks[i].step, 0.0 if timed else 1.0))
            arrival = None if timed else _chance_true(spells[i], tracks[i].costs.size, lags[i], by_band, rule)
            hazard = census.hazard(ends.label(runs[i]), bool(runs[i].log_tail))
            probabilities[i] = _probability(spells[i], lags[i], census, hazard, arrival)
    return {
        run.id: _result(run, rule, tracks[i], spells[i], metric.sign, float(lags[i]), float(probabilities[i]))
        for i, run in enumerate(runs)
    }


@dataclass(frozen=True)
class _Ends:
    """What is thought of each run's end apart from the rule."""

    settled: Mapping[str, OutcomeLabel]
    otherwise: Mapping[str, OutcomeLabel]

    def label(self, run: Run) -> OutcomeLabel:
        named = self.settled.get(run.id) or self.otherwise.get(run.id)
        if named is not None:
            return "crashed" if named == "unknown" else named
        return _BY_STATE.get(run.state, "crashed")


@dataclass(frozen=True)
class _Census:
    """What a sweep's runs say about its controller and its other ends, on one clock."""

    lag: float
    stops: int
    hazards: Mapping[OutcomeLabel, float]
    """Ends by label per unit of the clock while the rule was false."""
    silent_hazard: float
    """The same for crashes that left no decisive line in a log that was kept."""
    idle: float
    """Time that the rule was true without ending the run."""

    def hazard(self, label: OutcomeLabel, log_kept: bool) -> float:
        if label == "crashed" and log_kept:
            return self.silent_hazard
        return self.hazards.get(label, self.hazards["crashed"])


def _census(runs: Sequence[Run], tracks: Sequence[Track], spells: Sequence[Spell], ends: _Ends) -> _Census:
    lasted: list[float] = []
    idle = exposure = logged_exposure = 0.0
    counts: dict[OutcomeLabel, int] = dict.fromkeys(_RIVALS, 0)
    silent = 0
    for run, each, one in zip(runs, tracks, spells, strict=True):
        label = ends.label(run)
        settled = run.id in ends.settled
        candidate = one.true_at_end and not settled and label in _RIVALS
        if candidate:
            lasted.append(one.lasted)
        idle += one.true_for - (one.lasted if candidate else 0.0)
        if not each.costs.size:
            continue  # it never came so far that the rule could act: its hazard is that of starting up
        exposure += one.false_for
        logged_exposure += one.false_for if run.log_tail else 0.0
        if not one.true_at_end and label in counts and (label == "crashed" or not settled):
            counts[label] += 1
            silent += label == "crashed" and not settled and bool(run.log_tail)
    if exposure <= 0:
        return _Census(_lag(lasted), len(lasted), dict.fromkeys(_RIVALS, 0.0), 0.0, max(idle, 0.0))
    hazards = {label: (count + 0.5) / exposure for label, count in counts.items()}
    silent_hazard = hazards["crashed"]
    if logged_exposure > 0:
        silent_hazard = min((silent + 0.5) / logged_exposure, silent_hazard)
    return _Census(_lag(lasted), len(lasted), hazards, silent_hazard, max(idle, 0.0))


def _lag(lasted: Sequence[float]) -> float:
    """The controller's lag, from the times that the rule had been true when runs ended."""
    if not lasted:
        return 0.0
    high = float(np.percentile(lasted, 95))
    return min(high, 6.0 * float(np.median(lasted)) or high) * (1.0 + 2.0 / len(lasted))


def _probability(one: Spell, lag: float, census: _Census, hazard: float, arrival: float | None) -> float:
    """The formula of this module's docstring; ``arrival`` is None where times are known or coarse."""
    if not one.true_at_end and not arrival:
        return 0.0
    in_time = 1.0 / (1.0 + hazard * max(lag - one.lasted, 0.0))
    acting = max(0.0, 1.0 - hazard * census.idle / max(census.stops, 1))
    return float(min(max(in_time * acting * (1.0 if arrival is None else arrival), LEAST), 1.0))


def _chance_true(one: Spell, iterations: int, lag: float, by_band: Mapping[int, Board], rule: Hyperband) -> float:
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


def _result(run: Run, rule: Hyperband, each: Track, one: Spell, sign: int, lag: float, probability: float) -> Replay:
    timed = each.times != "missing"
    return Replay(
        run_id=run.id,
        true_at_end=one.true_at_end,
        iterations=each.costs.size,
        band=one.band,
        threshold=None if one.threshold is None else -sign * one.threshold,
        value=None if one.judged is None else -sign * one.judged,
        since_s=one.lasted if one.true_at_end and timed else None,
        since_iterations=None if one.band is None else each.costs.size - one.band,
        ran_on=one.true_at_end and one.lasted > _RAN_ON * lag,
        probability=probability,
        times=each.times,
        text=_sentence(rule, each, one, sign),
    )


def _sentence(rule: Hyperband, each: Track, one: Spell, sign: int) -> str:
    logged = f"{each.costs.size} logged value{'' if each.costs.size == 1 else 's'}"
    if one.band is None or one.judged is None or one.threshold is None:
        first = f"the first band of the sweep's stopping rule is at {rule.bands[0]}"
        return f"It ended after {logged}; {first}."
    judged = f"its value at band {one.band}" if rule.strict else f"its best value, judged at band {one.band},"
    relation = "was worse than" if one.true_at_end else "was no worse than"
    compared = f"{judged} ({-sign * one.judged:.4g}) {relation} the threshold ({-sign * one.threshold:.4g})"
    if not one.true_at_end:
        return f"The sweep's stopping rule was false when it ended after {logged}: {compared}."
    since = f", and had been for {duration(one.lasted)}" if each.times != "missing" else ""
    order = "; times are missing, so the final threshold was used" if each.times == "missing" else ""
    return f"The sweep's stopping rule was true when it ended after {logged}: {compared}{since}{order}."


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
