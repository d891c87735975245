"""What the tests run in processes of their own: a harvest that says which runs it has committed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aftersweep.analysis.archive import harvest as harvest_module
from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.manifest import Cursor
from aftersweep.analysis.archive.store import Archive, Fetched
from aftersweep.analysis.sources.base import RawSweep

from .helpers import MemorySource, make_run


class LoudArchive(Archive):
    """Appends a line ``run id, version`` to ``told`` for each run, once its commit has returned."""

    told: Path

    def commit(
        self,
        sweep: RawSweep,
        fetched: Sequence[Fetched] = (),
        *,
        cursor: Cursor,
        vanished: Collection[str] = (),
        seen: Collection[str] = (),
    ) -> bool:
        committed = super().commit(sweep, fetched, cursor=cursor, vanished=vanished, seen=seen)
        lines = "".join(f"{item.run.id} {item.run.summary['version']}\n" for item in fetched)
        descriptor = os.open(self.told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, lines.encode())
        os.close(descriptor)
        return committed


class SignallingSource(MemorySource):
    """Says when the harvest begins."""

    started: Connection | None = None

    def sweep(self) -> RawSweep:
        if self.started is not None:
            self.started.send_bytes(b"started")
        return super().sweep()


def harvest_loudly(
    root: Path, told: Path, numbers: Sequence[int], version: int, pause_s: float, started: Connection | None = None
) -> None:
    """Harvests the runs of these numbers in that version, two a batch."""
    archive = LoudArchive(root)
    archive.told = told
    source = SignallingSource([make_run(number, version=version) for number in numbers], pause_s=pause_s)
    source.started = started
    harvest(source, archive, batch_runs=2)


def harvest_until(root: Path, told: Path, numbers: Sequence[int], version: int, step: int) -> None:
    """The same, compacting often, and killed before the change number ``step`` to the file system."""
    harvest_module.COMPACT_AT = 2
    os.fsync = lambda _: None  # a kill does not lose what the system holds, so waiting for the disk shows nothing
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    for owner, name in ((os, "fsync"), (os, "link"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
        setattr(owner, name, counted(getattr(owner, name)))
    harvest_loudly(root, told, numbers, version, 0.0)


def compact_often(root: Path, key: str, times: int) -> None:
    """Merges batches beside the harvests."""
    archive = Archive(root)
    for _ in range(times):
        if archive.ls():
            archive.compact(key)
