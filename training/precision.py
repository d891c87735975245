"""On what a run computes, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import distributed

from .errors import SettingsError
from .settings import Settings


def resolve_device(settings: Settings) -> torch.device:
    """The device that ``settings.device`` means; 'auto' and 'cuda': the current GPU, which torchrun's processes set.

    Raises SettingsError where it is not here.
    """
    asked, cuda = settings.device, torch.cuda.is_available()
    if asked == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise SettingsError(f"device is '{asked:.60}'; it must be auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise SettingsError(f"device is '{asked:.60}'; it must be auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        here = torch.cuda.device_count() if cuda else 0
        if here <= (device.index or 0):
            raise SettingsError(f"device is '{asked}', and this machine has {here} GPUs that torch can use; try cpu")
        if device.index is None:
            return torch.device("cuda", torch.cuda.current_device())
        if distributed.is_initialized() and distributed.get_world_size() > 1:
            raise SettingsError(f"device is '{asked}' for all of torchrun's processes; give cuda: each takes its own")
        return device
    return torch.device("cpu")


def resolve_precision(settings: Settings, device: torch.device) -> torch.dtype | None:
    """The type that autocast computes in; None for float32 throughout.

    auto: bf16 where a GPU has it in hardware, fp16 on other GPUs, float32 on a CPU. Raises SettingsError for fp16 on
    a CPU.
    """
    asked = settings.precision
    if asked == "auto":
        if device.type != "cuda":
            return None
        with torch.cuda.device(device):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if asked == "fp16" and device.type == "cpu":
        raise SettingsError("precision fp16 is for GPUs; on a CPU take bf16 or fp32")
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[asked]


def autocast_for(precision: torch.dtype | None, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which a forward pass runs."""
    return nullcontext() if precision is None else torch.autocast(device.type, dtype=precision)


def make_scaler(precision: torch.dtype | None, device: torch.device) -> torch.amp.GradScaler:
    """Scales the loss where the type's range is small: fp16 only (Micikevicius et al. 2018, section 3.2)."""
    return torch.amp.GradScaler(device.type, enabled=precision is torch.float16)
