"""Whether more runs of the same sweep would pay.

Of n + m runs that are drawn alike each is as likely to be the best: one of m more runs beats the best of n with
chance m / (n + m), whatever the metric's distribution (order statistics of exchangeable values; exact for random
search). That is the mean over sweeps; the share of settings better than this sweep's own best is a beta(1, n)
variable, which gives the interval. How much better needs a model of values that nobody has seen: a generalised Pareto
tail above a threshold (Pickands 1975).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import beta, norm, spearmanr
from scipy.stats import t as student

from .results.outlook import Doubt, Outlook
from .sweepfile.config import Metric
from .types import Estimate, Floats, Outcome, Run, Sweep
from .values import MISSING, level

MORE = 25
LEAST_VALUES = 12
"""Values below which no tail is fitted."""
TAIL = (9, 60)
"""Fewest and most values of the tail; between them the better half."""
SHAPE_MEAN, SHAPE_SD = -0.2, 0.4
"""Normal prior of the tail's shape: near the best settings a metric ends in a bound (negative shapes; Lourie, He and
Cho, Hyperparameter Loss Surfaces Are Simple Near their Optima, 2024), but not surely."""
SHAPES, SCALES, DRAWS, SEED = 31, 30, 4_000, 20_251_104
DRIFT_P = 0.01
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
SHARE_NAME = re.compile(
    r"accuracy|precision|recall|auroc|(^|[^a-z])(acc\d*|f1|auc|dice|m?iou|m?ap|ndcg|mrr|top_?[15])([^a-z]|$)"
)
ERROR_NAME = re.compile(r"error|rmse|perplexity|(^|[^a-z])(err|mae|mse|wer|cer|fid)([^a-z]|$)")
STOPPED = "runs that were stopped early count with their best so far"


def outlook(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Outlook | None:
    """The expected gain of MORE runs of the same sweep; None where no run that ended has a value."""
    tries = [run for run in sweep.runs if outcomes[run.id].eligible]
    sign = sweep.metric.sign
    x = np.array([-math.inf if run.best is None else sign * run.best for run in tries])
    if not np.isfinite(x).any():
        return None
    top = min((run for run in tries if run.best is not None), key=lambda run: (-sign * (run.best or 0.0), run.id))
    n, values = len(x), x[np.isfinite(x)]
    left = _grid_left(sweep)
    p = _drift(tries, x)
    doubt = _doubt(sweep, p)
    gain = None
    if left is None:
        gain = expected_gain(values, n, MORE, sweep.metric.name, most=_room(sweep.metric, values))
    hours = _hours(tries, MORE)
    stopped = sum(outcomes[run.id].label == "early_stopped" for run in tries)
    return Outlook(
        n=n,
        without_value=n - len(values),
        more=MORE,
        best_run=top.id,
        best=top.best if top.best is not None else math.nan,
        ties=int((values == values.max()).sum()) - 1,
        doubt=doubt,
        drift_p=p,
        chance=beating_chance(n, MORE) if left is None else None,
        gain=gain,
        tail=tail_size(len(values)) if gain is not None else 0,
        run_hours=hours,
        per_hour=_per_hour(gain, hours),
        grid_left=left,
        early_stopped=stopped,
        runs=tuple(run.id for run in tries),
        caveats=(STOPPED,) if stopped else (),
    )


def _doubt(sweep: Sweep, drift_p: float | None) -> Doubt | None:
    method = sweep.config.method if sweep.config else None
    if method == "grid" or method == "bayes":
        return "grid" if method == "grid" else "bayes"
    return "drift" if drift_p is not None and drift_p <= DRIFT_P else None


def beating_chance(n: int, more: int) -> Estimate:
    """Chance that the best of ``more`` runs beats the best of n, n >= 1; its interval over what n runs may have hit."""
    low, high = (float(-np.expm1(more * np.log1p(-beta.ppf(q, 1, n)))) for q in (0.025, 0.975))
    value = more / (n + more)
    return Estimate(value=value, low=min(low, value), high=max(high, value), unit="share")


def tail_size(n: int) -> int:
    """Of n values so many make the tail."""
    return int(np.clip(round(n / 2), *TAIL))


def _room(metric: Metric, values: Floats) -> float:
    """How far the best value is from a bound that the metric's name speaks for: 1 or 100 of a share, 0 of an error."""
    best, name = float(values.max()), metric.name.casefold()
    if metric.goal == "maximize" and SHARE_NAME.search(name) and best <= 100 and values.min() >= 0:
        return (1.0 if best <= 1 else 100.0) - best
    if metric.goal == "minimize" and ERROR_NAME.search(name) and best <= 0:  # minus an error
        return -best
    return math.inf


