"""Several sweeps of one project as one ``Sweep``, whose runs stay told apart by the sweep that they are of (``parts``).

What the sweeps share is the pooled sweep's; what they do not is unknown there (no budget, no rule), and said. The
order in which they are given is of no account: they stand in the order in which they began.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .errors import UsageError
from .sweepfile.config import Parameter, SweepConfig
from .types import Run, Sweep
from .values import MISSING, is_number, level

MIXED_RULES = {"type": "of each sweep its own"}
"""Stands in the pooled configuration where the sweeps' stopping rules differ, so that there is none to replay."""


def pool(sweeps: Sequence[Sweep]) -> Sweep:
    """One sweep of all runs, by start; a single sweep is returned as it is.

    Run ids that two sweeps share become ``SWEEP/ID``; a run that is in two of them counts once. Raises UsageError for
    sweeps that cannot be held against each other: of different projects, with different metrics or units of progress,
    or one that is given twice.
    """
    if not sweeps:
        raise UsageError("no sweep was named")
    if len(sweeps) == 1:
        return sweeps[0]
    ordered = sorted(sweeps, key=lambda s: (_began(s), s.id, [run.id for run in s.runs]))
    _check_project(ordered)
    _check_metric(ordered)
    ordered, problems = _told_apart(_without_doubles(_in_one_unit(ordered)))
    runs = sorted((run for part in ordered for run in part.runs), key=lambda run: (_start(run), run.id))
    budget, unequal = _budget(ordered)
    judged = [part.judged for part in ordered if part.judged is not None]
    one_judge = len(judged) == len(ordered) and len({(part.metric, part.progress_unit) for part in judged}) == 1
    return Sweep(
        id="+".join(part.id for part in ordered),
        runs=tuple(runs),
        metric=ordered[0].metric,
        metric_decided_by="; ".join(_distinct(part.metric_decided_by for part in ordered)),
        progress_unit=ordered[0].progress_unit,
        epoch_key=_shared(part.epoch_key for part in ordered),
        parameters=_parameters(ordered, runs),
        config=_config(ordered, judged),
        budget=budget,
        entity=_shared(part.entity for part in ordered if part.entity),
        project=_shared(part.project for part in ordered if part.project),
        name=_shared(part.name for part in ordered),
        description=_shared(part.description for part in ordered),
        state=_shared(part.state for part in ordered),
        source_kind=_shared(part.source_kind for part in ordered) or "several",
        source_target=", ".join(part.source_target for part in ordered),
        source_decided_by="; ".join(_distinct(part.source_decided_by for part in ordered)),
        notices=tuple(_distinct(notice for part in ordered for notice in part.notices)),
        claims=_claims(ordered),
        excluded=tuple(item for part in ordered for item in part.excluded),
        problems=(*(f"sweep {part.id}: {text}" for part in ordered for text in part.problems), *problems, *unequal),
        judged=pool(judged) if one_judge else None,
        parts=tuple(ordered),
    )


def _began(sweep: Sweep) -> float:
    return min((_start(run) for run in sweep.runs), default=math.inf)


def _start(run: Run) -> float:
    return run.created_at if run.created_at is not None else math.inf


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _shared(values: Iterable[Any]) -> Any:
    """The one value that all have; None where they differ or there is none."""
    seen = list(dict.fromkeys(values))
    return seen[0] if len(seen) == 1 else None


def _check_project(sweeps: Sequence[Sweep]) -> None:
    for field in ("project", "entity"):
        known = {getattr(sweep, field): sweep.id for sweep in sweeps if getattr(sweep, field)}
        if len(known) > 1:
            said = " and ".join(f"{sweep_id} is of {name}" for name, sweep_id in list(known.items())[:2])
            raise UsageError(f"only sweeps of one project can be pooled, and {said}; report them one by one")


def _check_metric(sweeps: Sequence[Sweep]) -> None:
    known = {(sweep.metric.name, sweep.metric.goal): sweep.id for sweep in sweeps}
    if len(known) > 1:
        (one, of_one), (two, of_two) = list(known.items())[:2]
        raise UsageError(
            f"the sweeps are judged by different metrics: {of_one} by {one[0]} ({one[1]}), {of_two} by {two[0]} "
            f"({two[1]}); name one that all of them logged with --metric and --goal"
        )


