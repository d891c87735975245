"""Files are there whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from aftersweep.analysis.errors import UsageError
from aftersweep.reports import files
from aftersweep.reports.files import Content, check_folder, put_all

OLD, NEW = {"a.csv": b"old", "b.csv": b"old"}, {"a.csv": b"new", "b.csv": b"new"}


def found(folder: Path) -> dict[str, bytes]:
    """All files below the folder, those that begin with a dot too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_and_folders_are_written(tmp_path: Path) -> None:
    """Again and again: a file takes the place of a file, a folder of tables that of its earlier self."""
    for content in (OLD, NEW):
        put_all({tmp_path / "page.html": content["a.csv"], tmp_path / "t": content})
        assert found(tmp_path) == {
            "page.html": content["a.csv"],
            "t/a.csv": content["a.csv"],
            "t/b.csv": content["b.csv"],
        }
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o755


@pytest.mark.parametrize("fails", range(1, 5))
def test_what_fails_leaves_everything_as_it_was(fails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk while the second of two is staged: neither is there, and nothing half-written stays."""
    put_all({tmp_path / "page.html": b"old", tmp_path / "t": OLD})
    before, calls, write = found(tmp_path), [0], Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        calls[0] += 1
        if calls[0] == fails:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    contents: Mapping[Path, Content] = {tmp_path / "page.html": b"new", tmp_path / "t": NEW, tmp_path / "z.zip": b"new"}
    with pytest.raises(UsageError, match="No space left on device"):
        put_all(contents)
    monkeypatch.undo()
    assert found(tmp_path) == before


def test_a_folder_that_cannot_be_swapped_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two renames fails: the old folder is back."""
    put_all({tmp_path / "t": OLD})
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        put_all({tmp_path / "t": NEW})
    assert found(tmp_path / "t") == OLD


def test_nobodys_files_are_replaced_by_tables(tmp_path: Path) -> None:
    """A folder with other files, a file and a link are no place for tables."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for name, said in (
        ("mine", r"something else \(thesis.tex\)"),
        ("file", "a file or a link"),
        ("link", "a file or a"),
    ):
        with pytest.raises(UsageError, match=said):
            put_all({tmp_path / name: NEW})
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"
    check_folder(tmp_path / "nothing", NEW)


def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    """``-o /dev/null`` as root must not make a file of it; the same for a named pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    put_all({pipe: b"page"})
    reader.join(timeout=30)
    assert read == [b"page"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_place_is_named_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the file, the reason, and nothing of ours."""
    with pytest.raises(UsageError, match=r"-o .*gone/a\.html: it cannot be written \(No such file"):
        files.put_all({tmp_path / "gone" / "a.html": b""})
