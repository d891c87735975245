"""What the best value leaves out: the runs' last values, and a metric that nothing was selected by."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np

from ..results.ranking import HeldOut, LastValues
from ..types import Run, Sweep
from ..values import is_number

HELD_OUT = re.compile(r"(^|[^a-z])(test|testing|holdout|held_?out)([^a-z]|$)")
SHARE_OF_SPREAD = 0.1
"""A last value counts as worse beyond this share of the interquartile range of the runs' best values."""


def last_values(sweep: Sweep) -> LastValues | None:
    """The runs' last finite values beside their best ones; None without any history."""
    runs = [run for run in sweep.runs if run.best is not None and run.iterations > 0]
    if not runs:
        return None
    sign = sweep.metric.sign
    best = {run.id: run.best if run.best is not None else math.nan for run in runs}
    last = {run.id: float(run.finite_metric[-1]) for run in runs}
    low, high = np.quantile(list(best.values()), [0.25, 0.75])
    threshold = SHARE_OF_SPREAD * float(high / 2 - low / 2) * 2
    top = min(runs, key=lambda run: (-sign * best[run.id], run.id))
    leader = min(runs, key=lambda run: (-sign * last[run.id], run.id))
    if last[leader.id] == last[top.id]:
        leader = top
    return LastValues(
        n=len(runs),
        threshold=threshold,
        worse=tuple(
            sorted(run.id for run in runs if sign * best[run.id] / 2 - sign * last[run.id] / 2 > threshold / 2)
        ),
        best_run=top.id,
        best=best[top.id],
        best_last=last[top.id],
        leader=leader.id,
        leader_last=last[leader.id],
    )


def held_out(sweep: Sweep) -> HeldOut | None:
    """The held-out metric that most runs with a value logged; None where no run has a value."""
    runs = [run for run in sweep.runs if run.best is not None]
    if not runs:
        return None
    top = min(runs, key=lambda run: (-sweep.metric.sign * (run.best or 0.0), run.id))
    others = [{name for name in _numbers(run) if name != sweep.metric.name and _is_held_out(name)} for run in runs]
    counts = Counter(name for names in others for name in names)
    found = min(counts, key=lambda name: (-counts[name], name), default=None)
    return HeldOut(
        metric=found,
        selected=_is_held_out(sweep.metric.name),
        runs=counts[found] if found else 0,
        n=len(runs),
        best_run=top.id,
        best=top.best if top.best is not None else math.nan,
        value=_numbers(top).get(found) if found else None,
    )


def _is_held_out(name: str) -> bool:
    return HELD_OUT.search(name.casefold()) is not None


def _numbers(run: Run) -> dict[str, float]:
    """Other metrics: at the best value's step, else as the summary has them."""
    summary = {name: float(value) for name, value in run.summary.items() if is_number(value) and math.isfinite(value)}
    return {**summary, **run.companions}
