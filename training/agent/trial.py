"""One trial as a process of its own: what it is started with, what it has logged, how it is ended.

The command, its macros and the parameter file are made by the official client's own functions, and the environment is
that of ``wandb agent``, so a program cannot tell the two apart; W&B itself is offline.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...analysis.errors import UsageError

HISTORY = "AFTERSWEEP_HISTORY"
"""Names the file to which a trial may add each row of its history at once, one JSON object a line."""
GRACE_S = 30.0
"""From SIGTERM to SIGKILL, as W&B's agent waits."""
LARGEST_LOG = 16 << 20
KEPT_LOG = 1 << 20
"""Of a log that has become too large, the end that is kept."""
_PR_SET_PDEATHSIG = 1
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)  # looked up before the fork: a child may take no locks
_REAPED_S = 5.0
"""After the last SIGKILL a process is gone, or waits for a disk: nobody waits for it longer."""


@dataclass(frozen=True)
class Task:
    """All that a trial needs, plain enough to be sent to another machine."""

    run_id: str
    sweep_id: str
    out: str
    command: tuple[str, ...]
    parameters: Mapping[str, Any]
    """Nested as in the sweep file."""
    cwd: str
    """The folder that the agent was started in: commands name their files from there."""
    extra: Mapping[str, str] = field(default_factory=dict)


class Running(Protocol):
    """A trial that was started, here or elsewhere."""

    def values(self, metric: str) -> list[float]:
        """The finite values of ``metric`` that were logged since the last call."""

    def stop(self) -> None:
        """Asks the trial to end; ends it where it does not listen."""

    def kill(self) -> None: ...

    def ended(self) -> tuple[int | None, int | None] | None:
        """Exit status and signal, one of them None; None while it runs."""


def command_of(raw: Mapping[str, Any], parameters: Mapping[str, Any], json_file: Path) -> tuple[str, ...]:
    """The words that start a trial. Raises UsageError for a command that cannot be."""
    from wandb.sdk.launch.sweeps import utils

    try:
        words = utils.create_sweep_command(raw.get("command"))
        filled = utils.create_sweep_command_args(
            {"args": {name: {"value": value} for name, value in parameters.items()}}
        )
    except (ValueError, TypeError) as error:
        raise UsageError(f"the sweep's command cannot be used: {error}") from None
    filled |= {"interpreter": [sys.executable], "program": [raw.get("program") or ""], "env": ["/usr/bin/env"],
               "args_json_file": [str(json_file)]}  # fmt: skip
    made: list[str] = []
    for word in words:
        macro = word[2:-1] if isinstance(word, str) and word.startswith("${") and word.endswith("}") else None
        made += [str(word)] if macro is None else [str(part) for part in filled.get(macro) or ()]
    if not made:
        raise UsageError("the sweep's command is empty; leave it out for W&B's default")
    return tuple(made)


def write_parameters(out: Path, sweep_id: str, run_id: str, parameters: Mapping[str, Any]) -> tuple[Path, Path]:
    """The files of parameters that W&B's agent writes for a trial: YAML for the client, JSON for ${args_json_file}."""
    from wandb.sdk.lib import config_util

    folder = out / "wandb" / f"sweep-{sweep_id}"
    folder.mkdir(parents=True, exist_ok=True)
    as_yaml, as_json = folder / f"config-{run_id}.yaml", folder / f"config-{run_id}.json"
    config_util.save_config_file_from_dict(str(as_yaml), {name: {"value": value} for name, value in parameters.items()})
    as_json.write_text(json.dumps(dict(parameters)), encoding="utf-8")
    return as_yaml, as_json


