"""Looking after an archived sweep: ``check`` finds what is wrong, ``compact`` merges, only ``prune`` removes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import ArchiveError, DamagedArchiveError, NewerArchiveError
from .batches import claims, mergeable, read_batch, write_batch
from .codec import content_hash
from .files import TEMPORARY, Folder, StoredFile, explained, read_table
from .log import Log, manifest_name, versions
from .manifest import Batch, Delta, State

ProblemKind = Literal["missing", "damaged", "manifest", "newer", "unreferenced", "temporary"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that ``check`` found."""

    key: str
    """Of the sweep; empty for what lies beside the sweeps."""
    path: Path
    kind: ProblemKind
    text: str
    """What is wrong and what to do, in one sentence."""
    harmless: bool = False
    """True for a leftover that costs nothing but space."""


def compact(log: Log, data: Folder, at_least: int | None) -> int:
    """Writes each group of mergeable batches as one batch; how many batches were merged.

    Runs that another writer replaces meanwhile stay replaced: only runs that still stand in the old batches move.
    """
    groups = mergeable(log.refresh(), at_least)
    for group in groups:
        runs = [run for batch in group for run in read_batch(data, batch)]
        entries = {run_id: run for batch in group for run_id, run in batch.runs.items()}
        merged = write_batch(data, runs, entries)
        _publish_merge(log, merged, {batch.id for batch in group})
    return sum(len(group) for group in groups)


def _publish_merge(log: Log, merged: Batch, sources: set[str]) -> None:
    def build(state: State) -> Delta | None:
        moving = claims(state, merged, sources - {merged.id})
        if not moving:
            return None
        return Delta(add=(replace(merged, runs=moving),), remove=state.emptied_by(moving, merged.id))

    log.publish(build)


def prune(log: Log, data: Folder, older_than: float) -> list[Path]:
    """Removes unreferenced files that are ``older_than`` seconds old. An archive that cannot be read is left alone."""
    names = data.names()  # before the state is read: what is committed in between is then seen to be referenced
    referenced = {file.name for file in log.refresh().files()}
    loose = [(data, name) for name in (*names, *data.temporaries()) if name not in referenced]
    loose += [(log.folder, name) for name in log.folder.temporaries()]
    return [folder.path / name for folder, name in loose if folder.remove(name, older_than)]


def prune_trash(sweeps: Folder, older_than: float) -> list[Path]:
    """Removes what is left of sweeps whose removal was cut off."""
    removed = []
    for path in _trash(sweeps):
        with explained("remove", path):
            if time.time() - path.stat().st_mtime >= older_than:
                shutil.rmtree(path)
                removed.append(path)
    return removed


def check_trash(sweeps: Folder) -> list[Problem]:
    """What is left of sweeps whose removal was cut off."""
    text = "what is left of a sweep that was being removed; `aftersweep prune` takes it away"
    return [Problem(key="", path=path, kind="temporary", text=text, harmless=True) for path in _trash(sweeps)]


def _trash(sweeps: Folder) -> list[Path]:
    return [sweeps.path / name for name in sweeps.temporaries() if name.startswith(TEMPORARY)]


def check(key: str, log: Log, data: Folder, read_data: bool) -> list[Problem]:
    """Everything that is wrong with one sweep; nothing is changed."""
    problems = _check_manifests(key, log)
    try:
        state = log.refresh()
    except NewerArchiveError as error:
        return [Problem(key=key, path=log.folder.path, kind="newer", text=str(error))]
    except ArchiveError as error:
        return problems or [Problem(key=key, path=log.folder.path, kind="manifest", text=str(error))]
    found = {file.sha256: _check_file(key, data, file, read_data) for file in state.files()}
    problems += [problem for problem in found.values() if problem is not None]
    for batch in state.batches.values() if read_data else ():
        if all(found[file.sha256] is None for file in batch.files.values()):
            problems += _check_runs(key, data, batch)
    return problems + _leftovers(key, log, data, state)


def _check_manifests(key: str, log: Log) -> list[Problem]:
    """Each manifest by itself, also those that a checkpoint has made needless."""
    problems = []
    numbers = versions(log.folder.names())
    latest = max((version for version, _ in numbers), default=0)
    for version in range(1, latest + 1):
        for checkpoint in (False, True):
            if (version, checkpoint) in numbers or not checkpoint:
                problems += _check_manifest(key, log, version, checkpoint)
    return problems


def _check_manifest(key: str, log: Log, version: int, checkpoint: bool) -> list[Problem]:
    path = log.folder.path / manifest_name(version, checkpoint)
    try:
        if log.read(version, checkpoint) is not None:
            return []
        text = f"the manifest '{path}' is missing"
    except NewerArchiveError:
        return []  # said once for the whole sweep
    except DamagedArchiveError as error:
        text = str(error)
    return [Problem(key=key, path=path, kind="manifest", text=text)]


def _check_file(key: str, data: Folder, file: StoredFile, read_data: bool) -> Problem | None:
    path = data.path / file.name
    size = data.size(file.name)
    if size is not None and size != file.bytes:
        text = f"'{path}' has {size} bytes instead of {file.bytes}; `aftersweep harvest` fetches its runs again"
        return Problem(key=key, path=path, kind="damaged", text=text)
    if size is not None and not read_data:
        return None
    try:
        read_table(data, file)
    except DamagedArchiveError as error:
        return Problem(key=key, path=path, kind="missing" if size is None else "damaged", text=str(error))
    return None


def _check_runs(key: str, data: Folder, batch: Batch) -> list[Problem]:
    runs = {run.id: content_hash(run) for run in read_batch(data, batch)}
    path = data.path / batch.files["runs"].name
    return [
        Problem(key=key, path=path, kind="damaged", text=f"run '{run_id}' in '{path}' is not what was harvested")
        for run_id, run in batch.runs.items()
        if runs.get(run_id) != run.content
    ]


def _leftovers(key: str, log: Log, data: Folder, state: State) -> list[Problem]:
    referenced = {file.name for file in state.files()}
    loose = "no manifest names it: left by a cut-off harvest or replaced since; `aftersweep prune` removes it"
    unfinished = "an unfinished file, being written or left by a crash; `aftersweep prune` removes it"
    found = [(data.path / name, "unreferenced", loose) for name in data.names() if name not in referenced]
    found += [(f.path / name, "temporary", unfinished) for f in (data, log.folder) for name in f.temporaries()]
    return [
        Problem(
            key=key, path=path, kind="temporary" if kind == "temporary" else "unreferenced", text=text, harmless=True
        )
        for path, kind, text in found
    ]
