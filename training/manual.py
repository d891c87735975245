"""What ``aftersweep-train fit --help`` teaches: every parameter with its unit, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from .settings import Settings, shown

SMOKE = {
    "model_type": "resnet18", "image_size": 32, "modulations": "BPSK,QPSK,8PSK,16QAM", "snr_list": "0,6,12,18",
    "train_size": 4096, "val_size": 1024, "epochs": 3, "batch_size": 64, "max_lr": 1e-3, "cycle_epochs": 6,
    "dropout": 0.1,
}  # fmt: skip
"""A run of minutes on a laptop's CPU: 16 classes, small images."""

_FIT = """Usage: aftersweep-train fit [--smoke] [--dry-run] [--PARAMETER=VALUE ...]

Trains one run and logs it with the official W&B client (offline where no key is known).

  --smoke      a run of minutes on a laptop's CPU:
               {smoke}
  --dry-run    the resolved parameters, the size of the model, memory and steps; nothing is trained

Exit codes: 0 done; 2 a parameter cannot be; 81 out of memory; 82 diverged; 83 data lost; 84 disk full;
130 or 143 interrupted; 1 a fault of the program."""

_CEILING = """Usage: aftersweep-train ceiling [--json] [--PARAMETER=VALUE ...]

The maximum-likelihood classifier over all classes of a data definition: the accuracy that a perfect model
could reach, with 95 % intervals. All 272 classes at 128 symbols take minutes on a CPU; kept for the next time.

  --ceiling_records={records}
      records of each class"""


def fit_help() -> str:
    """The help of ``fit``."""
    words = [f"{name}={value}" for name, value in SMOKE.items()]
    half = len(words) // 2
    smoke = " ".join(words[:half]) + "\n               " + " ".join(words[half:])
    return "\n".join((_FIT.format(smoke=smoke), *_listed()))


def ceiling_help() -> str:
    """The help of ``ceiling``: the parameters that define data."""
    return "\n".join((_CEILING.format(records=Settings().ceiling_records), *_listed("Data")))


def _listed(only: str | None = None) -> Iterator[str]:
    group = ""
    for item in fields(Settings):
        about = item.metadata
        if only is not None and about["group"] != only:
            continue
        if about["group"] != group:
            group = about["group"]
            yield from ("", f"{group}:")
        unit = f" [{about['unit']}]" if about["unit"] else ""
        choices = f"; one of {', '.join(about['choices'])}" if about["choices"] else ""
        yield f"  --{item.name}={shown(item.default) or repr('')}{unit}"
        yield f"      {about['help']}{choices}"
