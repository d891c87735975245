"""The optimiser's groups, and the learning rate against torch's own schedulers step for step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, LinearLR

from aftersweep.training.losses import JointLoss
from aftersweep.training.model import build_model
from aftersweep.training.schedule import build_optimizer, learning_rate
from aftersweep.training.settings import Settings


def settings_of(**more: Any) -> Settings:
    return Settings(**{"model_type": "test_vit", "image_size": 32, "epochs": 100, **more})


def sgd(rate: float) -> torch.optim.SGD:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 40])
@pytest.mark.parametrize("cycle_epochs", [2.0, 4.0, 6.0])
def test_the_cycle_is_torchs(steps_per_epoch: int, cycle_epochs: float) -> None:
    """Step for step CyclicLR(mode="triangular2"), over more than three cycles."""
    settings = settings_of(base_lr=1e-5, max_lr=1e-3, cycle_epochs=cycle_epochs)
    optimizer = sgd(1.0)
    up = int(cycle_epochs * steps_per_epoch / 2)
    theirs = CyclicLR(optimizer, 1e-5, 1e-3, step_size_up=up, mode="triangular2", cycle_momentum=False)
    for step in range(7 * up + 3):
        assert learning_rate(step, settings, steps_per_epoch) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("warmup_epochs", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("factor", [0.1, 0.3, 1.0])
def test_the_warm_up_is_torchs(warmup_epochs: float, factor: float) -> None:
    """Step for step LinearLR from factor * base_lr to base_lr; the cycle starts where it ends."""
    settings = settings_of(base_lr=5e-5, max_lr=1e-3, warmup_epochs=warmup_epochs, warmup_start_factor=factor)
    warmup = int(warmup_epochs * 12)
    optimizer = sgd(5e-5)
    theirs = LinearLR(optimizer, start_factor=factor, total_iters=warmup)
    for step in range(warmup + 1):
        assert learning_rate(step, settings, 12) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()
    without = settings_of(base_lr=5e-5, max_lr=1e-3)
    for step in range(300):
        assert learning_rate(warmup + step, settings, 12) == learning_rate(step, without, 12)


def test_peaks_halve_from_cycle_to_cycle() -> None:
    """max_lr at the middle of the first cycle, half as far above base_lr in each one after (Smith 2017)."""
    settings = settings_of(base_lr=1e-4, max_lr=9e-4, cycle_epochs=2)
    peaks = [learning_rate(10 + 20 * cycle, settings, 10) for cycle in range(4)]
    assert peaks == pytest.approx([9e-4, 5e-4, 3e-4, 2e-4], rel=1e-12)
    assert [learning_rate(20 * cycle, settings, 10) for cycle in range(4)] == [1e-4] * 4


@pytest.mark.parametrize("cycle_epochs", [1e-9, 0.01, 1.37, 1e9])
def test_any_cycle_at_any_step_stays_between_its_ends(cycle_epochs: float) -> None:
    """Also after thousands of cycles, where 2 to their number is over the largest float."""
    settings = settings_of(base_lr=1e-5, max_lr=1e-3, cycle_epochs=cycle_epochs)
    rates = [learning_rate(step, settings, 30) for step in (0, 1, 2, 29, 5_000, 10**7 + 1)]
    assert all(math.isfinite(rate) and 1e-5 <= rate <= 1e-3 for rate in rates)


@pytest.mark.parametrize("model_type", ["test_vit", "test_resnet"])
def test_every_weight_is_in_one_group(model_type: str) -> None:
    """Weights of two dimensions and more decay; norms, biases and the loss's log variances do not."""
    settings = settings_of(model_type=model_type, weight_decay=0.02)
    model, loss = build_model(settings), JointLoss(settings)
    optimizer = build_optimizer(model, loss, settings)
    decay = {id(each): group["weight_decay"] for group in optimizer.param_groups for each in group["params"]}
    named = [*model.named_parameters(), *loss.named_parameters()]
    assert len(decay) == sum(len(group["params"]) for group in optimizer.param_groups) == len(named)
    for name, value in named:
        assert decay[id(value)] == (0.02 if value.ndim >= 2 else 0.0), name
    assert decay[id(loss.log_variance)] == 0.0


def test_the_loss_may_have_no_parameters() -> None:
    settings = settings_of(uncertainty_weighting=False)
    model = build_model(settings)
    optimizer = build_optimizer(model, JointLoss(settings), settings)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))


def test_decay_is_decoupled() -> None:
    """With no gradient a weight shrinks by the factor 1 - rate * decay at each step, and a bias stays as it is
    (Loshchilov and Hutter 2019, algorithm 2)."""
    settings = settings_of(weight_decay=0.1)
    model, loss = build_model(settings), JointLoss(settings)
    optimizer = build_optimizer(model, loss, settings)
    for group in optimizer.param_groups:
        group["lr"] = 0.5
        for each in group["params"]:
            each.grad = torch.zeros_like(each)
    weight, bias = model.modulation_head.weight.detach().clone(), model.modulation_head.bias.detach().clone()
    optimizer.step()
    torch.testing.assert_close(model.modulation_head.weight.detach(), weight * (1 - 0.5 * 0.1))
    assert torch.equal(model.modulation_head.bias.detach(), bias)
