"""Processes that outlived their agent: found by what they were started with, and ended.

A trial is sent SIGTERM when its agent dies (``trial._end_with_parent``). One that does not listen, or that a shell
started, goes on and holds its GPU; the next agent ends it before it runs the proposal again. Needs Linux's ``/proc``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from .trial import GRACE_S, HISTORY

_PROC = Path("/proc")
_OF_THE_CLIENT = ("wandb-core", "gpu_stats")
"""They write down what the run has logged, and end by themselves when it is gone."""


def end_leftovers(histories: Sequence[Path], grace_s: float = GRACE_S) -> int:
    """Ends the processes that write to one of these history files: SIGTERM, then SIGKILL; how many there were."""
    marks = {f"{HISTORY}={path}".encode() for path in histories}
    first = found = _carrying(marks)
    _send(found, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while found and time.monotonic() < until:
        time.sleep(0.1)
        found = _carrying(marks)
    _send(found, signal.SIGKILL)
    return len(first)


def _carrying(marks: set[bytes]) -> list[int]:
    """Processes with one of ``marks`` in their environment; those of other users cannot be looked at."""
    if not marks:
        return []
    found = []
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marks & set((folder / "environ").read_bytes().split(b"\0")) and int(folder.name) != os.getpid():
                name = (folder / "comm").read_text(errors="replace").strip()
                found += [int(folder.name)] if name not in _OF_THE_CLIENT else []
    return found


def _send(processes: Sequence[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
