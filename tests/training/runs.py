"""Small runs of the trainer: a tiny task, in this process or in one of their own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aftersweep.training.distributed import World
from aftersweep.training.failures import Place
from aftersweep.training.loop import Trainer
from aftersweep.training.settings import Settings, read_settings
from aftersweep.training.telemetry import HISTORY

TINY = {
    "model_type": "resnet18", "image_size": 32, "modulations": "BPSK,QPSK", "snr_list": "0,20", "train_size": 96,
    "val_size": 40, "batch_size": 16, "epochs": 2, "symbols": 32, "ceiling_records": 0, "threads": 1, "device": "cpu",
    "cycle_epochs": 2, "dropout": 0.2,
}  # fmt: skip


class Kept:
    """Telemetry that keeps what it is told."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None

    def log(self, row: Mapping[str, Any]) -> None:
        self.rows.append(dict(row))

    def summarise(self, values: Mapping[str, Any]) -> None:
        self.summary.update(values)

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


def tiny(**changed: Any) -> Settings:
    return read_settings({**TINY, **changed})


def trained(settings: Settings, *, world: World | None = None) -> tuple[Trainer, Kept]:
    """A run in this process, trained to its end."""
    kept = Kept()
    trainer = Trainer.start(settings, world or World(), kept, Place(), lambda _text: None)
    trainer.train()
    return trainer, kept


def process(
    folder: Path, *words: str, wandb: str = "offline", file_limit: int | None = None, **changed: Any
) -> subprocess.Popen[str]:
    """``aftersweep-train fit`` in a process of its own, its W&B run under ``folder``.

    file_limit: the most bytes that a file may have.
    """

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    folder.mkdir(parents=True, exist_ok=True)
    parameters = [f"--{name}={value}" for name, value in {**TINY, **changed}.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "aftersweep.training", "fit", *parameters, *words],
        env=environment(folder, wandb), cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=limit,
    )  # fmt: skip


def environment(folder: Path, wandb: str = "offline") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {**kept, "WANDB_MODE": wandb, "WANDB_DIR": str(folder), "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1",
            HISTORY: str(folder / "rows.jsonl"), "XDG_CACHE_HOME": str(folder / "cache")}  # fmt: skip


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows that the run wrote for the agent."""
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


def curve(found: list[dict[str, Any]]) -> list[tuple[float, ...]]:
    """What must not depend on where a run was broken: all but speed and memory."""
    timed = ("peak_memory_gib", "samples_per_second")
    return [tuple(float(row[key]) for key in sorted(row) if key not in timed) for row in found]
