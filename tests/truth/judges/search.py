"""What is mended of the search itself, against the world where it decides, else counted again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from aftersweep.analysis.types import Estimate, Finding, Run

from ..search import Chooser
from ..trials import born
from ..world import World
from .case import Case, Judging, Verdict, within

SWEEPS = 4_000
"""Runs drawn for the truth of a rule's cost."""


def _bands(f: Finding, case: Case) -> Verdict:
    """The share of good runs that such a rule stops in such sweeps, drawn from the world and replayed run by run."""
    if f.estimate is None or f.estimate.value is None:
        return bool(f.facts["completed"] < f.facts["least"]) or None
    if case.world.method == "bayes":
        return None  # the settings that it draws depend on what came before
    facts = f.facts
    stopped, now = cost(case.world, facts["size"], tuple(facts["bands"]), facts["eta"], facts["strict"])
    right = within(f.estimate, now) and _held(facts["stopped"], stopped) and (not f.supported or now > 0.1)
    if facts["after"] is None:
        return right
    bands = [facts["new"]]
    while bands[-1] * facts["eta"] < case.world.epochs:
        bands.append(int(bands[-1] * facts["eta"]))
    _, later = cost(case.world, facts["size"], tuple(bands), facts["eta"], facts["strict"])
    return right and _held(facts["after"], later)


def _held(three: Sequence[float], truth: float) -> bool:
    value, low, high = three
    return within(Estimate(value=value, low=low, high=high), truth)


