"""The Gaussian process: against scikit-learn's, by finite differences, and by leaving each value out for real."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from aftersweep.analysis.narrow.surrogate import JITTER, Points, _loss, _squares, fit, rank_normal, skill
from aftersweep.analysis.types import Floats


def some_points(seed: int, n: int = 40, ordered: int = 3, kinds: int = 2) -> Points:
    rng = np.random.default_rng(seed)
    return Points(rng.random((n, ordered)), rng.integers(0, 3, (n, kinds)))


def as_columns(points: Points, weights: Floats) -> Floats:
    """The same distances in Euclidean space: a kind becomes three columns of which one is set."""
    columns = [points.ordered * np.sqrt(weights[: points.ordered.shape[1]])]
    for j, weight in enumerate(weights[points.ordered.shape[1] :]):
        columns.append(np.eye(3)[points.kinds[:, j]] * np.sqrt(weight / 2))
    return np.hstack(columns)


def test_the_posterior_is_that_of_scikit_learn() -> None:
    """With the same kernel, mean and spread at new configurations are those of GaussianProcessRegressor."""
    points, new = some_points(1), some_points(2, 15)
    y = rank_normal(np.sin(5 * points.ordered[:, 0]) + points.kinds[:, 0])
    model = fit(points, y)
    kernel = ConstantKernel(model.signal, "fixed") * Matern(1.0, "fixed", nu=2.5)
    other = GaussianProcessRegressor(kernel + WhiteKernel(model.noise + JITTER, "fixed"), alpha=0.0, optimizer=None)
    other.fit(as_columns(points, model.weights), y)
    mean, spread = other.predict(as_columns(new, model.weights), return_std=True)
    ours, variance = model.predict(new)
    assert np.allclose(ours, mean, atol=1e-8)
    assert np.allclose(variance + model.noise, spread**2, atol=1e-6)


def test_the_gradient_is_that_of_the_loss() -> None:
    points = some_points(3)
    y = rank_normal(points.ordered[:, 1])
    squares, centre, spread = _squares(points, points), np.zeros(7), np.full(7, 2.0)
    at = np.random.default_rng(4).normal(0, 0.4, 7)
    numeric = approx_fprime(at, lambda theta: _loss(theta, squares, y, centre, spread)[0], 1e-6)
    assert np.allclose(_loss(at, squares, y, centre, spread)[1], numeric, rtol=1e-3, atol=1e-3)


def test_left_out_values_are_foretold_as_if_they_had_never_been_seen() -> None:
    """The closed form agrees with a process from which the value was taken out."""
    points = some_points(5, 20)
    y = rank_normal(points.ordered[:, 0] + points.kinds[:, 0])
    model = fit(points, y)
    mean, variance = model.left_out()
    covariance = model.factor @ model.factor.T
    for i in range(20):
        rest = np.arange(20) != i
        solved = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, i])
        assert mean[i] == pytest.approx(solved @ y[rest], abs=1e-6)
        assert variance[i] == pytest.approx(covariance[i, i] - solved @ covariance[rest, i], abs=1e-6)


def test_joint_draws_have_the_posterior_s_moments() -> None:
    points, new = some_points(6), some_points(7, 6)
    model = fit(points, rank_normal(points.ordered[:, 0] ** 2))
    drawn = model.draw(new, 20_000, np.random.default_rng(8))
    mean, variance = model.predict(new)
    assert np.allclose(drawn.mean(axis=0), mean, atol=0.03)
    assert np.allclose(drawn.var(axis=0), variance, atol=0.03)


def test_what_nothing_explains_has_no_skill_and_what_one_setting_explains_has_much() -> None:
    points = some_points(9, 60)
    noise = np.random.default_rng(10).normal(size=60)
    assert skill(fit(points, rank_normal(noise))) < 0.25
    assert skill(fit(points, rank_normal(points.ordered[:, 0] + 0.05 * noise))) > 0.8


def test_minimising_the_negative_is_maximising() -> None:
    """The values enter by rank: the opposite values give the opposite mean."""
    points = some_points(11)
    values = np.random.default_rng(12).normal(size=40)
    up, down = fit(points, rank_normal(values)), fit(points, rank_normal(-values))
    assert np.allclose(up.predict(points)[0], -down.predict(points)[0], atol=1e-4)
