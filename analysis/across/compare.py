"""Every level of every parameter over several sweeps: how much more often it crashes, and how much better it is.

A level is held against the other runs of its own sweep, never against another sweep's, so a sweep with worse machines
or longer epochs blames no level. What the sweeps say is then partially pooled (``model``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..levels import Level
from ..outcomes.adjudicate import may_stop, stopping_rule
from ..ranking.equal_progress import best_by, common_iteration
from ..results.pooling import Pooled, PooledLevel, PooledSweep, Question, SweepEffect
from ..risk.cases import Cases, counts, make_cases
from ..risk.contrasts import FEWEST_RUNS, Contrast, parameter_contrasts
from ..risk.draws import Board, board
from ..sweepfile.hyperband import why_no_rule
from ..types import Estimate, Floats, Outcome, Run, Sweep
from .classic import Classic, random_effects
from .likelihood import crash_likelihood, difference, fenced, informative, sweep_of
from .model import GRID, Population, interval, log_f_prior, mean_and_sd, partial_pool, spreads, two_sided

FEWEST_CRASHES = 2.0
"""Crashes with both sides at risk that a sweep needs to say something of a level."""
ALPHA = 0.05

BAYES = "a bayes search did not draw its settings at random: an association, not a cause"
LEFT_OUT = "runs that ended before the compared value are left out: where they were poor, their level looks better"


def pooled(sweep: Sweep, outcomes: Mapping[str, Outcome], *, apart: Collection[str] = ()) -> Pooled | None:
    """The levels of a pooled sweep; None for a sweep by itself.

    apart: ids of runs that are compared among themselves only (those of a broken host).
    """
    if not sweep.parts:
        return None
    cases = make_cases(sweep, outcomes, early_stopping=may_stop(sweep), apart=apart)
    iteration, values = _comparable(sweep)
    left_out = sum(run.best is not None for run in sweep.runs) - len(values)
    drafts = [*_crash_drafts(sweep, cases), *_metric_drafts(sweep, values)]
    return Pooled(
        sweeps=tuple(_about(part, outcomes, sweep.metric.sign) for part in sweep.parts),
        levels=_judged([draft for draft in drafts if len(draft.effects) > 1]),
        n=len(sweep.runs),
        crashes=counts(cases.crash),
        iteration=iteration,
        left_out=left_out,
        metric=sweep.metric.name,
        caveats=_caveats(sweep, cases, left_out),
    )


@dataclass(frozen=True)
class _Scale:
    """What an effect on the grid is in the report's units: exp(x), or ``unit_of * x``."""

    unit: str
    unit_of: float | None = None

    def __call__(self, x: float) -> float | None:
        if self.unit_of is not None:
            return self.unit_of * x if np.isfinite(x) else None
        return float(np.exp(x)) if x < np.inf else None

    def estimate(self, middle: float, low: float, high: float, level: float = 1 - ALPHA) -> Estimate:
        ends = (low, high) if (self.unit_of or 1.0) >= 0 else (high, low)
        return Estimate(value=self(middle), low=self(ends[0]), high=self(ends[1]), level=level, unit=self.unit)

    def spread(self, population: Population, taus: Floats) -> Estimate:
        """The spread of the sweeps: as a factor, or in the metric's units."""
        shares = np.cumsum(population.spread) - population.spread / 2
        middle, low, high = (float(np.interp(q, shares, taus)) for q in (0.5, ALPHA / 2, 1 - ALPHA / 2))
        if self.unit_of is not None:
            size = abs(self.unit_of)
            return Estimate(value=size * middle, low=size * low, high=size * high, unit=self.unit)
        return Estimate(value=float(np.exp(middle)), low=float(np.exp(low)), high=float(np.exp(high)), unit="factor")


@dataclass(frozen=True)
class _Effect:
    """One sweep's part in a draft: its likelihood [T] over the grid."""

    sweep: str
    likelihood: Floats
    n_in: int
    n_out: int
    k_in: float | None
    k_out: float | None


@dataclass(frozen=True)
class _Draft:
    """A level of a parameter before the sweeps are pooled."""

    question: Question
    parameter: str
    text: str
    where: Mapping[str, object]
    effects: tuple[_Effect, ...]
    scale: _Scale
    runs: tuple[str, ...]


