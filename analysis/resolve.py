"""What the user's word means, decided in one order and said on the page.

1. an existing path; 2. a URL or three parts ``ENTITY/PROJECT/SWEEP``; 3. an archived sweep; 4. a bundled sample;
5. a bare id on the W&B server, with the default entity and project. ``--source`` forces one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CredentialsError, NetworkError, UnknownSweepError, UsageError
from .sources.base import Progress, RawRun, RawSweep, Source, fetch_all

if TYPE_CHECKING:
    from .archive.store import Archive, ArchivedSweep

KINDS = ("path", "server", "archive", "sample")
TABLES = (".csv", ".jsonl", ".ndjson", ".json", ".tsv")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A sweep as the user asks for it."""

    word: str
    source: str | None = None
    sweep: str | None = None
    all_runs: bool = False
    sweep_config: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Where the runs come from; a server is harvested into the archive first."""

    source: Source
    decided_by: str
    kind: str
    target: str


def resolve(request: Request, archive: Archive, *, fresh: bool = False) -> Resolved:
    """The source that the word means; with ``fresh`` an archived copy does not count.

    Raises UnknownSweepError with what was looked at, UsageError for bad words.
    """
    word, forced = request.word.strip(), request.source
    if not word:
        raise UsageError("no sweep was named; give a folder, an export, ENTITY/PROJECT/SWEEP, a URL or an id")
    if forced is not None and forced not in KINDS:
        raise UsageError(f"--source {forced}: it must be one of {', '.join(KINDS)}")
    why = f"--source {forced}" if forced else ""
    if forced == "path" or (forced is None and _is_path(word)):
        path = Path(word).expanduser()
        # an archive is read from anywhere, so it must not take two folders called 'wandb' for one
        return _path(request, path.absolute() if fresh else path, why or "an existing path")
    _check_alone(request)
    if forced is None and _means_path(word):
        raise UnknownSweepError(f"there is no file or folder '{word}'; give one, ENTITY/PROJECT/SWEEP, a URL or an id")
    if forced == "server" or (forced is None and _is_full(word)):
        return _server(word, why or "a URL or ENTITY/PROJECT/SWEEP", archive)
    if forced == "archive" or (forced is None and not fresh):
        found = archive.find(word)
        if found:
            return _archived(archive, _one(found, word), why or "an archived sweep of that id")
        if forced:
            known = ", ".join(item.id for item in archive.ls()[:12]) or "nothing yet"
            raise UnknownSweepError(f"no archived sweep '{word}'; the archive at {archive.root} holds {known}")
    if forced in (None, "sample"):
        from .sources.sample import open_sample, sample_names

        if word in sample_names():
            return Resolved(
                source=open_sample(word), decided_by=why or "a bundled sample of that name", kind="sample", target=word
            )
        if forced:
            raise UnknownSweepError(f"no bundled sample '{word}'; there is {', '.join(sample_names())}")
    if fresh and (before := [item for item in archive.find(word) if item.source_kind == "server"]):
        return _server(_one(before, word).label, "an archived sweep of that id, looked for where it came from", archive)
    with _saying_where(word, archive):
        return _server(word, f"{_NOWHERE}, so it is looked for on the W&B server", archive)


def load(resolved: Resolved, archive: Archive, progress: Progress | None = None) -> tuple[RawSweep, list[RawRun]]:
    """The raw records; a server's sweep is harvested into the archive and read from there.

    Raises what the source raises; where the server cannot be reached but an archived copy exists, the message
    says how to read it.
    """
    if resolved.kind != "server":
        sweep, runs = fetch_all(resolved.source, progress)
    else:
        from .archive.harvest import harvest

        with _offering_copy(resolved.target, archive):
            result = harvest(resolved.source, archive, progress=progress)
        sweep, runs = archive.load(result.key)
        sweep = replace(sweep, source=replace(sweep.source, kind="server"))
    return replace(sweep, source=replace(sweep.source, decided_by=resolved.decided_by)), runs


_NOWHERE = "no path, archived sweep or sample has this name"


@contextmanager
def _saying_where(word: str, archive: Archive) -> Iterator[None]:
    """A word that may just be misspelt: the error says first where else it was looked for."""
    try:
        yield
    except CredentialsError as error:
        if archive.find(word):
            raise
        raise CredentialsError(f"'{word}': {_NOWHERE}, and for the W&B server {error}") from error


@contextmanager
def _offering_copy(word: str, archive: Archive) -> Iterator[None]:
    """Where the server cannot be had but the archive has the sweep, the error says how to read that."""
    try:
        yield
    except (NetworkError, CredentialsError) as error:
        if not archive.find(word.rstrip("/").rsplit("/", 1)[-1].split("?")[0]):
            raise
        raise type(error)(f"{error} An archived copy can be read with --source archive.") from error


def _is_path(word: str) -> bool:
    try:
        return Path(word).expanduser().exists()
    except OSError:  # a name too long for the file system is no path
        return False


def _means_path(word: str) -> bool:
    """True for a word that only a path can be; a sweep's name has neither of these starts and ends."""
    return word.startswith(("./", "~", "/")) or Path(word).suffix.casefold() in (*TABLES, ".wandb")


def _check_alone(request: Request) -> None:
    """Raises UsageError for options that only a folder or a file takes, rather than to do without them in silence."""
    given = {
        "--sweep": request.sweep,
        "--all-runs": request.all_runs,
        "--sweep-config": request.sweep_config,
        "--column": request.columns,
    }
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} goes with a folder or an export, and '{request.word}' is neither; leave it out")


def _is_full(word: str) -> bool:
    from .sources.sweep_path import parse_sweep_word

    parsed = parse_sweep_word(word)
    return parsed is not None and parsed.entity is not None and parsed.project is not None


def _path(request: Request, path: Path, why: str) -> Resolved:
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    source: Source
    if path.is_file() and path.suffix.casefold() in TABLES:
        from .sources.export import ExportSource

        if request.all_runs:
            raise UsageError(f"--all-runs goes with a folder, and {path} is an export; choose a sweep with --sweep")
        source = ExportSource(
            path, columns=dict(request.columns), sweep=request.sweep, sweep_config=request.sweep_config
        )
        return Resolved(source=source, decided_by=why, kind="export", target=str(path))
    from .sources.offline import OfflineSource

    if request.columns:
        raise UsageError(f"--column goes with a table (.csv, .tsv), and {path} is none; leave it out")
    source = OfflineSource(path, sweep=request.sweep, all_runs=request.all_runs, sweep_config=request.sweep_config)
    return Resolved(source=source, decided_by=why, kind="offline", target=str(path))


def _server(word: str, why: str, archive: Archive) -> Resolved:
    from .sources.wandb_server import open_server

    with _offering_copy(word, archive):
        source = open_server(word)
    return Resolved(source=source, decided_by=why, kind="server", target=source.target.printable)


def _archived(archive: Archive, item: ArchivedSweep, why: str) -> Resolved:
    from .archive.source import ArchiveSource

    return Resolved(source=ArchiveSource(archive, item.key), decided_by=why, kind="archive", target=item.label)


def _one(found: list[ArchivedSweep], word: str) -> ArchivedSweep:
    if len(found) > 1:
        from .archive.views import choices

        raise UsageError(
            f"'{word}' names {len(found)} archived sweeps: {choices(found)}; "
            "give the name before one of them, with --source archive"
        )
    return found[0]
