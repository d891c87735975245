"""A Gaussian process over configurations: fit, leave-one-out, joint draws.

The kernel is Matern 5/2 with one length scale a parameter (Rasmussen and Williams, Gaussian Processes for Machine
Learning, 2006, section 4.2.1) on the weighted distance between two configurations: the difference of places for an
ordered parameter, 0 or 1 for any other. Length scales have the log-normal prior that grows with the number of
parameters (Hvarfner, Hellsten and Nardi, ICML 2024), so that fifty runs do not overfit ten of them; all are fitted by
their posterior mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, stats

from ..types import Floats

JITTER = 1e-8
_SCALE_SD = 1.0  # of the logarithm of a length scale; the paper's sqrt(3) lets fifty runs choose almost anything
_NOISE = (-2.0, 1.0)  # mean and sd of the logarithm of the noise variance, beside values of variance 1
_SIGNAL = (0.0, 0.5)
_BOUND = 7.0
_ROOT5 = 5.0**0.5


def rank_normal(values: Floats) -> Floats:
    """Normal scores of the ranks, [n]; ties share theirs. What is fitted, so that a diverged run is only the worst."""
    if not len(values):
        return np.empty(0)
    return np.asarray(stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values)), dtype=float)


@dataclass(frozen=True)
class Points:
    """Configurations as a kernel sees them: ``ordered`` [n, p] places 0 to 1, ``kinds`` [n, q] numbers of levels."""

    ordered: Floats
    kinds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ordered)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Points:
        return Points(self.ordered[rows], self.kinds[rows])

    def join(self, other: Points) -> Points:
        return Points(np.vstack([self.ordered, other.ordered]), np.vstack([self.kinds, other.kinds]))


def _squares(a: Points, b: Points) -> Floats:
    """[p + q, n, m]: squared distance of every pair in every parameter."""
    ordered = (a.ordered.T[:, :, None] - b.ordered.T[:, None, :]) ** 2
    kinds = (a.kinds.T[:, :, None] != b.kinds.T[:, None, :]).astype(float)
    return np.concatenate([ordered, kinds])


def _distance(a: Points, b: Points, weights: Floats) -> Floats:
    """[n, m]: weighted squared distance, without the array of all parameters."""
    p = a.ordered.shape[1]
    scaled_a, scaled_b = a.ordered * np.sqrt(weights[:p]), b.ordered * np.sqrt(weights[:p])
    total = (scaled_a**2).sum(axis=1)[:, None] + (scaled_b**2).sum(axis=1)[None, :] - 2 * scaled_a @ scaled_b.T
    for column, weight in enumerate(weights[p:]):
        total += weight * (a.kinds[:, column][:, None] != b.kinds[:, column][None, :])
    return np.asarray(np.maximum(total, 0.0), dtype=float)


def _matern(squared: Floats) -> Floats:
    r = _ROOT5 * np.sqrt(squared)
    return np.asarray((1 + r + r**2 / 3) * np.exp(-r), dtype=float)


@dataclass(frozen=True)
class Surrogate:
    """A fitted process. ``weights`` are [p + q], one over the squared length scales."""

    points: Points
    y: Floats
    weights: Floats
    signal: float
    noise: float
    """Variance of the noise, of values whose variance is 1."""
    factor: Floats
    """Lower Cholesky factor of the covariance of the values."""
    alpha: Floats

    def predict(self, at: Points) -> tuple[Floats, Floats]:
        """Mean and variance of the noise-free values, [m] each."""
        cross = self.signal * _matern(_distance(at, self.points, self.weights))
        half = linalg.solve_triangular(self.factor, cross.T, lower=True)
        return cross @ self.alpha, np.maximum(self.signal - (half**2).sum(axis=0), 0.0)

    def draw(self, at: Points, draws: int, rng: np.random.Generator) -> Floats:
        """Joint draws of the noise-free values, [draws, m]."""
        cross = self.signal * _matern(_distance(at, self.points, self.weights))
        half = linalg.solve_triangular(self.factor, cross.T, lower=True)
        covariance = self.signal * _matern(_distance(at, at, self.weights)) - half.T @ half
        covariance[np.diag_indices_from(covariance)] += self.signal * 1e-6
        root = linalg.cholesky(covariance, lower=True, check_finite=False)
        return np.asarray(cross @ self.alpha + rng.standard_normal((draws, len(at))) @ root.T, dtype=float)

    def left_out(self) -> tuple[Floats, Floats]:
        """Mean and variance of each value as foretold from all others, noise included, [n] each.

        Rasmussen and Williams 2006, equations 5.10 to 5.12; the length scales are those of all values.
        """
        inverse = linalg.cho_solve((self.factor, True), np.eye(len(self.y)))
        variance = 1.0 / np.diag(inverse)
        return self.y - self.alpha * variance, variance


def skill(model: Surrogate) -> float:
    """Leave-one-out R^2: 1 less the squared error over that of the mean (of the others)."""
    mean, _ = model.left_out()
    n = len(model.y)
    plain = ((model.y - model.y.mean()) * n / (n - 1)) ** 2
    return float(1.0 - ((model.y - mean) ** 2).sum() / plain.sum())


def fit(points: Points, y: Floats, *, steps: int = 60) -> Surrogate:
    """The process fitted to values [n] of mean about 0 and variance about 1; n is at least 3."""
    squares = _squares(points, points)
    p = len(squares)
    centre = np.concatenate([np.full(p, 0.5 * np.log(max(p, 1)) - 0.5), [_SIGNAL[0], _NOISE[0]]])
    spread = np.concatenate([np.full(p, _SCALE_SD), [_SIGNAL[1], _NOISE[1]]])

    def loss(theta: Floats) -> tuple[float, Floats]:
        return _loss(theta, squares, y, centre, spread)

    bounds = [(c - _BOUND, c + _BOUND) for c in centre]
    found = optimize.minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    weights, signal, noise = np.exp(-2 * found.x[:p]), float(np.exp(found.x[p])), float(np.exp(found.x[p + 1]))
    covariance = signal * _matern(np.tensordot(weights, squares, axes=1))
    covariance[np.diag_indices_from(covariance)] += noise + JITTER
    factor = linalg.cholesky(covariance, lower=True)
    return Surrogate(points, y, weights, signal, noise, factor, linalg.cho_solve((factor, True), y))


def _loss(theta: Floats, squares: Floats, y: Floats, centre: Floats, spread: Floats) -> tuple[float, Floats]:
    """Negative log posterior and its gradient (Rasmussen and Williams 2006, equations 5.8 and 5.9)."""
    p = len(squares)
    weights, signal, noise = np.exp(-2 * theta[:p]), np.exp(theta[p]), np.exp(theta[p + 1])
    squared = np.tensordot(weights, squares, axes=1)
    r = _ROOT5 * np.sqrt(squared)
    decay = signal * np.exp(-r)
    kernel = (1 + r + r**2 / 3) * decay
    covariance = kernel.copy()
    covariance[np.diag_indices_from(covariance)] += noise + JITTER
    factor = linalg.cholesky(covariance, lower=True, check_finite=False)
    alpha = linalg.cho_solve((factor, True), y, check_finite=False)
    inverse = linalg.cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    inner = inverse - np.outer(alpha, alpha)  # twice the gradient with regard to the covariance
    slope = inner * (5.0 / 3.0) * (1 + r) * decay  # of the kernel, by the logarithm of a length scale
    gradient = np.concatenate(
        [
            0.5 * np.tensordot(squares, slope, axes=2) * weights,
            [0.5 * float((inner * kernel).sum()), 0.5 * float(np.trace(inner)) * noise],
        ]
    )
    off = (theta - centre) / spread
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum()) + 0.5 * float(off @ off)
    return value, gradient + off / spread
