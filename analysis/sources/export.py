"""Exports as a source of runs, and our own export.

Read: W&B's table export (``.csv``, ``.tsv``), JSON lines (``.jsonl``, ``.ndjson``, ``.json``), and what
``write_export`` writes. The file is read anew at every call, JSON lines line by line, so that it may be large.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ..errors import FormatError, UnknownSweepError, UsageError, nearest
from ..sweepfile.config import SweepConfig, read_config
from . import export_json
from .base import Json, RawRun, RawSweep, RunStub, SourceInfo
from .export_columns import Columns
from .export_csv import csv_text, read_csv
from .offline_sweeps import read_sweep_file

TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson", ".json")
_RUNNING = ("running", "pending", "preempting")


class ExportSource:
    """An exported file.

    columns: roles of a table's columns by name (``{"lr": "param", "note": "ignore"}``, see ``export_columns``).
    sweep: the sweep to take where the file holds several. sweep_config: a sweep file, for exports that have none.
    Raises UsageError for a file type that is no export.
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Mapping[str, str] | None = None,
        sweep: str | None = None,
        sweep_config: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self._suffix = self.path.suffix.casefold()
        if self._suffix not in (*TABLES, *LINES):
            raise UsageError(
                f"{path} is no export that aftersweep knows; it must be one of {', '.join(TABLES + LINES)}"
            )
        if columns and self._suffix not in TABLES:
            raise UsageError(f"--column is for tables ({', '.join(TABLES)}); {path} names its fields itself")
        self._asked = dict(columns or {})
        self._wanted = sweep
        self._sweep_config = sweep_config

    @property
    def decisions(self) -> tuple[str, ...]:
        """How a table's columns were read, one sentence each; empty for JSON lines."""
        return self._table[1].decisions if self._suffix in TABLES else ()

    def sweep(self) -> RawSweep:
        held = self._header
        if held is not None and self._wanted not in (None, held.id):
            raise UnknownSweepError(f"{self.path} holds sweep '{held.id}', not '{self._wanted}'")
        notices = self._table[1].notices if self._suffix in TABLES else ()
        info = SourceInfo(kind="export", target=str(self.path), notices=notices)
        if held is not None:
            origin = held.source
            info = replace(
                info,
                original_kind=origin.original_kind or origin.kind,
                notices=origin.notices,
                claims=origin.claims,
            )
            config = held.config if self._given is None else self._given
            return replace(held, source=info, config=config)
        guesses = self._table[1].guesses if self._suffix in TABLES else ()
        return RawSweep(
            id=self._chosen or self._wanted or self.path.stem, source=info, config=self._given, problems=guesses
        )

    def list_runs(self) -> Sequence[RunStub]:
        found = [(run.created_at, stub) for run, stub in self._members()]
        if not found:
            raise FormatError(f"{self.path} holds no run")
        ordered = sorted(found, key=lambda pair: math.inf if pair[0] is None else pair[0])
        return [stub for _, stub in ordered]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        wanted = set(ids)
        return (run for run, stub in self._members() if stub.id in wanted) if wanted else iter(())

    def _members(self) -> Iterator[tuple[RawRun, RunStub]]:
        """The runs of the sweep, in the order of the file."""
        whole = self._header is not None
        chosen = None if whole else self._chosen
        seen: set[str] = set()
        for place, run, text in self._runs():
            if chosen is not None and run.sweep_id != chosen:
                continue
            if run.id in seen:
                raise FormatError(f"{place}: a second run with the id '{run.id[:80]}'")
            seen.add(run.id)
            fingerprint = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            yield run, RunStub(id=run.id, fingerprint=fingerprint, final=run.state not in _RUNNING)

    def _runs(self) -> Iterator[tuple[str, RawRun, str]]:
        """Place, run and text of every run in the file."""
        if self._suffix in TABLES:
            for run in self._table[0]:
                yield str(self.path), run, repr(run)
            return
        own = self._header is not None
        for place, value, text in export_json.lines(self.path):
            if export_json.is_header(value):
                continue
            run = export_json.read_run(place, value) if own else export_json.read_foreign(place, value)
            yield place, run, text

    @cached_property
    def _table(self) -> tuple[list[RawRun], Columns]:
        config: SweepConfig | None = None if self._given is None else read_config(self._given)
        return read_csv(self.path, self._asked, config)

    @cached_property
    def _header(self) -> RawSweep | None:
        """The sweep of our own export; None for any other file."""
        if self._suffix in TABLES:
            return None
        for place, value, _ in export_json.lines(self.path):
            return export_json.read_header(place, value) if export_json.is_header(value) else None
        raise FormatError(f"{self.path} is empty; one run a line is expected")

    @cached_property
    def _given(self) -> Mapping[str, Json] | None:
        return None if self._sweep_config is None else read_sweep_file(self._sweep_config)

    @cached_property
    def _chosen(self) -> str | None:
        """The sweep whose runs are taken; None where no run names one, and all are taken."""
        names: dict[str, int] = {}
        for _, run, _ in self._runs():
            if run.sweep_id is not None:
                names[run.sweep_id] = names.get(run.sweep_id, 0) + 1
        if self._wanted is not None and names:
            if self._wanted not in names:
                offer = nearest(self._wanted, names, "sweep")
                raise UnknownSweepError(f"no run in {self.path} is of sweep '{self._wanted}'. {offer}")
            return self._wanted
        if len(names) > 1:
            listed = ", ".join(f"{name} ({n} runs)" for name, n in list(names.items())[:12])
            raise UsageError(f"{self.path} holds {len(names)} sweeps: {listed}; choose one with --sweep")
        return next(iter(names), None)


def check_export_path(path: Path, *, force: bool = False) -> None:
    """Raises UsageError where ``write_export`` would, before anything is read."""
    suffix = path.suffix.casefold()
    if suffix not in (".jsonl", ".ndjson", ".csv"):
        raise UsageError(f"{path}: an export ends in .jsonl (everything) or .csv (one row a run)")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(
            f"{path} cannot be written: " + ("it is a folder" if path.is_dir() else "there is no such folder")
        )
    if path.exists() and not force:
        raise UsageError(f"{path} exists; choose another name, or overwrite it with --force")


def write_export(sweep: RawSweep, runs: Iterable[RawRun], path: Path, *, force: bool = False) -> None:
    """Writes a sweep to one file, whole or not at all.

    ``.jsonl`` and ``.ndjson`` hold everything and read back equal (``decided_by`` apart, which belongs to one
    command); ``.csv`` is a flat table, one row a run, without histories, logs and the sweep itself.
    Raises UsageError for another ending, for a file that exists (unless ``force``) and for a folder that does not.
    """
    check_export_path(path, force=force)
    suffix = path.suffix.casefold()
    parts = [csv_text(list(runs), sweep.source.notices)] if suffix == ".csv" else _jsonl(sweep, runs)
    try:
        _write_whole(path, parts, force)
    except FileExistsError as error:
        raise UsageError(f"{path} exists; choose another name, or overwrite it with --force") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _jsonl(sweep: RawSweep, runs: Iterable[RawRun]) -> Iterator[str]:
    yield export_json.header_text(sweep) + "\n"
    for run in runs:
        yield export_json.run_text(run) + "\n"


def _write_whole(path: Path, parts: Iterable[str], force: bool) -> None:
    """A temporary file beside the target, then a rename; without ``force`` a link, which never replaces a file.

    A file system without links (exFAT, some network shares) gets the rename as well.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        if force or not _linked(temporary, path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _linked(temporary: Path, path: Path) -> bool:
    """False where the file system has no links. Raises FileExistsError where somebody else was faster."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True
