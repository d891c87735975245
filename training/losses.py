"""The loss of both tasks: cross-entropies, the distance penalty on SNR levels, and how the tasks are weighed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from .settings import Settings


class Losses(NamedTuple):
    """Scalars, means over the batch. loss: what is minimised; the tasks' own losses are not weighed yet."""

    loss: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor


class JointLoss(nn.Module):
    """Cross-entropy of the modulation and of the SNR level, the latter with a penalty on distance.

    Penalty: the expected distance E|level - true| under the predicted distribution, in steps of the SNR list, times
    ``snr_distance_weight``. It is differentiable, and a guess two steps off costs twice as much as one step off.
    Weight 0: not computed at all.

    With ``uncertainty_weighting`` the sum is sum_i exp(-s_i) L_i + s_i / 2, s_i = log sigma_i^2 learned, 0 at first:
    Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses" (CVPR 2018), section 3.3,
    equation 10 with two classifications. It may fall below zero. Without: the plain sum.

    All of it is computed in float32 at least, whatever the autocast.
    """

    log_variance: torch.Tensor | None
    distances: torch.Tensor

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.distance_weight = settings.snr_distance_weight
        level = torch.arange(len(settings.snr_list), dtype=torch.float32)
        self.register_buffer("distances", (level[:, None] - level[None, :]).abs(), persistent=False)
        weighted = settings.uncertainty_weighting
        self.register_parameter("log_variance", nn.Parameter(torch.zeros(2)) if weighted else None)

    def forward(
        self, modulation_logits: torch.Tensor, snr_logits: torch.Tensor, modulation: torch.Tensor, snr: torch.Tensor
    ) -> Losses:
        """modulation_logits [n, M], snr_logits [n, L]; modulation, snr [n]: true classes as integers."""
        by_modulation = functional.cross_entropy(_precise(modulation_logits), modulation)
        precise = _precise(snr_logits)
        by_snr = functional.cross_entropy(precise, snr)
        if self.distance_weight:
            expected = (precise.softmax(dim=1) * self.distances[snr]).sum(dim=1)
            by_snr = by_snr + self.distance_weight * expected.mean()
        if self.log_variance is None:
            return Losses(by_modulation + by_snr, by_modulation, by_snr)
        weighed = torch.stack((by_modulation, by_snr)) * torch.exp(-self.log_variance) + self.log_variance / 2
        return Losses(weighed.sum(), by_modulation, by_snr)


def _precise(logits: torch.Tensor) -> torch.Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
