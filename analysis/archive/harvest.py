"""From a source into the archive: only what has changed, in batches, so that a crash or Ctrl-C costs little."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..sources.base import Progress, RawRun, RawSweep, RunStub, Source
from .identity import sweep_key
from .manifest import Cursor, StoredRun
from .store import Archive, Fetched

BATCH_BYTES = 64 * 2**20
"""A batch is committed when the histories that wait in memory reach this size."""
COMPACT_AT = 16
"""Small batches of one size that may stand before they are merged."""


@dataclass(frozen=True, kw_only=True)
class HarvestResult:
    """What a harvest did; ``fetched + unchanged`` is ``total`` unless runs went away while it read."""

    key: str
    """Of the sweep in the archive."""
    fetched: int
    """Runs that were read from the source."""
    unchanged: int
    """Runs that the archive held already."""
    vanished: int
    """Archived runs that the source no longer has; they are kept."""
    total: int
    """Runs that the source listed."""
    commits: int
    """Manifests that were written; 0 where nothing had changed."""


def harvest(
    source: Source,
    archive: Archive,
    *,
    progress: Progress | None = None,
    batch_runs: int = 50,
    batch_seconds: float = 20.0,
) -> HarvestResult:
    """Brings the archive up to date with the source.

    A run is fetched if it is new, its fingerprint has changed, or it was or is not final. Runs are committed in
    batches of ``batch_runs``, or whatever has come after ``batch_seconds``. On any error and on Ctrl-C what has come
    is committed and the exception goes on; the next harvest fetches the rest. Raises what the source raises, and
    ArchiveError where the archive cannot be written.
    """
    sweep = source.sweep()
    read_at = time.time()
    stubs = {stub.id: stub for stub in source.list_runs()}
    known, archived = archive.known(sweep)
    wanted = [stub.id for stub in stubs.values() if _changed(stub, known.get(stub.id))]
    batcher = _Batcher(
        archive=archive,
        sweep=sweep,
        stubs=stubs,
        positions={run_id: number for number, run_id in enumerate(stubs)},
        cursor=Cursor(listed=len(stubs), complete=False, read_at=read_at),
        batch_runs=batch_runs,
        batch_seconds=batch_seconds,
    )
    got: set[str] = set()
    try:
        for run in source.fetch(wanted) if wanted else ():
            if run.id not in stubs:
                continue
            batcher.add(run)
            got.add(run.id)
            if progress is not None:
                progress(len(got), len(wanted), "runs harvested")
    finally:
        batcher.flush()
    lost = set(wanted) - got
    gone = (archived - stubs.keys()) | (archived & lost)
    _, held = archive.known(sweep)
    closing = archive.commit(
        sweep,
        cursor=Cursor(listed=len(stubs), complete=stubs.keys() - lost <= held, read_at=read_at),
        vanished=gone,
        seen=stubs.keys() - lost,
    )
    key = sweep_key(sweep)
    archive.compact(key, at_least=COMPACT_AT)
    return HarvestResult(
        key=key,
        fetched=len(got),
        unchanged=len(stubs) - len(wanted),
        vanished=len(gone),
        total=len(stubs),
        commits=batcher.commits + closing,
    )


def _changed(stub: RunStub, stored: StoredRun | None) -> bool:
    return stored is None or stored.fingerprint != stub.fingerprint or not (stored.final and stub.final)


@dataclass
class _Batcher:
    """Collects runs and commits them; a repeated flush does no harm."""

    archive: Archive
    sweep: RawSweep
    stubs: Mapping[str, RunStub]
    positions: Mapping[str, int]
    cursor: Cursor
    batch_runs: int
    batch_seconds: float
    commits: int = 0
    _waiting: list[Fetched] = field(default_factory=list)
    _bytes: int = 0
    _since: float = 0.0

    def add(self, run: RawRun) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(Fetched(stub=self.stubs[run.id], run=run, position=self.positions[run.id]))
        self._bytes += run.history.nbytes + run.system.nbytes
        if (
            len(self._waiting) >= self.batch_runs
            or self._bytes >= BATCH_BYTES
            or time.monotonic() - self._since >= self.batch_seconds
        ):
            self.flush()
            if self.commits and self.commits % COMPACT_AT == 0:
                self.archive.compact(sweep_key(self.sweep), at_least=COMPACT_AT)

    def flush(self) -> None:
        if self._waiting:
            self.commits += self.archive.commit(self.sweep, self._waiting, cursor=self.cursor)
            self._waiting, self._bytes = [], 0
