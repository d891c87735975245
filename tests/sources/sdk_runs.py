"""Runs of the real wandb SDK, offline and as separate processes, ended in every way that runs end.

``start_run`` starts one, ``write_offline_sweep`` makes a whole little sweep in a few seconds. Nothing here knows our
reader: the tests compare it with what these processes were told to do.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SCRIPT = Path(__file__).with_name("sdk_training.py")
TIME_LIMIT = "slurmstepd: error: *** JOB 4242 ON node-01 CANCELLED AT 2026-01-31T12:00:00 DUE TO TIME LIMIT ***"
PATIENCE_S = 90.0
FLUSH_S = 0.2
"""How often the SDK writes its buffer where a run asks for it; 15 s by default, which no test can wait for."""
NEVER_S = 600.0
"""Of the other runs: a slow machine must not let the SDK write before the run is killed."""

PAUSE_S = 3.0
"""Of runs that nothing but their own end explains: milliseconds after a band any end looks like a stop by the rule,
and on a busy machine milliseconds become a second."""

SWEEP_ID = "swp0ffln"
EPOCHS = 12
SWEEP_FILE: dict[str, Any] = {
    "name": "Offline laws",
    "description": "Every way in which a run can end.",
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "val_acc", "goal": "maximize"},
    "parameters": {
        "lr": {"values": [0.001, 0.0003]},
        "batch_size": {"values": [64, 128]},
        "model_type": {"values": ["vit_s", "swin_t", "resnet50"]},
        "epochs": {"value": EPOCHS},
    },
    "early_terminate": {"type": "hyperband", "max_iter": EPOCHS, "s": 2, "eta": 3},
}
BANDS = (1, 4)
"""int(12 / 3^i) for i = 1, 2."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one process does; the fields are those of ``sdk_training.py``."""

    run_id: str
    sweep_id: str | None = SWEEP_ID
    config: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = EPOCHS
    start: float = 0.5
    gain: float = 0.03
    nan_from: int | None = None
    ending: str = "finish"
    say: str | None = None
    pause_s: float = 0.0
    extra_rows: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    end_signal: int | None = None
    """Sent by the parent once all is logged, as an agent, a scheduler or the kernel would."""
    flushed: bool = False
    """True where the SDK writes its buffer before the signal is sent."""
    agent_file: bool = False
    """True where the parameters come the way that a W&B agent passes them on, in a YAML file."""


@dataclass
class Running:
    """A process that was started."""

    plan: Plan
    folder: Path
    process: subprocess.Popen[bytes]
    ready: int

    def finish(self) -> int:
        """Ends the run as planned and waits for it; its return code, negative for a signal."""
        try:
            if self.plan.end_signal is not None:
                self._wait_until_logged()
                self.process.send_signal(self.plan.end_signal)
            return self.process.wait(PATIENCE_S)
        finally:
            os.close(self.ready)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def _wait_until_logged(self) -> None:
        readable, _, _ = select.select([self.ready], [], [], PATIENCE_S)
        assert readable, f"{self.plan.run_id} did not get ready; it left {self.console()}"
        assert os.read(self.ready, 1) == b"!", f"{self.plan.run_id} ended early: {self.console()}"
        deadline = time.monotonic() + PATIENCE_S
        size, since = -1, time.monotonic()
        while self.plan.flushed and time.monotonic() - since < 5 * FLUSH_S:  # until nothing more is written
            assert time.monotonic() < deadline, f"{self.plan.run_id} never stopped writing"
            now = wandb_file(self.folder, self.plan.run_id).stat().st_size
            if now != size or now <= 7:
                size, since = now, time.monotonic()
            time.sleep(FLUSH_S / 4)

    def console(self) -> str:
        return (self.folder / f"{self.plan.run_id}.console").read_text(errors="replace")


