"""How many of the good runs a stopping rule costs, from histories of which most were cut by a rule.

Good runs are those that would end among the best fifth. Bands that keep a third of a third stop some of them whatever
the curves are; what counts is how many the rule stops that it would keep if it knew the ends (``misled``). Of a run
that was stopped nobody has seen the end, so what the seen ends give is a lower bound. But the rule looks only at
values that were logged: given all values at its bands, whether a run was stopped says nothing more of its end
(missing at random; Rubin, Biometrika 63, 1976, 581-592). So each value at a band is regressed on those at the bands
before it, over all runs that came so far, and the end on all of them, over the runs that completed; as if crashes
struck alike whatever the run would still have become. From the joint posterior (conjugate normal regression, Gelman
et al., Bayesian Data Analysis, 3rd ed., section 14.2) whole sweeps are drawn, and the rule is replayed over them.

What that leaves out: the regression is a straight line with normal errors, also below the threshold, where only few
runs were ever seen further. A run is judged once, when it comes to a band, in the order of the starts; W&B looks
again as thresholds move, so it stops somewhat more. Without ``strict`` the best value so far is that at the bands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sweepfile.hyperband import Hyperband
from ..types import Estimate, Floats, Outcome, Sweep

Mask = NDArray[np.bool_]

GOOD = 0.2
"""The share of runs that count as good."""
LEVEL, LIMITS = 0.9, (0.005, 0.975)
"""The interval's level, and the quantiles of the draws that give its ends: wider than 5 and 95 %, as the straight line
is only nearly right, and lower still below, as doubt about the slopes can only make a rule look misled. Set by
simulation: with 5 and 95 % the intervals of sweeps with 8 to 13 ends held the truth in 75 to 90 %."""
LEAST_ENDS = 8
"""Completed runs below which nothing is said."""
LEAST_DF = 4
DRAWS, POPULATION, SEED = 120, 800, 20_251_007
SIZES = (10, 200)
"""The drawn sweeps have as many runs as this one, within these limits."""
FENCE = 3.0
RIDGE = 0.05


@dataclass(frozen=True)
class Ends:
    """The histories that the rule looked at; costs are to be minimised."""

    histories: tuple[Floats, ...]
    """Finite values as costs, of every run that ended and logged any."""
    finals: Floats
    """The best cost of each run that completed, NaN of the others."""
    ids: tuple[str, ...]
    usual: int
    """Logged values of a usual completed run; 0 where none completed."""

    @property
    def completed(self) -> int:
        return int(np.isfinite(self.finals).sum())


def ends_of(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Ends:
    """The runs of a sweep that count, oldest first."""
    runs = [run for run in sweep.runs if run.iterations and outcomes[run.id].label not in ("running", "never_started")]
    runs = sorted(runs, key=lambda run: (run.created_at if run.created_at is not None else math.inf, run.id))
    histories = tuple(-sweep.metric.sign * run.finite_metric for run in runs)
    done = np.array([outcomes[run.id].label == "completed" for run in runs], dtype=bool)
    lengths = [len(history) for history, full in zip(histories, done, strict=True) if full]
    usual = int(np.median(lengths)) if lengths else 0
    # One that stopped itself long before the others is not seen at its end.
    finals = [
        float(history.min()) if full and len(history) >= usual else math.nan
        for history, full in zip(histories, done, strict=True)
    ]
    return Ends(histories, np.array(finals, dtype=float), tuple(run.id for run in runs), usual)


@dataclass(frozen=True)
class Cost:
    """Shares of the good runs, in sweeps like this one."""

    stopped: Estimate
    misled: Estimate
    """Those stopped that the rule would keep if a run's final value were what it sees at each band."""


