"""The archive: harvested sweeps under one root folder, read and changed through ``Archive``.

Layout::

    root/sweeps/KEY/manifests/00000000000000000001.json   what stands (``log``, ``manifest``)
                    data/SHA256.parquet                   the runs (``codec``, ``files``)

KEY is derived from the sweep's identity and is never the server's own text (``identity.sweep_key``).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from ..errors import ArchiveError, DamagedArchiveError, UnknownSweepError
from ..sources.base import RawRun, RawSweep, RunStub
from . import upkeep
from .batches import intact, read_batch, write_batch
from .codec import content_hash, dump, sweep_to_json
from .files import Folder, remove_tree
from .identity import KEY, label, origin, readable, readable_part, sweep_key
from .log import Log
from .manifest import Cursor, Delta, State, StoredRun
from .views import ArchivedSweep, as_archived, entry, with_fate

__all__ = ["PRUNE_AFTER_S", "Archive", "ArchivedSweep", "Fetched", "default_root", "sweep_key"]

PRUNE_AFTER_S = 3600.0
"""Files younger than this may belong to a harvest that is about to commit them."""


def default_root() -> Path:
    """``AFTERSWEEP_HOME``, or the user's data folder."""
    home = os.environ.get("AFTERSWEEP_HOME")
    return Path(home).expanduser() if home else Path(platformdirs.user_data_dir("aftersweep", appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A run as a harvest brings it."""

    stub: RunStub
    run: RawRun
    position: int = 0
    """Its place in the source's list."""


@dataclass
class Archive:
    """All harvested sweeps under ``root``; reading never writes, and a root that does not exist is an empty one."""

    root: Path = field(default_factory=default_root)
    _logs: dict[str, Log] = field(default_factory=dict, init=False, repr=False, compare=False)

    # Reading

    def ls(self) -> list[ArchivedSweep]:
        """Every archived sweep, by label; one that cannot be read says so in ``problem``."""
        found = [entry for key in self.keys() if (entry := self._entry(key)) is not None]
        return sorted(found, key=lambda entry: (entry.label, entry.key))

    def find(self, word: str, *, damaged: bool = False) -> list[ArchivedSweep]:
        """The sweeps whose id, ``entity/project/id`` or key is ``word``; several where it is ambiguous.

        damaged: also those that cannot be read, whose ``problem`` says why. Without it, raises NewerArchiveError or
        DamagedArchiveError where only a sweep that cannot be read may be meant.
        """
        entries = self.ls()
        found = [e for e in entries if not e.problem and word in (e.id, e.label, e.key)]
        plain = readable(word.rpartition("/")[2])
        unreadable = [e for e in entries if e.problem and (e.key == word or readable_part(e.key) == plain)]
        if damaged:
            return found or unreadable
        if not found and unreadable:
            self._state(unreadable[0].key)
        return found

    def load(self, key: str) -> tuple[RawSweep, list[RawRun]]:
        """The sweep and its runs, oldest first.

        The source becomes kind ``archive``; what is not whole stands in ``problems`` of the sweep or the run.
        Raises UnknownSweepError, DamagedArchiveError, NewerArchiveError.
        """
        return self.sweep(key), self.runs(key)

    def sweep(self, key: str) -> RawSweep:
        """The sweep alone; raises as ``load`` does."""
        return as_archived(self._state(key))

    def runs(self, key: str, ids: Collection[str] | None = None) -> list[RawRun]:
        """The runs, or those with these ids; raises as ``load`` does."""
        while True:
            state = self._state(key)
            version, order, vanished = state.version, state.ordered(), dict(state.vanished)
            try:
                found = {
                    run.id: run for batch in state.batches.values() for run in read_batch(self.data(key), batch, ids)
                }
            except DamagedArchiveError:
                if self._state(key).version == version:
                    raise
                continue  # its files were compacted and pruned while we read
            return [with_fate(found[run_id], vanished) for run_id in order if run_id in found]

    def stubs(self, key: str) -> list[RunStub]:
        """What is known of each run without reading any, oldest first; raises as ``load`` does."""
        state = self._state(key)
        runs = ((run_id, state.run(run_id)) for run_id in state.ordered())
        return [RunStub(id=i, fingerprint=run.fingerprint, final=run.final) for i, run in runs if run is not None]

    def digest(self, key: str) -> str:
        """SHA-256 of the newest manifest, which changes whenever anything of the sweep does; raises as ``load``."""
        return self._state(key).digest

    def known(self, sweep: RawSweep) -> tuple[dict[str, StoredRun], set[str]]:
        """What a harvest need not fetch again: the archived runs of this sweep whose files are there; and the
        ids that are archived at all.

        Raises ArchiveError where the sweep was archived from another kind of source.
        """
        key = sweep_key(sweep)
        state = self._log(key).refresh()
        if state.sweep is not None and origin(state.sweep) != origin(sweep):
            raise ArchiveError(
                f"{label(sweep)} is archived from the source '{origin(state.sweep)}' and would be mixed with what "
                f"'{origin(sweep)}' says; harvest it into another folder with --archive, or `aftersweep rm` it first"
            )
        whole = [batch for batch in state.batches.values() if intact(self.data(key), batch)]
        return {run_id: run for batch in whole for run_id, run in batch.runs.items()}, set(state.live)

    # Changing

    def commit(
        self,
        sweep: RawSweep,
        fetched: Sequence[Fetched] = (),
        *,
        cursor: Cursor,
        vanished: Collection[str] = (),
        seen: Collection[str] = (),
    ) -> bool:
        """Adds and replaces runs in one step; False where the archive already stands as it would after it.

        vanished: ids that the source no longer has; their runs stay. seen: ids that it has (again).
        Safe to repeat, and safe beside other writers: a run read earlier never replaces one read later.
        Raises ArchiveError where the folder cannot be written.
        """
        key = sweep_key(sweep)
        log, data = self._log(key), self.data(key)
        state = log.refresh()
        entries = {
            item.run.id: StoredRun(
                content=content_hash(item.run),
                fingerprint=item.stub.fingerprint,
                final=item.stub.final,
                read_at=cursor.read_at,
                created_at=item.run.created_at,
                position=item.position,
            )
            for item in fetched
        }
        fresh = [item.run for item in fetched if not self._stands(key, state, item.run.id, entries[item.run.id])]
        log.folder.make()
        data.make()
        batch = write_batch(data, fresh, entries) if fresh else None

        def build(now: State) -> Delta | None:
            taken = {} if batch is None else batch.runs
            newer = {i: r for i, r in taken.items() if not self._stands(key, now, i, r)}
            delta = Delta(
                sweep=None if now.sweep and _text(now.sweep) == _text(sweep) else sweep,
                add=(replace(batch, runs=newer),) if batch is not None and newer else (),
                remove=now.emptied_by(newer, batch.id if batch is not None else ""),
                vanished=_fates(now, vanished, seen, cursor.read_at),
                cursor=cursor,
            )
            done = cursor.complete and (
                now.cursor is None or not now.cursor.complete or now.cursor.listed != cursor.listed
            )
            return delta if delta.sweep or delta.add or delta.vanished or done else None

        return log.publish(build)

    def rm(self, key: str) -> None:
        """Removes the sweep and all its runs. Raises UnknownSweepError."""
        self._check_key(key)
        self._logs.pop(key, None)
        remove_tree(self._folder(key))

    def compact(self, key: str, *, at_least: int | None = None) -> int:
        """Merges small batches, or only where ``at_least`` so many are of about one size; how many were merged."""
        self._check_key(key)
        return upkeep.compact(self._log(key), self.data(key), at_least)

    def prune(self, key: str | None = None, older_than: float = PRUNE_AFTER_S) -> list[Path]:
        """Removes the files that no manifest names and that are ``older_than`` seconds old; what was removed."""
        removed = [] if key is not None else upkeep.prune_trash(self._sweeps(), older_than)
        for each in self.keys() if key is None else [key]:
            self._check_key(each)
            removed += upkeep.prune(self._log(each), self.data(each), older_than)
        return removed

    def check(self, *, read_data: bool = False, key: str | None = None) -> list[upkeep.Problem]:
        """What is wrong, of one sweep or of all; with ``read_data`` every byte and every run is verified."""
        problems = [] if key is not None else upkeep.check_trash(self._sweeps())
        for each in self.keys() if key is None else [key]:
            self._check_key(each)
            problems += upkeep.check(each, Log(self._log(each).folder), self.data(each), read_data)
        return problems

    # Places

    def keys(self) -> list[str]:
        """The keys of all archived sweeps, sorted."""
        return [name for name in self._sweeps().names() if KEY.fullmatch(name)]

    def data(self, key: str) -> Folder:
        return Folder(self._folder(key) / "data")

    def _sweeps(self) -> Folder:
        return Folder(self.root / "sweeps")

    def _folder(self, key: str) -> Path:
        return self.root / "sweeps" / key

    def _log(self, key: str) -> Log:
        return self._logs.setdefault(key, Log(Folder(self._folder(key) / "manifests")))

    def _check_key(self, key: str) -> None:
        if not KEY.fullmatch(key) or not self._folder(key).is_dir():
            raise UnknownSweepError(f"no sweep '{key}' in the archive '{self.root}'; `aftersweep ls` lists them")

    def _state(self, key: str) -> State:
        self._check_key(key)
        state = self._log(key).refresh()
        if state.sweep is None:
            raise UnknownSweepError(f"nothing was harvested yet into '{self._folder(key)}'; harvest the sweep again")
        return state

    def _entry(self, key: str) -> ArchivedSweep | None:
        try:
            state = self._log(key).refresh()
        except ArchiveError as error:
            return ArchivedSweep(key=key, id=readable_part(key), problem=str(error))
        if state.sweep is None:
            return None
        return entry(key, state.sweep, state)

    def _stands(self, key: str, state: State, run_id: str, entry: StoredRun) -> bool:
        """True where the archive holds the run as ``entry`` has it, or read later, and its files are there."""
        old = state.run(run_id)
        if old is None or not (old.same(entry) or old.read_at > entry.read_at):
            return False
        return intact(self.data(key), state.batches[state.live[run_id]])


def _fates(state: State, vanished: Collection[str], seen: Collection[str], when: float) -> Mapping[str, float | None]:
    gone = {run_id: when for run_id in vanished if run_id in state.live and run_id not in state.vanished}
    return gone | dict.fromkeys(set(seen) & set(state.vanished))


def _text(sweep: RawSweep) -> str:
    """Equal for equal sweeps, NaN included."""
    return dump(sweep_to_json(sweep))
