"""What a run tells the world: W&B through the official client, a file of rows for the agent, and the terminal.

The keys of the source sweep are kept; a test pins them, as they are the contract with the post-mortem.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

HISTORY = "AFTERSWEEP_HISTORY"
"""Names the file to which each logged row is added at once, for an agent that must not wait for W&B's own file."""

LOGGED = (
    "epoch", "learning_rate", "train_loss", "val_loss",
    "train_combined_accuracy", "train_modulation_accuracy", "train_snr_accuracy",
    "val_combined_accuracy", "val_modulation_accuracy", "val_snr_accuracy", "val_snr_within_one_accuracy",
    "grad_norm", "grad_norm_max", "loss_scale", "peak_memory_gib", "samples_per_second", "micro_batch",
)  # fmt: skip
"""The keys of one epoch's row: accuracies in percent, 0 to 100; memory in GiB."""


class Telemetry(Protocol):
    """Where rows and the end of a run go."""

    @property
    def folder(self) -> Path | None:
        """The run's own folder, where there is one."""

    def log(self, row: Mapping[str, Any]) -> None: ...

    def summarise(self, values: Mapping[str, Any]) -> None: ...

    def finish(self, exit_code: int) -> None: ...


class Silent:
    """Says nothing: all processes of a trial but the first, and benchmarks."""

    folder: Path | None = None

    def log(self, row: Mapping[str, Any]) -> None: ...

    def summarise(self, values: Mapping[str, Any]) -> None: ...

    def finish(self, exit_code: int) -> None: ...


class WandbRun:
    """A W&B run of the official client, and the agent's file of rows where AFTERSWEEP_HISTORY names one."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        import wandb

        self._run = wandb.init(config=dict(config), mode=_mode(), job_type="train")
        self._run.define_metric("epoch", hidden=True)
        path = os.environ.get(HISTORY)
        self._rows = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115 - closed in finish

    @property
    def folder(self) -> Path | None:
        return Path(self._run.dir).parent

    def log(self, row: Mapping[str, Any]) -> None:
        self._run.log(dict(row))
        if self._rows is not None:
            self._rows.write(json.dumps(dict(row)) + "\n")
            self._rows.flush()

    def summarise(self, values: Mapping[str, Any]) -> None:
        self._run.summary.update(dict(values))

    def finish(self, exit_code: int) -> None:
        if self._rows is not None:
            self._rows.close()
        self._run.finish(exit_code=exit_code)


def _mode() -> Any:
    """W&B's own choice where it was told one or knows a key; else offline, so that nothing waits for a login."""
    import wandb

    if "WANDB_MODE" in os.environ or "WANDB_DISABLED" in os.environ:
        return None
    return None if wandb.login(prompt=False) else "offline"
