"""The chance that a level is the best: that its mean is the highest of all levels'.

The levels' means are one normal population with an unknown spread, and each is drawn towards the others as far as
that spread and its own runs say (Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4). Drawing runs again
(the bootstrap), or each level's own t distribution, takes the leader's luck at its word. Over 8,400 simulated sweeps
(2 to 5 levels of 4 to 40 runs; normal, unequally spread and skewed values; levels' means 0.05, 0.15, 0.4 or 1
standard deviations of a run apart) levels that the bootstrap gave 0.8 to 0.95 were the best in 0.69, those above 0.95
in 0.89; with this model, whose mean chances there are 0.87 and 0.99, in 0.88 and 0.99. Where the means are hardly
apart (0.05) this one overstates too: 0.65 of those given 0.8 to 0.95, but 82 levels where the bootstrap has 383.

Within a level runs are taken as normal with the level's own variance, held to the pooled one (Smyth, Stat. Appl.
Genet. Mol. Biol. 3, 2004, the form of his eq. 8; prior degrees of freedom fixed at 4). Values beyond three
interquartile ranges from the quartiles of all runs (Tukey's outer fences) are pulled in to there: a run that diverged
to 1e30 would else decide everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import Floats

PRIOR_DF = 4.0
PRIOR_SPREAD = 0.4
"""Median of the half-Cauchy prior of the levels' spread, in standard deviations of a run (Polson and Scott 2012)."""
FENCE = 3.0
LEAST_DF = 3
"""Degrees of freedom within levels below which nothing is said."""
GRID, DRAWS, SEED = 60, 20_000, 20_250_914
_FLAT = 1e-6  # share of the range below which runs of a level are taken as this far apart


def best_chances(groups: Sequence[Floats]) -> list[float | None]:
    """Each group's chance of the highest mean; groups of values to be maximised, each [n], some of them empty.

    All None where fewer than two groups have values, all values are equal, or fewer than LEAST_DF degrees of freedom
    lie within the groups. An empty group has None.
    """
    present = [i for i, group in enumerate(groups) if len(group)]
    scaled = _scaled([groups[i] for i in present])
    chances: list[float | None] = [None] * len(groups)
    if len(present) < 2 or scaled is None or sum(len(x) - 1 for x in scaled) < LEAST_DF:
        return chances
    means = np.array([x.mean() for x in scaled])
    errors, scale = _squared_errors(scaled)
    # The draws meet the groups in an order of their own: neither names nor the order of levels change the result.
    order = np.lexsort((errors, means))
    wins = np.bincount(_drawn(means[order], errors[order], scale).argmax(axis=1), minlength=len(order))
    for place, count in zip(order, wins, strict=True):
        # Half a draw more for each: what no draw showed is unlikely, not impossible.
        chances[present[place]] = (float(count) + 0.5) / (DRAWS + len(order) / 2)
    return chances


def _scaled(groups: Sequence[Floats]) -> list[Floats] | None:
    """The values within the fences, from 0 to 1 over all groups; None where all are equal."""
    if not groups:
        return None
    x = np.concatenate(groups)
    x = x / (float(np.abs(x).max()) or 1.0)  # so that no square overflows
    low, high = np.quantile(x, [0.25, 0.75])
    if high > low:
        x = np.clip(x, low - FENCE * (high - low), high + FENCE * (high - low))
    span = float(np.ptp(x))
    if span == 0.0:
        return None
    return np.split((x - x.min()) / span, np.cumsum([len(group) for group in groups])[:-1])


def _squared_errors(groups: Sequence[Floats]) -> tuple[Floats, float]:
    """The squared standard error of each mean, as large as its t distribution's variance; and the pooled SD."""
    n = np.array([len(x) for x in groups])
    squares = np.array([float(((x - x.mean()) ** 2).sum()) for x in groups])
    pooled = max(float(squares.sum()) / float((n - 1).sum()), _FLAT**2)
    df = n - 1 + PRIOR_DF
    variance = (squares + PRIOR_DF * pooled) / df
    return variance / n * df / (df - 2), float(np.sqrt(pooled))


def _drawn(means: Floats, errors: Floats, scale: float) -> Floats:
    """Draws of the levels' true means, [DRAWS, levels]."""
    rng = np.random.default_rng(SEED)
    spread, centre, precision, weight, _ = normal_population(means, errors, scale * PRIOR_SPREAD, GRID)
    k = rng.choice(GRID, DRAWS, p=weight)
    middle = centre[k] + rng.standard_normal(DRAWS) / np.sqrt(precision[k])
    between = spread[k][:, None] ** 2
    own = between / (between + errors)
    mean = own * means + (1 - own) * middle[:, None]
    return np.asarray(mean + np.sqrt(own * errors) * rng.standard_normal(own.shape))


def normal_population(
    means: Floats, errors: Floats, scale: float, grid: int, counts: Floats | None = None
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """The posterior of a normal population's spread, its centre integrated out under a flat prior.

    means, errors (squared standard errors): [n], errors above 0; counts [n]: how often each counts (1); scale: median
    of the half-Cauchy prior of the spread. Returns, each [grid]: spreads of equal prior weight; the centre given
    each, and its precision; the posterior weights, which sum to 1. Last the log evidence, up to a constant.
    """
    spread = scale * np.tan((np.arange(grid) + 0.5) / grid * np.pi / 2)
    counts = np.ones(len(means)) if counts is None else counts
    precisions = counts / (errors + spread[:, None] ** 2)
    precision = precisions.sum(axis=1)
    centre = (precisions * means).sum(axis=1) / precision
    log = 0.5 * (counts * np.log(precisions / counts)).sum(axis=1) - 0.5 * np.log(precision)
    log -= 0.5 * (precisions * (means - centre[:, None]) ** 2).sum(axis=1)
    weight = np.exp(log - log.max())
    return spread, centre, precision, weight / weight.sum(), float(log.max() + np.log(weight.sum()))
