"""Backbones and the classifier: names, sizes, heads, seeds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from torch import nn

from aftersweep.training.backbones import TIMM_NAMES, create_backbone, feature_width, timm_name
from aftersweep.training.errors import SettingsError
from aftersweep.training.model import BRANCH_WIDTH, build_model
from aftersweep.training.settings import SNR_HEADS, Settings

TINY: dict[str, Any] = {
    "model_type": "test_vit",
    "image_size": 32,
    "modulations": ("BPSK", "QPSK", "8PSK"),
    "snr_list": (0.0, 6.0, 12.0, 18.0),
}


def tiny(**more: Any) -> Settings:
    return Settings(**{**TINY, **more})


def images(count: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(5))


def shapes(head: nn.Sequential) -> list[tuple[int, int]]:
    return [(layer.in_features, layer.out_features) for layer in head if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("model_type", ["test_vit", "resnet18", "test_convnext", "swin_tiny"])
def test_both_logits_for_each_image(model_type: str) -> None:
    """Images [n, 1, S, S] give logits [n, M] and [n, L], finite, for networks with and without a fixed size."""
    modulation, snr = build_model(tiny(model_type=model_type))(images())
    assert modulation.shape == (3, 3)
    assert snr.shape == (3, 4)
    assert modulation.isfinite().all()
    assert snr.isfinite().all()


HEADS = {
    "standard": [(BRANCH_WIDTH, 4)],
    "bottleneck_64": [(BRANCH_WIDTH, 64), (64, 4)],
    "bottleneck_128": [(BRANCH_WIDTH, 128), (128, 4)],
    "dual_layer": [(BRANCH_WIDTH, 256), (256, 64), (64, 4)],
}


@pytest.mark.parametrize("kind", SNR_HEADS)
def test_the_snr_heads_are_those_of_the_source_sweep(kind: str) -> None:
    """Each hidden layer is followed by ReLU and dropout; the sizes are those of the sweep's published configuration."""
    head = build_model(tiny(snr_layer_config=kind, dropout=0.25)).snr_head
    assert shapes(head) == HEADS[kind]
    hidden = [type(layer) for layer in head][:-1]
    assert hidden == [nn.Linear, nn.ReLU, nn.Dropout] * (len(HEADS[kind]) - 1)
    assert {layer.p for layer in head if isinstance(layer, nn.Dropout)} <= {0.25}


def test_each_task_has_a_branch_of_its_own() -> None:
    """The modulation's logits move the backbone and their own branch, and nothing of the SNR's."""
    model = build_model(tiny())
    model(images())[0].sum().backward()
    moved = {name.partition(".")[0] for name, value in model.named_parameters() if value.grad is not None}
    assert moved == {"backbone", "modulation_branch", "modulation_head"}


def test_dropout_is_at_work_in_training_only() -> None:
    """Two passes differ in training; in evaluation, or with dropout 0, they are the same to the bit."""
    model = build_model(tiny(dropout=0.5))
    x = images()
    assert not torch.equal(model(x)[1], model(x)[1])
    model.eval()
    assert torch.equal(model(x)[1], model(x)[1])
    without = build_model(tiny(dropout=0.0))
    assert torch.equal(without(x)[1], without(x)[1])


def test_initial_weights_follow_from_the_seed_alone() -> None:
    """Whatever torch's random state: the same seed draws the same weights, another seed others."""
    torch.manual_seed(1)
    first = build_model(tiny(seed=7)).state_dict()
    torch.manual_seed(2)
    again = build_model(tiny(seed=7)).state_dict()
    other = build_model(tiny(seed=8)).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["modulation_head.weight"], other["modulation_head.weight"])
    assert not torch.equal(first["backbone.patch_embed.proj.weight"], other["backbone.patch_embed.proj.weight"])


