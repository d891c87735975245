"""One optimiser step: micro-batches, mixed precision, clipping, and an eye on what is not finite."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn

from .distributed import World
from .errors import Diverged, OutOfMemory
from .failures import Place, as_failure
from .losses import JointLoss
from .meters import Meter
from .records import Batch, Records
from .settings import Settings

LOOK_EVERY = 16
"""Steps between two looks at the norms on CUDA: a look waits for the device. On a CPU every step is looked at."""
SMALLEST_SCALE = 1.0
"""Below it the gradients of fp16 overflow whatever the loss is scaled by: no longer a skipped step but divergence."""


class Task(nn.Module):
    """Model and loss in one module, so that the loss's own weights are averaged over processes too."""

    def __init__(self, model: nn.Module, loss: JointLoss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The mean loss of a batch, and both logits."""
        modulation, snr = self.model(batch.images)
        return self.loss(modulation, snr, batch.modulation, batch.snr).loss, modulation, snr


@dataclass
class Watch:
    """Losses and gradient norms of the last steps, on the device until somebody looks."""

    device: torch.device
    steps: list[int] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)
    norm_sum: float = 0.0
    norm_max: float = 0.0
    looked: int = 0

    def add(self, step: int, loss: torch.Tensor, norm: torch.Tensor) -> None:
        self.steps.append(step)
        self.values.append(torch.stack((loss.detach().float(), norm.detach().float())))

    @property
    def due(self) -> bool:
        return self.device.type == "cpu" or len(self.steps) >= LOOK_EVERY

    def look(self, place: Place, rate: Callable[[int], float], *, skips: bool) -> None:
        """Raises Diverged at the first step whose loss or gradient is not finite.

        skips: norms that are not finite are steps that the scaler of fp16 has left out.
        """
        if not self.steps:
            return
        found = torch.stack(self.values).tolist()
        steps, self.steps, self.values = self.steps, [], []
        for step, (loss, norm) in zip(steps, found, strict=True):
            bad_norm = norm - norm != 0 and not skips
            if loss - loss != 0 or bad_norm:
                place.step, place.learning_rate, place.grad_norm = step, rate(step), norm
                what = "the loss" if loss - loss != 0 else "the gradient"
                raise Diverged(f"{what} is {loss if what == 'the loss' else norm}: not finite")
            if norm - norm == 0:
                self.norm_sum, self.norm_max = self.norm_sum + norm, max(self.norm_max, norm)
                self.looked += 1
                place.grad_norm = norm


class Stepper:
    """Does optimiser steps; knows how many micro-batches one takes."""

    def __init__(
        self,
        settings: Settings,
        task: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        autocast: Callable[[], AbstractContextManager[None]],
        records: Records,
        world: World,
        device: torch.device,
    ) -> None:
        self.settings, self.task, self.optimizer, self.scaler = settings, task, optimizer, scaler
        self.autocast, self.records, self.world = autocast, records, world
        self.device = device
        self.parts = settings.accumulate
        self.halvings = 0
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]

    @property
    def micro_batch(self) -> int:
        """The most records that this process takes at once."""
        return -(-self.world.share(self.settings.batch_size) // self.parts)

    def step(self, epoch: int, indices: torch.Tensor, rate: float, meter: Meter) -> tuple[torch.Tensor, torch.Tensor]:
        """One step on the records of this process; loss and norm of the gradient, both on the device.

        Out of memory: with ``on_oom=halve-batch`` the step is done again from its start in smaller parts. The sums of
        batch norm may then hold a part twice.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        seen = meter.state()
        while True:
            try:
                return self._whole(epoch, indices, meter)
            except (RuntimeError, MemoryError) as error:
                if not isinstance(as_failure(error), OutOfMemory) or not self._may_halve():
                    raise
            self.optimizer.zero_grad(set_to_none=True)
            meter.restore(seen)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.parts, self.halvings = self.parts * 2, self.halvings + 1

    def _may_halve(self) -> bool:
        return self.settings.on_oom == "halve-batch" and self.micro_batch > 1

    def _whole(self, epoch: int, indices: torch.Tensor, meter: Meter) -> tuple[torch.Tensor, torch.Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        parts = indices.split(self.micro_batch)
        total = torch.zeros((), device=self.device)
        for number, part in enumerate(parts):
            with self._quiet(number < len(parts) - 1):
                total = total + self._part(epoch, part, len(part) / len(indices), meter)
        self.scaler.unscale_(self.optimizer)
        limit = self.settings.grad_clip_norm or float("inf")
        norm = nn.utils.clip_grad_norm_(self.parameters, limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return total, norm

    def _part(self, epoch: int, indices: torch.Tensor, share: float, meter: Meter) -> torch.Tensor:
        batch = self.records.batch("train", epoch, indices)
        with self.autocast():
            loss, modulation, snr = self.task(batch)
        self.scaler.scale(loss * share).backward()
        meter.add(loss, modulation, snr, batch)
        return loss.detach() * share

    def _quiet(self, more_to_come: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients once a step, after its last part."""
        sync = getattr(self.task, "no_sync", None)
        return sync() if more_to_come and sync is not None else nullcontext()
