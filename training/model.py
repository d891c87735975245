"""The classifier: one backbone, and for each task a branch and a head."""

from __future__ import annotations

import torch
from torch import nn

from .backbones import checkpoint_activations, create_backbone, feature_width, timm_name
from .settings import Settings
from .weights import pretrained_backbone

BRANCH_WIDTH = 512
"""Features of a task branch, the same for every backbone: a sweep over backbones then compares no heads."""


class JointClassifier(nn.Module):
    """Images [n, 1, S, S] -> logits of the modulation [n, M] and of the SNR level [n, L]."""

    def __init__(self, backbone: nn.Module, width: int, settings: Settings) -> None:
        super().__init__()
        levels, chance = len(settings.snr_list), settings.dropout
        self.backbone = backbone
        self.modulation_branch = _branch(width, chance)
        self.modulation_head = nn.Linear(BRANCH_WIDTH, len(settings.modulations))
        self.snr_branch = _branch(width, chance)
        self.snr_head = snr_head(settings.snr_layer_config, BRANCH_WIDTH, levels, chance)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both logits, in the type that the backbone computes in."""
        features = self.backbone(images)
        modulation = self.modulation_head(self.modulation_branch(features))
        return modulation, self.snr_head(self.snr_branch(features))


def build_model(settings: Settings) -> JointClassifier:
    """The model in float32 on the CPU (or on the device of a ``torch.device`` context).

    Its initial weights follow from ``settings.seed`` alone; torch's own random state is neither read nor moved.
    Raises SettingsError for a backbone, an image size or weights that cannot be.
    """
    name = timm_name(settings.model_type)
    width = feature_width(name, settings.image_size)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the GPUs too.
        torch.default_generator.manual_seed(settings.seed)
        if settings.use_pretrained:
            backbone = pretrained_backbone(settings.model_type, name, settings.image_size, settings.weights_dir)
        else:
            backbone = create_backbone(name, settings.image_size)
        model = JointClassifier(backbone, width, settings)
    if settings.activation_checkpointing:
        checkpoint_activations(backbone, name)
    return model


def snr_head(kind: str, width: int, levels: int, dropout: float) -> nn.Sequential:
    """The four heads of the source sweep, on ``width`` features: direct, through 64 or 128, or through 256 and 64."""
    hidden = {"standard": (), "bottleneck_64": (64,), "bottleneck_128": (128,), "dual_layer": (256, 64)}[kind]
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, levels))


def _branch(width: int, dropout: float) -> nn.Sequential:
    """What a task makes of the shared features: one layer of its own, ReLU as in the heads."""
    return nn.Sequential(nn.Linear(width, BRANCH_WIDTH), nn.ReLU(), nn.Dropout(dropout))
