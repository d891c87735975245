"""The agent's journal: what it did, on disk before it goes on. Format: ``analysis.sources.offline_journal``.

Beside the documented fields each line has ``proposal``: which of the search's proposals the trial is. A trial whose
agent died is ended with ``abandoned`` true, and its proposal is run again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...analysis.errors import UsageError


@dataclass
class Trial:
    """One trial as the journal knows it. Times in seconds since 1970."""

    run_id: str
    proposal: int
    parameters: Mapping[str, Any]
    """Values by flat name, nested ones joined by dots."""
    started_at: float | None = None
    ended_at: float | None = None
    exit_status: int | None = None
    signal: int | None = None
    stop_requested: bool | None = None
    abandoned: bool = False
    values: list[float] = field(default_factory=list)
    """The finite values of the sweep's metric, in order."""

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def good(self) -> bool:
        """True where it ended by itself with exit code 0."""
        return self.exit_status == 0


class Journal:
    """The file, open for appending; every line is synced before ``write`` returns."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError where it cannot be opened."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self.trials = _heal(self._handle)
        except OSError as error:
            raise UsageError(f"the journal '{path}' cannot be used: {error.strerror}; give another --out") from None

    def write(self, sweep_id: str, trial: Trial) -> None:
        """One line with all that is known of ``trial``. Raises UsageError where the disk does not take it whole."""
        line = {
            "run_id": trial.run_id,
            "sweep_id": sweep_id,
            "proposal": trial.proposal,
            "parameters": dict(trial.parameters),
            "started_at": trial.started_at,
            "ended_at": trial.ended_at,
            "exit_status": trial.exit_status,
            "signal": trial.signal,
            "stop_requested": trial.stop_requested,
        }
        if trial.abandoned:
            line["abandoned"] = True
        try:
            self._append((json.dumps(line) + "\n").encode())
        except OSError as error:
            raise UsageError(
                f"the journal '{self._path}' cannot be written: {error.strerror}; "
                "once that is mended, the same command goes on with the sweep"
            ) from None

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._handle).st_size
        try:
            while line:
                line = line[os.write(self._handle, line) :]
            os.fsync(self._handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, before)  # half a line would be joined to the next one
            raise

    def close(self) -> None:
        os.close(self._handle)


def _heal(handle: int) -> dict[str, Trial]:
    """The trials by run id. A last line that a kill cut off is cut away, so that the next one begins on its own."""
    size = os.fstat(handle).st_size
    text = os.pread(handle, size, 0)
    whole = text.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(handle, whole)
    found: dict[str, Trial] = {}
    for line in text[:whole].splitlines():
        try:
            value = json.loads(line)
            trial = Trial(value["run_id"], int(value["proposal"]), value["parameters"])
        except (ValueError, KeyError, TypeError):
            continue
        for name in ("started_at", "ended_at", "exit_status", "signal", "stop_requested"):
            setattr(trial, name, value.get(name))
        trial.abandoned = value.get("abandoned") is True
        found[trial.run_id] = trial
    return found