def environment(task: Task) -> dict[str, str]:
    """The environment of a trial: the caller's, W&B's own words of it replaced."""
    out = Path(task.out)
    ours = {
        "WANDB_MODE": "offline",
        "WANDB_DIR": task.out,
        "WANDB_RUN_ID": task.run_id,
        "WANDB_SWEEP_ID": task.sweep_id,
        "WANDB_SWEEP_PARAM_PATH": str(out / "wandb" / f"sweep-{task.sweep_id}" / f"config-{task.run_id}.yaml"),
        HISTORY: str(out / "history" / f"{task.run_id}.jsonl"),
    }
    dropped = ("WANDB_SERVICE", "WANDB_RESUME")
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **ours, **task.extra}


class LocalProcess:
    """A trial on this machine, in a process group of its own, which ends with the agent."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._asked: float | None = None
        self._history = Rows(Path(environment(task)[HISTORY]), Path(task.out) / "wandb", task.run_id)
        log = Path(task.out) / "logs" / f"{task.run_id}.txt"
        with log.open("ab") as stream:  # appended to, so that it can be cut while the trial writes
            try:
                self._process = subprocess.Popen(
                    list(task.command), env=environment(task), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                    cwd=task.cwd, process_group=0, preexec_fn=_end_with_parent,
                )  # fmt: skip
            except OSError as error:
                raise UsageError(
                    f"the sweep's program cannot be started ({' '.join(task.command):.200}): {error}"
                ) from None
        self._log = log

    def values(self, metric: str) -> list[float]:
        self._bound_log()
        return self._history.new(metric)

    def stop(self) -> None:
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            self._signal(signal.SIGTERM)
        elif now > self._asked + GRACE_S:
            self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def ended(self) -> tuple[int | None, int | None] | None:
        code = self._process.poll()
        if code is None or (self._asked is not None and self._has_others()):
            return None
        return (None, -code) if code < 0 else (code, None)

    def _has_others(self) -> bool:
        """True while what the first process left behind still ends its work: a shell ends at once, its script not."""
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return self._asked is not None and time.monotonic() < self._asked + GRACE_S + _REAPED_S

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _bound_log(self) -> None:
        """A program that prints without end fills no disk: only the end of its text is kept."""
        with contextlib.suppress(OSError):
            size = self._log.stat().st_size
            if size > LARGEST_LOG:
                with self._log.open("r+b") as stream:
                    stream.seek(size - KEPT_LOG)
                    end = stream.read(KEPT_LOG)
                    stream.truncate(0)
                with self._log.open("ab") as stream:
                    stream.write(end)


def _end_with_parent() -> None:
    """SIGTERM where the agent dies, however it dies: no trial goes on that nobody records (Linux's prctl)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Rows:
    """The rows of a running trial: of the file that it writes for us, or else of the client's own file.

    The client writes its file every 15 s (SDK 0.31), so a program that does not know AFTERSWEEP_HISTORY is stopped that
    much later.
    """

    def __init__(self, path: Path, wandb: Path, run_id: str) -> None:
        self._path, self._wandb, self._run_id = path, wandb, run_id
        self._offset = self._taken = 0
        self._seen: list[tuple[Path, int]] = []

    def new(self, metric: str) -> list[float]:
        """The finite values of ``metric`` since the last call."""
        rows = self._ours() if self._path.exists() else self._theirs()
        return [float(row[metric]) for row in rows if _is_finite(row.get(metric))]

    def _ours(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        rows = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    rows.append(value)
        return rows

    def _theirs(self) -> Sequence[Mapping[str, Any]]:
        from ...analysis.errors import AftersweepError
        from ...analysis.sources.offline_records import read_recording

        files = sorted(self._wandb.glob(f"*run-*-{self._run_id}/run-{self._run_id}.wandb"))
        sizes = [(file, file.stat().st_size) for file in files]
        if sizes == self._seen:
            return []
        self._seen = sizes
        rows: list[dict[str, Any]] = []
        for file in files:
            with contextlib.suppress(OSError, AftersweepError):
                rows += read_recording(file).rows
        new, self._taken = rows[self._taken :], max(self._taken, len(rows))
        return new


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
