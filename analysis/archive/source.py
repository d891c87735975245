"""An archived sweep as a source: read like any other, without credentials or network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..sources.base import RawRun, RawSweep, RunStub
from .store import Archive


@dataclass(frozen=True)
class ArchiveSource:
    """One sweep of an archive; ``key`` as ``Archive.find`` gives it, ``decided_by`` why it was chosen."""

    archive: Archive
    key: str
    decided_by: str = ""

    def sweep(self) -> RawSweep:
        """The sweep, with what is not whole in ``problems``. Raises UnknownSweepError or ArchiveError."""
        sweep = self.archive.sweep(self.key)
        return replace(sweep, source=replace(sweep.source, decided_by=self.decided_by))

    def list_runs(self) -> Sequence[RunStub]:
        """All archived runs, oldest first; no data file is read."""
        return self.archive.stubs(self.key)

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        """The named runs that are archived. Raises DamagedArchiveError."""
        yield from self.archive.runs(self.key, set(ids))
