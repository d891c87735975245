"""Batches of runs: written as three Parquet files, read back, and merged where they have grown many and small."""

from __future__ import annotations

import math
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


def mergeable(state: State, at_least: int | None = None) -> list[list[Batch]]:
    """Groups of batches to write as one each.

    Without ``at_least``: all small ones together, and any that are mostly dead. With it: only where so many stand
    whose numbers of runs lie within that factor. What comes of them has more runs than the factor allows, so a run
    is rewritten a number of times that grows as the logarithm of the runs, not with each few commits.
    """
    small = [batch for batch in state.batches.values() if 2 * _live_bytes(batch) < TARGET_BYTES]
    if at_least is None:
        return [group for group in _packed(small) if len(group) > 1 or _mostly_dead(group[0])]
    tiers: dict[int, list[Batch]] = {}
    for batch in small:
        tiers.setdefault(int(math.log(max(len(batch.runs), 1), at_least)), []).append(batch)
    return [group for tier in tiers.values() if len(tier) >= at_least for group in _packed(tier) if len(group) > 1]


def _packed(batches: Sequence[Batch]) -> list[list[Batch]]:
    """The batches in order, in groups of about ``TARGET_BYTES``."""
    groups: list[list[Batch]] = []
    size = math.inf
    for batch in batches:
        if size + _live_bytes(batch) > TARGET_BYTES:
            groups.append([])
            size = 0.0
        groups[-1].append(batch)
        size += _live_bytes(batch)
    return groups


def _live_bytes(batch: Batch) -> float:
    """The share of its files that the runs which stand in it need."""
    return batch.bytes * len(batch.runs) / max(batch.files["runs"].rows, 1)


def _mostly_dead(batch: Batch) -> bool:
    return 2 * len(batch.runs) < batch.files["runs"].rows


def claims(state: State, merged: Batch, sources: Collection[str]) -> dict[str, StoredRun]:
    """The runs that still stand in the batches they were merged from, as they were read."""
    return {run_id: run for run_id, run in merged.runs.items() if state.live.get(run_id) in sources}