def _crash_drafts(sweep: Sweep, cases: Cases) -> list[_Draft]:
    on = board(cases)
    part = sweep_of(cases, on) if len(on.first) else np.empty(0, dtype=np.int64)
    scale = _Scale("hazard ratio" if cases.by_progress else "odds ratio")
    drafts = []
    for contrast in _levels(sweep, cases.runs):
        effects = [
            effect
            for i, one in enumerate(sweep.parts)
            if (effect := _crash_effect(one.id, cases, on, contrast, part == i, cases.group // 2 == i))
        ]
        drafts.append(_draft("crash", contrast, effects, scale, sweep))
    return drafts


def _crash_effect(
    name: str, cases: Cases, on: Board, contrast: Contrast, moments: NDArray[np.bool_], mine: NDArray[np.bool_]
) -> _Effect | None:
    inner, outer = contrast.inside & mine, ~contrast.inside & mine
    enough = min(int(inner.sum()), int(outer.sum())) >= FEWEST_RUNS
    if not enough or informative(on, contrast.inside, moments) < FEWEST_CRASHES:
        return None
    return _Effect(
        sweep=name,
        likelihood=crash_likelihood(on, contrast.inside, moments, GRID, tied=not cases.by_progress),
        n_in=int(inner.sum()),
        n_out=int(outer.sum()),
        k_in=counts(cases.crash[inner]),
        k_out=counts(cases.crash[outer]),
    )


def _metric_drafts(sweep: Sweep, values: Mapping[str, float]) -> list[_Draft]:
    """values: each comparable run's value, to be maximised, by id."""
    runs = [run for run in sweep.runs if run.id in values]
    by_part = [[run.id for run in part.runs if run.id in values] for part in sweep.parts]
    held = {
        run_id: float(value)
        for ids in by_part
        if ids
        for run_id, value in zip(ids, fenced(np.array([values[i] for i in ids])), strict=True)
    }
    size = _spread_of_runs([np.array([held[i] for i in ids]) for ids in by_part if ids])
    if size is None:
        return []
    scale = _Scale(sweep.metric.name, sweep.metric.sign * size)
    drafts = []
    for contrast in _levels(sweep, runs):
        effects = []
        for part, ids in zip(sweep.parts, by_part, strict=True):
            inner = np.array([held[i] / size for i in ids if i in contrast.ids])
            outer = np.array([held[i] / size for i in ids if i not in contrast.ids])
            if min(len(inner), len(outer)) >= FEWEST_RUNS:
                likelihood = difference(inner, outer).likelihood(GRID)
                effects.append(_Effect(part.id, likelihood, len(inner), len(outer), None, None))
        drafts.append(_draft("metric", contrast, effects, scale, sweep))
    return drafts


def _spread_of_runs(samples: Sequence[Floats]) -> float | None:
    """The standard deviation of a run within its sweep; None where there is none."""
    df = sum(len(x) - 1 for x in samples)
    largest = max((float(np.abs(x).max()) for x in samples), default=0.0)
    if df < 1 or largest == 0.0:
        return None
    size = largest * float(np.sqrt(sum(((x / largest - (x / largest).mean()) ** 2).sum() for x in samples) / df))
    return size if size > 1e-12 * largest and np.isfinite(size) else None


def _comparable(sweep: Sweep) -> tuple[int | None, dict[str, float]]:
    """The logged values at which all sweeps' runs are compared, and each run's best by then, to be maximised.

    Without any histories the best values as they are.
    """
    sign = sweep.metric.sign
    iteration = common_iteration([Level("", "", None, sweep.runs)])
    if iteration is None:
        known = {run.id: sign * run.best for run in sweep.runs if run.best is not None and not run.iterations}
        return None, known
    return iteration, {run.id: best_by(run, iteration, sign) for run in sweep.runs if run.iterations >= iteration}


def _levels(sweep: Sweep, runs: Sequence[Run]) -> list[Contrast]:
    return [
        contrast
        for name in sorted(sweep.parameters)
        for contrast in parameter_contrasts(sweep, runs, name)
        if contrast.kind == "level"
    ]


def _draft(question: Question, contrast: Contrast, effects: Sequence[_Effect], scale: _Scale, sweep: Sweep) -> _Draft:
    names = {effect.sweep for effect in effects}
    runs = tuple(r.id for part in sweep.parts if part.id in names for r in part.runs if r.id in contrast.ids)
    return _Draft(question, contrast.parameter or "", contrast.text, contrast.where, tuple(effects), scale, runs)


def _judged(drafts: Sequence[_Draft]) -> tuple[PooledLevel, ...]:
    """The drafts pooled and adjusted over all of one question, the smallest q first."""
    found = [row for question in ("crash", "metric") for row in _answers([d for d in drafts if d.question == question])]
    return tuple(sorted(found, key=lambda row: (row.q, row.p, row.question, row.text)))


def _answers(drafts: Sequence[_Draft]) -> list[PooledLevel]:
    """The drafts of one question, a family of tests."""
    taus, prior = spreads(), log_f_prior(GRID)
    populations = [partial_pool(np.array([e.likelihood for e in d.effects]), GRID, prior, taus) for d in drafts]
    classics = [_classic(population) for population in populations]
    p = [two_sided(GRID, population.mean) for population in populations]
    q, differ_q = _holm(p), _holm([classic.differ_p for classic in classics])
    called = sum(float(value) <= ALPHA for value in q)
    found = []
    for i, (draft, population, classic) in enumerate(zip(drafts, populations, classics, strict=True)):
        level = 1 - ALPHA * called / len(drafts) if q[i] <= ALPHA else 1 - ALPHA
        row = _row(draft, population, classic, taus, level)
        found.append(replace(row, p=p[i], q=float(q[i]), differ_q=float(differ_q[i])))
    return found


def _holm(p: Sequence[float]) -> Floats:
    if not p:
        return np.empty(0)
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p, method="holm")[1], dtype=float)


