"""Cumulative incidence of competing ends: the Aalen-Johansen estimator, for ends that are known with a chance.

With n runs at risk just before progress t and d_k ends of kind k at t (chances summed),

    I_k(t) = sum over ends at u <= t of S(u-) d_k(u) / n(u),

S the share still going. Runs still running leave the risk set at their progress, after the ends there. Estimator and
variance (delta method): Marubini and Valsecchi, Analysing Survival Data from Clinical Trials and Observational
Studies (Wiley 1995), section 10.2, after Dinse and Larson, Biometrika 73 (1986) 379-386; statsmodels'
``CumIncidenceRight`` has the same, which tests hold this against, but no variance where ends carry weights. Doubt
about what ended a run adds the variance of I_k over its labels, sum of (S / n)^2 w (1 - w): S and n do not depend on
them.

Intervals are mid-p Clopper-Pearson ones with the effective number n_e = I (1 - I) / variance of runs (Dorey and Korn,
Statistics in Medicine 6 (1987) 679-687); without censoring and doubt that is the interval of a plain share. The usual
log(-log) interval has no width at all before the first event: for an incidence of 5 % it covered 44 % of the time
at 10 runs, 65 % at 20 and 92 % at 50 in our simulations, this one 98 %, 98 % and 98 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from ..types import Floats

_HALVINGS = 60
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Incidence:
    """Steps at ``at`` [T]; the arrays hold from each step up to the next."""

    at: Floats
    """Where runs ended or still were, ascending, without repeats."""
    at_risk: Floats
    """Runs that came so far, [T]."""
    value: Floats
    """Cumulative incidence of each end, [T, K]."""
    variance: Floats
    """Of ``value``, [T, K]."""
    none: Floats
    """Chance that no run ended so, [T, K]; where it is not small a lower end has to be 0."""
    observed: Floats
    """Runs whose end is known or that came further, [T]: the most that an interval may rest on."""

    def before(self, progress: float) -> int:
        """The index of the last step before ``progress``; -1 where there is none."""
        return int(np.searchsorted(self.at, progress, side="left")) - 1


def aalen_johansen(progress: Floats, chances: Floats) -> Incidence:
    """The incidence of K ends over n runs.

    progress: [n], where each run ended or still is; chances: [n, K], rows that add up to 1, or to 0 where the run
    has not ended.
    """
    at, place = np.unique(progress, return_inverse=True)
    left = np.bincount(place, minlength=at.size).astype(np.float64)
    at_risk: Floats = np.cumsum(left[::-1])[::-1]
    spared = np.log(np.maximum(1.0 - chances, _TINY))
    ends, doubt, none = (_sums(place, of, at.size) for of in (chances, chances * (1.0 - chances), spared))
    ended: Floats = np.minimum(ends.sum(axis=1), at_risk)
    going = np.cumprod(1.0 - ended / at_risk)
    weight = np.concatenate([[1.0], going[:-1]])[: at.size] / at_risk
    value = np.cumsum(weight[:, None] * ends, axis=0)
    variance = _sampling(value, weight, ends, ended, at_risk) + np.cumsum(weight[:, None] ** 2 * doubt, axis=0)
    censored = np.cumsum(left - ended) - (left - ended)
    return Incidence(
        at=at,
        at_risk=at_risk,
        value=np.minimum(value, 1.0),
        variance=variance,
        none=np.exp(np.cumsum(none, axis=0)),
        observed=progress.size - censored,
    )


def _sums(place: NDArray[np.intp], numbers: Floats, size: int) -> Floats:
    """``numbers`` [n, K] added up at each place, [size, K]."""
    total = np.zeros((size, numbers.shape[1]))
    np.add.at(total, place, numbers)
    return total


def _sampling(value: Floats, weight: Floats, ends: Floats, ended: Floats, at_risk: Floats) -> Floats:
    """The delta-method variance, [T, K]; sums over earlier steps u of terms in I(t) - I(u), multiplied out."""
    after = at_risk - ended
    # Where all that were at risk ended nothing comes after: I(t) - I(u) is 0 and the term drops out.
    spread = np.where(after > _TINY, ended / np.maximum(at_risk * after, _TINY), 0.0)[:, None]
    share = ends / at_risk[:, None]
    weight = weight[:, None]
    total = (
        value**2 * np.cumsum(spread, axis=0)
        - 2.0 * value * np.cumsum(value * spread, axis=0)
        + np.cumsum(value**2 * spread, axis=0)
        + np.cumsum(weight**2 * (at_risk[:, None] - ends) * share, axis=0)
        - 2.0 * value * np.cumsum(weight * share, axis=0)
        + 2.0 * np.cumsum(value * weight * share, axis=0)
    )
    variance: Floats = np.maximum(total, 0.0)
    return variance


def intervals(
    value: Floats, variance: Floats, none: Floats, observed: Floats, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Lower and upper ends of the pointwise intervals, shaped as ``value``; the others as in ``Incidence``."""
    inner = (value > _TINY) & (value < 1.0 - _TINY) & (variance > 0)
    most = np.broadcast_to(observed, value.shape).astype(np.float64)
    effective = np.where(inner, value * (1.0 - value) / np.where(inner, variance, 1.0), most)
    effective = np.minimum(effective, most)
    events = value * effective
    tail = (1.0 - level) / 2.0
    low = np.where(events > _TINY, _crossing(events, effective, tail), 0.0)
    high = np.where(effective - events > _TINY, _crossing(events, effective, 1.0 - tail), 1.0)
    low = np.where(none >= 2.0 * tail, 0.0, low)  # half the mid-p weight of no event at all exceeds the tail
    return np.minimum(low, value), np.maximum(high, value)


def _crossing(events: Floats, trials: Floats, target: float) -> Floats:
    """The share at which the mid-p upper tail of ``events`` in ``trials`` is ``target``, by bisection."""
    low, high = np.zeros_like(events), np.ones_like(events)
    failures = np.maximum(trials - events, 0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        at_least = np.where(events <= _TINY, 1.0, betainc(np.maximum(events, _TINY), failures + 1.0, middle))
        above = np.where(failures <= _TINY, 0.0, betainc(events + 1.0, np.maximum(failures, _TINY), middle))
        too_low = (at_least + above) / 2.0 < target
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return (low + high) / 2.0
