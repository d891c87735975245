"""Backbones: the names of the sweep and of timm, one input channel, and the image sizes that each takes."""

from __future__ import annotations

import difflib
from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from torch import nn

from .errors import SettingsError

CHANNELS = 1
"""A constellation image has one channel: counts."""
TIMM_NAMES = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "vit_b_16": "vit_base_patch16_224",
    "swin_tiny": "swin_tiny_patch4_window7_224",
    "swin_small": "swin_small_patch4_window7_224",
}
"""What the source sweep calls a backbone, and what timm does."""
_SIZES = range(16, 1025)
_STEP = 32
"""Most networks halve the image five times: sizes are looked for among its multiples where no patch is named."""
_REFUSALS = (RuntimeError, ValueError, AssertionError, TypeError, IndexError, ZeroDivisionError)
"""What timm's constructors and forward passes raise for an image size that cannot be."""


def timm_name(model_type: str) -> str:
    """timm's name of a backbone, with its tag of pretrained weights where one was given.

    Raises SettingsError for a name that neither the sweep nor timm knows, with the nearest ones. Sources such as
    ``hf-hub:`` and ``local-dir:`` are not names: nothing is fetched for what a sweep file says.
    """
    name = TIMM_NAMES.get(model_type, model_type)
    architecture, _, tag = name.partition(".")
    if ":" not in name and "/" not in name and timm.is_model(architecture):
        if not tag or name in timm.list_pretrained(f"{architecture}.*"):
            return name
        known = [tagged.partition(".")[2] for tagged in timm.list_pretrained(f"{architecture}.*")]
        raise SettingsError(
            f"model_type '{name:.80}': timm has no weights with that tag; "
            + (f"choose one of {', '.join(known)}, or leave the tag out" if known else "leave the tag out")
        )
    names = dict.fromkeys((*TIMM_NAMES, *timm.list_models()))
    near = difflib.get_close_matches(model_type.lower(), names, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(TIMM_NAMES)}"
    raise SettingsError(f"model_type '{model_type:.80}' is not known; {hint} (any of timm.list_models() will do)")


def create_backbone(name: str, image_size: int, **options: Any) -> nn.Module:
    """timm's model ``name`` without its classifier, for images [n, 1, image_size, image_size].

    Models of a fixed input size (vit, swin) are told the size; the others (resnets) take any and refuse the argument.
    options: more of timm.create_model's.
    """
    fixed = timm.get_pretrained_cfg(name)
    if fixed is not None and fixed.fixed_input_size:
        options["img_size"] = image_size
    return timm.create_model(name, in_chans=CHANNELS, num_classes=0, **options)


def feature_width(name: str, image_size: int) -> int:
    """The number of features per image: output [n, width]. Nothing is computed: shapes only, on the meta device.

    Raises SettingsError where the backbone cannot take the size, with the nearest sizes that it can take.
    """
    try:
        return _width(name, image_size)
    except _REFUSALS as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    near = _sizes_near(name, image_size)
    if not near:
        raise SettingsError(f"model_type '{name}' cannot take one-channel images of {image_size} pixels ({why:.120})")
    raise SettingsError(
        f"image_size {image_size} is none that '{name}' can take ({why:.120}); the nearest it takes: "
        f"{', '.join(map(str, sorted(near)))}"
    )


def checkpoint_activations(backbone: nn.Module, name: str) -> None:
    """Has the backbone compute its activations anew in the backward pass, by blocks.

    The running statistics of batch norm then see each batch twice: they follow it faster, to the same mean.
    Raises SettingsError where timm cannot do it for this model.
    """
    try:
        backbone.set_grad_checkpointing(True)
    except (AttributeError, AssertionError, NotImplementedError):
        raise SettingsError(
            f"activation_checkpointing is not there for '{name}' in timm; set it to false, or accumulate to hold less"
        ) from None


def _width(name: str, image_size: int) -> int:
    """As ``feature_width``; raises one of _REFUSALS."""
    with torch.device("meta"), torch.no_grad():
        model = create_backbone(name, image_size)
        patch = _patch(model)
        if image_size % patch:
            # timm would crop the image to whole patches and say nothing.
            raise ValueError(f"no multiple of its patches of {patch}")
        features = model(torch.zeros(2, CHANNELS, image_size, image_size))
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise TypeError("it does not give one vector of features an image")
    return int(features.shape[1])


def _patch(model: nn.Module) -> int:
    """The side of the patches that an image is cut into; 1 where it is not (some convolve overlapping patches)."""
    embed = getattr(model, "patch_embed", None)
    return max(embed.patch_size) if isinstance(embed, PatchEmbed) else 1


def _sizes_near(name: str, image_size: int) -> list[int]:
    """The nearest size below and above that the backbone takes; empty where none was found."""
    step = _STEP
    own = timm.get_pretrained_cfg(name)
    usual = own.input_size[-1] if own is not None else 224
    try:
        with torch.device("meta"):
            patch = _patch(create_backbone(name, usual))
        step = patch if patch > 1 else _STEP
    except _REFUSALS:
        return []
    below = range(image_size - image_size % step, 0, -step)[:6]
    above = range(image_size + step - image_size % step, _SIZES.stop, step)[:6]
    found = {size for sizes in (below, above, [usual]) if (size := _first(name, sizes, image_size))}
    return sorted(found, key=lambda size: (abs(size - image_size), size))[:2]


def _first(name: str, sizes: range | list[int], but: int) -> int | None:
    for size in sizes:
        if size == but or size not in _SIZES:
            continue
        try:
            _width(name, size)
        except _REFUSALS:
            continue
        return size
    return None