def test_building_does_not_move_the_random_state() -> None:
    """Numbers drawn after building are those that would have been drawn without."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build_model(tiny())
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("name", TIMM_NAMES)
def test_the_sweeps_names_are_timms_models(name: str) -> None:
    """Each name of the source sweep is timm's model of that name, for one channel: its parameters, but for the
    classifier and two colours of the first layer."""
    with torch.device("meta"):
        ours = build_model(Settings(model_type=name)).backbone
        theirs = timm.create_model(TIMM_NAMES[name])
    first = next(value for value in theirs.parameters() if value.ndim == 4)
    classifier = sum(value.numel() for value in theirs.get_classifier().parameters())
    expected = sum(value.numel() for value in theirs.parameters()) - classifier - first.numel() * 2 // 3
    assert sum(value.numel() for value in ours.parameters()) == expected


def test_an_unknown_backbone_is_refused_with_the_nearest() -> None:
    """A slip of the pen is answered with the names that are near."""
    with pytest.raises(SettingsError, match=r"model_type 'swin_tny' is not known; did you mean swin_tiny or"):
        build_model(tiny(model_type="swin_tny"))
    with pytest.raises(SettingsError, match=r"'qqqqqqqq' is not known; choose one of resnet18, .*swin_small"):
        build_model(tiny(model_type="qqqqqqqq"))


@pytest.mark.parametrize(
    "name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/etc", "../resnet18", "timm/resnet18", "", "resnet18/../x"]
)
def test_a_sweep_file_cannot_name_a_source(name: str) -> None:
    """Where timm would fetch from a hub or read a folder, the name is not known."""
    with pytest.raises(SettingsError, match="is not known"):
        timm_name(name)


def test_a_tag_of_weights_is_part_of_timms_names() -> None:
    """Tags that timm has are kept; others are refused with those that it has."""
    assert timm_name("resnet18.a1_in1k") == "resnet18.a1_in1k"
    with pytest.raises(
        SettingsError, match=r"'resnet18.mine': timm has no weights with that tag; choose one of a1_in1k"
    ):
        timm_name("resnet18.mine")


@pytest.mark.parametrize(
    ("model_type", "size", "near"),
    [("vit_b_16", 100, "96, 112"), ("swin_tiny", 30, "28, 32"), ("maxvit_tiny_tf_224", 100, "96, 128")],
)
def test_sizes_that_cannot_be_are_refused_with_the_nearest(model_type: str, size: int, near: str) -> None:
    """timm crops an image to whole patches in silence, or fails with shapes: here one line names the next sizes, and
    those can be."""
    with pytest.raises(SettingsError, match=rf"image_size {size} is none that .* the nearest it takes: {near}$"):
        build_model(Settings(model_type=model_type, image_size=size))
    for each in near.split(", "):
        assert feature_width(timm_name(model_type), int(each)) > 0


def test_a_size_that_is_too_small_for_a_network() -> None:
    """Networks that take any size above one of theirs name the next that is large enough."""
    with pytest.raises(
        SettingsError, match=r"image_size 32 is none that 'inception_v3' can take .* it takes: 96, 299$"
    ):
        feature_width("inception_v3", 32)


def test_overlapping_patches_crop_nothing() -> None:
    """A patch wider than its stride needs no multiple of itself: 64 pixels are no multiple of pvt's 7."""
    assert feature_width("pvt_v2_b0", 64) > 0


def test_the_width_is_that_of_the_features() -> None:
    """Also for networks whose head widens them (timm's num_features says 512 for vgg11)."""
    for name in ("test_vit", "test_resnet", "vgg11"):
        with torch.device("meta"):
            features = create_backbone(name, 64)(torch.zeros(2, 1, 64, 64))
        assert feature_width(name, 64) == features.shape[1]


@pytest.mark.parametrize("model_type", ["test_vit", "resnet18"])
def test_activation_checkpointing_changes_no_gradient(model_type: str) -> None:
    """The same loss and gradients with and without, dropout included."""
    found = []
    for on in (False, True):
        model = build_model(tiny(model_type=model_type, activation_checkpointing=on))
        torch.manual_seed(4)
        modulation, snr = model(images())
        (modulation.square().sum() + snr.square().sum()).backward()
        found.append([value.grad for value in model.parameters()])
    for plain, checkpointed in zip(*found, strict=True):
        torch.testing.assert_close(checkpointed, plain)


def test_activation_checkpointing_is_refused_where_timm_has_none() -> None:
    with pytest.raises(SettingsError, match="activation_checkpointing is not there for 'vgg11' in timm"):
        build_model(tiny(model_type="vgg11", activation_checkpointing=True))


def test_channels_last_reaches_the_first_layers_output() -> None:
    """With one channel an image is in both formats at once: the weights decide, and the logits stay the same."""
    model = build_model(tiny(model_type="resnet18")).eval()
    plain = model(images())
    model.to(memory_format=torch.channels_last)
    stem = model.backbone.conv1(images())
    assert stem.is_contiguous(memory_format=torch.channels_last)
    for before, after in zip(plain, model(images()), strict=True):
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_a_model_can_be_copied_for_its_moving_average() -> None:
    """AveragedModel copies it deeply: the copy computes the same and shares no weight."""
    model = build_model(tiny()).eval()
    twin = copy.deepcopy(model)
    assert torch.equal(twin(images())[0], model(images())[0])
    with torch.no_grad():
        twin.modulation_head.bias += 1
    assert not torch.equal(twin(images())[0], model(images())[0])
