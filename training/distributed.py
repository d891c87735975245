"""One trial over several processes: what ``torchrun`` starts, and one process alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from .errors import SettingsError

_FAILURE = "aftersweep/failure"
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """The processes of one trial. rank: this one's number; local_rank: its number on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    store: distributed.Store | None = None

    @property
    def leads(self) -> bool:
        """True for the one process that logs and writes checkpoints."""
        return self.rank == 0

    def share(self, batch: int) -> int:
        """How many of a global batch this process takes; SettingsError where they cannot be shared equally."""
        if batch % self.size:
            raise SettingsError(f"batch_size {batch} is no multiple of the {self.size} processes that torchrun started")
        return batch // self.size

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def any(self, here: bool, device: torch.device) -> bool:
        """True where it is true in some process."""
        if self.size == 1:
            return here
        return bool(self.total(torch.tensor([float(here)], device=device)).item())

    def tell_failure(self, cause: str, words: str) -> None:
        """Leaves this process's failure where the others find it: they only see a closed connection."""
        if self.store is not None:
            self.store.set(_FAILURE, json.dumps([cause, words]))

    def told_failure(self) -> tuple[str, str] | None:
        """The cause and the words that another process left; None where it left none."""
        if self.store is None or not self.store.check([_FAILURE]):
            return None
        cause, words = json.loads(self.store.get(_FAILURE))
        return cause, words


@contextmanager
def world(device: str) -> Iterator[World]:
    """The processes that torchrun named in the environment; one alone without it.

    device: the setting; CUDA takes NCCL, all else gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        if local >= torch.cuda.device_count():
            raise SettingsError(
                f"torchrun started process {local} here, and this machine has {torch.cuda.device_count()} GPUs; "
                "lower --nproc-per-node"
            )
        torch.cuda.set_device(local)
    store, rank, size = next(iter(distributed.rendezvous("env://", timeout=_PATIENCE)))
    backend = "nccl" if cuda else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        yield World(rank, size, local, store)
    finally:
        distributed.destroy_process_group()
