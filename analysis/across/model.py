"""Partial pooling of a few sweeps: each sweep's effect is drawn from a normal population of sweeps.

theta_i ~ N(mu, tau^2), and what sweep i says of theta_i is its own likelihood: no normal approximation, so a sweep in
which no run of a level crashed counts as what it is. With two or three sweeps tau cannot be estimated: intervals of
Hartung and Knapp are then so wide (t with one degree of freedom) that they say nothing, those that take the estimate
for the truth far too short. So tau has a weakly informative half-normal prior (Friede, Roever, Wandel and
Neuenschwander, Biometrical Journal 59, 2017; Roever et al., Research Synthesis Methods 12, 2021, with this scale for
log ratios), and everything is integrated numerically over a grid of theta, mu and tau (as in Roever, Journal of
Statistical Software 93, 2020, with any likelihood in the place of a normal one).

The mean mu has a log-F(1, 1) prior: a ratio between 1/648 and 648 with 95 %, weighing as much as one observation, which
keeps separated data finite (Greenland and Mansournia, Statistics in Medicine 34, 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, special

from ..types import Floats

SPREAD = 0.5
"""Scale of the half-normal prior of tau: sweeps typically lie within a factor of 1.4 of their mean, hardly beyond 3."""
FARTHEST, STEP = 8.0, 0.025
GRID: Floats = np.arange(-round(FARTHEST / STEP), round(FARTHEST / STEP) + 1, dtype=np.float64) * np.float64(STEP)
"""Values of an effect: log ratios, or differences in standard deviations."""
NODES = 32
_LEAST = 1e-300
_OPEN = 0.01  # of the grid: an end of an interval so near to its end is no end


@dataclass(frozen=True)
class Population:
    """Posterior masses; effects are over ``grid`` [T], each row sums to 1."""

    grid: Floats
    mean: Floats
    """[T]: of mu, the mean over sweeps such as these."""
    spread: Floats
    """[S]: of tau, over the nodes that were given."""
    own: Floats
    """[k, T]: of each sweep's effect, in the light of the others."""
    alone: Floats
    """[k, T]: of each sweep's effect by itself, under the prior of the mean."""
    common: Floats
    """[T]: of the one effect if the sweeps did not differ."""


def spreads(scale: float = SPREAD, nodes: int = NODES) -> Floats:
    """[nodes]: values of tau of equal prior weight, half-normal."""
    return np.asarray(scale * special.ndtri(0.5 + (np.arange(nodes) + 0.5) / (2 * nodes)), dtype=float)


def log_f_prior(grid: Floats) -> Floats:
    """[T]: log density of log-F(1, 1) at log ratios, up to a constant."""
    return np.asarray(grid / 2 - np.logaddexp(0.0, grid), dtype=float)


def partial_pool(log_likelihood: Floats, grid: Floats, log_prior: Floats, taus: Floats) -> Population:
    """The posterior of sweeps' effects.

    log_likelihood: [k, T] of each sweep at the effects of ``grid`` [T], evenly spaced; log_prior: [T] of mu; taus: [S],
    equally likely beforehand.
    """
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    prior = np.exp(log_prior - log_prior.max())
    kernels = _kernels(grid, taus)
    # [k, S, T]: how likely sweep i's data are at each mu, its own effect integrated out
    logs = np.log(np.maximum(_smoothed(likelihood[:, None, :], kernels), _LEAST))
    joint = np.exp(logs.sum(axis=0) - logs.sum(axis=0).max()) * prior
    own = np.empty_like(likelihood)
    for i in range(len(likelihood)):
        others = logs.sum(axis=0) - logs[i]
        weight = np.exp(others - others.max()) * prior
        own[i] = likelihood[i] * np.maximum(_smoothed(weight, kernels).sum(axis=0), 0.0)
    together = log_likelihood.sum(axis=0) + log_prior
    return Population(
        grid=grid,
        mean=_mass(joint.sum(axis=0)),
        spread=_mass(joint.sum(axis=1)),
        own=_mass(own),
        alone=_mass(likelihood * prior),
        common=_mass(np.exp(together - together.max())),
    )


def _kernels(grid: Floats, taus: Floats) -> Floats:
    """[S, 2 T - 1]: the mass of a normal with each spread in the cells about the grid's differences."""
    step = grid[1] - grid[0]
    edges = (np.arange(-len(grid), len(grid)) + 0.5) * step
    return np.asarray(np.diff(special.ndtr(edges / taus[:, None]), axis=1), dtype=float)


def _smoothed(x: Floats, kernels: Floats) -> Floats:
    """[..., S, T]: x [..., S or 1, T] convolved with each kernel."""
    n = x.shape[-1]
    size = fft.next_fast_len(3 * n, real=True)
    product = fft.rfft(x, size) * fft.rfft(kernels, size)
    return np.asarray(fft.irfft(product, size)[..., n - 1 : 2 * n - 1], dtype=float)


def _mass(density: Floats) -> Floats:
    return np.asarray(density / density.sum(axis=-1, keepdims=True), dtype=float)


def quantile(grid: Floats, mass: Floats, share: float) -> float:
    """The value below which a share of the mass lies; mass is [T]."""
    step = grid[1] - grid[0]
    edges = np.append(grid - step / 2, grid[-1] + step / 2)
    return float(np.interp(share, np.concatenate([[0.0], np.cumsum(mass)]), edges))


def interval(grid: Floats, mass: Floats, level: float) -> tuple[float, float, float]:
    """Median and ends of the equal-tailed interval; an end at the grid's end is infinite."""
    middle, low, high = (quantile(grid, mass, q) for q in (0.5, (1 - level) / 2, (1 + level) / 2))
    room = _OPEN * (grid[-1] - grid[0])
    return middle, -np.inf if low <= grid[0] + room else low, np.inf if high >= grid[-1] - room else high


def two_sided(grid: Floats, mass: Floats) -> float:
    """Twice the chance that the effect goes the other way than its median says; at most 1. 0 is on the grid."""
    at = mass[grid == 0.0].sum() / 2
    below, above = float(mass[grid < 0].sum() + at), float(mass[grid > 0].sum() + at)
    return min(1.0, 2 * min(below, above))


def mean_and_sd(grid: Floats, mass: Floats) -> tuple[float, float]:
    """Of the distribution over the grid; mass is [T]."""
    mean = float(mass @ grid)
    return mean, float(np.sqrt(mass @ (grid - mean) ** 2))
