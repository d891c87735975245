"""What ended the runs, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aftersweep.analysis.types import Finding

from ..ratios import covers
from .case import Case, Judging, Verdict, holds


def _crash_rate(f: Finding, case: Case) -> Verdict:
    """The interval is one of the rate that such sweeps have, not only of these runs."""
    recorded = sum(run.state in ("crashed", "failed") for run in case.made.sweep.runs)
    if f.facts["recorded"] != recorded:
        return False
    return holds(f, case.people.rate()) if f.supported else not f.n


def _early_stopping(f: Finding, case: Case) -> Verdict:
    recorded = [run.id for run in case.made.sweep.runs if run.state in ("crashed", "failed")]
    true = sum(case.truth.label(run_id) == "early_stopped" for run_id in recorded)
    if len(recorded) != f.n:
        return False
    if f.n == 1:
        return f.facts["stopped"] == true
    most = f.facts["stopped"] * 2 > f.n
    return holds(f, true / f.n) and (not most or true * 2 > f.n)


def _ends_at_bands(f: Finding, case: Case) -> Verdict:
    bands = case.result.bands
    ends = [run.iterations for run in case.made.sweep.runs if run.state in ("crashed", "failed")]
    near = sum(any(0 <= end - band <= 1 for band in bands) for end in ends)
    return (near, len(ends)) == (f.facts["near"], f.n)


def _causes(f: Finding, case: Case) -> Verdict:
    """The number of crashes lies in the range that is told, and every cause that is named is right."""
    crashed = sum(label == "crashed" for label in case.truth.labels)
    named = {i: case.result.outcomes[i].cause for i in f.runs}
    right = all(cause == case.truth.cause(i) for i, cause in named.items() if cause != "unknown")
    low, high = f.facts["between"]
    return right and low <= crashed <= high and Counter(named.values()) == Counter(f.facts["causes"])


def _silent(f: Finding, case: Case) -> Verdict:
    silent = {i for i, bad in zip(case.truth.ids, case.truth.silent, strict=True) if bad}
    return set(f.runs) == silent and f.n == sum(label == "completed" for label in case.truth.labels)


def _unknown(f: Finding, case: Case) -> Verdict:
    return bool(f.facts["unknown"] == sum(o.label == "unknown" for o in case.result.outcomes.values()))


def _incidence(f: Finding, case: Case) -> Verdict:
    """Both intervals of the sentence: crashes and stops."""
    stopped: Sequence[float] | None = f.facts["stopped"]
    if stopped and not covers(stopped[1], stopped[2], float(case.people.stopped.mean())):
        return False
    return holds(f, case.people.rate())


def _at_start(f: Finding, case: Case) -> Verdict:
    return holds(f, case.people.crash_before(f.facts["step"]))


def _early_late(f: Finding, case: Case) -> Verdict:
    """Hazards are constant, so they differ only where runs do: those that crash more are gone later."""
    if not f.supported:
        return True
    start, cut = f.facts["start"], f.facts["cut"]
    ratio = case.people.rate_between(start, cut) / case.people.rate_between(cut, float(case.world.epochs))
    alike = len(set(case.people.hazard.tolist())) == 1
    true = 1.0 if alike else ratio
    return holds(f, true) and (true > 1.0 if f.facts["higher_early"] else true < 1.0)


def _without_rule(f: Finding, case: Case) -> Verdict:
    """The bounds must hold what would have been; the rate what it says under its own condition."""
    horizon = f.facts["horizon"]
    bounds = f.facts["bounds"]
    if not covers(bounds[1], bounds[2], case.people.crash_without_rule(horizon)):
        return False
    return not f.supported or holds(f, case.people.crash_at_rate(horizon))


def _no_world(*_: object) -> Verdict:
    """No world has what the sentence speaks of."""
    return None


JUDGES: Mapping[str, Judging] = {
    "crash_rate": _crash_rate,
    "early_stopping": _early_stopping,
    "ends_at_bands": _ends_at_bands,
    "causes": _causes,
    "silent_failure": _silent,
    "unknown_outcomes": _unknown,
    "still_running": lambda f, case: set(f.runs) == {r.id for r in case.result.sweep.runs if r.state == "running"},
    "incidence_at_budget": _incidence,
    "crash_at_start": _at_start,
    "hazard_by_progress": _early_late,
    "crash_without_rule": _without_rule,
    "warmup_judged": _no_world,
}
