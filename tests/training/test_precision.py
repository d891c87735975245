"""Devices and precisions: what is chosen, what is refused, and where autocast and the scaler are at work."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import distributed

from aftersweep.training.errors import SettingsError
from aftersweep.training.precision import autocast_for, make_scaler, resolve_device, resolve_precision
from aftersweep.training.settings import Settings

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int, *, native: bool = True) -> None:
    """torch as it answers on a machine with so many GPUs, the second of them current."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)


@pytest.mark.parametrize(
    ("asked", "count", "expected"),
    [("auto", 0, CPU), ("cpu", 0, CPU), ("auto", 2, GPU), ("cuda", 2, GPU), ("cuda:0", 2, torch.device("cuda", 0)),
     ("cpu", 2, CPU)],
)  # fmt: skip
def test_the_device(asked: str, count: int, expected: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """auto: the current GPU where there is one; a number: that one."""
    with_gpus(monkeypatch, count)
    assert resolve_device(Settings(device=asked)) == expected


@pytest.mark.parametrize(
    ("asked", "count", "words"),
    [("cuda", 0, "device is 'cuda', and this machine has 0 GPUs"), ("cuda:2", 2, "this machine has 2 GPUs"),
     ("mps", 0, "must be auto, cpu, cuda or cuda:N"), ("gpu", 1, "must be auto, cpu, cuda or cuda:N"),
     ("cuda:x", 1, "must be auto, cpu, cuda or cuda:N"), ("", 1, "must be auto, cpu, cuda or cuda:N")],
)  # fmt: skip
def test_a_device_that_is_not_there(asked: str, count: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the value and what it may be; no other device is taken in silence."""
    with_gpus(monkeypatch, count)
    with pytest.raises(SettingsError, match=words):
        resolve_device(Settings(device=asked))


def test_one_gpu_for_all_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under torchrun 'cuda' means each process's own; a number would put them all on one."""
    with_gpus(monkeypatch, 2)
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    assert resolve_device(Settings(device="cuda")) == GPU
    with pytest.raises(SettingsError, match="'cuda:0' for all of torchrun's processes; give cuda"):
        resolve_device(Settings(device="cuda:0"))


@pytest.mark.parametrize(
    ("asked", "device", "native", "expected"),
    [("auto", CPU, True, None), ("auto", GPU, True, torch.bfloat16), ("auto", GPU, False, torch.float16),
     ("fp32", GPU, True, None), ("bf16", CPU, True, torch.bfloat16), ("fp16", GPU, True, torch.float16)],
)  # fmt: skip
def test_the_precision(
    asked: str, device: torch.device, native: bool, expected: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """auto: bf16 only where a GPU computes it natively; emulated does not count; float32 on a CPU."""
    with_gpus(monkeypatch, 2, native=native)
    assert resolve_precision(Settings(precision=asked), device) is expected


def test_fp16_is_refused_on_a_cpu() -> None:
    with pytest.raises(SettingsError, match="fp16 is for GPUs; on a CPU take bf16 or fp32"):
        resolve_precision(Settings(precision="fp16"), CPU)


@pytest.mark.parametrize(("precision", "expected"), [(None, torch.float32), (torch.bfloat16, torch.bfloat16)])
def test_autocast_is_at_work_where_a_precision_is_given(precision: torch.dtype | None, expected: torch.dtype) -> None:
    """A matrix product inside has that type; outside, and for None, float32."""
    a = torch.ones(2, 2)
    with autocast_for(precision, CPU):
        assert (a @ a).dtype == expected
    assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(("precision", "scaled"), [(None, False), (torch.bfloat16, False), (torch.float16, True)])
def test_only_fp16_scales_its_loss(precision: torch.dtype | None, scaled: bool) -> None:
    """Elsewhere the scaler hands the loss through."""
    scaler = make_scaler(precision, CPU)
    assert scaler.is_enabled() is scaled
    assert (scaler.scale(torch.tensor(1.0)).item() > 1) is scaled
