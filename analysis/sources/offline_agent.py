"""What an agent of aftersweep kept of a run beside the ``wandb`` folder: its output, and its rows as they were logged.

``logs/RUN.txt`` and ``history/RUN.jsonl`` lie in the folder that the journal's folder is in (``training.agent.plan``).
They count where the `.wandb` file says nothing: the client writes it every 15 s, and a process that a signal ends
takes with it what was not yet written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from .base import Json
from .offline_console import read_log_tail
from .offline_journal import JournalEntry

LARGEST_HISTORY_BYTES = 64 * 1024 * 1024
LARGEST_LINE_BYTES = 1024 * 1024
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Ids come from a file: only such ones become part of a path."""


def agent_log(entry: JournalEntry | None) -> tuple[str, ...]:
    """The last lines that the process printed; none where no agent kept them."""
    path = _beside(entry, "logs", ".txt")
    return read_log_tail(path) if path is not None else ()


def agent_rows(entry: JournalEntry | None) -> list[dict[str, Json]]:
    """The rows that the process wrote for the agent, numbered from 0, without times."""
    path = _beside(entry, "history", ".jsonl")
    rows: list[dict[str, Json]] = []
    if path is None:
        return rows
    try:
        with path.open("rb") as stream:
            read = 0
            while read < LARGEST_HISTORY_BYTES and (line := stream.readline(LARGEST_LINE_BYTES)):
                read += len(line)
                row = _row(line)
                if row is not None:
                    rows.append({**row, "_step": len(rows)})
    except OSError:
        return []
    return rows


def _row(line: bytes) -> dict[str, Json] | None:
    """The row of a line; None for one that is no JSON object, as the last one of a killed process."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return {key: item for key, item in value.items() if not key.startswith("_")} if isinstance(value, dict) else None


def _beside(entry: JournalEntry | None, folder: str, ending: str) -> Path | None:
    if entry is None or entry.journal is None or not _PLAIN_ID.fullmatch(entry.run_id):
        return None
    path = entry.journal.parent.parent / folder / f"{entry.run_id}{ending}"
    return path if path.is_file() and not path.is_symlink() else None
