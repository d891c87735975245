"""What a run will need, without running it: parameters, memory, FLOPs, steps. For ``--dry-run``.

Nothing is computed: the model is built on torch's meta device and run on fake tensors, which have shapes and types and
no data, forward and backward, at two batch sizes. What autograd would hold is counted by saved-tensor hooks, each
storage once, parameters left out; the slope between the two sizes is what one record holds, the rest is fixed (with
autocast: the copies of the weights in lower precision).

How far off it may be. What is counted is exact for the CPU's kernels, and with it what autograd holds at the end of a
forward pass. Not counted: the gradients of activations (one or two of the largest at a time), cuDNN's and cuBLAS's work
space, what the allocator holds in fragments, CUDA's own context (about half a GiB), the records as they are generated,
the recomputed block of activation checkpointing, and what torch.compile saves. So a real peak is over the total, which
is a lower bound. Measured on a CPU (resident memory of two steps; resnet18, resnet50, vit_b_16, swin_tiny at 32 and 224
pixels, 4 to 128 records, fp32 and bf16): 1.05 to 1.28 times the total, and up to 1.38 with activation checkpointing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from .backbones import CHANNELS
from .losses import JointLoss
from .model import build_model
from .precision import autocast_for, resolve_device, resolve_precision
from .settings import Settings

_MIB, _GIB = 2**20, 2**30
_SMALL, _LARGE = 2, 4
"""Two batch sizes; batch norm refuses one record where the image has shrunk to one pixel."""


@dataclass(frozen=True)
class Estimate:
    """What one process of a run needs. Bytes; see the module for what is not counted."""

    device: str
    precision: str
    parameters: int
    """Trainable ones, the loss's among them."""
    weight_bytes: int
    """Parameters and buffers, in float32; the moving average too where there is one."""
    gradient_bytes: int
    optimizer_bytes: int
    """AdamW's two moments."""
    activation_bytes_per_record: int
    activation_bytes_fixed: int
    flops_per_record: int
    """Forward and backward, a multiplication and an addition as two; no recomputation: what an MFU is taken of."""
    micro_batch: int
    """Records that a process takes at once."""
    steps_per_epoch: int

    @property
    def total_bytes(self) -> int:
        """All of it at once: the end of a forward pass."""
        fixed = self.weight_bytes + self.gradient_bytes + self.optimizer_bytes + self.activation_bytes_fixed
        return fixed + self.micro_batch * self.activation_bytes_per_record


def estimate(settings: Settings) -> Estimate:
    """The needs of a run. Raises SettingsError as ``build_model`` and ``resolve_device`` do.

    Under torchrun of each of its processes. steps_per_epoch counts ``train_size`` records: a data file may hold fewer.
    """
    device = resolve_device(settings)
    precision = resolve_precision(settings, device)
    plain = replace(settings, use_pretrained=False, activation_checkpointing=False)
    with _fake(plain) as (model, loss):
        flops = count_flops(model, loss, _images(settings, _SMALL)) // _SMALL
    with _fake(replace(settings, use_pretrained=False)) as (model, loss):
        small, large = (held_bytes(model, loss, _images(settings, n), precision) for n in (_SMALL, _LARGE))
        trained = [each for part in (model, loss) for each in part.parameters() if each.requires_grad]
        gradients = sum(each.nbytes for each in trained)
        weights = sum(each.nbytes for part in (model, loss) for each in (*part.parameters(), *part.buffers()))
        average = sum(each.nbytes for each in (*model.parameters(), *model.buffers())) if settings.ema_decay else 0
    per_record = (large - small) // (_LARGE - _SMALL)
    share = settings.batch_size // int(os.environ.get("WORLD_SIZE", "1"))
    return Estimate(
        device=str(device),
        precision="fp32" if precision is None else {torch.bfloat16: "bf16", torch.float16: "fp16"}[precision],
        parameters=sum(each.numel() for each in trained),
        weight_bytes=weights + average,
        gradient_bytes=gradients,
        optimizer_bytes=2 * gradients,
        activation_bytes_per_record=per_record,
        activation_bytes_fixed=small - _SMALL * per_record,
        flops_per_record=flops,
        micro_batch=-(-share // settings.accumulate),
        steps_per_epoch=settings.train_size // settings.batch_size,
    )


def lines(settings: Settings) -> list[str]:
    """The estimate in words, one line each."""
    found = estimate(settings)
    return [
        f"parameters: {found.parameters:,}",
        f"device: {found.device}, precision {found.precision}",
        f"memory, at least: {found.total_bytes / _GIB:.2f} GiB a process (weights {found.weight_bytes / _MIB:.0f} MiB, "
        f"gradients {found.gradient_bytes / _MIB:.0f}, optimiser {found.optimizer_bytes / _MIB:.0f}, activations "
        f"{found.activation_bytes_fixed / _MIB:.0f} + {found.micro_batch} records of "
        f"{found.activation_bytes_per_record / _MIB:.2f}); measured peaks were 1.05 to 1.4 times this",
        f"computation: {found.flops_per_record / 1e9:.2f} GFLOP a record, forward and backward",
        f"micro-batch: {found.micro_batch} records a process",
        f"steps: {found.steps_per_epoch:,} an epoch, {found.steps_per_epoch * settings.epochs:,} in all",
    ]


def count_flops(model: nn.Module, loss: nn.Module, images: torch.Tensor) -> int:
    """FLOPs of forward and backward on ``images``: matrix products and convolutions, as torch's counter has them.

    Attention is taken apart into its products, as the counter knows no formula for the CPU's fused kernel.
    """
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        _forward(model, loss, images).backward()
    return int(counter.get_total_flops())


def held_bytes(model: nn.Module, loss: nn.Module, images: torch.Tensor, precision: torch.dtype | None) -> int:
    """Bytes that autograd holds at the end of a forward pass on ``images`` [n, 1, S, S], beside the parameters."""
    parameters = {StorageWeakRef(each.untyped_storage()) for part in (model, loss) for each in part.parameters()}
    held: dict[StorageWeakRef, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        key = StorageWeakRef(storage)
        if key not in parameters:
            held[key] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with hooks, autocast_for(precision, images.device):
        found = _forward(model, loss, images)
    found.backward()  # it is the backward pass that frees what checkpointing holds
    return sum(held.values())


def _forward(model: nn.Module, loss: nn.Module, images: torch.Tensor) -> torch.Tensor:
    labels = torch.zeros(len(images), dtype=torch.long, device=images.device)
    return loss(*model(images), labels, labels)[0]


@contextmanager
def _fake(settings: Settings) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Model and loss as fake tensors on the CPU, and the mode in which they run."""
    with torch.device("meta"):
        model, loss = build_model(settings), JointLoss(settings)
    # timm reads numbers from tensors while it builds, which the mode forbids: it is built before, and moved inside.
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield model.to_empty(device="cpu"), loss.to_empty(device="cpu")


def _images(settings: Settings, count: int) -> torch.Tensor:
    return torch.zeros(count, CHANNELS, settings.image_size, settings.image_size)
