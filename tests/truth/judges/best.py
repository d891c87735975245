"""Which result and which architecture is the best, and what more runs would bring."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aftersweep.analysis.types import Finding, Floats
from aftersweep.reports.format import OUTCOME_WORDS

from ..ratios import covers
from .case import Case, Judging, Verdict, holds, within


def _best(f: Finding, case: Case) -> Verdict:
    """The value is the largest, and the run ended as is said."""
    values = {run.id: run.best for run in case.made.sweep.runs if run.best is not None}
    is_best = values[f.subject] == max(values.values()) and f.n == len(values)
    return is_best and f.facts["outcome"] == case.truth.label(f.subject) and f.facts["outcome"] in OUTCOME_WORDS


def _comparison(f: Finding, case: Case) -> Verdict:
    """That levels differ is true where the parameter has a part in the metric."""
    return not f.supported or f.subject not in case.world.indifferent


def _best_chance(f: Finding, case: Case) -> Verdict:
    """Named as the best: true where no other level is as good."""
    return not f.supported or bests(case, f.subject) == [f.facts["chances"][0][0]]


def bests(case: Case, name: str) -> list[str]:
    """The labels of the levels with the largest gain in the metric; all of them where it does not matter."""
    parameter = case.world.parameter(name)
    gains = parameter.gains or (0.0,) * len(parameter.levels)
    return [str(level) for level, gain in zip(parameter.levels, gains, strict=True) if gain == max(gains)]


def _results(case: Case, name: str, label: str) -> Floats:
    """What tries of one level gave, a crash or no value as minus infinity."""
    at = [str(level) for level in case.world.parameter(name).levels].index(label)
    mine = case.people.places[name] == at
    lost = case.people.crashed | np.isnan(case.people.best)
    return np.asarray(np.where(lost, -np.inf, case.people.best)[mine], dtype=float)


def _best_of_tries(f: Finding, case: Case) -> Verdict:
    """The leader's band holds its median of the best of k tries; those named as worse are."""
    assert f.estimate is not None
    if f.estimate.value is None or np.isinf(f.estimate.value):
        return True
    share = 0.5 ** (1 / f.facts["k"])
    levels = [str(level) for level in case.world.parameter(f.subject).levels]
    true = {label: float(np.quantile(_results(case, f.subject, label), share, method="lower")) for label in levels}
    alike = f.subject in case.world.indifferent and f.subject in case.world.nulls
    if f.facts["apart"] and (alike or any(true[label] >= true[f.facts["best"]] for label in f.facts["apart"])):
        return False
    return within(f.estimate, true[f.facts["best"]])


def _same(case: Case, run_id: str) -> Floats:
    """The best values of the population's completed runs with the configuration of a run."""
    at = case.truth.index[run_id]
    alike = np.all([p == case.truth.places[n][at] for n, p in case.people.places.items()], axis=0)
    whole = (case.people.progress >= case.world.epochs) & ~case.people.crashed
    return np.asarray(case.people.best[alike & whole], dtype=float)


def _winners_curse(f: Finding, case: Case) -> Verdict:
    return holds(f, float(_same(case, f.subject).mean()))


def _seed_noise(f: Finding, case: Case) -> Verdict:
    """The spread between runs of one configuration, as the population has it."""
    if not f.supported:
        return True
    return holds(f, float(np.std(_same(case, f.runs[0]), ddof=1)))


def _last_value(f: Finding, case: Case) -> Verdict:
    """Counted again."""
    finite = {run.id: run.finite_metric for run in case.made.sweep.runs if run.iterations}
    last = {i: float(values[-1]) for i, values in finite.items()}
    worse = sum(float(values.max()) - last[i] > f.facts["threshold"] for i, values in finite.items())
    right = f.facts["leader_last"] == max(last.values()) and f.n == len(finite) and worse == f.facts["worse"]
    return right and f.estimate is not None and f.estimate.value == last[f.subject]


def _held_out(f: Finding, case: Case) -> Verdict:
    """No world logs a held-out metric."""
    bests_ = [run.best for run in case.made.sweep.runs if run.best is not None]
    return f.facts["held"] is None and not f.facts["selected"] and f.facts["best"] == max(bests_)


def _more_runs(f: Finding, case: Case) -> Verdict:
    """Of runs drawn alike: the chance that one is better than this sweep's best, by the population's share above it."""
    doubt = f.facts["doubt"]
    if doubt == "grid":
        cells = int(np.prod([len(p.levels) for p in case.world.parameters]))
        tried = len({repr(sorted(run.config.items())) for run in case.made.sweep.runs})
        return bool(f.facts["grid_left"] == cells - tried)
    if doubt == "drift" and case.world.mended is None and case.world.method == "random":
        return False
    return holds(f, 1 - (1 - _above(case, f.facts["best"])) ** f.facts["more"])


def _above(case: Case, value: float) -> float:
    return float(np.nanmean(np.where(np.isnan(case.people.best), -np.inf, case.people.best) > value))


def _gain(f: Finding, case: Case) -> Verdict:
    """The mean gain of so many runs drawn from the population is no larger than the upper limit."""
    values = np.sort(np.where(np.isnan(case.people.best), -np.inf, case.people.best))
    share = np.arange(1, len(values) + 1) / len(values)
    weight = np.diff(share ** f.facts["more"], prepend=0.0)
    above = values > f.facts["best"]
    mean = float(weight[above] @ (values[above] - f.facts["best"]))
    return f.estimate is not None and covers(None, f.estimate.high, mean)


JUDGES: Mapping[str, Judging] = {
    "best": _best,
    "comparison": _comparison,
    "best_chance": _best_chance,
    "best_of_tries": _best_of_tries,
    "winners_curse": _winners_curse,
    "seed_noise": _seed_noise,
    "last_value": _last_value,
    "held_out": _held_out,
    "more_runs": _more_runs,
    "more_runs_gain": _gain,
}
