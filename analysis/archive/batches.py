"""Batches of runs: written as three Parquet files, read back, and merged where they have grown many and small."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..sources.base import RawRun
from .codec import decode, encode
from .files import Folder, read_table, write_table
from .manifest import Batch, State, StoredRun

TARGET_BYTES = 64 * 2**20
"""A batch is merged with others until its files have about this size together."""


def write_batch(data: Folder, runs: Sequence[RawRun], entries: Mapping[str, StoredRun]) -> Batch:
    """Stores the runs, which stand nowhere until a manifest names the batch."""
    files = {kind: write_table(data, table) for kind, table in encode(runs).items()}
    return Batch(files=files, runs={run.id: entries[run.id] for run in runs})


def read_batch(data: Folder, batch: Batch, wanted: Collection[str] | None = None) -> list[RawRun]:
    """The runs that stand in the batch, or the ``wanted`` ones of them. Raises DamagedArchiveError."""
    ids = [run_id for run_id in batch.runs if wanted is None or run_id in wanted]
    if not ids:
        return []
    tables = {kind: read_table(data, file) for kind, file in batch.files.items()}
    return list(decode(tables, ids))


def intact(data: Folder, batch: Batch) -> bool:
    """True where the batch's files are there, with the right size; their content is not read."""
    return all(data.size(file.name) == file.bytes for file in batch.files.values())


def mergeable(state: State, target_bytes: int = TARGET_BYTES) -> list[list[Batch]]:
    """Groups of batches to write as one each: small ones together, mostly dead ones also alone."""
    small: list[Batch] = []
    dead: list[Batch] = []
    for batch in state.batches.values():
        if batch.runs and 2 * len(batch.runs) < batch.files["runs"].rows:
            dead.append(batch)
        elif batch.runs and 2 * batch.bytes < target_bytes:
            small.append(batch)
    groups: list[list[Batch]] = [[]]
    size = 0
    for batch in (*dead, *small):
        if size + batch.bytes > target_bytes and groups[-1]:
            groups.append([])
            size = 0
        groups[-1].append(batch)
        size += batch.bytes
    return [group for group in groups if len(group) > 1 or any(batch in dead for batch in group)]


def claims(state: State, merged: Batch, sources: Collection[str]) -> dict[str, StoredRun]:
    """The runs that still stand in the batches they were merged from, as they were read."""
    return {run_id: run for run_id, run in merged.runs.items() if state.live.get(run_id) in sources}
