"""What a manifest says: batches of runs, and the changes from one version of a sweep's archive to the next.

A manifest is a file of two lines of JSON. The first is the content; the second holds the SHA-256 of the first.
This envelope and ``format_version`` in the first line stay in all later formats. The content::

    {"format_version": 1, "version": 7, "parent": SHA-256 of the first line of manifest 6 ("" for the first),
     "written_at": s since 1970, "checkpoint": false,
     "sweep": {...}                    only where it has changed
     "add": [{"schema_version": 1,
              "files": {"runs": {"sha256": ..., "bytes": ..., "rows": ...}, "history": ..., "system": ...},
              "runs": {run id: {"content": SHA-256, "fingerprint": ..., "final": ..., ...}}}],
     "remove": [batch],                named by the SHA-256 of their runs files
     "vanished": {run id: time, or null for one that has come back},
     "cursor": {"listed": ..., "complete": ..., "read_at": ...}}

A run belongs to the batch that named it last; rows of a batch whose run another batch has taken over are dead.
A checkpoint has the same form, and its changes start from nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import DamagedArchiveError, NewerArchiveError
from ..sources.base import RawSweep
from .codec import SCHEMA_VERSION, dump, sweep_from_json, sweep_to_json
from .files import StoredFile

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """What the manifest knows of one archived run."""

    content: str
    """``codec.content_hash`` of the run."""
    fingerprint: str
    final: bool
    read_at: float
    """When the fingerprint was taken: the younger reading of a run stands, whoever commits first."""
    created_at: float | None
    position: int
    """Place in the source's list; orders runs that have no creation time."""

    def same(self, other: StoredRun) -> bool:
        """True where nothing that was read differs."""
        return (self.content, self.fingerprint, self.final) == (other.content, other.fingerprint, other.final)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The files of one commit, and the runs in them that stand."""

    files: Mapping[str, StoredFile]
    runs: Mapping[str, StoredRun]
    schema_version: int = SCHEMA_VERSION

    @property
    def id(self) -> str:
        return self.files["runs"].sha256

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far the last harvest came."""

    listed: int
    """Runs that the source listed."""
    complete: bool
    """True once every listed run is in the archive."""
    read_at: float
    """When the source was listed, seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class Delta:
    """The changes of one commit."""

    sweep: RawSweep | None = None
    add: tuple[Batch, ...] = ()
    remove: tuple[str, ...] = ()
    vanished: Mapping[str, float | None] = field(default_factory=dict)
    cursor: Cursor | None = None


@dataclass
class State:
    """What stands after a version: built up by ``apply``, read by everybody else."""

    version: int = 0
    digest: str = ""
    sweep: RawSweep | None = None
    batches: dict[str, Batch] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    """Run id to the batch it stands in."""
    vanished: dict[str, float] = field(default_factory=dict)
    """Runs that the source no longer lists, and since when that is known."""
    cursor: Cursor | None = None
    commits: int = 0
    """Since the last checkpoint."""
    entries: int = 0
    """Run entries written since the last checkpoint."""

    def run(self, run_id: str) -> StoredRun | None:
        batch = self.live.get(run_id)
        return None if batch is None else self.batches[batch].runs[run_id]

    def ordered(self) -> list[str]:
        """Run ids, oldest first."""

        def age(run_id: str) -> tuple[float, int, str]:
            run = self.batches[self.live[run_id]].runs[run_id]
            return (float("inf") if run.created_at is None else run.created_at, run.position, run_id)

        return sorted(self.live, key=age)

    def files(self) -> list[StoredFile]:
        """Every file that a batch needs, once: files of equal content are one file."""
        return list({file.sha256: file for batch in self.batches.values() for file in batch.files.values()}.values())

    def emptied_by(self, taken: Iterable[str], taker: str) -> tuple[str, ...]:
        """The batches that no run stands in any more once the ``taken`` runs have moved to the batch ``taker``."""
        left = {batch_id: len(batch.runs) for batch_id, batch in self.batches.items() if batch_id != taker}
        for run_id in taken:
            if self.live.get(run_id) in left:
                left[self.live[run_id]] -= 1
        return tuple(batch_id for batch_id, count in left.items() if count == 0)

    def apply(self, delta: Delta, version: int, digest: str) -> None:
        """Moves on to ``version``."""
        for batch in delta.add:
            self._leave(batch.runs)
            self.live |= dict.fromkeys(batch.runs, batch.id)
            old = self.batches.get(batch.id)
            self.batches[batch.id] = replace(batch, runs={**(old.runs if old else {}), **batch.runs})
        for batch_id in delta.remove:
            for run_id in self.batches.pop(batch_id).runs if batch_id in self.batches else ():
                del self.live[run_id]
        for run_id, since in delta.vanished.items():
            self.vanished.pop(run_id, None)
            if since is not None:
                self.vanished[run_id] = since
        self.sweep = delta.sweep or self.sweep
        self.cursor = delta.cursor or self.cursor
        self.version, self.digest = version, digest
        self.commits += 1
        self.entries += sum(len(batch.runs) for batch in delta.add)

    def _leave(self, run_ids: Iterable[str]) -> None:
        """Takes the runs out of the batches that they stand in."""
        left: dict[str, set[str]] = {}
        for run_id in run_ids:
            if run_id in self.live:
                left.setdefault(self.live.pop(run_id), set()).add(run_id)
        for batch_id, gone in left.items():
            batch = self.batches[batch_id]
            self.batches[batch_id] = replace(batch, runs={k: v for k, v in batch.runs.items() if k not in gone})

    def whole(self) -> Delta:
        """Everything, as the changes from nothing: what a checkpoint holds."""
        return Delta(
            sweep=self.sweep, add=tuple(self.batches.values()), vanished=dict(self.vanished), cursor=self.cursor
        )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest as read."""

    version: int
    parent: str
    digest: str
    """SHA-256 of its first line; for a checkpoint, of the first line of the manifest that it sums up."""
    delta: Delta