def expected_gain(values: Floats, n: int, more: int, metric: str, most: float = math.inf) -> Estimate | None:
    """By how much the best of ``more`` runs is expected to exceed the best of the values; None where nothing tells.

    values [at most n], to be maximised, of n tries; no gain passes ``most``. The tail's shape, scale and share are
    drawn from their posterior; the estimate is the median of the gains that they give, the interval goes from 0 to
    their 97.5 % quantile. The data cannot exclude that no better setting exists, so there is no lower limit but 0. In
    simulations of 12 to 200 runs the upper limit was passed in 0 to 7 % of sweeps (normal, beta, uniform, exponential,
    log-normal, t with 4 degrees of freedom); the estimate is rough, on average 0.4 to 3 times the truth.
    """
    k = tail_size(len(values))
    if len(values) < LEAST_VALUES:
        return None
    size = float(np.abs(values).max()) or 1.0
    ordered = np.sort(values / size)
    excess = ordered[-k:] - ordered[-k - 1]
    scale = float(excess.mean())
    if scale == 0.0:
        return None
    rng = np.random.default_rng(SEED)
    shape, spread = _tail(excess / scale, rng)
    share = rng.beta(k + 1, n - k, DRAWS)
    beyond = np.minimum(share * (1 + shape * excess[-1] / scale / spread) ** (-1 / shape), 1 - 1e-9)
    drawn = scale * tail_gains(shape, spread, share, beyond, more)
    middle, high = (min(size * float(v), most) for v in np.quantile(drawn, [0.5, 0.975]))
    return Estimate(value=middle, low=0.0, high=high, unit=metric)


def _tail(excess: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Posterior draws of a generalised Pareto tail's shape and scale; excesses [k] with mean 1."""
    shapes = SHAPE_MEAN + SHAPE_SD * norm.ppf((np.arange(SHAPES) + 0.5) / SHAPES)  # equal prior weights
    shape, log_scale = (axis.ravel() for axis in np.meshgrid(shapes, np.linspace(-1.5, 1.5, SCALES), indexing="ij"))
    scale = np.maximum(1 - shape, 0.2) * np.exp(log_scale)  # about the scale that a mean of 1 speaks for
    inside = 1 + (shape / scale)[:, None] * excess
    possible = (inside > 0).all(axis=1)
    log = -len(excess) * np.log(scale) - (1 + 1 / shape) * np.log(np.where(inside > 0, inside, 1.0)).sum(axis=1)
    log = np.where(possible, log, -math.inf)
    weight = np.exp(log - log.max())
    k = rng.choice(len(shape), DRAWS, p=weight / weight.sum())
    return shape[k], scale[k]


def tail_gains(shape: Floats, scale: Floats, share: Floats, beyond: Floats, more: int) -> Floats:
    """The mean excess of the best of ``more`` over the best so far, beyond which lies a share ``beyond`` of values.

    The integral of 1 - (1 - s) ** more over the values beyond, by their tail share s = beyond * t * t, t from 0 to 1.
    """
    root = (_NODES + 1) / 2
    t, weight = root**2, root * _WEIGHTS
    beats = -np.expm1(more * np.log1p(-beyond[:, None] * t))
    inner = (t ** (-shape[:, None] - 1) * beats * weight).sum(axis=1)
    return np.asarray(scale * (share / beyond) ** shape * inner)


def _grid_left(sweep: Sweep) -> int | None:
    """Settings of a grid that no run has; None where the search is no grid."""
    if sweep.config is None or sweep.config.method != "grid":
        return None
    names = [p.name for p in sweep.config.swept if p.values is not None]
    whole = math.prod(len({repr(level(v)) for v in p.values}) for p in sweep.config.swept if p.values is not None)
    tried = {tuple(repr(level(run.config.get(name, MISSING))) for name in names) for run in sweep.runs}
    return max(0, whole - len(tried))


def _drift(tries: Sequence[Run], x: Floats) -> float | None:
    """p of Spearman's rank correlation between start and best value; a try without a value is the worst."""
    starts = np.array([math.nan if run.created_at is None else run.created_at for run in tries])
    known = np.isfinite(starts)
    if known.sum() < LEAST_VALUES or len(set(x[known])) < 2 or len(set(starts[known])) < 2:
        return None
    lowest = np.where(np.isneginf(x), x[np.isfinite(x)].min() - 1.0, x)
    return float(spearmanr(starts[known], lowest[known]).pvalue)


def _hours(tries: Sequence[Run], more: int) -> Estimate | None:
    """Hours of ``more`` runs as long as those that ended, with Student's interval of the mean."""
    hours = np.array([run.runtime_s / 3600 for run in tries if run.runtime_s is not None and run.runtime_s > 0])
    if len(hours) == 0:
        return None
    mean = float(hours.mean())
    if len(hours) == 1 or float(np.ptp(hours)) == 0.0:
        return Estimate(value=more * mean, unit="run-hours")
    half = float(student.ppf(0.975, len(hours) - 1) * hours.std(ddof=1) / math.sqrt(len(hours)))
    return Estimate(value=more * mean, low=more * max(0.0, mean - half), high=more * (mean + half), unit="run-hours")


def _per_hour(gain: Estimate | None, hours: Estimate | None) -> Estimate | None:
    if gain is None or gain.value is None or gain.high is None or hours is None or not hours.value:
        return None
    return Estimate(value=gain.value / hours.value, low=0.0, high=gain.high / hours.value, unit=f"{gain.unit} per hour")
