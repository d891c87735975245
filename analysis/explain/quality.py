"""Whether the settings explain anything at all: a forest's fit out of bag, against the same fit of permuted targets.

The out-of-bag R^2 is 1 - SSE/SST, each run predicted by the trees that did not see it (Breiman, Machine Learning 45,
2001). A forest fits noise as readily as anything, and importances of that fit add up to one whatever it is worth; so
nothing is ranked unless the real target is explained better than permuted ones (Ojala and Garriga, JMLR 11, 2010).

The permutations end early once so many are as good that p cannot be small any more (Besag and Clifford, Biometrika 78,
1991); p is then as exact as with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .columns import Column

TREES, DEPTH, LEAF = 30, 6, 3
PERMUTATIONS, ENOUGH = 59, 3
"""At most so many; ended when so many are as good: 3 of 59 make p above 5 %, 2 of 59 do not."""
RESAMPLES = 999

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Quality:
    """The fit of the real target."""

    r2: float
    low: float
    high: float
    """Percentile interval of R^2 over resampled runs, for the forest as it was fitted."""
    p: float
    permutations: int
    """Drawn before it was decided."""


def quality(
    columns: Sequence[Column],
    y: Floats,
    block: Ints,
    seed: int,
    *,
    permutations: int = PERMUTATIONS,
    trees: int = TREES,
) -> Quality:
    """How well the forest predicts y [n] out of bag; permuted within ``block`` [n]."""
    random = np.random.default_rng(seed)
    forest = _Forest(columns, len(y), trees, random)
    predicted = forest.out_of_bag(y)
    found = _r2(y, predicted)
    hits = drawn = 0
    while drawn < permutations and hits < ENOUGH:
        drawn += 1
        moved = y[_within(block, random)]
        hits += _r2(moved, forest.out_of_bag(moved)) >= found
    p = hits / drawn if hits >= ENOUGH else (hits + 1) / (drawn + 1)
    low, high = _spread(y, predicted, random)
    return Quality(found, low, high, p, drawn)


def _r2(y: Floats, predicted: Floats) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    return 1.0 - float(((y - predicted) ** 2).sum()) / total if total > 0 else 0.0


def _spread(y: Floats, predicted: Floats, random: np.random.Generator) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of R^2 over resamples of the runs."""
    n = len(y)
    weight = random.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)
    error = weight @ (y - predicted) ** 2
    mean = weight @ y / n
    total = weight @ y**2 - n * mean**2
    r2 = 1.0 - error[total > 1e-12] / total[total > 1e-12]
    if not len(r2):
        return 0.0, 0.0
    low, high = np.quantile(r2, [0.025, 0.975])
    return float(low), float(high)


def _within(block: Ints, random: np.random.Generator) -> Ints:
    """A permutation that keeps every run in its block; ``block`` is ascending."""
    return np.lexsort((random.random(len(block)), block))


class _Forest:
    """Regression trees on fixed bags, so that targets differ in nothing else. Levels without order stand in a new
    order in each tree: which one they have must not matter."""

    def __init__(self, columns: Sequence[Column], n: int, trees: int, random: np.random.Generator) -> None:
        self.bags = [np.bincount(random.integers(0, n, n), minlength=n).astype(float) for _ in range(trees)]
        self.settings = [
            np.column_stack(
                [c.codes if c.ordered else random.permutation(c.size)[c.codes] for c in columns],
            ).astype(np.float32)
            for _ in range(trees)
        ]
        self.seeds = random.integers(0, 2**31 - 1, trees).tolist()

    def out_of_bag(self, y: Floats) -> Floats:
        """[n]: each run's mean over the trees that did not see it; the mean of all where every tree did."""
        import sklearn
        from sklearn.tree import DecisionTreeRegressor

        total, count = np.zeros(len(y)), np.zeros(len(y))
        # Seeded anew for each tree: to make a generator takes as long as to grow a small tree.
        random = np.random.RandomState(0)
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            for bag, settings, seed in zip(self.bags, self.settings, self.seeds, strict=True):
                random.seed(seed)
                tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=LEAF, random_state=random)
                tree.fit(settings, y, sample_weight=bag, check_input=False)
                out = bag == 0
                total[out] += tree.predict(settings[out], check_input=False)
                count[out] += 1
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), y.mean()))
