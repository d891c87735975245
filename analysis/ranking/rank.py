"""Architectures ranked fairly, and how far the best value can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..levels import Level, chosen_among, levels_of
from ..outcomes.adjudicate import stopping_rule
from ..results.ranking import LevelRank, Mark, Ranking
from ..types import Floats, Outcome, Sweep
from .chances import best_chances
from .equal_progress import best_by, common_iteration
from .marks import mark_value, progress_marks
from .repeats import repeats, seed_noise, winners_curse
from .tries import bounded_tries, numbers_of_tries, tries_curve
from .trust import held_out, last_values

STOPPED_EARLY = "a run that was stopped early counts with its best so far: it might have become better"
SURVIVORS = "runs that ended before are left out: later on only those are compared that the rule or a crash left"
ADAPTIVE = "the search chose its runs by earlier results: levels it took to got its better settings"
CHOSEN = "the data chose this parameter among {n}: differences look larger than they are"


def rank(sweep: Sweep, outcomes: Mapping[str, Outcome], group_by: str | None) -> Ranking | None:
    """The levels of ``group_by`` at equal progress and at equal numbers of tries; None where no run has a value.

    A try is a run that started and ended; one that crashed, or never logged a value, is a try without a result.
    Without ``group_by``, or where one level has all runs, no levels are compared.
    """
    held = held_out(sweep)
    if held is None:
        return None
    levels = levels_of(sweep, group_by) if group_by else []
    levels = levels if len(levels) > 1 else []
    groups = repeats(sweep, outcomes)
    noise = seed_noise(groups, sweep.metric.name)
    rule = stopping_rule(sweep)
    iteration = common_iteration(levels)
    marks = progress_marks(levels, iteration, rule.bands if rule and sweep.judged is None else ())
    ranked = _levels(sweep, outcomes, levels, iteration, marks)
    adaptive = sweep.config is not None and sweep.config.method == "bayes"
    chosen = chosen_among(sweep, group_by) if group_by else 1
    return Ranking(
        group_by=group_by if ranked else None,
        chosen_among=chosen,
        n=held.n,
        levels=ranked,
        marks=marks,
        iteration=iteration if any(item.chance is not None for item in ranked) else None,
        compared=tuple(
            run.id for item in levels for run in item.runs if iteration is not None and run.iterations >= iteration
        ),
        fair_tries=next((item.fair.k for item in ranked if item.fair is not None), None),
        bounded_tries=next((item.bounded.k for item in ranked if item.bounded is not None), None),
        noise=noise,
        curse=winners_curse(groups, noise, sweep.metric.sign, sweep.metric.name),
        last=last_values(sweep),
        held_out=held,
        adaptive=adaptive,
        caveats=_caveats(outcomes, marks, adaptive, chosen) if ranked else (),
    )


def _caveats(outcomes: Mapping[str, Outcome], marks: Sequence[Mark], adaptive: bool, chosen: int) -> tuple[str, ...]:
    found = [STOPPED_EARLY] if any(outcome.label == "early_stopped" for outcome in outcomes.values()) else []
    if any(mark.left_out for mark in marks):
        found.append(SURVIVORS)
    if adaptive:
        found.append(ADAPTIVE)
    if chosen > 1:
        found.append(CHOSEN.format(n=chosen))
    return tuple(found)


def tries_of(sweep: Sweep, outcomes: Mapping[str, Outcome], item: Level) -> Floats:
    """The results of a level's tries, to be maximised; minus infinity for one without a result."""
    runs = [run for run in item.runs if outcomes[run.id].eligible]
    crashed = [outcomes[run.id].label == "crashed" for run in runs]
    return np.array(
        [
            -math.inf if lost or run.best is None else sweep.metric.sign * run.best
            for run, lost in zip(runs, crashed, strict=True)
        ]
    )


def _levels(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    levels: Sequence[Level],
    iteration: int | None,
    marks: Sequence[Mark],
) -> tuple[LevelRank, ...]:
    sign = sweep.metric.sign
    tries = [tries_of(sweep, outcomes, item) for item in levels]
    fair = min((len(x) for x in tries if len(x)), default=0)
    bounded = bounded_tries(fair) if fair else 0
    at = [
        np.array([best_by(run, iteration, sign) for run in item.runs if run.iterations >= iteration])
        if iteration is not None
        else np.empty(0)
        for item in levels
    ]
    found = []
    for item, x, compared, chance in zip(levels, tries, at, best_chances(at), strict=True):
        results = x[np.isfinite(x)]
        ks = sorted({*numbers_of_tries(len(x)), fair, bounded} - {0})
        curve = tries_curve(x, sign, ks, sweep.metric.name) if len(x) else ()
        found.append(
            LevelRank(
                label=item.label,
                level=item.value,
                tries=len(x),
                without_result=len(x) - len(results),
                best=sign * float(results.max()) if len(results) else None,
                compared=len(compared),
                chance=chance,
                curve=curve,
                fair=next((point for point in curve if point.k == fair), None),
                bounded=next((point for point in curve if point.k == bounded), None),
                marks=tuple(mark_value(sweep, item, mark) for mark in marks),
            )
        )
    return tuple(sorted(found, key=lambda item: (-(item.chance or 0.0), -sign * _or_worst(item.best, sign))))


def _or_worst(best: float | None, sign: int) -> float:
    return -sign * math.inf if best is None else best
