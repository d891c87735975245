"""Folders of offline runs: the `.wandb` files that the wandb SDK writes, and what lies beside them.

The way of a file: ``offline_tree`` finds it and reads its beginning, ``offline_sweeps`` says which sweep its run
belongs to, ``datastore`` and ``offline_records`` read it whole, ``offline_runs`` makes the run of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import FormatError, SourceError, UnknownSweepError, UsageError
from ..sweepfile.config import read_config
from .base import Json, RawRun, RawSweep, RunStub, SourceInfo
from .offline_journal import read_journals
from .offline_records import read_recording
from .offline_runs import raw_run
from .offline_sweeps import Trail, attach_silent, find_sweep_file, make_trails, misfits, read_sweep_file
from .offline_tree import find_tree, fingerprint, read_pieces

LIVE_S = 300.0
"""A run without an exit record whose files changed within so many seconds still runs; W&B's server waits as long."""
SweepFile = tuple[Mapping[str, Json] | None, str | None]
"""The content of a sweep file, and the sentence that says where it is from or why there is none."""


@dataclass(frozen=True)
class _Scan:
    sweep: RawSweep
    trails: dict[str, Trail]
    """By the id that the run has in the result, oldest first."""


class OfflineSource:
    """A sweep from a folder of `.wandb` files; a ``Source`` of ``base.py``. The folder is looked through once."""

    def __init__(
        self,
        path: Path,
        *,
        sweep: str | None = None,
        all_runs: bool = False,
        sweep_config: Path | None = None,
        clock: Callable[[], float] = time.time,
        live_s: float = LIVE_S,
    ) -> None:
        """path: any folder above the files, or one file. sweep: the id to take where there are several.

        all_runs: takes every run as one set, with or without a sweep. sweep_config: the sweep file; without it one is
        looked for in the tree and beside it. clock: gives the time in seconds since 1970. live_s: see ``LIVE_S``.
        """
        if sweep is not None and all_runs:
            raise UsageError(f"--sweep {sweep} and --all-runs exclude each other; give one of them")
        self._path = path
        self._wanted = sweep.rstrip("/").rsplit("/", 1)[-1] if sweep is not None else None
        self._all_runs = all_runs
        self._sweep_config = sweep_config
        self._clock = clock
        self._live_s = live_s

    def sweep(self) -> RawSweep:
        """The sweep. Raises UsageError for a path that does not exist, SourceError for a tree without runs,
        UnknownSweepError where the runs do not say which sweep is meant, FormatError for a file of another kind."""
        return self._scan.sweep

    def list_runs(self) -> Sequence[RunStub]:
        """All runs of the sweep, oldest first; ``final`` is False while a run's files still change."""
        stubs = []
        for run_id, trail in self._scan.trails.items():
            live = self._is_fresh(trail) and read_recording(trail.pieces[-1].path).exit_code is None
            marks = [piece.marks for piece in trail.pieces]
            print_ = fingerprint([*marks, trail.entry, trail.sweep_id, live])
            stubs.append(RunStub(id=run_id, fingerprint=print_, final=not live))
        return stubs

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        """The named runs, one file after the other; a run whose files have vanished meanwhile is left out."""
        for run_id in ids:
            trail = self._scan.trails.get(run_id)
            if trail is None:
                continue
            try:
                recordings = [read_recording(piece.path) for piece in trail.pieces]
            except (OSError, FormatError):
                continue
            yield raw_run(run_id, trail, recordings, fresh=self._is_fresh(trail))

    def _is_fresh(self, trail: Trail) -> bool:
        ended = trail.entry is not None and trail.entry.ended
        return bool(trail.pieces) and not ended and abs(self._clock() - trail.pieces[-1].changed) < self._live_s

    @cached_property
    def _scan(self) -> _Scan:
        tree = find_tree(self._path)
        pieces, left_out = read_pieces(tree, self._path)
        entries, unread = read_journals(tree.journals)
        trails = make_trails(pieces, entries)
        names = list(dict.fromkeys(trail.sweep_id for trail in trails if trail.sweep_id is not None))
        sweep_id = None if self._all_runs else self._choose(names, trails)
        given = read_sweep_file(self._sweep_config) if self._sweep_config is not None else None

        def sweep_file(members: Sequence[Trail], name: str | None) -> SweepFile:
            if given is not None and name == sweep_id:
                return given, misfits(members, given, self._sweep_config)
            return find_sweep_file(tree.sweep_files, [trail.config for trail in members], tree.root)

        files = {name: sweep_file([trail for trail in trails if trail.sweep_id == name], name) for name in names}
        rules = {name: read_config(raw) if raw is not None else None for name, (raw, _) in files.items()}
        trails = attach_silent(trails, rules)
        members = trails if sweep_id is None else [trail for trail in trails if trail.sweep_id == sweep_id]
        if not members:
            raise SourceError(f"'{self._path}' holds no run that can be read")
        raw, sentence = files[sweep_id] if sweep_id is not None else sweep_file(members, None)
        problems = [*tree.problems, *left_out, *unread, *([sentence] if sentence else [])]
        if sweep_id is not None:
            problems += _left_out(trails)
        return _Scan(self._raw_sweep(sweep_id, members, raw, problems), _by_result_id(members))

    def _choose(self, sweeps: list[str], trails: Sequence[Trail]) -> str:
        """The sweep that is meant; UnknownSweepError with the choices where that is not clear."""
        counts = {name: sum(trail.sweep_id == name for trail in trails) for name in sweeps}
        choices = ", ".join(f"{name} ({counts[name]} run{'s' if counts[name] != 1 else ''})" for name in sweeps[:20])
        if not sweeps:
            named = f"no sweep '{self._wanted}'" if self._wanted else "no sweep"
            raise UnknownSweepError(
                f"{named} in '{self._path}': none of the runs ({len(trails)}) belongs to one; "
                "--all-runs takes them all as one set"
            )
        if self._wanted is not None:
            if self._wanted not in counts:
                raise UnknownSweepError(f"no sweep '{self._wanted}' in '{self._path}'. There are: {choices}")
            return self._wanted
        if len(sweeps) > 1:
            raise UnknownSweepError(
                f"'{self._path}' holds {len(sweeps)} sweeps: {choices}; choose one with --sweep ID, "
                "or take all runs as one set with --all-runs"
            )
        return sweeps[0]

    def _raw_sweep(
        self,
        sweep_id: str | None,
        members: Sequence[Trail],
        config: Mapping[str, Json] | None,
        problems: Sequence[str],
    ) -> RawSweep:
        if sweep_id is None:
            decided_by = "every run of the folder, by --all-runs"
        else:
            decided_by = f"--sweep {sweep_id}" if self._wanted else "the only sweep in the folder"
        newest = [piece for trail in members for piece in trail.pieces if piece.recorded][::-1]
        settings = config or {}
        return RawSweep(
            id=sweep_id or safe_name(self._path),
            source=SourceInfo(kind="offline", target=str(self._path), decided_by=decided_by),
            entity=next((piece.entity for piece in newest if piece.entity), None),
            project=next((piece.project for piece in newest if piece.project), None),
            name=_text(settings.get("name")),
            description=_text(settings.get("description")),
            created_at=min((trail.started for trail in members if trail.started is not None), default=None),
            config=config,
            problems=tuple(problems),
        )


