"""Text from a sweep as a piece of a path: the text itself only where it is plain on every file system.

Other text becomes its plain letters, ``~`` and a hash of the whole: no two texts share a name, and no plain text has a
``~``. A name is never ``..``, absolute, hidden, reserved by Windows, or the same as another but for its case.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

NOBODY = "local"
"""Stands for an entity or a project that is not known."""
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_OURS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._~-]*/)*[A-Za-z0-9][A-Za-z0-9._~-]*")


def part(text: str) -> str:
    """One piece of a path."""
    if _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    kept = re.sub(r"[^A-Za-z0-9]+", "-", text)[:40].strip("-") or "x"
    return f"{kept}~{_hash(text)}"


def places(sweeps: Iterable[tuple[str, str | None, str | None, str]]) -> dict[str, str]:
    """The folder of each sweep's page, ``ENTITY/PROJECT/ID``, by key; sweeps are (key, entity, project, id)."""
    found = {
        key: f"{part(entity or NOBODY)}/{part(project or NOBODY)}/{part(sweep_id)}"
        for key, entity, project, sweep_id in sweeps
    }
    return _told_apart(found)


def pages(names: Iterable[str]) -> dict[str, str]:
    """The file name of each name's page, without its end."""
    return _told_apart({name: part(name) for name in names})


def is_ours(path: str) -> bool:
    """True for a path that this module could have made: relative, and of no piece that leads elsewhere."""
    return _OURS.fullmatch(path) is not None


def _told_apart(found: Mapping[str, str]) -> dict[str, str]:
    """The paths, those that differ at most in case with a hash of what they stand for."""
    counts = Counter(path.casefold() for path in found.values())
    return {of: path if counts[path.casefold()] == 1 else f"{path}~{_hash(of)}" for of, path in found.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:10]
