"""The bundled samples: one sweep reconstructed from published figures, with simulated curves, and two really run.

``tools/make_sample.py`` writes the first; ``docs/provenance-4yfw48ad.md`` says which published figures it keeps. The
others were run by the bundled trainer and its agent; ``tools/make_mini_sample.py`` scrubs and writes them.
"""

from __future__ import annotations

import gzip
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
from .base import RawRun, RawSweep, RunStub, Source, SourceInfo, empty_history
from .export_json import read_header, read_run

RUNS = "runs.jsonl.gz"
NOTICES = (
    "This sweep is a reconstruction with simulated curves: published figures of W&B sweep 4yfw48ad (July 2025) are "
    "kept as far as they can be true together; times, most run ids and all histories are simulated.",
    "The curves were simulated so that the sweep's own stopping rule explains as many of the published ends as it can: "
    "which runs it stopped, and what curves say of architectures, shows what those figures allow, not what happened.",
)


def sample_names() -> tuple[str, ...]:
    """The names of the bundled samples."""
    kinds = ("sweep.json", RUNS)
    return tuple(sorted(e.name for e in _folder().iterdir() if any(e.joinpath(kind).is_file() for kind in kinds)))


def open_sample(name: str) -> Source:
    """The bundled sample of that name. Raises UnknownSweepError where there is none."""
    if _known(name).joinpath(RUNS).is_file():
        return RunSample(name)
    return SampleSource(name)


def _known(name: str) -> Traversable:
    names = sample_names()
    if name not in names:
        raise UnknownSweepError(f"there is no bundled sample '{name}'. {nearest(name, names, 'sample')}")
    return _folder().joinpath(name)


def _folder() -> Traversable:
    return resources.files(__package__ or "").joinpath("samples")


class RunSample:
    """A sweep that was really run, kept as our own export, compressed. Raises UnknownSweepError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._data = _known(name).joinpath(RUNS).read_bytes()

    def sweep(self) -> RawSweep:
        return read_header(self._place(0), self._lines[0])

    def list_runs(self) -> Sequence[RunStub]:
        fingerprint = hashlib.sha256(self._data).hexdigest()
        return [RunStub(id=line["id"], fingerprint=fingerprint, final=True) for line in self._lines[1:]]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        asked = frozenset(ids)
        for number, line in enumerate(self._lines[1:], start=1):
            if line["id"] in asked:
                yield read_run(self._place(number), line)

    @cached_property
    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(self._data).splitlines()]

    def _place(self, number: int) -> str:
        return f"the sample {self.name}, line {number + 1}"


class SampleSource:
    """A reconstructed sample as a source of runs.

    Raises UnknownSweepError where there is no sample of that name.
    """

    def __init__(self, name: str = "4yfw48ad") -> None:
        _known(name)
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
