"""What repeats of one configuration say: the seed noise, and how much of the best value was luck.

Repeats are runs that agree in every swept parameter but a seed. Only runs that completed are looked at: values of
runs that ended early differ by how far they came.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import chi2

from ..results.ranking import SeedNoise, WinnersCurse
from ..types import Estimate, Floats, Outcome, Run, Sweep
from ..values import MISSING, level
from .chances import normal_population

SEED_NAME = re.compile(r"(^|[._/-])([a-z]+_)?(seed|random_?state)$")
VARIANCES, SPREADS, DRAWS, RANDOM_SEED = 40, 60, 8_000, 20_251_003


def same_settings(sweep: Sweep, runs: Sequence[Run]) -> list[list[Run]]:
    """The runs by configuration, seeds left out; none where no run's configuration is known."""
    if not sweep.parameters and not any(run.config for run in sweep.runs):
        return []
    keys = [name for name in sweep.parameters if not SEED_NAME.search(name.casefold())]
    by_config: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        values = (level(run.config.get(name, MISSING)) for name in keys)
        by_config.setdefault(tuple((isinstance(v, bool), v) for v in values), []).append(run)
    return list(by_config.values())


def repeats(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> list[list[Run]]:
    """The completed runs with a value, by configuration."""
    completed = [run for run in sweep.runs if run.best is not None and outcomes[run.id].label == "completed"]
    return same_settings(sweep, completed)


def seed_noise(groups: Sequence[Sequence[Run]], metric: str) -> SeedNoise:
    """The pooled standard deviation within configurations; groups: the runs of each configuration."""
    repeated = [group for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    scale = _scale(groups)
    sd = None
    if df:
        parts = [_values(group) / scale for group in repeated]
        variance = sum(float(((x - x.mean()) ** 2).sum()) for x in parts if np.ptp(x) > 0) / df
        found = scale * float(np.sqrt(variance))
        ends = [found * float(np.sqrt(df / chi2.ppf(q, df))) for q in (0.975, 0.025)] if found > 0 else [None, None]
        sd = Estimate(value=found, low=ends[0], high=ends[1], unit=metric)
    return SeedNoise(
        sd=sd,
        df=df,
        configurations=len(repeated),
        runs=tuple(run.id for group in repeated for run in group),
        seed=_seed(repeated),
    )


def _scale(groups: Sequence[Sequence[Run]]) -> float:
    """The largest value, by which all are divided: so no square of one overflows."""
    return max((abs(run.best) for group in groups for run in group if run.best is not None), default=0.0) or 1.0


def _values(group: Sequence[Run]) -> Floats:
    return np.array([run.best for run in group], dtype=float)


def _seed(groups: Sequence[Sequence[Run]]) -> str | None:
    """The first seed-like parameter that differs within a configuration."""
    names = sorted({name for group in groups for run in group for name in run.config})
    for name in names:
        if SEED_NAME.search(name.casefold()) and any(
            len({repr(run.config.get(name)) for run in group}) > 1 for group in groups
        ):
            return name
    return None


def winners_curse(groups: Sequence[Sequence[Run]], noise: SeedNoise, sign: int, metric: str) -> WinnersCurse | None:
    """The best completed run, and what its configuration is worth; None where no run completed with a value.

    Empirical Bayes: a configuration's worth is drawn from a normal population and each completed run adds the seed
    noise, so the best run's value moves towards the others as far as noise explains their spread. An estimate so
    made needs no correction for having been selected (Efron, JASA 106, 2011, 1602-1614). The population is that of
    the better half, mirrored at the median: searches have long tails of poor configurations, which say nothing about
    how much better than the best one another could be. Spread and noise are integrated over their joint posterior.
    Coverage of the interval in simulations: 0.91 to 0.97 (normal, skewed and uniform configurations, 20 and 60 of
    them, 6 to 14 degrees of freedom, noise of 0.3 to 2 times their spread).
    """
    if not groups:
        return None
    tops = [max(group, key=lambda run: (sign * (run.best or 0.0), run.id)) for group in groups]
    top = max(range(len(tops)), key=lambda i: (sign * (tops[i].best or 0.0), tops[i].id))
    best = tops[top]
    shrunk = None
    if noise.sd is not None and noise.sd.value and math.isfinite(noise.sd.value) and len(groups) > 2:
        scale = _scale(groups)
        means = np.array([sign * float((_values(group) / scale).mean()) for group in groups])
        times = np.array([len(group) for group in groups], dtype=float)
        drawn = sign * _worth(means, times, (noise.sd.value / scale) ** 2, noise.df, top)
        low, high = (scale * float(v) for v in np.quantile(drawn, (0.025, 0.975)))
        shrunk = Estimate(value=scale * float(drawn.mean()), low=low, high=high, unit=metric)
    value = best.best if best.best is not None else float("nan")
    return WinnersCurse(run=best.id, value=value, n=sum(len(group) for group in groups), shrunk=shrunk)


def _worth(means: Floats, times: Floats, variance: float, df: int, top: int) -> Floats:
    """Posterior draws of one configuration's worth; means and times (runs) of all: [n]."""
    middle = float(np.median(means))
    upper = means >= middle
    mirrored = np.concatenate([means[upper], 2 * middle - means[upper]])
    # Configurations alike in mean and number of runs are counted, not listed: the grid stays small for many runs.
    stacked = np.stack([mirrored, np.concatenate([times[upper], times[upper]])])
    (centres, runs), counts = np.unique(stacked, axis=1, return_counts=True)
    scale = float(mirrored.std()) or float(np.sqrt(variance))
    noises = variance * df / chi2.ppf((np.arange(VARIANCES) + 0.5) / VARIANCES, df)
    rng = np.random.default_rng(RANDOM_SEED)
    evidence, parts = [], []
    for noise in noises:
        part = normal_population(centres, noise / runs, scale, SPREADS, counts.astype(float))
        evidence.append(part[4])
        parts.append(part)
    share = np.exp(np.array(evidence) - max(evidence))
    drawn = []
    for noise, part, size in zip(noises, parts, rng.multinomial(DRAWS, share / share.sum()), strict=True):
        spread, centre, precision, weight, _ = part
        k = rng.choice(SPREADS, size, p=weight)
        mu = centre[k] + rng.standard_normal(size) / np.sqrt(precision[k])
        error, between = noise / times[top], spread[k] ** 2
        own = between / (between + error)
        drawn.append(mu + own * (means[top] - mu) + np.sqrt(own * error) * rng.standard_normal(size))
    return np.concatenate(drawn)
