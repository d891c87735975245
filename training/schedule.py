"""Optimiser and learning rate. The rate is a function of the step alone: a run goes on anywhere with no state of it."""

from __future__ import annotations

import torch
from torch import nn

from .settings import Settings


def build_optimizer(model: nn.Module, loss: nn.Module, settings: Settings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); weight decay on weights of two dimensions and more only.

    Biases, norms and the loss's own log variances are pulled to zero by nothing but the data. The rate is set at each
    step (``learning_rate``). Fused on CUDA: one kernel for all weights.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    decayed = [weight for weight in weights if weight.ndim >= 2]
    others = [weight for weight in weights if weight.ndim < 2] + list(loss.parameters())
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    fused = any(weight.is_cuda for weight in weights)
    return torch.optim.AdamW(groups, lr=settings.base_lr, fused=fused)


def learning_rate(step: int, settings: Settings, steps_per_epoch: int) -> float:
    """The rate of optimiser step ``step`` (0 is the first).

    Linear from ``warmup_start_factor * base_lr`` to ``base_lr`` over ``warmup_epochs`` (torch's LinearLR); then
    triangular2 between ``base_lr`` and ``max_lr`` (Smith 2017, section 3.1; torch's CyclicLR): up and down once in
    ``cycle_epochs``, to the nearest step, each cycle half as high as the one before.
    """
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        start = settings.warmup_start_factor
        return settings.base_lr * (start + (1.0 - start) * step / warmup)
    half = max(1, round(settings.cycle_epochs * steps_per_epoch / 2))
    cycle, at = divmod(step - warmup, 2 * half)
    height = 1.0 - abs(at / half - 1.0)
    return settings.base_lr + (settings.max_lr - settings.base_lr) * height * 0.5**cycle  # 2.0**1024 would overflow
