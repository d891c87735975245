"""Which parameters explain the metric, and which the outcome: fANOVA and PED-ANOVA, where the fit explains anything.

On all runs that have a comparable value or a known end, not only on finished ones (``explain.targets``). Whether there
is anything to rank is asked first (``explain.quality``).

Intervals are percentiles over random halves of the runs, drawn without replacement: that varies as much as a bootstrap
does (Buja and Stuetzle, Statistica Sinica 16, 2006), and a forest that sees a run twice takes its noise for a pattern.
The estimate is the mean over the halves. As halves are what is fitted, the share of a parameter that matters is rather
too low than too high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .explain.columns import Column, columns
from .explain.evaluators import EVALUATORS, board
from .explain.quality import PERMUTATIONS, Quality, quality
from .explain.targets import Target, adjusted, crash_target, metric_target
from .results.importance import Explained, Importance, ParameterShare
from .types import Estimate, Floats, Outcome, Sweep

SEED = 20_250_708
ALPHA = 0.05
FEWEST_RUNS, FEWEST_CRASHES = 10, 5
EARLY = 3
"""Logged values up to which a comparison is called early."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is computed; by default so much that ten thousand runs of thirty parameters take seconds."""

    most_runs: int = 400
    permutations: int = PERMUTATIONS
    draws: int = 40

    def of(self, parameters: int) -> Effort:
        """Less where there are many parameters: a fit's cost grows with them."""
        if parameters <= 12:
            return self
        return replace(self, most_runs=min(self.most_runs, 250), draws=min(self.draws, 30))


def importance(sweep: Sweep, outcomes: Mapping[str, Outcome], *, effort: Effort | None = None) -> Importance | None:
    """Importance for the metric and the crash; None for a sweep without parameters or runs."""
    if not sweep.parameters or not sweep.runs:
        return None
    effort = (effort or Effort()).of(len(sweep.parameters))
    stopping = sweep.config is None or bool(sweep.config.early_terminate)
    metric = _explained(sweep, "metric", metric_target(sweep), effort)
    crash = _explained(sweep, "crash", crash_target(sweep, outcomes, early_stopping=stopping), effort)
    return Importance(n=metric.n, metric=metric, crash=crash, caveats=_method_caveats(sweep))


def _method_caveats(sweep: Sweep) -> tuple[str, ...]:
    method = sweep.config.method if sweep.config else None
    if method == "bayes":
        return ("a bayes search did not draw its settings at random: an association, not a cause",)
    if method == "grid":
        return ("a grid tries its outer parameters one level after the other: what changed in time looks like them",)
    return ()


def _explained(sweep: Sweep, target: Literal["metric", "crash"], whole: Target, effort: Effort) -> Explained:
    on = adjusted(_capped(whole, effort.most_runs))
    found = columns(sweep, on.runs)
    why = _why_not(target, on, found)
    nothing = Explained(
        target=target,
        tested=False,
        why=why,
        n=len(on.runs),
        left_out=on.left_out,
        iteration=on.iteration,
        crashes=on.crashes,
        by_progress=on.by_progress,
        parameters=len(found),
        r2=None,
        p=None,
        permutations=0,
        supported=False,
        shares=(),
        draws=0,
        leading=None,
        agreed=False,
        runs=tuple(run.id for run in on.runs),
        caveats=(*_caveats(target, whole, on, found), *_method_caveats(sweep)),
    )
    if why:
        return nothing
    fit = quality(found, on.y, on.block, SEED, permutations=effort.permutations)
    explained = replace(
        nothing,
        tested=True,
        r2=Estimate(value=fit.r2, low=min(fit.low, fit.r2), high=max(fit.high, fit.r2), unit="out-of-bag R²"),
        p=fit.p,
        permutations=fit.permutations,
    )
    return _ranked(explained, found, on.y, effort) if _good(fit) else explained


def _good(fit: Quality) -> bool:
    return fit.p <= ALPHA and fit.r2 > 0


