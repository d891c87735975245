"""The file operations of the archive, all in one small class, and Parquet files named by their SHA-256.

A file is written under a temporary name, flushed to the disk and then given its name, and the folder is flushed
too: after a crash at any moment a name either stands for the whole content or does not exist. An object store
would offer the same operations (``create`` is its conditional put).

Parquet is written with page checksums, and they are verified on reading. They cover pages but not page headers
or the footer, so the SHA-256 of the whole file is verified too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ArchiveError, DamagedArchiveError

TEMPORARY = ".tmp-"
"""How the name of an unfinished file begins; only ``prune`` removes those that a crash left."""

_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space and run the same command again"),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENOTSUP),
        "give a folder on a local disk that you may write, with --archive or AFTERSWEEP_HOME",
    ),
}


@contextlib.contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turns an operating system's error into an ArchiveError of one line that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, "look at the folder, then run the same command again")
        raise ArchiveError(f"cannot {doing} '{path}': {reason}; {advice}") from error


class Folder:
    """One folder of files that are written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """The folder and those above it, made and flushed to the disk."""
        with explained("make the folder", self.path):
            missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                _flush_folder(folder.parent)

    def names(self) -> list[str]:
        """The finished files, sorted; none where there is no folder."""
        return [name for name in self._all() if not name.startswith(TEMPORARY)]

    def temporaries(self) -> list[str]:
        """What crashes left behind, and what is being written right now."""
        return [name for name in self._all() if name.startswith(TEMPORARY)]

    def _all(self) -> list[str]:
        with explained("list", self.path):
            try:
                return sorted(entry.name for entry in self.path.iterdir())
            except FileNotFoundError:
                return []

    def read(self, name: str) -> bytes | None:
        """The content; None where there is no such file."""
        with explained("read", self.path / name):
            try:
                return (self.path / name).read_bytes()
            except FileNotFoundError:
                return None

    def size(self, name: str) -> int | None:
        """Bytes; None where there is no such file."""
        with explained("read", self.path / name):
            try:
                return (self.path / name).stat().st_size
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        """The file, whole and flushed; False, and nothing changed, where the name is taken."""
        with explained("write", self.path / name), self._temporary(content) as temporary:
            try:
                os.link(temporary, self.path / name)
            except FileExistsError:
                return False
            _flush_folder(self.path)
            return True

    def put(self, name: str, content: bytes) -> None:
        """The file, whole and flushed, in the place of any of that name."""
        with explained("write", self.path / name), self._temporary(content) as temporary:
            temporary.replace(self.path / name)
            _flush_folder(self.path)

    def remove(self, name: str, older_than: float = 0.0) -> bool:
        """Removes the file if it was last written more than ``older_than`` seconds ago."""
        path = self.path / name
        with explained("remove", path):
            try:
                old = time.time() - path.stat().st_mtime >= older_than
                if old:
                    path.unlink()
            except FileNotFoundError:
                return False
            return old

    @contextlib.contextmanager
    def _temporary(self, content: bytes) -> Iterator[Path]:
        path = self.path / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Takes a whole folder away: first out of sight in one step, then from the disk."""
    with explained("remove", path):
        out_of_sight = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        path.rename(out_of_sight)
        _flush_folder(path.parent)
        shutil.rmtree(out_of_sight)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A Parquet file as a manifest names it."""

    sha256: str
    bytes: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.sha256}.parquet"


def write_table(folder: Folder, table: pa.Table) -> StoredFile:
    """Stores the table as a file named by its content.

    A file of that name is written anew: that heals a damaged one, and makes it too young for ``prune``.
    """
    content = to_parquet(table)
    stored = StoredFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), rows=table.num_rows)
    folder.put(stored.name, content)
    return stored


def read_table(folder: Folder, stored: StoredFile) -> pa.Table:
    """The table of a stored file. Raises DamagedArchiveError where it is missing or has other content."""
    content = folder.read(stored.name)
    path = folder.path / stored.name
    if content is None:
        raise DamagedArchiveError(f"'{path}' is missing; `aftersweep harvest` fetches its runs again")
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise DamagedArchiveError(
            f"'{path}' does not have the content that it is named after; "
            "move it away, then `aftersweep harvest` fetches its runs again"
        )
    try:
        return from_parquet(content)
    except (OSError, pa.ArrowException) as error:
        raise DamagedArchiveError(f"'{path}' cannot be read as Parquet: {error}") from error


def to_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file with page checksums."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def from_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file. Raises OSError or ArrowException where a page does not match its checksum."""
    # Without threads: a pool that is still winding down when a short command exits can abort the process.
    return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read(use_threads=False)
