"""What people do after a first sweep, and what aftersweep does: all go on from the same runs.

A space is a list of level numbers for each parameter. Every strategy spends exactly the runs that it is given.
"""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from aftersweep.analysis.narrow.next import following
from aftersweep.analysis.narrow.options import Options
from aftersweep.analysis.narrow.surrogate import Points, fit, rank_normal
from aftersweep.analysis.results.following import Following
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.values import level, same

from ..reference import command
from .tables import Table
from .world import Code, World

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

Space = list[list[int]]
Codes = NDArray[np.int64]
Run = Callable[[World, Space, int], None]
TOP = 5
BATCH = 5
"""Runs between two fits of the Gaussian process."""
POOL, NEAR, FEWEST = 500, 10, 3
"""Configurations at random, and as many near the best; how many those are; values that a fit takes."""


def whole(table: Table) -> Space:
    return [list(range(n)) for n in table.dims]


def is_ordered(table: Table) -> list[bool]:
    return [not isinstance(values[0], str) for values in table.levels.values()]


def random(world: World, space: Space, runs: int) -> None:
    """Each level of the space equally likely."""
    for _ in range(runs):
        world.run(tuple(part[world.rng.integers(len(part))] for part in space))


def tpe(world: World, space: Space, runs: int, *, crash: TrialState = TrialState.FAIL) -> None:
    """optuna's TPE (multivariate), given all runs of the space so far.

    A crash is a failed trial, as optuna has it of one that raised: TPE passes it over. ``crash`` may say pruned
    instead: then it counts as worse than any value.
    """
    ordered = is_ordered(world.table)
    named = {
        f"{j:02d}": optuna.distributions.IntDistribution(0, len(part) - 1)
        if ordered[j]
        else optuna.distributions.CategoricalDistribution(list(range(len(part))))
        for j, part in enumerate(space)
    }
    sampler = optuna.samplers.TPESampler(seed=int(world.rng.integers(2**31)), multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for code, value in zip(world.codes, world.values, strict=True):
        if all(one in part for one, part in zip(code, space, strict=True)):
            places = {name: part.index(one) for name, one, part in zip(named, code, space, strict=True)}
            state = crash if value is None else TrialState.COMPLETE
            study.add_trial(optuna.trial.create_trial(state=state, params=places, distributions=named, value=value))
    for _ in range(runs):
        trial = study.ask(named)
        value = world.run(tuple(part[trial.params[name]] for name, part in zip(named, space, strict=True)))
        study.tell(trial, value, state=crash if value is None else None)


def top_five(world: World) -> Space:
    """Only the levels that the best five runs used."""
    seen = sorted(
        ((value, code) for value, code in zip(world.values, world.codes, strict=True) if value is not None),
        reverse=True,
    )
    best = [code for _, code in seen[:TOP]]
    return [sorted({code[j] for code in best}) or list(range(n)) for j, n in enumerate(world.table.dims)]


def as_the_source(world: World) -> Space:
    """As the source report recommends: of each parameter the levels with the highest raw crash rate and with the lowest
    mean value go, as long as one is left."""
    space = whole(world.table)
    codes, crashed = np.array(world.codes), np.array([value is None for value in world.values])
    values = np.array([np.nan if value is None else value for value in world.values])
    for j, part in enumerate(space):
        rates = [crashed[codes[:, j] == k].mean() if (codes[:, j] == k).any() else 0.0 for k in part]
        means = [float(np.nanmean(v)) if np.isfinite(v := values[codes[:, j] == k]).any() else np.inf for k in part]
        gone = [int(np.argmax(rates))] if max(rates) > 0 else []
        for k in (*gone, int(np.argmin(means))):
            if k in space[j] and len(space[j]) > 1:
                space[j] = [one for one in space[j] if one != k]
    return space


def ours(world: World, budget: int) -> tuple[Space, Following]:
    """What ``aftersweep next --known-values`` makes of the runs so far."""
    sweep, ends = world.as_sweep()
    found = following(sweep, ends, None, Options(budget=budget, new_values=False))
    config = read_config(found.config)
    space = []
    for name, values in world.table.levels.items():
        parameter = config.parameter(name)
        assert parameter is not None and parameter.values is not None
        kept = [level(value) for value in parameter.values]
        space.append([k for k, value in enumerate(values) if any(same(level(value), one) for one in kept)])
    return space, found


def thompson(world: World, space: Space, runs: int, *, impute: bool = True) -> None:
    """A Gaussian process on normal scores, a Thompson draw a run, fitted anew after every fifth.

    Draws are compared at random configurations of the space and at those one or two settings away from the ten best.
    Crashes count as the worst value so far, or (``impute`` false) are left out.
    """
    ordered = np.array(is_ordered(world.table))
    scale = np.maximum(np.array(world.table.dims) - 1, 1)

    def points(codes: Codes) -> Points:
        return Points((codes / scale)[:, ordered], codes[:, ~ordered])

    spent = 0
    while spent < runs:
        seen = [value for value in world.values if value is not None]
        told = [min(seen, default=0.0) if value is None and impute else value for value in world.values]
        codes = np.array([code for code, value in zip(world.codes, told, strict=True) if value is not None])
        y = np.array([value for value in told if value is not None])
        pool = _drawn(space, POOL, world.rng)
        batch = min(BATCH, runs - spent)
        if len(y) < FEWEST:
            chosen = pool[:batch]
        else:
            model = fit(points(codes), rank_normal(y), steps=30)
            pool = np.unique(np.vstack([pool, _near(codes[np.argsort(-y)[:NEAR]], space, POOL, world.rng)]), axis=0)
            chosen = pool[model.draw(points(pool), batch, world.rng).argmax(axis=1)]
        for row in chosen:
            world.run(tuple(int(one) for one in row))
        spent += batch


def _drawn(space: Space, n: int, rng: np.random.Generator) -> Codes:
    return np.column_stack([np.array(part)[rng.integers(0, len(part), n)] for part in space])


def _near(best: Codes, space: Space, n: int, rng: np.random.Generator) -> Codes:
    """One or two settings (the same one may be drawn twice) of good configurations drawn anew."""
    near = best[rng.integers(0, len(best), n)]
    for _ in range(2):
        other = _drawn(space, n, rng)
        j = rng.integers(0, len(space), n)
        near[np.arange(n), j] = other[np.arange(n), j]
    return near


def wandb_bayes(world: World, space: Space, runs: int) -> None:
    """W&B's own bayes search as its released package decides, in that package's environment."""
    script = Path(__file__).with_name("wandb_bayes.py")
    raw = world.raw() | {"method": "bayes"}
    names = list(world.table.levels)
    raw["parameters"] = {name: {"values": part} for name, part in zip(names, space, strict=True)}
    with subprocess.Popen(command(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        told = [{"code": code, "value": value} for code, value in zip(world.codes, world.values, strict=True)]
        line = {"config": raw, "names": names, "runs": told, "seed": int(world.rng.integers(2**31))}
        for _ in range(runs):
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            code: Code = tuple(json.loads(process.stdout.readline()))
            line = {"code": code, "value": world.run(code)}
        process.stdin.close()


FIRST: Mapping[str, Run] = {"random": random, "TPE": tpe}


def strategies(world: World, budget: int) -> tuple[dict[str, tuple[Run, Space]], Following]:
    """The strategies by letter, as the issue names them, but (h); and what aftersweep said.

    (i) is (c) and (j) is (g) with crashes told the other way: what a user would do is not one thing.
    """
    every = whole(world.table)
    narrowed, found = ours(world, budget)
    return {
        "a": (random, every),
        "b": (random, top_five(world)),
        "c": (tpe, every),
        "d": (random, as_the_source(world)),
        "e": (random, narrowed),
        "f": (tpe, narrowed),
        "g": (thompson, every),
        "i": (partial(tpe, crash=TrialState.PRUNED), every),
        "j": (partial(thompson, impute=False), every),
    }, found


def best_of(table: Table, space: Space) -> float:
    """The best mean value in a space."""
    return float(np.nanmax(table.mean[np.ix_(*space)]))
