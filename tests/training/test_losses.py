"""The joint loss against closed forms, libraries and numerical gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch.nn import functional

from aftersweep.training.losses import JointLoss
from aftersweep.training.settings import Settings

M, L, N = 5, 6, 7


def loss_of(**more: Any) -> JointLoss:
    values = {"snr_distance_weight": 0.3, "uncertainty_weighting": False, **more}
    modulations = ("BPSK", "QPSK", "8PSK", "16PSK", "16QAM")
    return JointLoss(Settings(modulations=modulations, snr_list=(0.0, 2.0, 4.0, 6.0, 8.0, 10.0), **values))


def batch(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(11)
    modulation = torch.randint(0, M, (N,), generator=draw)
    snr = torch.randint(0, L, (N,), generator=draw)
    logits = [2 * torch.randn(N, size, generator=draw, dtype=torch.float64).to(dtype) for size in (M, L)]
    return logits[0], logits[1], modulation, snr


def test_without_penalty_and_weighting_it_is_two_cross_entropies() -> None:
    """Weight 0 turns the penalty off to the bit; the loss is the plain sum; no parameter is left to train."""
    loss = loss_of(snr_distance_weight=0.0)
    a, b, modulation, snr = batch()
    found = loss(a, b, modulation, snr)
    assert torch.equal(found.modulation, functional.cross_entropy(a, modulation))
    assert torch.equal(found.snr, functional.cross_entropy(b, snr))
    assert torch.equal(found.loss, found.modulation + found.snr)
    assert not list(loss.parameters())


def test_the_penalty_is_the_distance_between_distributions() -> None:
    """E|level - true| is the Wasserstein distance (scipy's) between the predicted distribution and the true level."""
    a, b, modulation, snr = batch(torch.float64)
    levels = np.arange(L)
    expected = np.mean(
        [
            wasserstein_distance(levels, [true], p)
            for p, true in zip(b.softmax(dim=1).numpy(), snr.tolist(), strict=True)
        ]
    )
    with_penalty = loss_of(snr_distance_weight=0.7)(a, b, modulation, snr).snr
    without = loss_of(snr_distance_weight=0.0)(a, b, modulation, snr).snr
    assert (with_penalty - without).item() == pytest.approx(0.7 * expected, rel=1e-12)


def test_uniform_logits_have_a_closed_form() -> None:
    """Cross-entropies log M and log L; the expected distance from level y is the mean of |k - y|."""
    y = 1
    found = loss_of()(torch.zeros(1, M), torch.zeros(1, L), torch.tensor([2]), torch.tensor([y]))
    distance = sum(abs(k - y) for k in range(L)) / L
    assert found.modulation.item() == pytest.approx(math.log(M), rel=1e-6)
    assert found.snr.item() == pytest.approx(math.log(L) + 0.3 * distance, rel=1e-6)


def test_the_penalty_grows_with_the_distance() -> None:
    """Sure of a level k steps off: cross-entropy is the same for each k, the penalty is k steps."""
    sure = 40.0 * torch.eye(L)
    never = loss_of(snr_distance_weight=0.0)
    with_penalty = loss_of(snr_distance_weight=1.0)
    a, zero = torch.zeros(1, M), torch.tensor([0])
    for k in range(1, L):
        added = with_penalty(a, sure[k : k + 1], zero, zero).snr - never(a, sure[k : k + 1], zero, zero).snr
        assert added.item() == pytest.approx(k, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_those_of_the_function(weighted: bool) -> None:
    """torch's gradcheck, in double precision, over both logits and the log variances."""
    loss = loss_of(uncertainty_weighting=weighted).double()
    a, b, modulation, snr = batch(torch.float64)
    if weighted:
        assert loss.log_variance is not None
        with torch.no_grad():
            loss.log_variance.copy_(torch.tensor([0.4, -0.7]))
    extra = tuple(loss.parameters())

    def value(a: torch.Tensor, b: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return loss(a, b, modulation, snr).loss

    assert torch.autograd.gradcheck(value, (a.requires_grad_(), b.requires_grad_(), *extra))


def test_kendalls_weights_start_at_one() -> None:
    """Log variances begin at 0, where the weighed loss is the plain sum."""
    found = loss_of(uncertainty_weighting=True)(*batch())
    assert found.loss.item() == pytest.approx((found.modulation + found.snr).item(), rel=1e-6)


def test_kendalls_optimum_has_a_closed_form() -> None:
    """exp(-s) L + s / 2 is least at s = log 2L, where it is (1 + log 2L) / 2, and gradient descent finds it."""
    loss = loss_of(uncertainty_weighting=True).double()
    parts = batch(torch.float64)
    optimizer = torch.optim.LBFGS(loss.parameters(), max_iter=100, tolerance_grad=1e-12, tolerance_change=0.0)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(*parts).loss
        value.backward()
        return value

    optimizer.step(closure)
    found = loss(*parts)
    each = torch.stack((found.modulation, found.snr)).detach()
    torch.testing.assert_close(loss.log_variance.detach(), (2 * each).log(), rtol=1e-6, atol=1e-6)
    assert found.loss.item() == pytest.approx((0.5 * (1 + (2 * each).log())).sum().item(), rel=1e-9)


def test_the_harder_task_weighs_less() -> None:
    """At the same log variance the gradient lowers the weight of the task with the larger loss more."""
    loss = loss_of(uncertainty_weighting=True)
    _, b, modulation, snr = batch()
    right = 30.0 * functional.one_hot(modulation, M).float()
    loss(right, b, modulation, snr).loss.backward()
    easy, hard = loss.log_variance.grad.tolist()
    assert easy == pytest.approx(0.5, abs=1e-6)
    assert hard < 0 < easy


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_computed_in_float32_whatever_the_autocast(dtype: torch.dtype, weighted: bool) -> None:
    """Logits of lower precision, autocast on: the same bits as float32 of these logits outside of it."""
    loss = loss_of(uncertainty_weighting=weighted)
    a, b, modulation, snr = batch(dtype)
    expected = loss(a.float(), b.float(), modulation, snr)
    with torch.autocast("cpu", dtype=dtype):
        found = loss(a, b, modulation, snr)
    for name in ("loss", "modulation", "snr"):
        assert getattr(found, name).dtype == torch.float32
        assert torch.equal(getattr(found, name), getattr(expected, name))


def test_it_is_the_mean_over_the_batch() -> None:
    """Halves of a batch, averaged, give the whole: accumulation counts on it."""
    loss = loss_of(uncertainty_weighting=True).double()
    whole = [torch.cat((each, each.roll(1, 0)))[:12] for each in batch(torch.float64)]
    halves = [loss(*(each[part] for each in whole)) for part in (slice(0, 6), slice(6, 12))]
    for name in ("loss", "modulation", "snr"):
        mean = (getattr(halves[0], name) + getattr(halves[1], name)) / 2
        torch.testing.assert_close(mean, getattr(loss(*whole), name))


def test_what_is_not_finite_stays_so() -> None:
    """A NaN among the logits is a NaN in the loss: divergence is seen, not hidden."""
    a, b, modulation, snr = batch()
    b[0, 0] = math.nan
    found = loss_of(uncertainty_weighting=True)(a, b, modulation, snr)
    assert found.loss.isnan()
    assert found.modulation.isfinite()


def test_the_table_of_distances_is_in_no_checkpoint() -> None:
    """It follows from the settings; what is saved is what was learned."""
    assert list(loss_of(uncertainty_weighting=True).state_dict()) == ["log_variance"]
