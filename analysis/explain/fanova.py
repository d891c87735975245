"""fANOVA's main effects of a forest on the unit grid of levels: exact, and all leaves of a tree at once.

Hutter, Hoos and Leyton-Brown (ICML 2014), section 4: a tree cuts the space into boxes, one a leaf. The marginal
prediction of a parameter at a place is the mean of the leaves there, each weighted by its volume in the other
parameters; the variance of that along the parameter, over the variance of the tree's predictions, is its share.

optuna has the same (``FanovaImportanceEvaluator``), a node at a time: five times as slow, which was a third of what a
report took. ``tests/analysis/test_fanova.py`` holds the two together, tree by tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Floats

MOST_SEED = 2**31 - 1


def main_effects(settings: Floats, sizes: Floats, y: Floats, seed: int, *, trees: int, depth: int) -> Floats:
    """[parameters]: each one's share of the forest's variance, the mean over trees; all 0 where no tree splits.

    settings [n, parameters]: places from 0 on; sizes [parameters]: how many there are, so that a parameter spans
    -0.5 to size - 0.5; y [n]: finite. The forest is scikit-learn's ``RandomForestRegressor`` of the same seed.
    """
    low, high = np.full(len(sizes), -0.5), sizes - 0.5
    shares = []
    for tree in _grown(settings.astype(np.float32), y, seed, trees, depth):
        total, of = _variances(*_leaves(tree, low, high), low, high)
        if total > 0:
            shares.append(of / total)
    return np.asarray(np.mean(shares, axis=0)) if shares else np.zeros(len(sizes))


def _grown(settings: np.ndarray[Any, np.dtype[np.float32]], y: Floats, seed: int, trees: int, depth: int) -> list[Any]:
    """The trees of ``RandomForestRegressor(trees, max_depth=depth, random_state=seed)``, without what it does besides.

    Its fit clones and checks for each tree, which takes longer than to grow one of so few runs.
    """
    import sklearn
    from sklearn.tree import DecisionTreeRegressor

    n = len(y)
    random = np.random.RandomState(seed)
    own = [int(random.randint(MOST_SEED)) for _ in range(trees)]
    made = []
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for one in own:
            random.seed(one)
            bag = np.bincount(random.randint(0, n, n, dtype=np.int32), minlength=n).astype(float)
            random.seed(one)
            tree = DecisionTreeRegressor(max_depth=depth, max_features=1.0, random_state=random)
            made.append(tree.fit(settings, y, sample_weight=bag, check_input=False).tree_)
    return made


def _leaves(tree: Any, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Lower and upper corners [leaves, parameters] of the boxes, and their values [leaves]."""
    feature, threshold = tree.feature, tree.threshold
    left, right = tree.children_left, tree.children_right
    lows, highs = np.empty((tree.node_count, len(low))), np.empty((tree.node_count, len(low)))
    lows[0], highs[0] = low, high
    for node in np.flatnonzero(feature >= 0):  # a node comes before its children
        a, b, cut = left[node], right[node], feature[node]
        lows[a] = lows[b] = lows[node]
        highs[a] = highs[b] = highs[node]
        highs[a, cut] = lows[b, cut] = threshold[node]
    leaf = feature < 0
    return lows[leaf], highs[leaf], tree.value[leaf, 0, 0]


def _variances(lows: Floats, highs: Floats, values: Floats, low: Floats, high: Floats) -> tuple[float, Floats]:
    """The variance of the tree's predictions, and of each parameter's marginal prediction [parameters]."""
    spans = highs - lows
    volume = spans.prod(axis=1)
    of = np.zeros(len(low))
    for i in range(len(low)):
        if high[i] <= low[i] or (spans[:, i] == high[i] - low[i]).all():
            continue  # no split on it: its marginal is flat
        edges = np.unique(np.concatenate([lows[:, i], highs[:, i]]))
        middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        inside = (lows[:, i] < middle[:, None]) & (middle[:, None] <= highs[:, i])
        weights = inside * (volume / spans[:, i])
        of[i] = _variance(weights @ values / weights.sum(axis=1), width)
    return _variance(values, volume), of


def _variance(values: Floats, weights: Floats) -> float:
    share = weights / weights.sum()
    mean = share @ values
    return float(share @ (values - mean) ** 2)
