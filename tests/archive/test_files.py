"""Files that are whole or not there, and a flipped bit that never goes unseen."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest

from aftersweep.analysis.archive.files import Folder, from_parquet, read_table, to_parquet, write_table
from aftersweep.analysis.errors import ArchiveError, DamagedArchiveError

from .helpers import flip

TABLE = pa.table({"x": [0.5 * i for i in range(500)], "s": [str(i % 7) for i in range(500)]})


def test_only_one_creates_a_name(tmp_path: Path) -> None:
    """Law: the second to create a name is told so, and what the first wrote stands."""
    folder = Folder(tmp_path)
    assert folder.create("1.json", b"first")
    assert not folder.create("1.json", b"second")
    assert folder.read("1.json") == b"first"
    assert folder.temporaries() == []


def test_a_table_reads_back_equal(tmp_path: Path) -> None:
    """Law: a stored table equals the table, under a name that is its content's."""
    folder = Folder(tmp_path)
    stored = write_table(folder, TABLE)
    assert folder.names() == [f"{stored.sha256}.parquet"]
    assert read_table(folder, stored).equals(TABLE)


def test_every_flipped_bit_is_seen(tmp_path: Path) -> None:
    """Law: whichever bit of a stored file changes, reading it raises and never gives numbers."""
    folder = Folder(tmp_path)
    stored = write_table(folder, TABLE)
    path = tmp_path / stored.name
    dice = random.Random(1)
    for _ in range(200):
        position, bit = dice.randrange(stored.bytes), dice.randrange(8)
        flip(path, position, bit)
        with pytest.raises(DamagedArchiveError, match="does not have the content that it is named after"):
            read_table(folder, stored)
        flip(path, position, bit)
    assert read_table(folder, stored).equals(TABLE)


def test_page_checksums_are_written_and_verified() -> None:
    """Law: a changed page is seen by Parquet itself, without the file's hash."""
    content = bytearray(to_parquet(pa.table({"x": pa.array(random.Random(2).randbytes(4000))})))
    content[2000] ^= 1
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        from_parquet(bytes(content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Law: the message says which file is gone and what brings its runs back."""
    folder = Folder(tmp_path)
    stored = write_table(folder, TABLE)
    assert folder.remove(stored.name)
    with pytest.raises(DamagedArchiveError, match=rf"{stored.sha256}.*is missing; `aftersweep harvest`"):
        read_table(folder, stored)


def test_writing_anew_heals_a_damaged_file(tmp_path: Path) -> None:
    """Law: a file of the right name with wrong content is replaced when the content is written again."""
    folder = Folder(tmp_path)
    stored = write_table(folder, TABLE)
    flip(tmp_path / stored.name, 100)
    assert write_table(folder, TABLE) == stored
    assert read_table(folder, stored).equals(TABLE)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "No space left on device; free some space"),
        (errno.EROFS, "Read-only file system; give a folder"),
        (errno.EIO, "Input/output error; look at the folder"),
    ],
)
def test_a_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    """Law: where the disk refuses, one clear line is raised and neither the file nor a part of it is left."""

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    for write in (Folder(tmp_path).create, Folder(tmp_path).put):
        with pytest.raises(ArchiveError, match=message) as caught:
            write("1.json", b"content")
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    """Law: a file where the archive's folder should be is named, with what to do."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ArchiveError, match=r"cannot make the folder '.*taken/sweeps': .*--archive or AFTERSWEEP_HOME"):
        Folder(tmp_path / "taken" / "sweeps").make()