def cost_of(ends: Ends, judged_at: Sequence[int], rule: Hyperband) -> Cost | None:
    """What ``rule`` costs in such sweeps; None where too few runs came to their end.

    judged_at: the bands of the rule that the runs lived under, which decided what was seen of them.
    """
    bands = [band for band in rule.bands if band < ends.usual]
    nodes = sorted({*bands, *(band for band in judged_at if band < ends.usual)})
    seen = _at(ends, nodes) if bands else None
    size = sweep_size(ends)
    paths = None if seen is None else _draw(seen, max(1, POPULATION // size) * size)
    if paths is None:
        return None
    good = paths[:, :, -1] <= np.quantile(paths[:, :, -1], GOOD, axis=1, keepdims=True)
    stopped = _stopped(paths[:, :, [nodes.index(band) for band in bands]], rule, size)
    known = _stopped(paths[:, :, [-1] * len(bands)], rule, size)
    return Cost(stopped=_share(good, stopped), misled=_share(good, stopped & ~known))


def _share(good: Mask, lost: Mask) -> Estimate:
    shares = (good & lost).sum(axis=1) / good.sum(axis=1)
    low, high = np.quantile(shares, LIMITS)
    value = min(max(float(shares.mean()), float(low)), float(high))
    return Estimate(value=value, low=float(low), high=float(high), level=LEVEL, unit="share")


def sweep_size(ends: Ends) -> int:
    """Runs of each drawn sweep."""
    return min(max(len(ends.histories), SIZES[0]), SIZES[1])


def _at(ends: Ends, nodes: Sequence[int]) -> Floats | None:
    """Costs at the nodes and the final one, [n, nodes + 1], NaN where unseen, on one scale and within Tukey's outer
    fences of each column; None for too few ends, or a metric that hardly varies."""
    rows = [
        [history[node - 1] if len(history) >= node else math.nan for node in nodes]
        + [final if len(history) >= nodes[-1] else math.nan]
        for history, final in zip(ends.histories, ends.finals, strict=True)
        if len(history) >= nodes[0]
    ]
    found = np.array(rows, dtype=float).reshape(len(rows), len(nodes) + 1)
    if np.isfinite(found[:, -1]).sum() < LEAST_ENDS:
        return None
    found = found / (np.nanmax(np.abs(found)) or 1.0)  # so that no difference overflows
    low, high = np.nanquantile(found, (0.25, 0.75), axis=0)
    spread = high - low
    if not (spread > 0).all():
        return None
    fenced: Floats = np.clip(found, low - FENCE * spread, high + FENCE * spread)
    return (fenced - np.nanmedian(fenced)) / float(np.median(spread))


def _draw(seen: Floats, many: int) -> Floats | None:
    """Runs drawn from the posterior, [draws, many, columns]; None where the runs do not carry the regressions."""
    n, columns = seen.shape
    rng = np.random.default_rng(SEED)
    paths = np.empty((DRAWS, many, columns))
    ordered = np.sort(seen[:, 0])
    for draw in range(DRAWS):  # the first values by the Bayesian bootstrap (Rubin, Ann. Statist. 9, 1981)
        paths[draw, :, 0] = rng.choice(ordered, many, p=rng.dirichlet(np.ones(n)))
    for k in range(1, columns):
        known = np.isfinite(seen[:, k])
        x, y = np.column_stack([np.ones(known.sum()), seen[known, :k]]), seen[known, k]
        df = len(y) - k - 1
        if df < LEAST_DF:
            return None
        inverse = np.linalg.inv(x.T @ x + np.diag([0.0] + [RIDGE] * k))
        middle = inverse @ (x.T @ y)
        sd = np.sqrt(float(((y - x @ middle) ** 2).sum()) / rng.chisquare(df, DRAWS))
        slopes = middle + sd[:, None] * (rng.standard_normal((DRAWS, k + 1)) @ np.linalg.cholesky(inverse).T)
        means = slopes[:, :1] + np.einsum("dnk,dk->dn", paths[:, :, :k], slopes[:, 1:])
        paths[:, :, k] = means + sd[:, None] * rng.standard_normal((DRAWS, many))
    return paths


def _stopped(costs: Floats, rule: Hyperband, size: int) -> Mask:
    """Which runs the rule stops by their costs at its bands, [draws, runs, bands]; ``size`` runs are one sweep."""
    draws, many, bands = costs.shape
    values = costs.reshape(-1, size, bands)
    before = np.tri(size, dtype=bool)
    alive = np.ones(values.shape[:2], dtype=bool)
    for k in range(bands):
        judged = values[:, :, k] if rule.strict else values[:, :, : k + 1].min(axis=2)
        better = (values[:, None, :, k] < judged[:, :, None]) & alive[:, None, :] & before
        places = ((1.0 / rule.eta) * np.cumsum(alive, axis=1)).astype(int)
        alive = alive & (better.sum(axis=2) <= places)
    return ~alive.reshape(draws, many)
