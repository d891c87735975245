"""Where a run's batches come from: synthetic records made on the device, or RadioML's file."""

from __future__ import annotations

from pathlib import Path

import torch

from .images import constellation_images, normalised
from .records import Batch, Records, Split, shuffled
from .settings import Settings, shown
from .signals import Generator


def open_records(settings: Settings, device: torch.device) -> Records:
    """The records that the settings ask for. Raises SettingsError, or DataLost for a file that cannot be read."""
    if settings.data == "synthetic":
        return SyntheticRecords(settings, device)
    from .radioml import RadioMLRecords

    return RadioMLRecords(settings, device)


class SyntheticRecords:
    """Records made when they are asked for. Validation has counters of its own: it shares no record with training."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.train_size, self.val_size = settings.train_size, settings.val_size
        self._generator = Generator(settings, device)

    def order(self, epoch: int) -> torch.Tensor:
        return shuffled(self.train_size, self.settings.seed, epoch)

    @torch.no_grad()
    def batch(self, split: Split, epoch: int, indices: torch.Tensor) -> Batch:
        drawn = epoch if split == "train" and self.settings.fresh_data else 0
        made = self._generator.generate(split, drawn, indices)
        samples = normalised(made.samples, self.settings.normalise)
        return Batch(constellation_images(samples, self.settings.image_size), made.modulation, made.snr)


def describe_data(settings: Settings) -> dict[str, str | int | float]:
    """The definition of the data in short: it moves the best accuracy that can be had more than any model does."""
    classes: dict[str, str | int | float] = {
        "modulations": len(settings.modulations),
        "snr_list": shown(settings.snr_list),
        "normalise": settings.normalise,
    }
    if settings.data != "synthetic":
        return {"source": f"RadioML 2018.01A ({Path(settings.data).name})", **classes}
    shape = "none" if settings.samples_per_symbol == 1 else settings.pulse
    return {
        "source": "synthetic",
        **classes,
        "snr_reference": settings.snr_reference,
        "symbols": settings.symbols,
        "samples_per_symbol": settings.samples_per_symbol,
        "pulse": f"rrc {settings.roll_off:g}" if shape == "rrc" else shape,
        "sync": settings.sync if settings.samples_per_symbol > 1 else "symbols",
        "gain_jitter_db": settings.gain_jitter_db,
        "phase_offset": settings.phase_offset,
        "carrier_offset": settings.carrier_offset,
        "fresh_data": shown(settings.fresh_data),
    }
