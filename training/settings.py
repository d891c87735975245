"""Every parameter of the trainer: its name, type, default, unit and meaning, in one table; no torch.

The names of the source sweep (4yfw48ad) are kept: its sweep file runs unchanged. ``Settings`` is what a run is given,
what it logs as its config, and what ``aftersweep-train fit --help`` shows.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import SettingsError

MODULATIONS = (
    "4ASK", "8ASK", "BPSK", "QPSK", "OQPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK",
    "16QAM", "32QAM", "64QAM", "128QAM", "256QAM",
)  # fmt: skip
SNR_LEVELS = tuple(float(level) for level in range(0, 31, 2))
SNR_HEADS = ("standard", "bottleneck_64", "bottleneck_128", "dual_layer")


def _is(default: Any, unit: str, meaning: str, *, choices: Sequence[str] = (), least: float = -math.inf,
        above: float = -math.inf, most: float = math.inf, group: str) -> Any:  # fmt: skip
    """One parameter. least, most: closed limits; above: an open one."""
    extra = {"unit": unit, "help": meaning, "choices": tuple(choices), "least": least, "above": above, "most": most}
    return field(default=default, metadata={**extra, "group": group})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is told to do. Checked at construction: SettingsError names the value and what it may be."""

    # model
    model_type: str = _is("resnet18", "", "backbone: resnet18, resnet34, resnet50, vit_b_16, swin_tiny, swin_small, "
                          "or any name that timm knows", group="Model")  # fmt: skip
    snr_layer_config: str = _is("standard", "", "head for the SNR", choices=SNR_HEADS, group="Model")
    dropout: float = _is(0.5, "", "chance that a feature is dropped in the branches and heads", least=0, most=0.95,
                         group="Model")  # fmt: skip
    use_pretrained: bool = _is(False, "", "start from timm's pretrained weights", group="Model")
    weights_dir: str = _is("", "folder", "where pretrained weights lie as NAME.safetensors or NAME.pth, instead of a "
                           "download", group="Model")  # fmt: skip
    image_size: int = _is(224, "pixels", "side of the constellation image", least=16, most=1024, group="Model")

    # data
    data: str = _is("synthetic", "", "'synthetic', or the path of RadioML 2018.01A's HDF5 file", group="Data")
    modulations: tuple[str, ...] = _is(MODULATIONS, "", "classes of modulation, joined by commas", group="Data")
    snr_list: tuple[float, ...] = _is(SNR_LEVELS, "dB", "SNR levels, joined by commas", group="Data")
    train_size: int = _is(87_040, "records", "records of one training epoch", least=1, group="Data")
    val_size: int = _is(17_408, "records", "records of the validation set", least=1, group="Data")
    fresh_data: bool = _is(True, "", "new records each epoch; false: the same ones again (synthetic data)",
                           group="Data")  # fmt: skip
    symbols: int = _is(128, "symbols", "symbols of one record", least=1, most=1 << 20, group="Data")
    samples_per_symbol: int = _is(1, "samples", "samples of one symbol as the record is made", least=1, most=64,
                                  group="Data")  # fmt: skip
    pulse: str = _is("rrc", "", "pulse shape; matters from 2 samples a symbol on", choices=("rrc", "rectangular"),
                     group="Data")  # fmt: skip
    roll_off: float = _is(0.35, "", "roll-off of the root-raised-cosine pulse", above=0, most=1, group="Data")
    sync: str = _is("symbols", "", "what the image shows: 'symbols' after a matched filter at the right instants, or "
                    "all 'samples' as received", choices=("symbols", "samples"), group="Data")  # fmt: skip
    snr_reference: str = _is("es_n0", "", "what the SNR is the ratio of: symbol energy to noise density, or power in "
                             "the sampled band", choices=("es_n0", "in_band"), group="Data")  # fmt: skip
    normalise: str = _is("record", "", "scale of a record: by its own power, or by the known gain",
                         choices=("record", "known"), group="Data")  # fmt: skip
    gain_jitter_db: float = _is(0.0, "dB", "standard deviation of a record's gain", least=0, most=60, group="Data")
    phase_offset: str = _is("none", "", "carrier phase: 'none' or 'random', uniform per record",
                            choices=("none", "random"), group="Data")  # fmt: skip
    carrier_offset: float = _is(0.0, "cycles a symbol", "largest carrier offset, uniform in +- this per record",
                                least=0, most=0.5, group="Data")  # fmt: skip

    # loss
    snr_distance_weight: float = _is(0.1, "", "weight of the penalty on the expected distance between predicted and "
                                     "true SNR level, in steps; 0 turns it off", least=0, group="Loss")  # fmt: skip
    uncertainty_weighting: bool = _is(True, "", "weigh the two losses by learned uncertainty (Kendall et al. 2018)",
                                      group="Loss")  # fmt: skip

    # optimisation
    epochs: int = _is(100, "epochs", "the budget", least=1, group="Optimisation")
    batch_size: int = _is(64, "records", "global batch: over all processes and accumulation steps", least=1,
                          group="Optimisation")  # fmt: skip
    base_lr: float = _is(1e-5, "", "lower end of the cycle", least=0, group="Optimisation")
    max_lr: float = _is(1e-3, "", "upper end of the cycle", above=0, group="Optimisation")
    cycle_epochs: float = _is(8.0, "epochs", "length of one whole cycle (triangular2: each is half as high)", above=0,
                              group="Optimisation")  # fmt: skip
    warmup_epochs: float = _is(0.0, "epochs", "linear warm-up before the first cycle", least=0, group="Optimisation")
    warmup_start_factor: float = _is(0.1, "of base_lr", "learning rate at the start of the warm-up", above=0, most=1,
                                     group="Optimisation")  # fmt: skip
    weight_decay: float = _is(1e-5, "", "AdamW's decoupled weight decay", least=0, group="Optimisation")
    grad_clip_norm: float = _is(0.0, "", "largest norm of the gradient; 0: not clipped", least=0, group="Optimisation")
    patience: int = _is(10, "epochs", "stop after so many epochs without a better value; 0: never", least=0,
                        group="Optimisation")  # fmt: skip
    ema_decay: float = _is(0.0, "", "decay of the moving average of weights that is validated; 0: none", least=0,
                           most=0.99999, group="Optimisation")  # fmt: skip
    seed: int = _is(0, "", "of the data, the initial weights and dropout", least=0, most=2**31 - 1,
                    group="Optimisation")  # fmt: skip

    # speed and memory
    device: str = _is("auto", "", "'auto', 'cpu', 'cuda' or 'cuda:N'", group="Speed and memory")
    precision: str = _is("auto", "", "auto: bf16 where the device has it, else fp16 on CUDA, else fp32",
                         choices=("auto", "fp32", "bf16", "fp16"), group="Speed and memory")  # fmt: skip
    channels_last: bool = _is(True, "", "memory format of images and convolutions", group="Speed and memory")
    compile: bool = _is(False, "", "torch.compile; the cost of the first batch is reported", group="Speed and memory")
    accumulate: int = _is(1, "steps", "gradient accumulation: micro-batches of one step", least=1,
                          group="Speed and memory")  # fmt: skip
    activation_checkpointing: bool = _is(False, "", "compute activations twice to hold fewer", group="Speed and memory")
    on_oom: str = _is("fail", "", "out of memory: end the run, or halve the micro-batch and accumulate",
                      choices=("fail", "halve-batch"), group="Speed and memory")  # fmt: skip
    threads: int = _is(0, "threads", "CPU threads; 0: torch's own choice", least=0, group="Speed and memory")
    memory_limit_gib: float = _is(0.0, "GiB", "memory that training may take beside the model (RLIMIT_DATA); 0: any",
                                  least=0, group="Speed and memory")  # fmt: skip

    # the run
    out_dir: str = _is("", "folder", "checkpoints; empty: beside the W&B run, none where there is none", group="Run")
    checkpoint_every: int = _is(1, "epochs", "a checkpoint after so many epochs; 0: only the last", least=0,
                                group="Run")  # fmt: skip
    ceiling_records: int = _is(20, "records a class", "for the accuracy that a perfect model could reach; 0: not "
                               "computed", least=0, group="Run")  # fmt: skip
    resume: str = _is("", "file or folder", "a checkpoint to go on from; 'auto': the newest in out_dir", group="Run")

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.name, getattr(self, item.name), item.metadata)
        if self.base_lr > self.max_lr:
            raise SettingsError(f"base_lr {self.base_lr:g} is over max_lr {self.max_lr:g}; the cycle runs between them")
        if self.warmup_epochs > self.epochs:
            raise SettingsError(
                f"warmup_epochs {self.warmup_epochs:g} is over epochs {self.epochs}: training would end in the warm-up"
            )
        if self.batch_size % self.accumulate:
            raise SettingsError(f"batch_size {self.batch_size} is no multiple of accumulate {self.accumulate}")
        unknown = [name for name in self.modulations if name not in MODULATIONS]
        if unknown and self.data == "synthetic":
            raise SettingsError(f"modulation '{unknown[0]}' is not known; {_choices(unknown[0], MODULATIONS)}")
        for name in ("modulations", "snr_list"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise SettingsError(f"{name} is empty or names something twice: {','.join(map(str, values))}")
        if list(self.snr_list) != sorted(self.snr_list):
            raise SettingsError("snr_list must ascend: the distance penalty counts steps along it")

    def as_config(self) -> dict[str, Any]:
        """What is logged as the run's config: plain JSON, lists joined by commas as the source sweep writes them."""
        return {name: shown(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def shown(value: Any) -> str:
    """A value as it is typed on a command line."""
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_settings(values: Mapping[str, Any]) -> Settings:
    """Settings from names and values, texts among them (a command line, a sweep's parameters).

    Raises SettingsError for a name that does not exist (the nearest is named) and a value that cannot be.
    """
    known = {item.name: item for item in fields(Settings)}
    read = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"parameter '{name:.60}' is not known; {_choices(name, tuple(known))}")
        read[name] = _read(name, value, known[name].default)
    return Settings(**read)


def _read(name: str, value: Any, default: Any) -> Any:
    """``value`` in the type of ``default``."""
    if isinstance(default, tuple):
        parts = value if isinstance(value, list | tuple) else [part.strip() for part in str(value).split(",")]
        kind = type(default[0])
        return tuple(_read(name, part, kind()) for part in parts if part != "")
    if isinstance(default, bool):
        known = {"true": True, "false": False, "1": True, "0": False}
        word = str(value).lower()
        if word not in known:
            raise SettingsError(f"{name} is '{value!s:.60}'; it must be true or false")
        return known[word]
    if isinstance(default, str):
        return str(value)
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError):
        raise SettingsError(f"{name} is '{value!s:.60}'; it must be a number") from None
    if isinstance(default, float):
        return number
    if not math.isfinite(number) or not number.is_integer():
        raise SettingsError(f"{name} is '{value!s:.60}'; it must be a whole number")
    return int(number)


def _check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    choices = limits["choices"]
    if choices and value not in choices:
        raise SettingsError(f"{name} is '{value!s:.60}'; {_choices(str(value), choices)}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        raise SettingsError(f"{name} is {value}; it must be finite")
    if value < limits["least"]:
        raise SettingsError(f"{name} is {value:g}; it must be at least {limits['least']:g}")
    if value <= limits["above"]:
        raise SettingsError(f"{name} is {value:g}; it must be over {limits['above']:g}")
    if value > limits["most"]:
        raise SettingsError(f"{name} is {value:g}; it must be at most {limits['most']:g}")


def _choices(word: str, known: Sequence[str]) -> str:
    """The valid choices in a clause; the nearest first where one is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"choose one of {', '.join(known)}" if len(known) <= 20 else "see aftersweep-train fit --help"
