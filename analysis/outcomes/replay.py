"""The sweep's own stopping rule, run again over what its runs logged.

For every run: was the rule true when it ended, since when, and how likely is it that the rule ended it? W&B has no
state for a run that its rule stopped: such runs show up as crashed, killed, failed or finished.

The probability is ``odds``'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..sweepfile.config import Metric
from ..sweepfile.hyperband import Hyperband
from ..types import OutcomeLabel, Run
from .odds import Ends, blur, chance_of_stop, chance_true, take_census
from .timeline import Spell, Times, Track, boards, spell, track

_ROUNDS = 3  # without times the crash hazard and the chances depend on one another
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
    ends = Ends(settled or {}, otherwise or {})
    tracks = [track(run, metric.sign) for run in runs]
    by_band = boards(tracks, rule)
    spells = [spell(each, rule, by_band) for each in tracks]
    lags = np.zeros(len(runs))
    chances = np.zeros(len(runs))
    asleep = np.zeros(len(runs), dtype=bool)
    for timed in (True, False):  # two clocks, seconds and iterations: never mixed
        group = [i for i, each in enumerate(tracks) if (each.times != "missing") == timed]
        parts = [runs[i] for i in group], [tracks[i] for i in group], [spells[i] for i in group]
        for _ in range(1 if timed else _ROUNDS):
            census = take_census(*parts, ends, [float(chances[i]) for i in group])
            lag = census.lag if look_every_s is None or not timed else max(census.lag, look_every_s)
            for i in group:
                lags[i] = lag + blur(tracks[i])
                asleep[i] = census.asleep >= 0.5
                hazard = census.hazard(ends.label(runs[i]), bool(runs[i].log_tail))
                prior = float(spells[i].true_at_end)
                if not timed:
                    prior = chance_true(spells[i], tracks[i].costs.size, lags[i], by_band, rule)
                lasted = spells[i].lasted
                chances[i] = chance_of_stop(lasted, lags[i], census, hazard, prior, late_is_doubtful=not timed)
    told = zip(runs, tracks, spells, lags.tolist(), chances.tolist(), asleep.tolist(), strict=True)
    return {each[0].id: _result(rule, metric.sign, *each) for each in told}


def _result(
    rule: Hyperband, sign: int, run: Run, each: Track, one: Spell, lag: float, probability: float, asleep: bool
) -> Replay:
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
        ran_on=one.true_at_end and (asleep or one.lasted > _RAN_ON * lag),
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