def _why_not(target: str, on: Target, found: Sequence[Column]) -> str:
    """What is missing for a test; empty where nothing is."""
    n = len(on.runs)
    if n < FEWEST_RUNS:
        return f"fewer than {FEWEST_RUNS} runs"
    if len(found) < 2:
        return "fewer than two parameters that differ among them"
    if target == "crash" and min(on.crashes, n - on.crashes) < FEWEST_CRASHES:
        return f"fewer than {FEWEST_CRASHES} runs that crashed by a setting, or that did not"
    return "" if np.ptp(on.y) > 0 else "one value everywhere"


def _capped(target: Target, most: int) -> Target:
    """At most so many runs, drawn at random whatever the order of the sweep's runs is."""
    n = len(target.runs)
    if n <= most:
        return target
    order = np.argsort([run.id for run in target.runs], kind="stable")
    kept = np.sort(order[np.random.default_rng(SEED).choice(n, most, replace=False)])
    return replace(
        target,
        runs=tuple(target.runs[i] for i in kept),
        y=target.y[kept],
        block=target.block[kept],
        crashed=target.crashed[kept] if len(target.crashed) else target.crashed,
    )


def _caveats(target: str, whole: Target, on: Target, found: Sequence[Column]) -> tuple[str, ...]:
    said = []
    if len(on.runs) < len(whole.runs):
        said.append(f"a random {len(on.runs)} of {len(whole.runs)} runs, to keep the time short")
    if target == "metric":
        if on.left_out:
            said.append(f"runs that ended before the compared value are left out ({on.left_out})")
        if on.iteration is None:
            said.append("no histories: final values of runs that may have come further or less far")
        elif on.iteration <= EARLY and any(run.iterations > 2 * on.iteration for run in on.runs):
            said.append("so early in training the order may still change")
    else:
        if on.left_out:
            said.append(f"runs of unknown outcome are left out ({on.left_out})")
        said.append("crashes by other causes than a setting (code error, infrastructure, preempted) do not count")
    merged = [column for column in found if column.merged]
    if merged:
        names = ", ".join(column.name for column in merged)
        said.append(f"rare levels of one parameter are put together ({names})")
    return tuple(said)


def _ranked(explained: Explained, found: Sequence[Column], y: Floats, effort: Effort) -> Explained:
    """The shares with their intervals, and the leading parameter where one can be told."""
    random = np.random.default_rng(SEED)
    on = board(found, SEED)
    n = len(y)
    halves = [np.sort(random.permutation(n)[: (n + 1) // 2]) for _ in range(effort.draws)]
    shares = {name: np.empty((effort.draws, len(found))) for name in EVALUATORS}
    for draw, half in enumerate(halves):
        part = np.full(n, np.nan)
        part[half] = y[half]
        for name, evaluate in EVALUATORS.items():
            shares[name][draw] = evaluate(on, part, SEED + draw)
    fanova, ped = shares["fANOVA"], shares["PED-ANOVA"]
    firsts = Counter(int(np.argmax(row)) for row in fanova if row.max() > 0)
    rows = [
        ParameterShare(
            parameter=column.name,
            fanova=_estimate(fanova[:, i]),
            ped_anova=_estimate(ped[:, i]),
            first=firsts[i] / effort.draws,
        )
        for i, column in enumerate(found)
    ]
    rows.sort(key=lambda row: (-(row.fanova.value or 0.0), row.parameter))
    most_apart = max(rows, key=lambda row: (row.ped_anova.value or 0.0, row.parameter))
    return replace(
        explained,
        supported=True,
        shares=tuple(rows),
        draws=effort.draws,
        leading=rows[0].parameter if _apart(rows) else None,
        agreed=most_apart.parameter == rows[0].parameter,
    )


def _apart(rows: Sequence[ParameterShare]) -> bool:
    """True where the first one's interval lies above all others' intervals."""
    return (rows[0].fanova.low or 0.0) > max(row.fanova.high or 0.0 for row in rows[1:])


def _estimate(draws: Floats) -> Estimate:
    low, high = (float(v) for v in np.quantile(draws, [0.025, 0.975]))
    mean = float(draws.mean())
    return Estimate(value=mean, low=min(low, mean), high=max(high, mean), unit="share")