def _in_one_unit(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps, all in one unit of progress; one whose runs made none takes that of the others."""
    moved = [sweep for sweep in sweeps if any(run.progress > 0 for run in sweep.runs)]
    units = {sweep.progress_unit: sweep for sweep in moved}
    if len(units) > 1:
        said = " and ".join(f"{sweep.id} in {unit}" for unit, sweep in sorted(units.items()))
        raise UsageError(
            f"the sweeps count progress in different units, {said}: their runs cannot be held against each other at "
            "equal progress; report them one by one, and log an epoch in all of them"
        )
    one = moved[0] if moved else sweeps[0]
    return [
        sweep
        if sweep.progress_unit == one.progress_unit
        else replace(sweep, progress_unit=one.progress_unit, epoch_key=one.epoch_key)
        for sweep in sweeps
    ]


def _same_run(a: Run, b: Run) -> bool:
    """True where two records of one id are of one run."""
    known = (a.id, a.state, a.created_at, a.progress, dict(a.config)) == (
        b.id,
        b.state,
        b.created_at,
        b.progress,
        dict(b.config),
    )
    return known and np.array_equal(a.metric, b.metric, equal_nan=True)


def _without_doubles(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """Each run in the first sweep that has it; the others say how many they shared."""
    first: dict[str, list[tuple[Run, str]]] = {}
    kept = []
    for sweep in sweeps:
        double = {run.id: of for run in sweep.runs for known, of in first.get(run.id, ()) if _same_run(run, known)}
        if sweep.runs and len(double) == len(sweep.runs):
            where = " and ".join(sorted(set(double.values())))
            said = f"{sweep.id} is named twice" if where == sweep.id else f"all runs of {sweep.id} are in {where} too"
            raise UsageError(f"{said}: sweeps are pooled with others, not with themselves; name each once")
        for run in sweep.runs:
            first.setdefault(run.id, []).append((run, sweep.id))
        kept.append(_only(sweep, double))
    return kept


def _only(sweep: Sweep, double: Mapping[str, str]) -> Sweep:
    if not double:
        return sweep
    runs = tuple(run for run in sweep.runs if run.id not in double)
    note = f"{len(double)} of its runs are in {' and '.join(sorted(set(double.values())))} too and count there"
    judged = sweep.judged
    if judged is not None:
        judged = replace(judged, runs=tuple(run for run in judged.runs if run.id not in double))
    return replace(sweep, runs=runs, judged=judged, problems=(*sweep.problems, note))


def _told_apart(sweeps: Sequence[Sweep]) -> tuple[list[Sweep], list[str]]:
    """The sweeps with ids that no two of them, and run ids that no two of their runs share; and what was renamed."""
    named: list[Sweep] = []
    for sweep in sweeps:
        tries = (sweep.id if n == 1 else f"{sweep.id}-{n}" for n in itertools.count(1))
        free = next(name for name in tries if name not in {other.id for other in named})
        named.append(replace(sweep, id=free))
    counts = Counter(run.id for sweep in named for run in sweep.runs)
    twice = {run_id for run_id, count in counts.items() if count > 1}
    note = f"{len(twice)} run ids are used by different runs of several sweeps: shown as SWEEP/ID"
    return [_renamed(sweep, sweep.id, twice) for sweep in named], [note] if twice else []


def _renamed(sweep: Sweep, prefix: str, twice: Collection[str]) -> Sweep:
    runs = tuple(replace(run, id=f"{prefix}/{run.id}") if run.id in twice else run for run in sweep.runs)
    judged = _renamed(sweep.judged, prefix, twice) if sweep.judged is not None else None
    return replace(sweep, runs=runs, judged=judged)


def _parameters(sweeps: Sequence[Sweep], runs: Sequence[Run]) -> dict[str, tuple[Any, ...]]:
    """Every parameter that a sweep varied, with the levels declared or seen in any of them.

    Numbers are sorted where all are numbers, else the levels stand as they were met.
    """
    found = {}
    for name in dict.fromkeys(name for sweep in sweeps for name in sweep.parameters):
        met = [value for sweep in sweeps for value in sweep.parameters.get(name, ())]
        met += [level(run.config.get(name, MISSING)) for run in runs]
        seen = list({(isinstance(value, bool), value): value for value in met}.values())  # True is not 1
        found[name] = tuple(sorted(seen) if all(is_number(value) for value in seen) else seen)
    return found


def _budget(sweeps: Sequence[Sweep]) -> tuple[float | None, list[str]]:
    known = {sweep.budget for sweep in sweeps}
    if len(known) == 1:
        return known.pop(), []
    said = ", ".join(f"{sweep.id} {'unknown' if sweep.budget is None else f'{sweep.budget:g}'}" for sweep in sweeps)
    return None, [f"the sweeps' runs were meant to reach different progress ({said}): each is judged by its own"]


def _claims(sweeps: Sequence[Sweep]) -> tuple[Mapping[str, str], ...]:
    return tuple({tuple(sorted(claim.items())): claim for sweep in sweeps for claim in sweep.claims}.values())


def _config(sweeps: Sequence[Sweep], judged: Sequence[Sweep]) -> SweepConfig | None:
    """What the configurations share; None where one of them is not known.

    The method is bayes where one sweep's is, as then settings went with results; a parameter is kept where all that
    vary it declare it alike.
    """
    configs = [sweep.config for sweep in sweeps if sweep.config is not None]
    if len(configs) < len(sweeps):
        return None
    methods = {config.method for config in configs}
    rules = [config.early_terminate or None for config in configs]
    one_rule = all(rule == rules[0] for rule in rules) and (not judged or _one_judge(sweeps))
    return SweepConfig(
        method="bayes" if "bayes" in methods else _shared(methods),
        metric=_shared(config.metric for config in configs),
        parameters=tuple(_declared(configs)),
        early_terminate=rules[0] if one_rule else MIXED_RULES,
    )


def _one_judge(sweeps: Sequence[Sweep]) -> bool:
    """True where all stopping rules looked at one metric."""
    return len({(sweep.judged or sweep).metric for sweep in sweeps}) == 1


def _declared(configs: Sequence[SweepConfig]) -> list[Parameter]:
    by_name: dict[str, list[Parameter]] = {}
    for config in configs:
        for parameter in config.parameters:
            by_name.setdefault(parameter.name, []).append(parameter)
    return [
        items[0]
        for items in by_name.values()
        if len(items) == len(configs) and all(item.spec == items[0].spec for item in items)
    ]
