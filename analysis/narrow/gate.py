"""Whether the surrogate knows more than chance; if not, nothing is changed for performance's sake."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..outcomes.rates import proportion
from ..results.following import Gate
from .surrogate import Points, Surrogate, fit, rank_normal, skill
from .values import Compared

ALPHA = 0.05
PERMUTATIONS, OF_MANY, MANY = 199, 59, 100
"""Above MANY runs fewer permutations do: each takes longer, and a p of 1 in 60 is as good an answer."""
ENOUGH_WORSE = 12
"""Permutations as good as the real values after which the answer is no (Besag and Clifford, Biometrika 78, 1991)."""
STEPS = 30
CENTRAL = 0.8
SEED = 20_251_004


def gate(points: Points, given: Compared) -> tuple[Gate, Surrogate | None]:
    """The gate and, where it could be tested, the surrogate of the values' normal scores.

    The skill is the leave-one-out R^2; it is compared with that of permuted values, each fitted anew.
    """
    n = len(given.values)
    if given.why:
        return _shut(given, given.why), None
    if np.ptp(given.values) == 0:
        return _shut(given, "all values are the same"), None
    if not points.ordered.shape[1] + points.kinds.shape[1]:
        return _shut(given, "no parameter differs among the runs"), None
    y = rank_normal(given.values)
    model = fit(points, y)
    real = skill(model)
    tested = skill(fit(points, y, steps=STEPS))
    rng = np.random.default_rng(SEED)
    as_good = done = 0
    most = PERMUTATIONS if n <= MANY else OF_MANY
    while done < most and as_good < ENOUGH_WORSE:
        as_good += skill(fit(points, rng.permutation(y), steps=STEPS)) >= tested
        done += 1
    # Stopped early, the share itself is the p; else the real values count as one of the draws.
    p = as_good / done if as_good == ENOUGH_WORSE else (as_good + 1) / (done + 1)
    mean, variance = model.left_out()
    inside = np.abs(y - mean) <= stats.norm.ppf(0.5 + CENTRAL / 2) * np.sqrt(variance)
    return Gate(
        n=n,
        tested=True,
        why="",
        iteration=given.iteration,
        agreement=given.agreement,
        skill=real,
        p=float(p),
        permutations=done,
        open=bool(p <= ALPHA and real > 0),
        covered=proportion(int(inside.sum()), n),
    ), model


def _shut(given: Compared, why: str) -> Gate:
    return Gate(
        n=len(given.values),
        tested=False,
        why=why,
        iteration=given.iteration,
        agreement=given.agreement,
        skill=None,
        p=None,
        permutations=0,
        open=False,
        covered=None,
    )
