"""The sweep's own stopping rule, run again over what its runs logged.

For every run: was the rule true when it ended, since when, and how likely is it that the rule ended it? W&B has no
state for a run that its rule stopped: such runs show up as crashed, killed, failed or finished.

The probability is that of ``odds`` where the rule was true, of ``view`` where it was false, and of ``untimed`` where
times are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..sweepfile.config import Metric
from ..sweepfile.hyperband import Hyperband
from ..types import Floats, OutcomeLabel, Run
from .census import Census, Ends, Sample, take_census
from .odds import blur, chance_of_stop
from .timeline import Spell, Times, Track, boards, spell, track
from .untimed import untimed
from .view import doubt

_ROUNDS = 3  # without times the crash hazard and the chances depend on one another
_WORTH_SAYING = 0.05
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
    """The rule had been true for twice as long as the controller ever took, or the controller seems not to have
    acted in the whole sweep: the run went on although the rule was true."""
    probability: float
    """Chance that the rule ended the run, given that nothing else settles its end. Where the rule was false then a
    chance remains: the controller may have seen other values, or without times other thresholds."""
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
    ends = Ends(settled or {}, otherwise or {})
    tracks = [track(run, metric.sign) for run in runs]
    by_band = boards(tracks, rule)
    spells = [spell(each, rule, by_band) for each in tracks]
    told: dict[str, Replay] = {}
    for timed in (True, False):  # two clocks, seconds and iterations: never mixed
        members = [i for i, each in enumerate(tracks) if (each.times != "missing") == timed]
        sample = Sample.of(members, runs, tracks, spells, ends)
        chances = np.zeros(len(members))
        for _ in range(_ROUNDS):
            census = take_census(sample, chances, look_every_s if timed else None)
            chances = _timed(sample, census, rule) if timed else untimed(sample, census, chances, by_band, rule)
        for place, (run, each, one) in enumerate(zip(sample.runs, sample.tracks, sample.spells, strict=True)):
            late = census.asleep >= 0.5 or one.lasted > _RAN_ON * (census.lag + blur(each))
            told[run.id] = _result(rule, metric.sign, run, each, one, float(chances[place]), late)
    return {run.id: told[run.id] for run in runs}


def _timed(sample: Sample, census: Census, rule: Hyperband) -> Floats:
    """The chances of runs with times: ``odds`` where the rule was true at the end, ``view`` where it was not."""
    lags = [census.lag + blur(each) for each in sample.tracks]
    hazards = census.hazards(sample)
    chances = doubt(sample, census, np.array(lags), rule)
    for place, one in enumerate(sample.spells):
        if one.true_at_end:
            chances[place] = chance_of_stop(one.lasted, lags[place], census, hazards[place])
    return chances


def _result(rule: Hyperband, sign: int, run: Run, each: Track, one: Spell, probability: float, late: bool) -> Replay:
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
        ran_on=one.true_at_end and late,
        probability=probability,
        times=each.times,
        text=_sentence(rule, each, one, sign, probability),
    )


def _sentence(rule: Hyperband, each: Track, one: Spell, sign: int, probability: float) -> str:
    logged = f"{each.costs.size} logged value{'' if each.costs.size == 1 else 's'}"
    if one.band is None or one.judged is None or one.threshold is None:
        first = f"the first band of the sweep's stopping rule is at {rule.bands[0]}"
        return f"It ended after {logged}; {first}."
    judged = f"its value at band {one.band}" if rule.strict else f"its best value, judged at band {one.band},"
    relation = "was worse than" if one.true_at_end else "was no worse than"
    compared = f"{judged} ({-sign * one.judged:.4g}) {relation} the threshold ({-sign * one.threshold:.4g})"
    if not one.true_at_end:
        doubted = _doubt(one, probability)
        return f"The sweep's stopping rule was false when it ended after {logged}: {compared}{doubted}."
    since = f", and had been for {duration(one.lasted)}" if each.times != "missing" else ""
    order = "; times are missing, so the final threshold was used" if each.times == "missing" else ""
    return f"The sweep's stopping rule was true when it ended after {logged}: {compared}{since}{order}."


def _doubt(one: Spell, probability: float) -> str:
    if probability < _WORTH_SAYING or not one.passes:
        return ""
    return (
        f"; yet it ended {duration(one.passes[-1].lasted)} after it came to the band, as a stop would "
        f"(chance {probability:.0%} that the controller saw other values)"
    )


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
