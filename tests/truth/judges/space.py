"""What the search left out, and where its best runs lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aftersweep.analysis.types import Finding

from .case import Case, Judging, Verdict

ALPHA = 0.05


def edge(f: Finding, case: Case) -> Verdict:
    """The best crowd at an end where the metric is better there than in the middle of what was searched."""
    if not f.supported:
        return True
    parameter = case.world.parameter(f.subject)
    places = np.linspace(0.0, 1.0, 101) if parameter.is_range else np.arange(float(len(parameter.levels)))
    gains = np.array([parameter.gain(place) for place in places])
    end = places >= np.quantile(places, 0.9) if f.facts["side"] == "highest" else places <= np.quantile(places, 0.1)
    return bool(gains[end].mean() > gains[~end].mean())


def _unseen(f: Finding, case: Case) -> Verdict:
    """Levels that are named were never tried."""
    tried = {(name, str(value)) for run in case.made.sweep.runs for name, value in run.config.items()}
    return all((name, str(value)) not in tried for name, value, _ in f.facts["levels"])


def _pairs(f: Finding, case: Case) -> Verdict:
    """Chance does not explain a missing pair where levels are tied or the search is not random."""
    by_chance = f.q is None or f.q > ALPHA
    return by_chance or case.world.method != "random" or any(p.tied for p in case.world.parameters)


def _gap(f: Finding, case: Case) -> Verdict:
    """No run lies in the part, and one lies next to either end of it that is none of the range's own.

    Ranges are drawn alike all over, but for a search that learns: in another nothing but chance leaves a gap.
    """
    if f.supported and f.p is not None and case.world.method == "random":
        return False
    values = [float(run.config[f.subject]) for run in case.made.sweep.runs if f.subject in run.config]
    low, high = f.facts["low"], f.facts["high"]
    ends = [end for end in (low, high) if end is not None]
    inside = [v for v in values if (low is None or v > low) and (high is None or v < high)]
    return not inside and all(any(np.isclose(v, end) for v in values) for end in ends)


def _narrowed(f: Finding, case: Case) -> Verdict:
    """The search that learns draws every parameter near what did well."""
    return not f.supported or case.world.method == "bayes"


def _impute(f: Finding, case: Case) -> Verdict:
    """Counted again, the stopped ones by the truth."""
    lost = [
        run for run in case.made.sweep.runs if run.state in ("failed", "crashed", "killed") and run.best is not None
    ]
    stopped = sum(case.truth.label(run.id) == "early_stopped" for run in lost)
    low, high = f.facts["stopped_between"]
    return bool(f.facts["runs"] == len(lost) and (low <= stopped <= high or not f.facts["stopped"]))


JUDGES: Mapping[str, Judging] = {
    "space_edge": edge,
    "space_unseen": _unseen,
    "space_pairs": _pairs,
    "space_gap": _gap,
    "space_narrowed": _narrowed,
    "space_impute": _impute,
}
