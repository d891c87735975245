"""What several sweeps of one world say together: they differ by chance alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aftersweep.analysis.types import Finding

from .case import Case, Judging, Verdict, holds


def _level(f: Finding, case: Case) -> Verdict:
    """A level that crashes more, or does worse, than its rest; of crashes the interval must hold the ratio."""
    if not f.supported:
        return True
    name = f.facts["parameter"]
    if f.facts["question"] == "crash":
        ratio = case.judge.level_ratio(name, f.runs, case.truth)
        return (ratio > 1.0 if f.facts["worse"] else ratio < 1.0) and holds(f, ratio)
    at = case.truth.places[name][[case.truth.index[i] for i in f.runs]]
    inside = np.isin(case.people.places[name], at)
    parameter = case.world.parameter(name)
    if parameter.is_range:
        inside = (case.people.places[name] >= at.min()) & (case.people.places[name] <= at.max())
    if not parameter.matters:
        return False
    gains = np.array([parameter.gain(place) for place in case.people.places[name]])
    return bool((gains[inside].mean() < gains[~inside].mean()) == f.facts["worse"])


def _never(*_: object) -> Verdict:
    """Sweeps of one world have one truth, and one scale of the metric."""
    return False


JUDGES: Mapping[str, Judging] = {
    "pooled_level": _level,
    "pooled_heterogeneity": _never,
    "mixed_scale": _never,
}
