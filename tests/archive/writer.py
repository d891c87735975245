"""What the tests run in processes of their own: a harvest that says which runs it has committed."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

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


def harvest_loudly(root: Path, told: Path, numbers: Sequence[int], version: int, pause_s: float) -> None:
    """Harvests the runs of these numbers in that version, two a batch."""
    archive = LoudArchive(root)
    archive.told = told
    source = MemorySource([make_run(number, version=version) for number in numbers], pause_s=pause_s)
    harvest(source, archive, batch_runs=2)


def compact_often(root: Path, key: str, times: int) -> None:
    """Merges batches beside the harvests."""
    archive = Archive(root)
    for _ in range(times):
        if archive.ls():
            archive.compact(key)