def _classic(population: Population) -> Classic:
    moments = np.array([mean_and_sd(GRID, mass) for mass in population.alone])
    return random_effects(moments[:, 0], moments[:, 1] ** 2)


def _row(draft: _Draft, population: Population, classic: Classic, taus: Floats, level: float) -> PooledLevel:
    scale = draft.scale
    return PooledLevel(
        question=draft.question,
        parameter=draft.parameter,
        text=draft.text,
        where=dict(draft.where),
        sweeps=tuple(
            SweepEffect(
                sweep=effect.sweep,
                n_in=effect.n_in,
                n_out=effect.n_out,
                k_in=effect.k_in,
                k_out=effect.k_out,
                own=scale.estimate(*interval(GRID, alone, 1 - ALPHA)),
                shrunk=scale.estimate(*interval(GRID, own, 1 - ALPHA)),
            )
            for effect, alone, own in zip(draft.effects, population.alone, population.own, strict=True)
        ),
        mean=scale.estimate(*interval(GRID, population.mean, level), level),
        common=scale.estimate(*interval(GRID, population.common, 1 - ALPHA)),
        spread=scale.spread(population, taus),
        classic=scale.estimate(classic.mean, classic.low, classic.high),
        tau2=classic.tau2,
        i2=classic.i2,
        p=1.0,
        q=1.0,
        differ_p=classic.differ_p,
        differ_q=1.0,
        runs=draft.runs,
    )


def _about(part: Sweep, outcomes: Mapping[str, Outcome], sign: int) -> PooledSweep:
    rule = stopping_rule(part)
    early = part.config.early_terminate if part.config else None
    without = why_no_rule(early) if part.config else "not known: the sweep's configuration is not here"
    known = [run.best for run in part.runs if run.best is not None]
    return PooledSweep(
        id=part.id,
        method=part.config.method if part.config else None,
        rule=rule.described if rule else without,
        runs=len(part.runs),
        crashes=counts(np.array([outcomes[run.id].crash_probability[0] for run in part.runs])),
        stopped=sum(outcomes[run.id].label == "early_stopped" for run in part.runs),
        best=sign * max(sign * value for value in known) if known else None,
    )


def _caveats(sweep: Sweep, cases: Cases, left_out: int) -> tuple[str, ...]:
    found = []
    unknown = len(sweep.parts) - sum(part.config is not None for part in sweep.parts)
    if unknown:
        found.append("where a sweep's configuration is not known, its rule and its search are not")
    if any(part.config is not None and part.config.method == "bayes" for part in sweep.parts):
        found.append(BAYES)
    if left_out:
        found.append(f"{LEFT_OUT} ({left_out})")
    if not cases.timed and cases.runs:
        found.append("start times are not known: not adjusted for changes in the course of a sweep")
    return tuple(found)
