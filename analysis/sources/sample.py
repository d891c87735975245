"""The bundled samples: sweeps reconstructed from published figures, with simulated curves.

``tools/make_sample.py`` writes them; ``docs/provenance-4yfw48ad.md`` says which published figures they keep.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import UnknownSweepError, nearest
from .base import RawRun, RawSweep, RunStub, SourceInfo, empty_history

NOTICES = (
    "This sweep is a reconstruction with simulated curves: published figures of W&B sweep 4yfw48ad (July 2025) are "
    "kept as far as they can be true together; times, most run ids and all histories are simulated.",
    "The curves were simulated so that the sweep's own stopping rule explains as many of the published ends as it can: "
    "which runs it stopped, and what curves say of architectures, shows what those figures allow, not what happened.",
)


def sample_names() -> tuple[str, ...]:
    """The names of the bundled samples."""
    return tuple(sorted(entry.name for entry in _folder().iterdir() if entry.joinpath("sweep.json").is_file()))


def _folder() -> Traversable:
    return resources.files(__package__ or "").joinpath("samples")


class SampleSource:
    """A bundled sample as a source of runs.

    Raises UnknownSweepError where there is no sample of that name.
    """

    def __init__(self, name: str = "4yfw48ad") -> None:
        names = sample_names()
        if name not in names:
            raise UnknownSweepError(f"there is no bundled sample '{name}'. {nearest(name, names, 'sample')}")
        self.name = name

    def sweep(self) -> RawSweep:
        raw = json.loads(_folder().joinpath(self.name, "sweep.json").read_text("utf-8"))
        info = SourceInfo(kind="sample", target=self.name, notices=NOTICES, claims=tuple(raw["claims"]))
        return RawSweep(
            id=raw["id"],
            source=info,
            name=raw["name"],
            description=raw["description"],
            created_at=raw["created_at"],
            config=raw["config"],
        )

    def list_runs(self) -> Sequence[RunStub]:
        return [
            RunStub(id=run_id, fingerprint=self._fingerprint, final=row["state"] != "running")
            for run_id, row in self._rows.items()
        ]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        for run_id in dict.fromkeys(ids):
            if run_id in self._rows:
                yield self._run(self._rows[run_id])

    def _run(self, row: dict[str, Any]) -> RawRun:
        mine = self._history.filter(pc.equal(self._history["run_id"], row["id"])).drop_columns(["run_id"])
        last = mine.slice(max(mine.num_rows - 1, 0)).to_pylist()
        return RawRun(
            id=row["id"],
            name=row["id"],
            state=row["state"],
            config=json.loads(row["config"]),
            summary=last[0] if last else {},
            created_at=row["created_at"],
            heartbeat_at=row["heartbeat_at"],
            runtime_s=row["heartbeat_at"] - row["created_at"],
            sweep_id=self.name,
            history=mine.combine_chunks() if last else empty_history(),
            history_rows_expected=mine.num_rows,
        )

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        """The runs by id, oldest first."""
        return {row["id"]: row for row in self._read("runs").to_pylist()}

    @cached_property
    def _history(self) -> pa.Table:
        return self._read("history")

    @cached_property
    def _fingerprint(self) -> str:
        """A sample never changes by itself; a new version of it does."""
        content = b"".join(self._bytes(name) for name in ("runs", "history"))
        return hashlib.sha256(content).hexdigest()

    def _read(self, name: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self._bytes(name)))

    def _bytes(self, name: str) -> bytes:
        return _folder().joinpath(self.name, f"{name}.parquet").read_bytes()
