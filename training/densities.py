"""How likely a record of noisy symbols is under a known constellation and noise: the mathematics of the ceiling.

Symbols s are independent and uniform over M points of unit mean power, the noise is complex, white and Gaussian with
variance N0, so a received symbol r has the density mean over s of exp(-|r - s|^2 / N0) / (pi N0) (Wei and Mendel,
"Maximum-likelihood classification for digital amplitude-phase modulations", IEEE Trans. Commun. 48(2), 2000).
A record that was divided by the root of its own mean power has lost its scale: only its direction in the space of 2n
real numbers is left, and the density of a direction x is the integral over a > 0 of a^(2n - 1) p(a x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

_TAIL = 1e-6
"""Chance that a record's power lies outside the range that is integrated over, on each side."""
_STEP = 2.0
"""Step of the trapezoid rule, in standard deviations of the narrowest peak: its error is below 2 exp(-2 pi^2 / 2^2)."""
_FLOOR = -43.0
"""Smallest exponent of a factor: the product of two stays a normal 32-bit number; denormal ones are slow."""
_ELEMENTS = {"cpu": 1 << 17, "cuda": 1 << 26}
"""Exponentials of one batch: what fits a core's cache, and what fills a GPU."""


@dataclass(frozen=True)
class Mixture:
    """A constellation as sums of exponentials.

    Where its points lie on few distinct in-phase and quadrature levels (ASK, square and cross QAM), ``member`` [I, Q]
    says with 1 and 0 which pairs of levels are points: exp(-|r - s|^2 / N0) is then a product of two factors, and
    16 + 16 exponentials do for 256QAM. Elsewhere ``member`` is None, and the levels [M] are the parts of the points.
    """

    in_phase: torch.Tensor
    quadrature: torch.Tensor
    member: torch.Tensor | None
    points: int
    fourth_moment: float
    """Mean of |s|^4 at unit mean power: how much the power of a record varies."""

    @classmethod
    def of(cls, points: NDArray[np.complex128], device: str = "cpu", dtype: torch.dtype = torch.float32) -> Mixture:
        """``points`` complex [M], unit mean power, equally likely."""
        parts = np.round(points.real, 9), np.round(points.imag, 9)
        (real, row), (imaginary, column) = (np.unique(part, return_inverse=True) for part in parts)
        member = None
        if real.size * imaginary.size <= 2 * points.size:
            member = np.zeros((real.size, imaginary.size))
            np.add.at(member, (row, column), 1.0)
        else:
            real, imaginary = points.real, points.imag
        return cls(
            torch.as_tensor(real, dtype=dtype, device=device),
            torch.as_tensor(imaginary, dtype=dtype, device=device),
            None if member is None else torch.as_tensor(member, dtype=dtype, device=device),
            points.size,
            float(np.mean(np.abs(points) ** 4)),
        )

    def log_density(self, in_phase: torch.Tensor, quadrature: torch.Tensor, noise: float) -> torch.Tensor:
        """Log density of each received symbol.

        in_phase, quadrature: one dimension, the same length; noise: N0, the variance of the complex noise. Exponents
        below -43 (on levels; -86 on points) are held there: under the true class less than once in e^43 symbols.
        """
        scale = 1.0 / math.sqrt(noise)
        rows = max(1, _ELEMENTS.get(in_phase.device.type, _ELEMENTS["cpu"]) // self.in_phase.numel())
        levels = (self.in_phase * scale).unsqueeze(1), (self.quadrature * scale).unsqueeze(1)
        found = torch.empty_like(in_phase)
        for start in range(0, in_phase.numel(), rows):
            part = slice(start, start + rows)
            found[part] = self._sums(in_phase[part] * scale, quadrature[part] * scale, levels)
        return found.log_().sub_(math.log(self.points * math.pi * noise))

    def _sums(
        self, in_phase: torch.Tensor, quadrature: torch.Tensor, levels: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Sum over the points of exp(-|r - s|^2), all in units of sqrt(N0)."""
        across, up = (part - level for part, level in zip((in_phase, quadrature), levels, strict=True))
        if self.member is None:
            return across.square_().addcmul_(up, up).neg_().clamp_min_(2.0 * _FLOOR).exp_().sum(0)
        across, up = (part.square_().neg_().clamp_min_(_FLOOR).exp_() for part in (across, up))
        return across.mul_(self.member @ up).sum(0)


def log_likelihoods(
    records: torch.Tensor, mixture: Mixture, noises: list[float], *, jitter: float = 0.0
) -> torch.Tensor:
    """Log-likelihood [records, noises] of whole records under one constellation and each N0 of ``noises``.

    records: complex [records, symbols]. jitter: how far the gain of a record, of signal and noise alike, is unknown:
    the standard deviation of its logarithm. 0: it is 1. Infinite: nothing is known, as where each record was divided by
    the root of its own mean power; the density is then that of its direction. Up to a term of the record alone.
    """
    gains = torch.zeros(len(records), device=records.device)
    if jitter:
        power = records.abs().square().mean(1)
        records, gains = records / power.sqrt()[:, None], 0.5 * power.log()
    in_phase, quadrature = records.real.reshape(-1).contiguous(), records.imag.reshape(-1).contiguous()
    found = []
    for noise in noises:
        scales, weights = [1.0], [0.0]
        if jitter:
            scales, weights = scale_grid(mixture.fourth_moment, noise, records.shape[1], jitter)
        nodes = []
        for scale, weight in zip(scales, weights, strict=True):
            density = mixture.log_density(in_phase * scale, quadrature * scale, noise).view(records.shape).sum(1)
            prior = 0.5 * ((gains - math.log(scale)) / jitter).square() if jitter else 0.0
            nodes.append(density + weight - prior)
        found.append(torch.logsumexp(torch.stack(nodes), 0))
    return torch.stack(found, 1)


def scale_grid(
    fourth_moment: float, noise: float, symbols: int, jitter: float = math.inf, step: float = _STEP
) -> tuple[list[float], list[float]]:
    """Scales a and log weights that integrate a^(2n) p(a x) over log a by the trapezoid rule, x of unit mean power.

    The range holds a^2, the mean power of ``symbols`` independent noisy symbols: mean 1 + N0, variance
    (E|s|^4 - 1 + 2 N0 + N0^2) / n, as a gamma law of these two moments. A peak in log a is no narrower than if the
    symbols were known: the integrand's log then bends by 2 n (a^2 / N0 + 1), most at the range's upper end, and by
    1 / jitter^2 for what is known of the gain. For a Gaussian peak of deviation d a step of h d leaves a relative error
    below 2 exp(-2 pi^2 / h^2) (Trefethen and Weideman, "The exponentially convergent trapezoidal rule", SIAM Review
    56(3), 2014): 1.5 % at 2.
    """
    mean = 1.0 + noise
    variance = (fourth_moment - 1.0 + 2.0 * noise + noise**2) / symbols
    low, high = stats.gamma.ppf([_TAIL, 1.0 - _TAIL], mean**2 / variance, scale=variance / mean)
    width = step / math.sqrt(2.0 * symbols * (high / noise + 1.0) + jitter**-2)
    least, most = 0.5 * math.log(low), 0.5 * math.log(high)
    logs = np.linspace(least, most, max(2, math.ceil((most - least) / width) + 1))
    weights = 2.0 * symbols * logs + math.log(logs[1] - logs[0])
    return np.exp(logs).tolist(), weights.tolist()
