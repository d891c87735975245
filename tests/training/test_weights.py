"""Pretrained weights from a folder: adapted as timm does, whole, and never a pickle that runs code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from timm.layers import resample_abs_pos_embed
from torch import nn

from aftersweep.training.backbones import CHANNELS
from aftersweep.training.errors import SettingsError
from aftersweep.training.model import build_model
from aftersweep.training.settings import Settings
from aftersweep.training.weights import file_names


def trained(name: str, **more: Any) -> nn.Module:
    """A model of three colours whose weights no seed of ours draws, norms and biases among them."""
    torch.manual_seed(99)
    model = timm.create_model(name, **more)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.01 * torch.randn_like(value)
    return model.eval()


def pretrained(folder: Path | str, model_type: str = "resnet18", **more: Any) -> nn.Module:
    settings = Settings(**{"image_size": 64, **more}, model_type=model_type, use_pretrained=True,
                        weights_dir=str(folder))  # fmt: skip
    return build_model(settings).backbone.eval()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks for a host fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a test of weights asked for the network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.parametrize("file", ["resnet18.safetensors", "resnet18.pth"])
def test_weights_of_three_colours_serve_one(file: str, tmp_path: Path) -> None:
    """The first layer is the sum over colours, all else as in the file: a grey image gives the same features."""
    source = trained("resnet18")
    if file.endswith(".pth"):
        torch.save(source.state_dict(), tmp_path / file)
    else:
        safetensors.torch.save_file(source.state_dict(), tmp_path / file)
    found = pretrained(tmp_path)
    torch.testing.assert_close(found.conv1.weight, source.conv1.weight.sum(dim=1, keepdim=True))
    theirs = source.state_dict()
    for key, value in found.state_dict().items():
        if key != "conv1.weight":
            assert torch.equal(value, theirs[key]), key
    grey = torch.rand(2, CHANNELS, 64, 64)
    features = source.forward_head(source.forward_features(grey.expand(-1, 3, -1, -1)), pre_logits=True)
    torch.testing.assert_close(found(grey), features, rtol=1e-3, atol=1e-4)


def test_the_sweeps_name_or_timms_names_the_file(tmp_path: Path) -> None:
    """The sweep's name is looked for before timm's, safetensors before pth."""
    assert file_names("vit_b_16", "vit_base_patch16_224") == [
        "vit_b_16.safetensors", "vit_b_16.pth", "vit_base_patch16_224.safetensors", "vit_base_patch16_224.pth",
    ]  # fmt: skip
    assert file_names("resnet18.a1_in1k", "resnet18.a1_in1k")[2:] == ["resnet18.safetensors", "resnet18.pth"]
    torch.save(trained("test_resnet").state_dict(), tmp_path / "test_resnet.pth")
    first = pretrained(tmp_path, "test_resnet")
    (tmp_path / "test_resnet.safetensors").write_bytes(b"not this one")
    with pytest.raises(SettingsError, match=r"test_resnet\.safetensors' cannot be read"):
        pretrained(tmp_path, "test_resnet")
    assert first.conv1[0].weight.shape[1] == CHANNELS


def test_position_embeddings_are_resampled_to_the_image(tmp_path: Path) -> None:
    """A vit's weights for 160 pixels serve 64: its embedding is resampled as timm's own function does."""
    source = trained("test_vit")
    safetensors.torch.save_file(source.state_dict(), tmp_path / "test_vit.safetensors")
    found = pretrained(tmp_path, "test_vit")
    patch = found.patch_embed.patch_size[0]
    expected = resample_abs_pos_embed(source.pos_embed, (64 // patch, 64 // patch), num_prefix_tokens=1)
    torch.testing.assert_close(found.pos_embed, expected)


def test_branches_and_heads_stay_as_the_seed_draws_them(tmp_path: Path) -> None:
    """Weights from a file change the backbone alone."""
    torch.save(trained("test_resnet").state_dict(), tmp_path / "test_resnet.pth")
    one = build_model(Settings(model_type="test_resnet", image_size=64, use_pretrained=True, weights_dir=str(tmp_path)))
    two = build_model(Settings(model_type="test_resnet", image_size=64, weights_dir=str(tmp_path)))
    assert torch.equal(one.snr_head[0].weight, two.snr_head[0].weight)
    assert not torch.equal(one.backbone.conv1[0].weight, two.backbone.conv1[0].weight)


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    """One line names the folder, the files that were looked for and the next step; nothing is downloaded."""
    files = r"resnet18\.safetensors or resnet18\.pth"
    with pytest.raises(SettingsError, match=rf"weights_dir '.*/nowhere' is no folder; make it and put {files} there"):
        pretrained(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=rf"holds no {files}; put one there .* or use_pretrained=false"):
        pretrained(tmp_path)


class _Evil:
    """A pickle that would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    """Weights are data: what a file would call is not called."""
    torch.save({"conv1.weight": _Evil(tmp_path / "owned")}, tmp_path / "resnet18.pth")
    with pytest.raises(SettingsError, match=r"resnet18\.pth' cannot be read as weights of 'resnet18' \(weights_only"):
        pretrained(tmp_path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_broken_file_is_refused(content: bytes, ending: str, tmp_path: Path) -> None:
    (tmp_path / f"resnet18{ending}").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"resnet18\{ending}' cannot be read as weights of 'resnet18'") as caught:
        pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    """Shapes that do not fit, and names that do not: timm passes over the latter in silence, here they are an error."""
    torch.save(trained("resnet50").state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(SettingsError, match=r"cannot be read as weights of 'resnet18' \(size mismatch"):
        pretrained(tmp_path)
    renamed = {f"encoder.{key}": value for key, value in trained("resnet18").state_dict().items()}
    torch.save(renamed, tmp_path / "resnet18.pth")
    with pytest.raises(SettingsError, match=r"lacks \d+ of the weights of 'resnet18', conv1\.weight among them"):
        pretrained(tmp_path)


def test_a_list_is_no_state_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "resnet18.pth")
    with pytest.raises(SettingsError, match="cannot be read as weights of 'resnet18'"):
        pretrained(tmp_path)


def test_without_a_network_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where timm cannot download: the folder to make and the files to put there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        SettingsError,
        match=r"weights of 'resnet18' cannot be downloaded .* put resnet18\.safetensors or resnet18\.pth into a folder "
        r"and give weights_dir=FOLDER, or use_pretrained=false",
    ):
        pretrained("")


def test_a_model_that_timm_has_no_weights_of() -> None:
    """It is said before anything is asked for."""
    with pytest.raises(
        SettingsError, match=r"timm has no pretrained weights of 'resnet200'; put resnet200\.safetensors"
    ):
        pretrained("", "resnet200")
