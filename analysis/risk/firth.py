"""Firth-penalised logistic and discrete-time hazard models, on plain arrays.

Where every run of a level crashed, or none did, the maximum-likelihood ratio is infinite; in sweeps that is the normal
case. Firth's penalty (Biometrika 80, 1993: half the log-determinant of the information, Jeffreys' prior) keeps it
finite, and intervals and tests come from the penalised likelihood's profile (Heinze and Schemper, Statistics in
Medicine 21, 2002, 2409-2419), as in R's logistf. The fits are
those of firthmodels (``penalised``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Estimate, Floats
from .penalised import Fit, fit_rows, in_units, independent, patterns_of, stacked, sums

OUTCOMES_A_COEFFICIENT = 5
"""Minority outcomes that an adjusted model needs for each coefficient."""
FINE = 1 / 1024
"""Length of the hazard model's trials in units of progress: so short that the odds of a crash in one are the hazard."""
MOST_OTHERS = 12
"""An adjusted model has no more other columns; of thousands of runs each more costs time and changes little."""
_CELLS = 40_000  # runs x pieces of the baseline, so that 10,000 runs are fitted in about a second
_PIECES = (4, 20)  # at the fewest and the most


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """One column's ratio given others."""

    ratio: Estimate
    p: float | None
    adjusted_for: tuple[str, ...]
    dropped: tuple[str, ...]
    """Constant, not finite, or not to be told apart from the column and those adjusted for."""
    left_out: tuple[str, ...]
    """Those for which there was no room."""
    events: float


@dataclass(frozen=True, kw_only=True)
class TooFew:
    """No adjusted model: with ``needed`` crashes (or non-crashes, where they are fewer) one other column would fit."""

    needed: int
    events: float


def firth_logistic(x: Floats, y: Floats, level: float = 0.95, of: Sequence[int] | None = None) -> Fit:
    """Odds ratios of the columns of ``x`` [n, p] for the outcome ``y`` [n] in 0..1; an intercept is added.

    A fractional y is a chance: a pair of rows with weights y and 1 - y. of: the columns to give (all by default);
    the others' ratio and p are None.
    """
    patterns, index = patterns_of(x)
    rows = stacked(patterns, sums(index, y, len(patterns)), sums(index, 1.0 - y, len(patterns)))
    return fit_rows(rows, x.shape[1], level, of, "odds ratio")


def discrete_hazard(
    progress: Floats,
    weight: Floats,
    x: Floats,
    cuts: Sequence[float] = (),
    level: float = 0.95,
    of: Sequence[int] | None = None,
    unit: float = 1.0,
) -> Fit:
    """The discrete-time hazard model: odds of crashing in a unit of progress, of those that began it.

    progress: [n] until when each run was at risk; a crash is taken to fall in the middle of its unit of progress.
    weight: [n] the chance that the run crashed there. x: [n, p]. cuts: bounds of progress between which the baseline
    has its own intercept; a crash at a bound belongs to the interval before it. unit: the length of a trial.
    The odds ratio is close to the hazard ratio where crashes in a unit are rare (Allison, Sociological Methodology 13,
    1982); ``hazard_model`` has units so short that it is the hazard ratio.
    """
    bounds = np.unique(np.asarray([c for c in cuts if c > 0], dtype=float))
    pieces = np.column_stack([np.concatenate([[0.0], bounds]), np.concatenate([bounds, [np.inf]])])
    return _hazard(progress, weight, x, pieces, level, of, unit)


def hazard_model(
    progress: Floats, weight: Floats, x: Floats, level: float = 0.95, of: Sequence[int] | None = None
) -> Fit:
    """Hazard ratios of the columns of ``x`` [n, p]; arguments as of ``discrete_hazard``.

    Trials so short that odds are hazards, and a baseline of its own in each unit of progress with a crash (in like
    shares of the crashes where there are too many). With the baselines maximised out this is Cox's partial likelihood
    with Firth's penalty (Heinze and Schemper, Biometrics 57, 2001), so they cost no crashes.

    Its 95 % intervals held the hazard ratio in 94 to 99 % of 1,000 simulated sweeps in each of 36 cells (20, 50, 200
    runs; 1 and 5 % crashes a unit; ratios 1, 3, 8 of a fifth or half of the runs; two bands that stop runs by a metric
    that goes with the column). Odds over whole units: 89 to 98 %, lowest where they leave the hazard ratio (5 % times
    8); Breslow's Cox model: 91 to 99 %, biased towards 1 there; one hazard for all of progress: 93 to 98 %, but 40 to
    94 % where the hazard falls to a quarter after two units. There this one holds it in 92 to 99 %, but in 88 to 92 %
    where nearly all of the level crash in the first unit (a hazard of 1.6): so many ties still pull it towards 1.
    """
    return _hazard(_at_risk(progress, weight), weight, x, baseline(progress, weight), level, of, FINE)


