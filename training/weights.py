"""Pretrained weights through timm: from a local folder, or by timm's own download; whole, or an error."""

from __future__ import annotations

import pickle
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from torch import nn

from .backbones import create_backbone
from .errors import SettingsError

ENDINGS = (".safetensors", ".pth")
_UNREADABLE = (
    OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, SafetensorError,
    pickle.UnpicklingError,
)  # fmt: skip
"""What torch, safetensors and timm raise for a file that holds no weights, or another model's. Pickles are loaded with
weights_only: a file runs no code."""


def pretrained_backbone(model_type: str, name: str, image_size: int, weights_dir: str) -> nn.Module:
    """The backbone with pretrained weights, its first layer summed over colours for one channel (timm's
    ``adapt_input_conv``), position embeddings resampled to the image size (timm's filters).

    model_type: the setting; name: timm's name for it. weights_dir: the folder with ``NAME.safetensors`` or
    ``NAME.pth``, NAME either of them; then nothing is downloaded. Empty: timm downloads, or takes its cache.

    Raises SettingsError where the weights cannot be had, cannot be read, or do not fill the model.
    """
    files = file_names(model_type, name)
    state = torch.get_rng_state()
    plain = create_backbone(name, image_size)
    torch.set_rng_state(state)
    if weights_dir:
        path = find_weights(Path(weights_dir).expanduser(), files)
        loaded, source = _from_file(name, image_size, path), f"'{path}'"
    else:
        loaded, source = _from_timm(name, image_size, files), "what timm downloaded"
    left = _untouched(plain, loaded)
    if left:
        raise SettingsError(
            f"{source} lacks {len(left)} of the weights of '{name}', {left[0]} among them; "
            "give weights of this very model, or use_pretrained=false"
        )
    return loaded


def file_names(model_type: str, name: str) -> list[str]:
    """The file names that are looked for, in this order."""
    stems = dict.fromkeys((model_type, name, name.partition(".")[0]))
    return [stem + ending for stem in stems for ending in ENDINGS]


def find_weights(folder: Path, files: list[str]) -> Path:
    """The first of ``files`` that is in ``folder``. Raises SettingsError where none is."""
    if not folder.is_dir():
        raise SettingsError(f"weights_dir '{folder}' is no folder; make it and put {_one_of(files)} there")
    for file in files:
        if (folder / file).is_file():
            return folder / file
    raise SettingsError(
        f"weights_dir '{folder}' holds no {_one_of(files)}; put one there (nothing is downloaded when weights_dir is "
        "given), or use_pretrained=false"
    )


def _from_file(name: str, image_size: int, path: Path) -> nn.Module:
    try:
        return create_backbone(name, image_size, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    except _UNREADABLE as error:
        raise SettingsError(
            f"'{path}' cannot be read as weights of '{name}' ({_first_line(error)}); "
            "give a state_dict of this very model, or use_pretrained=false"
        ) from None


def _from_timm(name: str, image_size: int, files: list[str]) -> nn.Module:
    known = timm.get_pretrained_cfg(name)
    advice = f"put {_one_of(files)} into a folder and give weights_dir=FOLDER, or use_pretrained=false"
    if known is None or not known.has_weights:
        raise SettingsError(f"timm has no pretrained weights of '{name}'; {advice}")
    try:
        return create_backbone(name, image_size, pretrained=True)
    except _UNREADABLE as error:
        raise SettingsError(
            f"pretrained weights of '{name}' cannot be downloaded ({type(error).__name__}); {advice}"
        ) from None


def _untouched(plain: nn.Module, loaded: nn.Module) -> list[str]:
    """Names of the weights that are as they were drawn: both modules began from the same random state.

    timm loads what matches and passes over the rest in silence. Constants (norms, biases) say nothing and are left out.
    """
    drawn = dict(plain.named_parameters())
    return [
        key
        for key, value in loaded.named_parameters()
        if drawn[key].ndim >= 2 and drawn[key].min() < drawn[key].max() and torch.equal(drawn[key], value)
    ]


def _one_of(files: list[str]) -> str:
    return f"{', '.join(files[:-1])} or {files[-1]}"


def _first_line(error: BaseException) -> str:
    """What is wrong, in one short line: torch puts the tensors that do not fit on later lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0])[:160].rstrip(".")
