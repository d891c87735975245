"""The files of a tree of offline runs, and what each `.wandb` file says at its start.

A file's run is known from its ``run`` record; where that was never written, from names (the folder
``offline-run-20260131_161500-abc123`` and the file ``run-abc123.wandb``) and from the files beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ..errors import FormatError, SourceError, UsageError
from .base import Json
from .offline_journal import JOURNAL_NAME
from .offline_records import read_head
from .offline_sidefiles import read_debug_log, read_wrapped_yaml

SWEEP_FILE = re.compile(r"sweep.*\.ya?ml", re.IGNORECASE)
_RUN_FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)")
_RUN_FILE = re.compile(r"run-(.+)\.wandb")
_AGENT_FILE = re.compile(r"config-(.+)\.yaml")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The files of interest; links are followed once, and each file is named by its real path."""

    root: Path
    recordings: tuple[Path, ...]
    journals: tuple[Path, ...]
    sweep_files: tuple[Path, ...]
    """Files named like a sweep file, in the tree and beside it; the nearest to the root first."""
    agent_files: Mapping[str, Path]
    """Run id to the parameters that a W&B agent wrote down for it."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One `.wandb` file, known by its beginning and by what lies beside it."""

    path: Path
    size: int
    changed: float
    """When the file or the console log beside it was last written, seconds since 1970."""
    marks: str
    """Changes whenever one of the two does."""
    run_id: str
    started: float | None
    recorded: bool
    """False where the ``run`` record is missing: never written, or lost."""
    sweep_id: str | None
    entity: str | None
    project: str | None
    config: Mapping[str, Json] = field(default_factory=dict)
    config_from: str | None = None
    """The file beside it that the config was taken from; None for the records themselves."""

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def console_log(self) -> Path:
        return self.folder / "files" / "output.log"


def find_tree(path: Path) -> Tree:
    """All files of interest under ``path``, or beside it where it is a file.

    Raises UsageError where nothing of that name exists, SourceError where a folder holds no `.wandb` file.
    """
    if not path.exists():
        raise UsageError(f"there is no file or folder '{path}'; give the 'wandb' folder of your runs, or one above it")
    root = path.resolve()
    found: dict[str, dict[Path, None]] = {"recordings": {}, "journals": {}, "sweep_files": {}}
    agent_files: dict[str, Path] = {}
    problems: list[str] = []
    if root.is_file():
        found["recordings"][root] = None
        folders: Iterator[tuple[Path, list[str]]] = iter([(root.parent, _files(root.parent))])
    else:
        folders = _walk(root, problems)
    for folder, names in folders:
        for name in names:
            kind = _kind(name)
            if kind == "recordings" and root.is_file():
                continue
            if kind:
                found[kind][(folder / name).resolve()] = None
            written = _AGENT_FILE.fullmatch(name) if folder.name.startswith("sweep-") else None
            if written:
                agent_files[written[1]] = folder / name
    if not found["recordings"] and not found["journals"]:
        raise SourceError(
            f"'{path}' holds no .wandb file at any depth; give the 'wandb' folder that the SDK wrote, or one above it"
        )
    beside = root.parent if root.is_dir() else root.parent.parent
    found["sweep_files"].update((beside / name, None) for name in _files(beside) if SWEEP_FILE.fullmatch(name))
    return Tree(
        root=root,
        recordings=tuple(found["recordings"]),
        journals=tuple(found["journals"]),
        sweep_files=tuple(sorted(found["sweep_files"], key=lambda file: (len(file.parts), file))),
        agent_files=agent_files,
        problems=tuple(problems),
    )


def _kind(name: str) -> str | None:
    if name.endswith(".wandb"):
        return "recordings"
    if name == JOURNAL_NAME:
        return "journals"
    return "sweep_files" if SWEEP_FILE.fullmatch(name) else None


def _files(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []


def _walk(root: Path, problems: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Every folder under ``root`` with its files, each real folder once, whatever links lead to it."""
    visited: set[Path] = set()

    def refused(error: OSError) -> None:
        problems.append(f"the folder '{error.filename}' cannot be read: {error.strerror}")

    for top, folders, names in os.walk(root, followlinks=True, onerror=refused):
        real = Path(top).resolve()
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        yield real, sorted(name for name in names if (real / name).is_file())


def read_pieces(tree: Tree, given: Path) -> tuple[list[Piece], list[str]]:
    """The beginning of every `.wandb` file, and a sentence for each that cannot be used.

    Raises FormatError where ``given`` is itself such a file, or where no file can be used.
    """
    pieces: list[Piece] = []
    errors: list[FormatError] = []
    for path in tree.recordings:
        try:
            pieces.append(_piece(path, tree.agent_files))
        except FormatError as error:
            errors.append(error)
        except OSError as error:
            errors.append(FormatError(f"'{path.name}' cannot be read: {error.strerror}"))
    if errors and (not pieces or given.is_file()):
        raise errors[0]
    return pieces, [f"a file was left out: {error}" for error in errors]


def _piece(path: Path, agent_files: Mapping[str, Path]) -> Piece:
    head = read_head(path)
    file = path.stat()
    changed, marks = file.st_mtime, f"{path.name}:{file.st_size}:{file.st_mtime_ns}"
    try:
        log = (path.parent / "files" / "output.log").stat()
        changed, marks = max(changed, log.st_mtime), f"{marks}:{log.st_size}:{log.st_mtime_ns}"
    except OSError:
        pass  # a run may have no console log
    run, named = head.run, _RUN_FOLDER.fullmatch(path.parent.name)
    run_id = (run.run_id if run is not None else "") or _named_id(path, named)
    agent_file = agent_files.get(run_id)
    config, config_from = dict(head.config), None
    if run is None:
        config, config_from = _config_beside(path.parent, agent_file)
    return Piece(
        path=path,
        size=file.st_size,
        changed=changed,
        marks=marks,
        run_id=run_id,
        started=head.started or (_folder_time(named[1]) if named else None),
        recorded=run is not None,
        sweep_id=run.sweep_id or None if run is not None else _agent_sweep(agent_file),
        entity=run.entity or None if run is not None else None,
        project=run.project or None if run is not None else None,
        config=config,
        config_from=config_from,
    )


def _named_id(path: Path, named: re.Match[str] | None) -> str:
    by_file = _RUN_FILE.fullmatch(path.name)
    return by_file[1] if by_file else named[2] if named else path.stem or path.name


def _folder_time(text: str) -> float | None:
    """The start in a folder's name, which the SDK writes in the local time of its machine; ours is assumed."""
    try:
        return datetime.strptime(text, "%Y%m%d_%H%M%S").timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _config_beside(folder: Path, agent_file: Path | None) -> tuple[dict[str, Json], str | None]:
    config: dict[str, Json] = {}
    sources = []
    for name, found in (
        ("the agent's parameter file", read_wrapped_yaml(agent_file) if agent_file else None),
        ("logs/debug.log", read_debug_log(folder / "logs" / "debug.log")),
        ("files/config.yaml", read_wrapped_yaml(folder / "files" / "config.yaml")),
    ):
        if found:
            config.update(found)
            sources.append(name)
    return config, " and ".join(sources) or None


def _agent_sweep(agent_file: Path | None) -> str | None:
    return agent_file.parent.name.removeprefix("sweep-") or None if agent_file is not None else None


def fingerprint(parts: Sequence[object]) -> str:
    """A short text that changes whenever one of ``parts`` does."""
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", errors="surrogatepass")).hexdigest()[:24]
