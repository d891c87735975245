"""How likely it is that the rule was true for the controller although our replay says false.

The controller judged other values than those that we read: some came to it late, runs were deleted since, clocks
differ, histories were thinned. So a run that ends just after a band at which our replay lets it through may be a
stop. With e the chance that the rule was true in the controller's view, d the time since the run came to the band,
l the controller's lag and h the hazard of ending otherwise,

    P = 1 / (1 + h (l / e - d))  for d <= l, else 0:

the formula of ``odds``, where e = 1. The chance is a share of what another view could do at all,

    e = share * T,   T = (1 - OWN) * T_others + OWN * (1 - 1 / eta)

- T_others: the chance that the rule is true if the controller held the run against any number of the others that had
  come to the band before, each number as likely: near 1/2 for a run next to the threshold, near 0 for one that is
  ranks away. OWN: the chance that it was the run's own value or count of values that differed.
- share: one for the sweep, estimated from it (empirical Bayes). The runs that were let through at a band, with the
  time that each stayed, are held against the hazard at all other times while the rule was false; the likelihood of
  one is (e / l + h) exp(-h d), less what e has used up, where it ended d <= l after the band, and
  (1 - e t / l) exp(-h t) where it stayed t. Just after a band h may differ by a factor from h elsewhere, as programs
  may fail at some epochs more than at others without any rule (log-normal, RATIO_SD). P is averaged over the
  posterior of share, h and factor on a grid.
- The prior puts NONE on a share of 0: a sweep without an excess of ends at its bands is left as it was replayed.

Runs without times are not treated: ``odds`` averages over the orders of the others for them already. Ends that a
differing view caused between bands are not found; nor are those before the first band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..sweepfile.hyperband import Hyperband
from ..types import Floats
from .census import Census, Sample
from .untimed import chance_over_orders

OWN = 0.1
NONE = 0.8
RATIO_SD = 1.5

_SHARES = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0])
_RATIOS = np.exp(np.linspace(-3.0, 6.0, 13))
_HAZARDS = np.exp(np.linspace(-2.5, 1.5, 17))
"""Factors of the sweep's mean hazard."""
_TINY = 1e-300


@dataclass(frozen=True)
class Passes:
    """Runs that were let through at a band, one row a run and band; all [n], on one clock."""

    lasted: Floats
    """From the run's arrival to the next band, to its end, or until the rule turned true for it."""
    ended: Floats
    """Where the run ended so by what is no settled completion: the share of such ends among all; else 0."""
    open: Floats
    """1 where the rule may have ended it, 0 where something else settles its end."""
    chance: Floats
    """T of this module's docstring."""
    lag: Floats


def doubt(sample: Sample, census: Census, lags: Floats, rule: Hyperband) -> Floats:
    """P of this module's docstring, [runs]; 0 for runs that did not end soon after a band that let them through."""
    found = np.zeros(len(sample.runs))
    total = sum(census.rates.values())
    if not census.stops or total <= 0:
        return found
    shares = census.hazards(sample) / total
    rows: list[tuple[float, ...]] = []
    before, exposure = 0.0, 0.0
    first = rule.bands[0]
    for place, (each, one) in enumerate(zip(sample.tracks, sample.spells, strict=True)):
        counts = sample.counts(place)
        reached = each.costs.size >= first
        if each.costs.size:
            before += counts and not reached
            exposure += float((each.clock[first - 1] if reached else each.end) - each.clock[0])
        # A program that ends well before its time mostly stopped itself.
        open_ = not sample.settled[place] and sample.labels[place] != "completed"
        rows += [
            (
                place,
                passed.lasted,
                shares[place] if passed.ended and counts else 0.0,
                open_,
                chance_over_orders(passed.seen, passed.better, rule.eta),
                lags[place],
            )
            for passed in one.passes
        ]
    if not rows:
        return found
    places, lasted, ended, may, others, lag = np.array(rows, dtype=np.float64).T
    chance = (1.0 - OWN) * others + OWN * (1.0 - 1.0 / rule.eta)
    soon = chances_of_view(Passes(lasted, ended, may, chance, lag), before, exposure) * (1.0 - census.asleep)
    found[places[ended > 0].astype(int)] = soon[ended > 0]
    return found


def chances_of_view(passes: Passes, ends: float, exposure: float) -> Floats:
    """P of this module's docstring, [n]; 0 for runs that did not end within the lag.

    ends, exposure: those before the first band, on the same clock.
    """
    found = np.zeros(passes.ended.size)
    soon = (passes.ended > 0) & (passes.lasted <= passes.lag)
    if not soon.any():
        return found
    time = np.minimum(passes.lasted, passes.lag)
    exposure += float((passes.lasted - time).sum())
    ends += float(((passes.ended > 0) & ~soon).sum())
    hazards = (ends + soon.sum()) / max(exposure + time.sum(), _TINY) * _HAZARDS
    own = _RATIOS[:, None] * hazards  # [ratio, hazard], as all that follow
    logs = np.empty((_SHARES.size, *own.shape))
    chances = np.empty((*logs.shape, int(soon.sum())))
    for place, share in enumerate(_SHARES):
        used = share * passes.chance * time / passes.lag
        stop = (share * passes.chance * passes.open / passes.lag)[soon]
        crash = own[:, :, None] * (passes.ended * (1.0 - used))[soon]
        both = np.maximum(stop + crash, _TINY)
        chances[place] = stop / both
        logs[place] = np.log(both).sum(axis=-1) + np.log(np.maximum(1.0 - used[~soon], _TINY)).sum()
        logs[place] += np.log(NONE if share == 0.0 else (1.0 - NONE) / (_SHARES.size - 1))
    logs -= own * time.sum() + hazards * exposure - ends * np.log(hazards)
    logs -= (np.log(_RATIOS) / RATIO_SD)[:, None] ** 2 / 2.0
    weights = np.exp(logs - logs.max())
    found[soon] = np.tensordot(weights / weights.sum(), chances, axes=3)
    return found
