"""How likely it is that the rule ended a run that has no times, from its logged values alone.

Without times the order in which the runs came to a band is not known, nor how long the controller took. Counted in
logged values, with k of them after the run's last band,

    P = a r / (r + h) * (1 - exp(-r - h)) / (a (1 - exp(-r - h)) + (1 - a) (1 - exp(-h)))

that is: with chance a the rule was true, and then stop and other end compete until the next value; else only the
other end is there.

- r = -log(1 - q), q the chance that the controller stops a run between its k-th value after the band and the next if
  the rule is true and it has come so far: the candidate stops with k values among those with k or more, each with its
  own probability, and SPREAD more spread evenly up to the longest. Solved by iteration.
- a: the chance that the rule was true. At the band it was so in a share T of all orders in which the runs may have
  come (``chance_over_orders``). A run that came so far was the less likely stoppable, the fewer stops take so long:
  a = T S / (T S + 1 - T), S the share of the stops with k or more, never below DRIFT: of the stops that thresholds
  make which pass a run between bands.
- h: the hazard of another end a logged value, as in ``odds``.

Epochs much shorter than the controller's look are the weak case: much happens within one lag, and P is less certain
than it claims.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from ..sweepfile.hyperband import Hyperband
from ..types import Floats
from .census import RIVALS, Census, Sample
from .timeline import Board, Spell

SPREAD = 1.0
MOST = 0.95
DRIFT = 0.05
_POINTS = 64


def chance_over_orders(others: int, better: float, eta: float) -> float:
    """Chance that the rule is true for a run held against any number, 0 to ``others``, of other runs.

    better: the chance of each of them to be better, 0 to 1. With m of them there the rule is true where more than
    position(m + 1) of them are better: a binomial tail, averaged over m.
    """
    if others < 1:
        return 0.0
    seen: Floats = np.unique(np.linspace(0.0, others, _POINTS).round())
    needed = np.minimum(np.floor((1.0 / eta) * (seen + 1.0)), seen) + 1.0
    tails = np.where(seen >= needed, betainc(needed, np.maximum(seen - needed + 1.0, 1e-9), better), 0.0)
    return float(tails.mean())


def untimed(sample: Sample, census: Census, known: Floats, by_band: Mapping[int, Board], rule: Hyperband) -> Floats:
    """P of this module's docstring, [runs]; 0 for runs that the rule cannot have ended.

    known: P as far as known, [runs]; where it is 0 everywhere, runs count for which the final thresholds are passed.
    """
    found = np.zeros(len(sample.runs))
    open_ = [
        place
        for place, one in enumerate(sample.spells)
        if one.band is not None and sample.labels[place] in RIVALS and not sample.settled[place]
    ]
    if not open_:
        return found
    spells = [sample.spells[place] for place in open_]
    after = np.array([sample.tracks[place].costs.size - (sample.spells[place].band or 0) for place in open_])
    at_band = np.array([_at_band(one, by_band, rule) for one in spells])
    stops = known[open_] if known.any() else np.array([float(one.true_at_end) for one in spells])
    found[open_] = chances_of_stop(after, at_band, census.hazards(sample)[open_], stops) * (1.0 - census.asleep)
    return found


def _at_band(one: Spell, by_band: Mapping[int, Board], rule: Hyperband) -> float:
    """T of this module's docstring."""
    if one.band is None or one.judged is None:
        return 0.0
    costs = by_band[one.band].costs
    others = costs.size - 1
    better = min(int(np.searchsorted(costs, one.judged, side="left")), others)
    return chance_over_orders(others, better / max(others, 1), rule.eta)


def chances_of_stop(after: NDArray[np.int64], at_band: Floats, hazards: Floats, stops: Floats) -> Floats:
    """P of this module's docstring, [n].

    after: k; at_band: T; hazards: h of each run's other end; stops: how likely each run is a stop as far as known.
    """
    if not stops.any():
        return np.zeros(after.size)
    longest = int(after[stops > 0].max())
    k = np.minimum(after, longest + 1)  # the last place is for all that lasted longer
    counts = np.bincount(k, weights=stops, minlength=longest + 2).astype(np.float64)
    counts += SPREAD / counts.size
    so_far = np.cumsum(counts[::-1])[::-1]
    survived = so_far[k] / so_far[0]
    survived = DRIFT + (1.0 - DRIFT) * survived
    a = at_band * survived / (at_band * survived + 1.0 - at_band)
    q = np.minimum(counts / so_far, MOST)[k]
    rate = -np.log1p(-q)
    ended = a * -np.expm1(-rate - hazards)
    found: Floats = ended * rate / (rate + hazards) / (ended - (1.0 - a) * np.expm1(-hazards))
    return found
