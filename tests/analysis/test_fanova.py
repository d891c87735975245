"""fANOVA's main effects, beside optuna's: the same forest, the same shares."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.importance import FanovaImportanceEvaluator

from aftersweep.analysis.explain.fanova import main_effects
from aftersweep.analysis.types import Floats


@pytest.fixture(autouse=True, scope="module")
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def optunas(places: Floats, sizes: Floats, y: Floats, seed: int, trees: int, depth: int) -> Floats:
    """[parameters] by optuna."""
    names = [f"p{i}" for i in range(len(sizes))]
    of = {name: FloatDistribution(-0.5, size - 0.5) for name, size in zip(names, sizes, strict=True)}
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(zip(names, row, strict=True)), distributions=of, value=value)
            for row, value in zip(places.tolist(), y.tolist(), strict=True)
        ]
    )
    found = FanovaImportanceEvaluator(n_trees=trees, max_depth=depth, seed=seed).evaluate(study)
    return np.array([found[name] for name in names])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31 - 1), st.integers(20, 60), st.integers(1, 7), st.booleans())
def test_the_shares_are_optunas(seed: int, n: int, parameters: int, few: bool) -> None:
    """Law: for any settings, targets (ties among them) and seed."""
    random = np.random.default_rng(seed)
    sizes = random.integers(2, 7, parameters).astype(float)
    places = np.column_stack([random.integers(0, size, n) for size in sizes]).astype(float)
    y = random.integers(0, 2, n).astype(float) if few else random.normal(size=n) + places[:, 0]
    ours = main_effects(places, sizes, y, seed, trees=8, depth=5)
    assert ours == pytest.approx(optunas(places, sizes, y, seed, 8, 5), abs=1e-12)


def test_deep_trees_and_many_levels() -> None:
    """Where every leaf is one run, of parameters with up to forty levels."""
    random = np.random.default_rng(1)
    sizes = np.array([40.0, 3.0, 17.0])
    places = np.column_stack([random.integers(0, size, 150) for size in sizes]).astype(float)
    y = np.sin(places[:, 0] / 5) * places[:, 2] + random.normal(size=150)
    ours = main_effects(places, sizes, y, 5, trees=4, depth=40)
    assert ours == pytest.approx(optunas(places, sizes, y, 5, 4, 40), abs=1e-12)
    assert ours.sum() < 1.0 + 1e-12


@pytest.mark.parametrize("n", [2, 30])
def test_a_forest_that_splits_nothing_has_no_shares(n: int) -> None:
    """One setting for all runs. (optuna may give it all: its variance of one leaf is a rounding error above 0.)"""
    y = np.random.default_rng(0).normal(size=n)
    assert main_effects(np.full((n, 1), 3.0), np.array([6.0]), y, 0, trees=8, depth=5) == [0.0]


def test_a_target_of_its_own_parameter_alone_has_all_of_the_variance() -> None:
    """By hand: y is a step of the first of two binary parameters, in a full grid."""
    places = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 8, dtype=float)
    shares = main_effects(places, np.array([2.0, 2.0]), places[:, 0].copy(), 0, trees=8, depth=5)
    assert shares == pytest.approx([1.0, 0.0])