@lru_cache(maxsize=256)
def cost(world: World, size: int, bands: tuple[int, ...], eta: float, strict: bool) -> tuple[float, float]:
    """Of the runs that would end in the best fifth, the share that the rule stops, each judged once at each band; and
    the share that it stops but would keep if it saw the final values there."""
    random = np.random.default_rng(7)
    finals, stopped, foreseen = [], [], []
    chooser = Chooser(replace(world, method="random"), size, random)
    for _ in range(max(1, SWEEPS // size)):
        at: dict[int, list[float]] = {band: [] for band in bands}
        known: dict[int, list[float]] = {band: [] for band in bands}
        for number in range(size):
            trial = born(world, size, number, 0.0, chooser.places(number), random)
            values = [value for value in trial.values if math.isfinite(value)]
            stopped.append(_stopped(values, at, eta, strict))
            finals.append(max(values))
            foreseen.append(_stopped([finals[-1]] * len(values), known, eta, strict))
    good = np.array(finals) >= np.quantile(finals, 0.8)
    gone, misled = np.array(stopped)[good], (np.array(stopped) & ~np.array(foreseen))[good]
    return float(gone.mean()), float(misled.mean())


def _stopped(values: list[float], at: dict[int, list[float]], eta: float, strict: bool) -> bool:
    for band in sorted(at):
        if len(values) < band:
            return False
        at[band].append(values[band - 1])
        ordered = sorted(at[band], reverse=True)
        judged = values[band - 1] if strict else max(values[:band])
        if judged < ordered[int(len(ordered) / eta + 1e-12)]:
            return True
    return False


def _runs(case: Case) -> dict[str, Run]:
    return {run.id: run for run in case.made.sweep.runs}


def _warmup(f: Finding, case: Case) -> Verdict:
    """Counted again; epochs are logged values here."""
    warm = [run.id for run in case.made.sweep.runs if float(run.config.get(f.subject, 0)) > f.facts["old"]]
    at = [i for i in warm if case.truth.label(i) == "early_stopped" and 0 <= _at(case, i) - f.facts["old"] <= 1]
    return f.n <= len(warm) and within(f.estimate, len(at) / len(warm)) if f.estimate and warm else False


def _at(case: Case, run_id: str) -> float:
    return float(case.truth.progress[case.truth.index[run_id]])


def _strict(f: Finding, case: Case) -> Verdict:
    """Both rules read again over all values, larger ones better."""
    bands, eta = case.result.bands, 3.0
    histories = [[float(v) for v in run.finite_metric] for run in case.made.sweep.runs]
    there = [values for values in histories if len(values) >= bands[0]]
    differ = 0
    for values in there:
        band = max(band for band in bands if band <= len(values))
        ordered = sorted((other[band - 1] for other in there if len(other) >= band), reverse=True)
        least = ordered[int(len(ordered) / eta + 1e-12)]
        differ += (values[band - 1] < least) != (max(values) < least)
    return (f.n, f.facts["differ"]) == (len(there), differ)


def _impute(f: Finding, case: Case) -> Verdict:
    """Of the runs that it names the rule stopped as many as it says, within what it leaves open."""
    runs = _runs(case)
    values = {run.id: run.best for run in runs.values() if run.best is not None}
    quarter = np.quantile(list(values.values()), 0.25, method="lower")
    named = [i for i in f.runs if values[i] > quarter]
    true = sum(case.truth.label(i) == "early_stopped" for i in named)
    recorded = all(runs[i].state in ("failed", "crashed", "killed") for i in f.runs)
    low, high = f.facts["between"]
    return bool(recorded and len(values) == f.n and len(named) == f.facts["fair"] and low <= true <= high)


def _method(f: Finding, case: Case) -> Verdict:
    """The arithmetic of size and budget; grids are asked of spaces without ranges only."""
    size, budget, why = f.facts["size"], f.facts["budget"], f.facts["why"]
    ranges = any(p.is_range for p in case.world.parameters)
    if f.n != len(case.made.sweep.runs) or (f.facts["new"] == "grid" and ranges):
        return False
    if why == "small":
        left = math.exp(budget * math.log1p(-1.0 / size)) if size > 1 else 0.0
        return size <= budget and f.estimate is not None and math.isclose(f.estimate.value or 0.0, left, abs_tol=1e-9)
    return bool(size > budget) if why == "large" else ranges if why == "range" else True


def _run_cap(f: Finding, case: Case) -> Verdict:
    facts = f.facts
    parent = facts["parent"] == len(case.made.sweep.runs)
    return bool(parent and facts["cap"] in (facts["budget"], facts["size"], facts["parent"]))


def _epochs(f: Finding, case: Case) -> Verdict:
    """Counted again: best values in the last tenth, or all before the latest place that it names."""
    runs = _runs(case)
    places = [(runs[i].best_progress or 0.0) / runs[i].progress for i in f.runs]
    late = sum(place >= 0.9 for place in places)
    done = all(case.truth.label(i) == "completed" for i in f.runs)
    return bool(done and len(places) == f.n and late == f.facts["late"] and max(places) == f.facts["latest"])


def _prior(f: Finding, case: Case) -> Verdict:
    """Each of them really completed, and has a value."""
    runs = _runs(case)
    clean = all(case.truth.label(i) == "completed" and runs[i].best is not None for i in f.runs)
    return clean and len(f.runs) == f.facts["clean"] and f.n == len(runs)


def _repeats(f: Finding, case: Case) -> Verdict:
    """The three best of those that completed, and no two of these with one configuration."""
    runs = [run for run in case.made.sweep.runs if case.truth.label(run.id) == "completed" and run.best is not None]
    top = sorted(runs, key=lambda run: -(run.best or 0.0))[:3]
    alike = len({repr(sorted(run.config.items())) for run in runs})
    return {run.id for run in top} == set(f.runs) and f.n == len(runs) == alike


JUDGES: Mapping[str, Judging] = {
    "search_bands": _bands,
    "search_warmup": _warmup,
    "search_strict": _strict,
    "search_impute": _impute,
    "search_method": _method,
    "search_run_cap": _run_cap,
    "search_epochs": _epochs,
    "search_prior": _prior,
    "search_repeats": _repeats,
    "search_running": lambda f, case: set(f.runs) == {r.id for r in case.result.sweep.runs if r.state == "running"},
    "search_unlogged": lambda f, case: not {p.name for p in case.world.parameters} & set(f.facts["names"]),
}
