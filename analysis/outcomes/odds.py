"""How likely it is that the sweep's rule ended a run for which it was true.

A controller that looks every few minutes stops a run at most a lag l after the rule became true for it; a run may
also end by itself in that time, with the hazard h. With d the time since the rule became true, Bayes' rule gives

    P = 1 / (1 + h (l - d))   for d < l, else 1.

The rule is looked at again whenever any run logs a value, so thresholds that drift stop runs between bands too
(``timeline``). l and h are the sweep's own (``census``). Two things can be wrong with the sweep as a whole, and take
from P what they explain:

    P * (1 - h E / (N + 2)) * (1 - Z),   kept within [0.001, 1]

- E: the time that the rule was true without ending the run: h E of the N candidate stops are other ends of such time
  (out of N + 2, so that one run of a tiny sweep does not carry it).
- Z: the chance that the controller did not act at all.

Where times are coarse l is longer by half a step of the run. Where they are missing, ``untimed`` counts logged values
instead. Where the rule was false at the end, ``view`` asks whether the controller may have seen it otherwise.
"""

from __future__ import annotations

from .census import Census
from .timeline import Track

LEAST = 0.001


def blur(each: Track) -> float:
    """By how much a run's times may be out, on its clock."""
    return {"known": 0.0, "coarse": each.step / 2.0, "missing": 0.5}[each.times]


def chance_of_stop(lasted: float, lag: float, census: Census, hazard: float) -> float:
    """P of this module's docstring for a run whose end the rule was true at; ``lasted`` is d, ``hazard`` is h."""
    in_time = 1.0 / (1.0 + hazard * max(lag - lasted, 0.0))
    elsewhere = max(0.0, 1.0 - hazard * census.idle / (census.stops + 2.0))
    return float(min(max(in_time * elsewhere * (1.0 - census.asleep), LEAST), 1.0))
