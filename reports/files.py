"""Files that are there whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..analysis.errors import UsageError

Content = bytes | Mapping[str, bytes]
"""What a file holds, or the files of a folder by their names."""
_PREFIX = ".aftersweep-"


def put_all(contents: Mapping[Path, Content]) -> None:
    """Write every file and folder, or none of them.

    A folder takes the place of an earlier one that holds the same kind of files (``check_folder``); a device or a pipe
    is written into as it is. Raises UsageError where something cannot be written.
    """
    staged: list[tuple[Path, Path]] = []
    direct: list[tuple[Path, bytes]] = []
    target = Path()
    try:
        for target, content in contents.items():
            if isinstance(content, bytes) and target.exists() and not target.is_file() and not target.is_dir():
                direct.append((target, content))
                continue
            if not isinstance(content, bytes):
                check_folder(target, content)
            staged.append((_beside(target), target))
            _fill(staged[-1][0], content)
        for temporary, target in staged:
            _move(temporary, target)
        for target, data in direct:
            target.write_bytes(data)
    except OSError as error:
        raise UsageError(f"-o {target}: it cannot be written ({error.strerror or error})") from error
    finally:
        for temporary, _ in staged:
            _remove(temporary)


def check_folder(target: Path, names: Iterable[str]) -> None:
    """Raises UsageError where ``target`` is no folder, or holds other files than those of ``names``."""
    if not target.exists():
        return
    if not target.is_dir() or target.is_symlink():
        raise UsageError(f"-o {target}: it is a file or a link, and the tables make a folder; name another one")
    if foreign := sorted({item.name for item in target.iterdir()} - set(names)):
        raise UsageError(
            f"-o {target}: the folder holds something else ({foreign[0]}), and the tables would take its place; "
            "name a new one"
        )


def _beside(target: Path) -> Path:
    """A new place in the same folder, and so on the same disk."""
    return Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=_PREFIX)) / "new"


def _fill(place: Path, content: Content) -> None:
    if isinstance(content, bytes):
        place.write_bytes(content)
        place.chmod(0o644)
        return
    place.mkdir()
    for name, data in content.items():
        (place / name).write_bytes(data)
        (place / name).chmod(0o644)
    place.chmod(0o755)


def _move(place: Path, target: Path) -> None:
    if not target.is_dir() or place.is_file():
        place.replace(target)
        return
    old = place.with_name("old")
    target.rename(old)
    try:
        place.rename(target)
    except OSError:
        old.rename(target)
        raise


def _remove(place: Path) -> None:
    shutil.rmtree(place.parent, ignore_errors=True)
