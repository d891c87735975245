"""What a run trains on, as every source of records hands it over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch

Split = Literal["train", "val"]


@dataclass(frozen=True)
class Batch:
    """images: float32 [n, 1, S, S]; modulation, snr: int64 [n], places in the settings' lists; all on one device."""

    images: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor


class Records(Protocol):
    """Records by number. The same (seed, split, epoch, number) is the same record, whatever it is asked with."""

    train_size: int
    val_size: int

    def order(self, epoch: int) -> torch.Tensor:
        """In which order an epoch takes the training records: a permutation, int64 [train_size], on the CPU."""

    def batch(self, split: Split, epoch: int, indices: torch.Tensor) -> Batch:
        """The records ``indices`` (int64 [n]) of a split; ``epoch`` matters where each epoch has its own."""


def shuffled(size: int, seed: int, epoch: int) -> torch.Tensor:
    """A permutation int64 [size] for an epoch, on the CPU, the same at every call."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(size, generator=generator)
