"""The dry run's numbers against what a real pass holds, against published FLOPs, and against the optimiser's state."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import nn

from aftersweep.training.estimate import count_flops, estimate, held_bytes, lines
from aftersweep.training.losses import JointLoss
from aftersweep.training.model import build_model
from aftersweep.training.schedule import build_optimizer
from aftersweep.training.settings import Settings


def settings_of(**more: Any) -> Settings:
    values = {"model_type": "test_vit", "image_size": 32, "device": "cpu", "snr_layer_config": "dual_layer", **more}
    return Settings(**values)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("model_type", ["test_vit", "resnet18", "swin_tiny"])
def test_activations_are_those_of_a_real_pass(model_type: str, checkpointing: bool) -> None:
    """Predicted without data, measured with it, at another batch size: the same to the byte."""
    settings = settings_of(model_type=model_type, activation_checkpointing=checkpointing)
    found = estimate(settings)
    measured = held_bytes(build_model(settings), JointLoss(settings), torch.rand(5, 1, 32, 32), None)
    assert found.activation_bytes_fixed + 5 * found.activation_bytes_per_record == pytest.approx(measured, abs=5)


@pytest.mark.parametrize("model_type", ["test_vit", "resnet18"])
def test_activations_in_bf16_are_close(model_type: str) -> None:
    """Within 2 %: real kernels keep a few statistics otherwise than the fake ones."""
    settings = settings_of(model_type=model_type, precision="bf16")
    found = estimate(settings)
    measured = held_bytes(build_model(settings), JointLoss(settings), torch.rand(8, 1, 32, 32), torch.bfloat16)
    assert found.activation_bytes_fixed + 8 * found.activation_bytes_per_record == pytest.approx(measured, rel=0.02)
    assert found.precision == "bf16"


class _Both(nn.Module):
    """A plain classifier with the face of ours."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.inner(images)
        return logits, logits


class _Sum(nn.Module):
    def forward(self, logits: torch.Tensor, *_: torch.Tensor) -> tuple[torch.Tensor]:
        return (logits.sum(),)


def flops_of(name: str) -> int:
    """Forward and backward of timm's model for one image of three colours at 224 pixels."""
    with torch.device("meta"):
        return count_flops(_Both(timm.create_model(name).eval()), _Sum(), torch.zeros(1, 3, 224, 224))


def test_resnet50_takes_the_flops_that_are_published() -> None:
    """24.3 GFLOP forward and backward at 224 pixels: three times 2 x 4.09 G multiplications, less the gradient of the
    image, which nobody asks for."""
    assert flops_of("resnet50") / 1e9 == pytest.approx(24.3, rel=0.01)


@pytest.mark.parametrize(("name", "weights"), [
    ("resnet18", torchvision.models.ResNet18_Weights.IMAGENET1K_V1),
    ("resnet34", torchvision.models.ResNet34_Weights.IMAGENET1K_V1),
    ("vit_base_patch16_224", torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1),
    ("swin_tiny_patch4_window7_224", torchvision.models.Swin_T_Weights.IMAGENET1K_V1),
])  # fmt: skip
def test_flops_are_six_times_torchvisions_multiplications(name: str, weights: Any) -> None:
    """torchvision publishes multiplications of a forward pass (meta "_ops", in 10^9): two FLOPs each, three passes;
    within 5 %, as the first layer has two passes and attention counts its own products."""
    assert flops_of(name) / 1e9 == pytest.approx(6 * weights.meta["_ops"], rel=0.05)


def test_parameters_and_the_optimisers_state_are_the_real_ones() -> None:
    """Counted without data; then one real step is done and AdamW's moments are weighed."""
    settings = settings_of()
    found = estimate(settings)
    model, loss = build_model(settings), JointLoss(settings)
    optimizer = build_optimizer(model, loss, settings)
    weights = [*model.parameters(), *loss.parameters()]
    loss(*model(torch.rand(2, 1, 32, 32)), torch.tensor([0, 1]), torch.tensor([0, 1])).loss.backward()
    optimizer.step()
    assert found.parameters == sum(each.numel() for each in weights)
    assert found.gradient_bytes == sum(each.grad.nbytes for each in weights)
    assert found.weight_bytes == sum(each.nbytes for each in (*weights, *model.buffers(), *loss.buffers()))
    moments = sum(state[key].nbytes for state in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq"))
    assert found.optimizer_bytes == moments


def test_checkpointing_holds_less_and_is_no_flops_of_the_model() -> None:
    """Fewer bytes a record; the FLOPs stay, as an MFU counts no recomputation."""
    plain, saving = estimate(settings_of()), estimate(settings_of(activation_checkpointing=True))
    assert saving.activation_bytes_per_record < plain.activation_bytes_per_record / 2
    assert saving.flops_per_record == plain.flops_per_record


def test_flops_are_those_of_one_record() -> None:
    """Per record, whatever the batch: and so they are the count of a real pass over three, by three."""
    settings = settings_of(model_type="resnet18")
    whole = count_flops(build_model(settings), JointLoss(settings), torch.rand(3, 1, 32, 32))
    assert estimate(settings).flops_per_record * 3 == whole


def test_a_moving_average_is_one_more_copy_of_the_model() -> None:
    plain, averaged = estimate(settings_of()), estimate(settings_of(ema_decay=0.99))
    model = build_model(settings_of())
    copy = sum(each.nbytes for each in (*model.parameters(), *model.buffers()))
    assert averaged.weight_bytes - plain.weight_bytes == copy
    assert averaged.gradient_bytes == plain.gradient_bytes


def test_steps_and_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole batches an epoch; a process takes its share of a batch in as many parts as are accumulated."""
    settings = settings_of(train_size=1000, batch_size=96, accumulate=3)
    found = estimate(settings)
    assert (found.steps_per_epoch, found.micro_batch) == (10, 32)
    assert found.total_bytes == (
        found.weight_bytes + found.gradient_bytes + found.optimizer_bytes + found.activation_bytes_fixed
        + 32 * found.activation_bytes_per_record
    )  # fmt: skip
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert estimate(settings).micro_batch == 8


def test_the_words_hold_the_figures() -> None:
    """What --dry-run prints: parameters, memory, computation, micro-batch, steps; pretrained weights are not needed."""
    settings = settings_of(train_size=1000, batch_size=100, epochs=5, use_pretrained=True, weights_dir="/nowhere")
    found, said = estimate(settings), "\n".join(lines(settings))
    assert f"parameters: {found.parameters:,}" in said
    assert f"{found.flops_per_record / 1e9:.2f} GFLOP a record" in said
    assert f"{found.total_bytes / 2**30:.2f} GiB a process" in said
    assert "micro-batch: 100 records" in said
    assert "steps: 10 an epoch, 50 in all" in said


def test_an_estimate_moves_no_random_state() -> None:
    torch.manual_seed(6)
    expected = torch.rand(3)
    torch.manual_seed(6)
    estimate(settings_of())
    assert torch.equal(torch.rand(3), expected)
