"""The journal that an agent of aftersweep keeps beside the folders of its runs: ``aftersweep-agent.jsonl``.

One JSON object a line, in UTF-8, appended when a run starts and again when it has ended; of the lines with one
``run_id`` a later one adds to and overrides the earlier. All fields but ``run_id`` may be missing or null:

    run_id          text: the W&B id of the run (WANDB_RUN_ID of its process)
    sweep_id        text: the sweep that the run belongs to
    parameters      object: the parameters that the run was given
    started_at      number: when its process was started, seconds since 1970 in UTC
    ended_at        number: when its process had ended
    exit_status     integer: what the process returned; null where a signal ended it
    signal          integer: the number of the signal that ended the process
    stop_requested  true where the agent ended the run because it was told to, false where it was not

The agent's word counts where the `.wandb` file says nothing, which is the case for all that a killed process could
no longer write. A run that only the journal knows is a run too: its process ended before ``wandb.init``. What
it printed and what it logged for the agent lie beside the journal's folder (``offline_agent``).
"""

from __future__ import annotations

import json
import signal as signals
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .base import Json

JOURNAL_NAME = "aftersweep-agent.jsonl"
LARGEST_JOURNAL_BYTES = 64 * 1024 * 1024
LARGEST_LINE_BYTES = 1024 * 1024
LATEST_TIME = 1e11


@dataclass(frozen=True)
class JournalEntry:
    """What the agent says of one run; None where it does not say."""

    run_id: str
    sweep_id: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    started_at: float | None = None
    ended_at: float | None = None
    exit_status: int | None = None
    signal: int | None = None
    stop_requested: bool | None = None
    journal: Path | None = field(default=None, compare=False)
    """The file that says so; what the agent kept of the run lies beside its folder (``offline_agent``)."""

    @property
    def ended(self) -> bool:
        """True where the agent saw the process end."""
        return self.ended_at is not None or self.exit_status is not None or self.signal is not None

    @property
    def exit_code(self) -> int | None:
        """The exit status, or 128 + n for signal n as shells report it."""
        return 128 + self.signal if self.signal is not None else self.exit_status

    @property
    def signal_name(self) -> str | None:
        if self.signal is None:
            return None
        try:
            return signals.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"


def read_journals(paths: Iterable[Path]) -> tuple[dict[str, JournalEntry], list[str]]:
    """The entries of all journals by run id, and a sentence for each journal with lines that cannot be read."""
    merged: dict[str, dict[str, Json]] = {}
    told_by: dict[str, Path] = {}
    problems = []
    for path in paths:
        bad = _read(path, merged)
        told_by = dict.fromkeys(merged, path) | told_by
        if bad:
            problems.append(f"lines of the journal {path.name} that cannot be read and were left out: {bad}")
    return {run_id: _entry(run_id, values, told_by[run_id]) for run_id, values in merged.items()}, problems


def _read(path: Path, merged: dict[str, dict[str, Json]]) -> int:
    """Adds the lines of one journal to ``merged``; how many cannot be read."""
    bad = read = 0
    with path.open("rb") as stream:
        while read < LARGEST_JOURNAL_BYTES and (line := stream.readline(LARGEST_LINE_BYTES)):
            read += len(line)
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                bad += 1
                continue
            run_id = value.get("run_id") if isinstance(value, dict) else None
            if not isinstance(run_id, str) or not run_id:
                bad += 1
                continue
            known = {key: item for key, item in value.items() if item is not None}
            merged.setdefault(run_id, {}).update(known)
    return bad


def _entry(run_id: str, values: Mapping[str, Json], journal: Path) -> JournalEntry:
    sweep_id, parameters, stop = values.get("sweep_id"), values.get("parameters"), values.get("stop_requested")
    signal = _integer(values.get("signal"))
    return JournalEntry(
        run_id=run_id,
        sweep_id=sweep_id if isinstance(sweep_id, str) and sweep_id else None,
        parameters=parameters if isinstance(parameters, dict) else {},
        started_at=_time(values.get("started_at")),
        ended_at=_time(values.get("ended_at")),
        exit_status=_integer(values.get("exit_status")),
        signal=signal if signal is not None and 0 < signal < 128 else None,
        stop_requested=stop if isinstance(stop, bool) else None,
        journal=journal,
    )


def _integer(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def _time(value: Json) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LATEST_TIME
    return float(value) if known else None
