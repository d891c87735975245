"""Sums over batches, kept on the device: nothing waits for it until the epoch is over."""

from __future__ import annotations

import torch

from .distributed import World
from .records import Batch


class Meter:
    """Loss and accuracies of one epoch. The sums of all processes are added when they are read."""

    _KEYS = ("loss", "combined", "modulation", "snr", "snr_within_one")

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(len(self._KEYS) + 1, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, loss: torch.Tensor, modulation: torch.Tensor, snr: torch.Tensor, batch: Batch) -> None:
        """Takes a batch in: its mean loss, logits [n, M] and [n, L], and its labels."""
        right_modulation = modulation.argmax(1) == batch.modulation
        off = (snr.argmax(1) - batch.snr).abs()
        n = len(off)
        found = (
            loss.detach().double() * n,
            (right_modulation & (off == 0)).sum(),
            right_modulation.sum(),
            (off == 0).sum(),
            (off <= 1).sum(),
        )
        self._sums += torch.stack([*(value.double() for value in found), loss.new_tensor(n, dtype=torch.float64)])

    def read(self, world: World) -> dict[str, float]:
        """Mean loss, and accuracies in percent, over all processes."""
        *sums, n = world.total(self._sums.clone()).tolist()
        means = {key: value / n for key, value in zip(self._KEYS, sums, strict=True)}
        return {
            key if key == "loss" else f"{key}_accuracy": value if key == "loss" else 100.0 * value
            for key, value in means.items()
        }

    def state(self) -> torch.Tensor:
        """The sums so far, on the device: what a checkpoint keeps in the middle of an epoch."""
        return self._sums.clone()

    def restore(self, state: torch.Tensor) -> None:
        self._sums.copy_(state)
