"""Two measures of importance on the same settings: fANOVA, and optuna's PED-ANOVA.

fANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014): a random forest is fitted, and each parameter has the share of the
fit's variance that is its own main effect. The shares add up to at most one; the rest are interactions.

PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023): how far the settings of the best runs (here a fifth) differ from
those of all runs, as Pearson's divergence of two densities; divided by their sum, so that the shares add up to one.

Both look at those runs alone whose target is finite, so that a half of the runs costs no study of its own. Settings
without order have arbitrary places in fANOVA's forest (a column for each level, as optuna would make, gives a level
half of the space however many there are); each of ORDERS boards has others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Floats
from .columns import Column
from .fanova import main_effects

TREES, DEPTH = 8, 5
BEST = 0.2
"""The share of runs that PED-ANOVA takes as the best; the highest for crashes."""
ORDERS = 4


@dataclass(frozen=True)
class Board:
    """The settings as each measure takes them; made by ``board``."""

    names: tuple[str, ...]
    sizes: Floats
    """[parameters]: levels of each."""
    placed: tuple[Floats, ...]
    """[n, parameters] places on a line, one array for each order of the levels that have none."""
    named: Any
    """The optuna study with levels as categories."""


Evaluator = Callable[[Board, Floats, int], Floats]
"""board, y [n] with NaN for runs to be left out (larger is better), seed -> shares [parameters]."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna's log and warnings are not for the page; both are as before afterwards."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def board(columns: Sequence[Column], seed: int) -> Board:
    """The board of these settings; a constant column stays one (its importance is 0)."""
    random = np.random.default_rng(seed)
    names = tuple(column.name for column in columns)
    some = ORDERS if any(not column.ordered and column.size > 2 for column in columns) else 1
    placed = tuple(_placed(columns, random) for _ in range(some))
    sizes = np.array([column.size for column in columns], dtype=float)
    with _quiet():
        return Board(names, sizes, placed, _named(columns))


def _placed(columns: Sequence[Column], random: np.random.Generator) -> Floats:
    return np.column_stack(
        [column.codes if column.ordered else random.permutation(column.size)[column.codes] for column in columns]
    ).astype(float)


def _named(columns: Sequence[Column]) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    of = {
        column.name: IntDistribution(0, column.size - 1)
        if column.ordered
        else CategoricalDistribution(tuple(range(column.size)))
        for column in columns
    }
    return _study(of, {column.name: column.codes for column in columns})


def _study(of: dict[str, Any], values: dict[str, Any]) -> Any:
    import optuna

    study = optuna.create_study()
    n = len(next(iter(values.values())))
    lists = {name: column.tolist() for name, column in values.items()}
    study.add_trials(
        [
            optuna.trial.create_trial(params={name: lists[name][i] for name in of}, distributions=of, value=0.0)
            for i in range(n)
        ]
    )
    return study


def fanova(on: Board, y: Floats, seed: int, *, trees: int = TREES, depth: int = DEPTH) -> Floats:
    """Shares of the forest's variance; all 0 where the target does not vary."""
    shares = np.zeros(len(on.names))
    if not _varies(y):
        return shares
    known, several = np.isfinite(y), on.sizes > 1
    settings = on.placed[seed % len(on.placed)][known][:, several]
    shares[several] = main_effects(settings, on.sizes[several], y[known], seed % 2**31, trees=trees, depth=depth)
    return shares


def ped_anova(on: Board, y: Floats, seed: int, *, best: float = BEST) -> Floats:
    """Shares of the divergence between the best runs and all; it draws nothing, so the seed does not matter."""
    del seed
    from optuna.importance import PedAnovaImportanceEvaluator

    if not _varies(y):
        return np.zeros(len(on.names))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=best)
    with _quiet():
        found = evaluator.evaluate(on.named, list(on.names), target=lambda trial: -float(y[trial.number]))
    shares = np.array([float(found[name]) for name in on.names])
    return shares / shares.sum() if shares.sum() > 0 else shares


def _varies(y: Floats) -> bool:
    known = y[np.isfinite(y)]
    return len(known) > 1 and bool(np.ptp(known) > 0)


EVALUATORS: dict[str, Evaluator] = {"fANOVA": fanova, "PED-ANOVA": ped_anova}