def write_manifest(delta: Delta, version: int, parent: str, written_at: float, *, checkpoint: bool = False) -> bytes:
    """The bytes of a manifest; for a checkpoint ``parent`` is the digest of the manifest that it sums up."""
    content = {
        "format_version": FORMAT_VERSION,
        "version": version,
        "parent": parent,
        "written_at": written_at,
        "checkpoint": checkpoint,
        "sweep": None if delta.sweep is None else sweep_to_json(delta.sweep),
        "add": [asdict(batch) for batch in delta.add],
        "remove": delta.remove,
        "vanished": delta.vanished,
        "cursor": None if delta.cursor is None else asdict(delta.cursor),
    }
    line = dump(content).encode()
    return line + b"\n" + dump({"sha256": hashlib.sha256(line).hexdigest()}).encode() + b"\n"


def read_manifest(raw: bytes, path: str) -> Manifest:
    """The manifest in ``raw``. Raises NewerArchiveError or DamagedArchiveError; ``path`` stands in the message."""
    line, _, seal = raw.partition(b"\n")
    digest = hashlib.sha256(line).hexdigest()
    try:
        content = json.loads(line)
        newest = int(content["format_version"])
        if newest <= FORMAT_VERSION:
            if json.loads(seal) != {"sha256": digest}:
                raise ValueError("it does not match its checksum")
            delta = _delta(content)
            newest = max((batch.schema_version for batch in delta.add), default=0)
            if newest <= SCHEMA_VERSION:
                return Manifest(
                    version=int(content["version"]),
                    parent=content["parent"],
                    digest=content["parent"] if content["checkpoint"] else digest,
                    delta=delta,
                )
    except (ValueError, KeyError, TypeError) as error:
        reason = "it is cut off or altered" if isinstance(error, json.JSONDecodeError) else str(error)
        raise DamagedArchiveError(
            f"the manifest '{path}' is damaged: {reason}; put a copy of it back, "
            "or remove the sweep's folder and harvest it again"
        ) from error
    raise NewerArchiveError(
        f"'{path}' has format {newest}, written by a later version of aftersweep; "
        f"this version reads up to format {FORMAT_VERSION}: upgrade with `pip install --upgrade aftersweep`"
    )


def _delta(content: Mapping[str, Any]) -> Delta:
    cursor = content["cursor"]
    return Delta(
        sweep=None if content["sweep"] is None else sweep_from_json(content["sweep"]),
        add=tuple(
            Batch(
                files={kind: StoredFile(**file) for kind, file in batch["files"].items()},
                runs={run_id: StoredRun(**run) for run_id, run in batch["runs"].items()},
                schema_version=int(batch["schema_version"]),
            )
            for batch in content["add"]
        ),
        remove=tuple(content["remove"]),
        vanished=dict(content["vanished"]),
        cursor=None if cursor is None else Cursor(**cursor),
    )
