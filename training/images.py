"""Constellation images: how often each place of the complex plane was visited, by one scatter-add for a batch."""

from __future__ import annotations

import math

import torch

LEAST = 3.0
"""Half the side of the square that is shown, in units of the record's scale, unless its outer points lie beyond."""
OUTER = 0.995
"""The share of |I| and |Q|, taken together, that lies inside the square."""


def normalised(samples: torch.Tensor, how: str) -> torch.Tensor:
    """Records [n, N] divided by the root of their own mean power ('record'), or as they are ('known')."""
    if how == "known":
        return samples
    # In 64 bits: the order of the sum may depend on the batch, and is lost in the rounding to 32.
    power = torch.view_as_real(samples).flatten(1).double().square().sum(1, keepdim=True) / samples.shape[1]
    return samples * power.clamp_min(torch.finfo(torch.float32).tiny).rsqrt().to(samples.real.dtype)


def constellation_images(samples: torch.Tensor, size: int) -> torch.Tensor:
    """log(1 + counts) of each record's two-dimensional histogram: complex [n, N] -> float32 [n, 1, size, size].

    The square reaches to +- max(3, 99.5th percentile of |I| and |Q|) of each record. Rows are Q, ascending, columns I;
    bins are those of numpy.histogram2d, the last one closed; what lies outside is not counted. Images are not
    normalised: that would destroy what they say of the SNR.
    """
    parts = torch.view_as_real(samples)
    reach = percentile(parts.abs().flatten(1), OUTER).clamp_min_(LEAST)[:, None, None]
    inside = (parts.abs() <= reach).all(2)
    bins = ((parts + reach) * (size / (2.0 * reach))).long().clamp_(0, size - 1)
    record = torch.arange(len(samples), device=samples.device)[:, None]
    flat = (record * size + bins[..., 1]) * size + bins[..., 0]
    counts = torch.zeros(len(samples) * size * size, device=samples.device)
    counts.scatter_add_(0, flat.flatten(), inside.flatten().float())
    return counts.log1p_().view(len(samples), 1, size, size)


def percentile(values: torch.Tensor, part: float) -> torch.Tensor:
    """numpy's default percentile of each row, 0 <= part <= 1: [n, N] -> [n]. Only the largest values are sorted."""
    at = part * (values.shape[1] - 1)
    below = math.floor(at)
    largest = values.topk(values.shape[1] - below, dim=1).values
    low, high = largest[:, -1], largest[:, max(-2, -largest.shape[1])]
    return low + (high - low) * (at - below)
