"""What the next trial is given: grid and random as W&B's search does it, bayes by optuna.

Each proposal follows from the sweep's id, its number and the trials so far, so an agent that was killed goes on with
the same ones.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from ...analysis.errors import FormatError
from ...analysis.sweepfile.distributions import number_in
from ...analysis.sweepfile.domains import Domain
from .journal import Trial
from .plan import Plan

MOST_LISTED = 1_000_000
"""A range with more steps than these is no grid."""
_END = 1e-9
"""Normal distributions have no value at places 0 and 1."""


def propose(plan: Plan, number: int, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """The parameters of proposal ``number`` (0 is the first) by flat name; None where a grid is exhausted.

    trials: those that have started; bayes learns from them.
    """
    if plan.config.method == "grid":
        return _cell(plan, number)
    rng = np.random.default_rng((zlib.crc32(plan.sweep_id.encode()), number))
    if plan.config.method == "random":
        return {domain.name: domain.sample(rng, 1)[0] for domain in plan.domains}
    return _bayes(plan, int(rng.integers(2**31)), trials)


def grid_size(plan: Plan) -> int:
    """The number of combinations. Raises FormatError for a parameter that no grid can go through."""
    return math.prod(len(_listed(domain)) for domain in plan.domains)


def _cell(plan: Plan, number: int) -> dict[str, Any] | None:
    """Combination ``number`` in W&B's order: parameters by name at each level of nesting, the last one turns fastest.

    Source: ``grid_search_next_runs`` and ``HyperParameterSet.from_config`` of the package ``sweeps`` 0.3.0.
    """
    if number >= grid_size(plan):
        return None
    found = {}
    for domain in sorted(plan.domains, key=lambda domain: domain.name.split("."), reverse=True):
        listed = _listed(domain)
        number, at = divmod(number, len(listed))
        found[domain.name] = listed[at]
    return {domain.name: found[domain.name] for domain in plan.domains}


def _listed(domain: Domain) -> Sequence[Any]:
    """The values of a parameter on a grid: whole ranges and steps as the package ``sweeps`` lists them.

    Of values that it takes for one (1 and 1.0, or a repeated one) the last is tried, at the place of the first.
    """
    if domain.levels is not None:
        return list({_as_hashed(value): value for value in domain.levels}.values())
    kind = domain.spec.get("distribution", "int_uniform" if domain.integer else "")
    if kind == "int_uniform" and domain.low is not None and domain.high is not None:
        return range(int(domain.low), int(domain.high) + 1)
    if kind == "q_uniform":
        return _steps(domain)
    raise FormatError(f"parameter '{domain.name}' is a range: a grid needs values; take method random or bayes")


def _steps(domain: Domain) -> list[Any]:
    """``numpy.arange`` as the package calls it: without the upper end, whole numbers where all three are."""
    low, high, step = (number_in(domain.spec, key, 1.0) or 0.0 for key in ("min", "max", "q"))
    if (high - low) / step > MOST_LISTED:
        raise FormatError(f"parameter '{domain.name}' has more than {MOST_LISTED:,} steps; raise q")
    whole = all(isinstance(domain.spec.get(key, 1.0), int) for key in ("min", "max", "q"))
    listed: list[Any] = np.arange(*((int(low), int(high), int(step)) if whole else (low, high, step))).tolist()
    return listed


def _as_hashed(value: Any) -> str:
    """The text by which the package knows a value (``yaml_hash``)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=True)
    return text


def _bayes(plan: Plan, seed: int, trials: Sequence[Trial]) -> dict[str, Any]:
    """A proposal of optuna's tree-structured Parzen estimator (Bergstra et al. 2011), told of all trials.

    Told: a trial that ended well or was stopped by its best value; one that still runs by its best so far, so that
    trials side by side differ; one that crashed without a value as failed. TPE and not the Gaussian process, because it
    needs no torch on the machine that samples, and takes levels, steps and nested parameters as they are.
    """
    import optuna

    assert plan.config.metric is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched = [domain for domain in plan.domains if domain.levels is None or len(domain.levels) > 1]
    spaces = {domain.name: _space(domain) for domain in searched}
    goal = "maximize" if plan.config.metric.goal == "maximize" else "minimize"
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction=goal, sampler=sampler)
    for trial in trials:
        place = {domain.name: _place(domain, trial.parameters.get(domain.name)) for domain in searched}
        if any(value is None for value in place.values()):
            continue
        best = (max if goal == "maximize" else min)(trial.values, default=None)
        state = optuna.trial.TrialState.COMPLETE if best is not None else optuna.trial.TrialState.FAIL
        study.add_trial(optuna.trial.create_trial(params=place, distributions=spaces, value=best, state=state))
    asked = study.ask(spaces)
    found = {domain.name: _value(domain, asked.params[domain.name]) for domain in searched}
    return {domain.name: found.get(domain.name, (domain.levels or (None,))[0]) for domain in plan.domains}


def _space(domain: Domain) -> Any:
    """Levels by number, in order where they have one; a range by its quantile in the declared distribution."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if domain.levels is None:
        return FloatDistribution(0.0, 1.0)
    if domain.ordered:
        return IntDistribution(0, len(domain.levels) - 1)
    return CategoricalDistribution(list(range(len(domain.levels))))


def _place(domain: Domain, value: Any) -> float | int | None:
    """Where a trial's value lies in the space; None where it is not in it."""
    if domain.levels is None:
        place = domain.place(value)
        return place if place == place else None
    order = _in_order(domain)
    return next((rank for rank, at in enumerate(order) if domain.levels[at] == value), None)


def _value(domain: Domain, place: float | int) -> Any:
    if domain.levels is None:
        return domain.at(min(max(float(place), _END), 1.0 - _END))
    return domain.levels[_in_order(domain)[int(place)]]


def _in_order(domain: Domain) -> list[int]:
    """Places of the levels in the file, ascending by value where they are ordered."""
    levels = domain.levels or ()
    places = list(range(len(levels)))
    return sorted(places, key=lambda at: domain.place(levels[at])) if domain.ordered else places


def nested(plan: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    """Flat names as the sweep file nests them."""

    def inside(specs: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        found = {}
        for name, spec in specs.items():
            deeper = spec.get("parameters")
            path = f"{prefix}{name}"
            found[name] = inside(deeper, f"{path}.") if isinstance(deeper, Mapping) else values[path]
        return found

    return inside(plan.config.raw.get("parameters") or {}, "")
