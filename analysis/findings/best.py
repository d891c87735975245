"""The best result, and whether architectures can be told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..outcomes.rates import proportion
from ..ranking.equal_progress import EqualProgress
from ..ranking.rank import CHOSEN
from ..ranking.repeats import same_settings
from ..results.tables import BestResult
from ..types import Estimate, Finding, Sweep
from .common import PROPORTION, runs_in_words

SHARE_NAMES = re.compile(r"acc|f1|auc|precision|recall|iou|dice|share|percent|rate|top.?[15]")
GAP = 10.0
NO_REPEATS = "no repeats of one configuration in this sweep: its seed noise is not known"
EARLY = 3
"""Logged values up to which a comparison is called early."""


def best_finding(sweep: Sweep, best: Sequence[BestResult]) -> Finding | None:
    """The best result, with what is not known about it."""
    if not best:
        return None
    top = best[0]
    caveats = ["the best of many runs is partly luck: expect less when it is repeated"]
    if all(len(group) == 1 for group in same_settings(sweep, sweep.runs)):
        caveats.append(NO_REPEATS)
    if top.outcome.label != "completed":
        caveats.append("it did not run to its end")
    return Finding(
        id="",
        kind="best",
        subject=top.run.id,
        supported=True,
        estimate=Estimate(value=top.value, unit=sweep.metric.name),
        n=sum(run.best is not None for run in sweep.runs),
        method=f"best finite logged value of {sweep.metric.name} ({sweep.metric.goal})",
        caveats=tuple(caveats),
        runs=(top.run.id,),
        facts={
            "level": top.level,
            "outcome": top.outcome.label,
            "ties": sum(run.best == top.value for run in sweep.runs) - 1,
            "progress": top.run.progress,
            "unit": sweep.progress_unit,
        },
    )


def mixed_scale_finding(sweep: Sweep) -> Finding | None:
    """Runs that log a share as a fraction where others log it in percent; None where nothing looks like it.

    By the name of the metric, and a gap of GAP times or more between values up to 1 and values up to 100.
    """
    if not SHARE_NAMES.search(sweep.metric.name.casefold()):
        return None
    fractions = [run for run in sweep.runs if run.best is not None and 0 < run.best <= 1]
    percents = [run for run in sweep.runs if run.best is not None and 1 < run.best <= 100]
    if min(len(fractions), len(percents)) < 2:
        return None
    largest, smallest = max(run.best or 0.0 for run in fractions), min(run.best or 0.0 for run in percents)
    if smallest < GAP * largest:
        return None
    total = len(fractions) + len(percents)
    return Finding(
        id="",
        kind="mixed_scale",
        subject=sweep.metric.name,
        supported=True,
        estimate=replace(proportion(len(fractions), total), unit="share"),
        n=total,
        method=f"a gap of {GAP:g} times or more between best values up to 1 and up to 100; {PROPORTION}",
        caveats=("by the values alone: nothing in the records says in which unit a run logs",),
        runs=tuple(run.id for run in fractions),
        facts={"fractions": len(fractions), "percents": len(percents), "largest": largest, "smallest": smallest},
    )


def comparison_finding(group_by: str, compared: EqualProgress | None, metric: str) -> Finding | None:
    """Whether the architectures can be told apart at equal progress."""
    if compared is None:
        return None
    value, size = compared.medians[compared.best_label]
    caveats = []
    if compared.left_out:
        caveats.append(f"{runs_in_words(compared.left_out)} ended before that, left out")
    if compared.iteration <= EARLY:
        caveats.append("so early in training the order may still change")
    q = min(1.0, compared.chosen_among * compared.p)
    method = "Kruskal-Wallis test at equal progress, p by permutation of the runs"
    if compared.chosen_among > 1:
        caveats.append(CHOSEN.format(n=compared.chosen_among))
        method += f"; q: p times the {compared.chosen_among} parameters that it was chosen among (Bonferroni)"
    return Finding(
        id="",
        kind="comparison",
        subject=group_by,
        supported=q <= 0.05,
        estimate=Estimate(value=value, unit=metric),
        n=compared.n,
        method=method,
        p=compared.p,
        q=q,
        caveats=tuple(caveats),
        runs=compared.runs,
        facts={
            "best": compared.best_label,
            "best_n": size,
            "iteration": compared.iteration,
            "medians": {name: list(pair) for name, pair in compared.medians.items()},
        },
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; ``reports.words`` has its words."""
    if finding.kind == "mixed_scale":
        return "one_scale"
    if finding.kind == "best":
        return "repeat_best" if NO_REPEATS in finding.caveats else None
    if finding.kind == "comparison":
        if not finding.supported:
            return "keep_architectures"
        # A lead of a few values is no reason to give up the others.
        return "prefer_level" if finding.facts["iteration"] > EARLY else None
    return None