def safe_name(path: Path) -> str:
    """A name for a set of runs, from its folder: letters, digits, dots, dashes; the folder above for ``wandb``."""
    folder = path.resolve()
    if folder.name == "wandb" and folder.parent.name:
        folder = folder.parent
    return re.sub(r"[^A-Za-z0-9.-]+", "-", folder.name).strip("-.")[:64] or "runs"


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _by_result_id(trails: Sequence[Trail]) -> dict[str, Trail]:
    """Trails by run id; where two sweeps use one id, by id and sweep."""
    ids = [trail.run_id for trail in trails]
    return {
        trail.run_id if ids.count(trail.run_id) == 1 else f"{trail.run_id}-{trail.sweep_id}": trail for trail in trails
    }


def _left_out(trails: Sequence[Trail]) -> list[str]:
    """Runs that belong to no sweep, by record or because none fits; those of other sweeps were not asked for."""
    silent = [trail.run_id for trail in trails if trail.silent]
    alone = sum(trail.sweep_id is None and not trail.silent for trail in trails)
    sentences = []
    if silent:
        sentences.append(
            f"left out, because nothing says their sweep and none fits ({len(silent)}): {', '.join(silent[:12])}"
        )
    if alone:
        sentences.append(f"left out, because they belong to no sweep: {alone}; --all-runs takes them too")
    return sentences