def start_run(folder: Path, plan: Plan) -> Running:
    """Starts one run whose ``wandb`` folder lies in ``folder``; no account, no network, nothing of the user's home."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / ".settings"
    settings.mkdir(exist_ok=True)
    fields = ("epochs", "start", "gain", "nan_from", "ending", "say", "pause_s", "extra_rows")
    task = {name: getattr(plan, name) for name in fields} | {"config": dict(plan.config), "options": dict(plan.options)}
    ready, theirs = os.pipe()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_RUN_ID": plan.run_id,
        "WANDB_DIR": str(folder),
        "WANDB_CONFIG_DIR": str(settings),
        "WANDB_CACHE_DIR": str(settings),
        "WANDB_DATA_DIR": str(settings),
        "READY_FD": str(theirs),
    }
    if plan.sweep_id is not None:
        environment["WANDB_SWEEP_ID"] = plan.sweep_id
    environment["WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"] = str(FLUSH_S if plan.flushed else NEVER_S)
    if plan.agent_file:
        task["config"] = {}
        environment["WANDB_SWEEP_PARAM_PATH"] = str(write_agent_file(folder, plan))
    with (folder / f"{plan.run_id}.console").open("wb") as console:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps(task)],
            cwd=folder,
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs],
        )
    os.close(theirs)
    return Running(plan, folder, process, ready)


def write_agent_file(folder: Path, plan: Plan) -> Path:
    """The parameters as ``wandb agent`` writes them for a run (wandb_agent.py, ``_command_run``)."""
    path = folder / "wandb" / f"sweep-{plan.sweep_id}" / f"config-{plan.run_id}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"wandb_version": 1} | {name: {"value": value} for name, value in plan.config.items()}
    path.write_text(yaml.safe_dump(values))
    return path


def run_all(folder: Path, plans: Sequence[Plan], at_once: int = 4) -> dict[str, int]:
    """Runs all plans, some at once; the return code of each by run id."""
    codes: dict[str, int] = {}
    waiting = list(plans)
    while waiting:
        batch, waiting = waiting[:at_once], waiting[at_once:]
        running = [start_run(folder, plan) for plan in batch]
        codes.update((one.plan.run_id, one.finish()) for one in running)
    return codes


def wandb_file(folder: Path, run_id: str) -> Path:
    """The one `.wandb` file of a run."""
    (path,) = (folder / "wandb").glob(f"offline-run-*-{run_id}/run-{run_id}.wandb")
    return path


def backdate(folder: Path, seconds: float = 3600.0) -> None:
    """Makes every file of the tree look as if it was last written some time ago, so that no run seems to live."""
    then = time.time() - seconds
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (then, then))


def _parameters(number: int, **more: Any) -> dict[str, Any]:
    levels = SWEEP_FILE["parameters"]
    chosen = {name: spec["values"][number % len(spec["values"])] for name, spec in levels.items() if "values" in spec}
    return {**chosen, "epochs": EPOCHS, **more}


def sweep_plans() -> tuple[list[Plan], list[Plan], dict[str, str]]:
    """The sweep of ``write_offline_sweep``: the runs of the first hour, those of the second, and the labels.

    Every run of the first list logs the same val_acc at each band, and the rule stops only what is strictly worse
    than its threshold: so it stops none of them, whatever their order. Those of the second list start when all of
    the first have passed, and are worse at the band after which they are told to stop.
    """
    kill, term = signal.SIGKILL, signal.SIGTERM
    first = {
        "done0001": (Plan(run_id="done0001"), "completed"),
        "done0002": (Plan(run_id="done0002"), "completed"),
        "done0003": (Plan(run_id="done0003"), "completed"),
        "done0004": (Plan(run_id="done0004"), "completed"),
        "nanend05": (Plan(run_id="nanend05", nan_from=6), "completed"),
        "error006": (Plan(run_id="error006", epochs=3, ending="code_error"), "crashed/code_error"),
        "memory07": (Plan(run_id="memory07", epochs=2, ending="out_of_memory"), "crashed/out_of_memory"),
        "ctrlc008": (Plan(run_id="ctrlc008", epochs=5, pause_s=PAUSE_S, ending="interrupt"), "stopped_by_user"),
        "kill7b09": (Plan(run_id="kill7b09", epochs=3, ending="wait", end_signal=kill), "crashed/unknown"),
        "killed10": (
            Plan(run_id="killed10", epochs=7, pause_s=PAUSE_S, ending="wait", end_signal=kill, flushed=True),
            "crashed/unknown",
        ),
        "timeup11": (
            Plan(run_id="timeup11", epochs=10, ending="wait", end_signal=term, flushed=True, say=TIME_LIMIT),
            "crashed/preempted",
        ),
    }
    # Worse at the band alone: at the first one from the beginning, at the second one after an equal first epoch.
    second = {
        "band1x12": (
            Plan(run_id="band1x12", epochs=BANDS[0], start=0.2, ending="wait", end_signal=term, flushed=True),
            "early_stopped",
        ),
        "band4x13": (
            Plan(
                run_id="band4x13",
                epochs=BANDS[1],
                start=0.55,
                gain=-0.02,
                ending="wait",
                end_signal=term,
                flushed=True,
            ),
            "early_stopped",
        ),
    }
    labels = {run_id: label for run_id, (_, label) in (first | second).items()}
    numbered = {run_id: number for number, run_id in enumerate(labels)}

    def with_parameters(plans: Mapping[str, tuple[Plan, str]]) -> list[Plan]:
        return [
            Plan(**{**plan.__dict__, "config": _parameters(numbered[run_id])}) for run_id, (plan, _) in plans.items()
        ]

    return with_parameters(first), with_parameters(second), labels


def write_offline_sweep(folder: Path) -> dict[str, str]:
    """Writes ``sweep.yaml`` and a ``wandb`` folder with 13 runs of one sweep to ``folder``.

    Returns run id -> what truly ended it: an outcome, and for ``crashed`` its cause after a slash. ``nanend05`` logs
    NaN from epoch 6 on, but nothing ended it: it came to its last epoch and is ``completed``. ``kill7b09`` was killed
    by SIGKILL before the SDK first wrote: its file has 7 bytes. All files look an hour old.
    """
    first, second, labels = sweep_plans()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP_FILE, sort_keys=False))
    run_all(folder, first)
    run_all(folder, second)
    backdate(folder)
    return labels