def baseline(progress: Floats, weight: Floats) -> Floats:
    """The pieces of progress (from, to] with a hazard of their own, [k, 2].

    The units in which runs crashed; where they are more than there may be, all of progress in pieces of like numbers
    of crashes.
    """
    most = int(np.clip(_CELLS // max(len(progress), 1), *_PIECES))
    last = _last_unit(progress)
    order = np.argsort(last, kind="stable")
    order = order[weight[order] > 0]
    units = np.unique(last[order])
    if len(units) <= most:
        return np.column_stack([units - 1.0, units])
    below = np.cumsum(weight[order])
    shares = below[-1] * np.arange(1, most) / most
    bounds = np.unique(last[order][np.searchsorted(below, shares - 1e-9)])
    return np.column_stack([np.concatenate([[0.0], bounds]), np.concatenate([bounds, [np.inf]])])


def _last_unit(progress: Floats) -> Floats:
    return np.maximum(np.ceil(progress), 1.0)


def _at_risk(progress: Floats, weight: Floats) -> Floats:
    """Until when each run was at risk, [n]: of d crashes in a unit each for (d + 1) / (2 d) of it.

    So much is left of them, in the mean, at each other's moments if these came one after the other (Efron, JASA 72,
    1977). A lone crash is held against all who were there, as Cox's likelihood does.
    """
    units, at = np.unique(_last_unit(progress), return_inverse=True)
    crashes = np.maximum(sums(at, weight, len(units)), 1.0)
    crashed = units[at] - 1.0 + ((crashes + 1.0) / (2.0 * crashes))[at]
    return np.where(weight > 0, weight * crashed + (1.0 - weight) * progress, progress)


def _hazard(
    progress: Floats, weight: Floats, x: Floats, pieces: Floats, level: float, of: Sequence[int] | None, unit: float
) -> Fit:
    """The model of trials of length ``unit``, an intercept for each of the ``pieces`` (from, to] [k, 2], in order."""
    count = max(len(pieces), 1)
    survived = np.clip(progress[:, None] - pieces[:, 0], 0.0, pieces[:, 1] - pieces[:, 0]) / unit
    at = np.minimum(np.searchsorted(pieces[:, 1], np.maximum(progress, unit), side="left"), count - 1)
    crashed = np.flatnonzero(weight > 0)
    survived[crashed, at[crashed]] -= weight[crashed] / 2
    patterns, index = patterns_of(x)
    events = sums(index * count + at, weight, len(patterns) * count)
    each = (index[:, None] * count + np.arange(len(pieces))).ravel()
    rest = sums(each, np.maximum(survived, 0.0).ravel(), len(patterns) * count)
    own = np.tile(np.eye(count)[:, 1:], (len(patterns), 1))
    rows = stacked(np.hstack([np.repeat(patterns, count, axis=0), own]), events, rest)
    return fit_rows(rows, x.shape[1], level, of, "odds ratio" if unit == 1.0 else "hazard ratio")


def adjusted_ratio(
    progress: Floats | None,
    weight: Floats,
    column: Floats,
    others: Mapping[str, Floats],
    early_stopping: bool,
    level: float = 0.95,
    strata: Floats | None = None,
) -> Adjusted | TooFew:
    """The ratio of ``column`` [n] given as many of ``others`` ([n] each) as there are crashes for (at most
    MOST_OTHERS).

    Under early stopping (``progress`` [n] given) the hazard ratio, else the odds ratio. There must be
    OUTCOMES_A_COEFFICIENT minority outcomes for each coefficient (crashes, or what was survived where that is less:
    runs, or units of progress). ``strata`` [n, s] are always adjusted for. The others enter by their absolute
    correlation with the column, the largest first: that is the part of confounding that needs no outcome, so choosing
    by it does not bias the test. Others that cannot be told apart from the column, or vary not at all, are named as
    dropped.
    """
    until = progress if early_stopping else None
    events = float(weight.sum())
    minority = min(events, float((1.0 - weight).sum() if until is None else until.sum()))
    base = np.empty((len(column), 0)) if strata is None else strata
    room = int((minority + 1e-9) // OUTCOMES_A_COEFFICIENT) - 1 - base.shape[1]
    chosen, dropped, left_out = _choose(column, others, min(max(room, 0), MOST_OTHERS))
    least = 1 if chosen or left_out else 0
    if room < least:
        return TooFew(needed=OUTCOMES_A_COEFFICIENT * (1 + base.shape[1] + least), events=events)
    x = np.column_stack([column, *(others[name] for name in chosen), base])
    fit = firth_logistic(x, weight, level, of=[0]) if until is None else hazard_model(until, weight, x, level, of=[0])
    return Adjusted(
        ratio=fit.ratios[0],
        p=fit.p[0],
        adjusted_for=tuple(chosen),
        dropped=tuple(dropped),
        left_out=tuple(left_out),
        events=events,
    )


def _choose(column: Floats, others: Mapping[str, Floats], room: int) -> tuple[list[str], list[str], list[str]]:
    """Names of those that enter, of those that cannot, and of those for which there is no room."""
    order = sorted(others, key=lambda name: (-round(_correlation(column, others[name]), 9), name))
    kept = independent(np.column_stack([column, *(others[name] for name in order)]), np.ones(len(column)))
    usable = [name for j, name in enumerate(order, 1) if j in kept]
    return usable[:room], [name for name in order if name not in usable], usable[room:]


def _correlation(a: Floats, b: Floats) -> float:
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))) or not len(a):
        return 0.0
    left, right = (in_units(v[:, None])[:, 0] for v in (a, b))
    left, right = left - left.mean(), right - right.mean()
    size = float(np.linalg.norm(left) * np.linalg.norm(right))
    return abs(float(left @ right)) / size if size > 0 else 0.0
