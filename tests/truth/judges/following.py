"""What the next sweep is said to keep, and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aftersweep.analysis.types import Finding

from .case import Case, Judging, Verdict, within
from .space import edge


def _gate(f: Finding, case: Case) -> Verdict:
    """Settings foretell the metric only where one of them makes a difference; that none was seen to is never wrong."""
    return not f.supported or bool({p.name for p in case.world.parameters} - case.world.indifferent)


def _narrowed(f: Finding, case: Case) -> Verdict:
    """What is kept holds a setting that is as good as the best, but for what one run of it differs from another."""
    parameter = case.world.parameter(f.subject)
    spec = f.facts["new"]
    if parameter.is_range:
        ends = np.log(np.array([spec["min"], spec["max"]]) / parameter.low) / np.log(parameter.high / parameter.low)
        places = np.linspace(0.0, 1.0, 201)
        kept = [place for place in places if ends[0] - 1e-9 <= place <= ends[1] + 1e-9]
    else:
        values = spec["values"] if "values" in spec else [spec["value"]]
        places = np.arange(float(len(parameter.levels)))
        kept = [place for place in places if any(parameter.levels[int(place)] is value for value in values)]
    best = max(parameter.gain(place) for place in places)
    return bool(max(parameter.gain(place) for place in kept) >= best - case.world.spread)


def _risky(f: Finding, case: Case) -> Verdict:
    """Both: the interval holds the true rate by the end of the budget, and the level crashes more than the rest."""
    rate, rest = case.judge.crash_by_end(f.facts["parameter"], f.facts["ids"], case.truth)
    assert f.estimate is not None
    return within(f.estimate, rate) and rate > rest


def _clip(f: Finding, case: Case) -> Verdict:
    """The runs that are counted as diverged did."""
    return all(case.truth.cause(run_id) == "diverged" for run_id in f.runs)


JUDGES: Mapping[str, Judging] = {
    "next_gate": _gate,
    "next_narrowed": _narrowed,
    "next_risky": _risky,
    "next_extended": edge,
    "next_asked": lambda *_: True,
    "lineage_best": lambda *_: None,  # no simulated sweep has a parent
    "lineage_crashes": lambda *_: None,
    "next_clip": _clip,
    "next_memory": lambda *_: None,
}
