"""What a site knows of itself: ``site.json`` in its folder, by which it is known as ours and rebuilt by parts.

It names every page that was written, keeps a line for each sweep with the archive's digest that it was made of, and
a bounded history of what changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from ...analysis.errors import UsageError
from ..output import encoded
from .lines import Line
from .names import is_ours
from .pools import Pool

FILE = "site.json"
MAKER = "aftersweep site"
FORMAT = 1
MOST_CHANGES = 300
"""Changes that are remembered, the newest."""


class Entry(TypedDict):
    """A sweep of the site."""

    digest: str
    """The archive's, of what it was made of."""
    made_with: str
    """Of version, format, assets and options."""
    place: str
    """Folder of its page."""
    line: Line | None
    problem: str | None
    """Why it has no page."""


class Change(TypedDict):
    """That a sweep came, changed or went; pairs are before and after, None where it was not there."""

    at: float | None
    """When it was harvested."""
    label: str
    what: str
    runs: list[int | None]
    best: list[float | None]
    crash: list[float | None]
    """The low end of the adjudicated rate."""


class State(TypedDict):
    feed: str
    """Id of the feed, which stays."""
    entries: dict[str, Entry]
    pools: dict[str, tuple[str, Pool]]
    """By group: the digest of its members, and what they say together."""
    files: list[str]
    """Every file that was written, beside this one."""
    changes: list[Change]
    """The newest first."""


def read(folder: Path) -> State:
    """The state of the site in the folder; an empty one for a folder that is empty or not there.

    Raises UsageError for a folder that holds something else, or a site of a later version.
    """
    empty: State = {"feed": "", "entries": {}, "pools": {}, "files": [], "changes": []}
    if not folder.exists() and not folder.is_symlink():
        return empty
    if not folder.is_dir():
        raise UsageError(f"-o {folder}: it is a file, and a site is a folder; name another one")
    path = folder / FILE
    if not path.is_file():
        found = sorted(item.name for item in folder.iterdir() if not item.name.startswith(".aftersweep-"))
        if found:
            raise UsageError(
                f"-o {folder}: the folder holds something else ({found[0]}) and no {FILE} of a site that aftersweep "
                "made; name an empty or a new one"
            )
        return empty
    content = _read(path)
    if content.get("site") != MAKER:
        raise UsageError(f"-o {folder}: its {FILE} is not of aftersweep; name an empty or a new folder")
    if not isinstance(content.get("format"), int) or content["format"] > FORMAT:
        raise UsageError(f"-o {folder}: a later version of aftersweep made this site; upgrade, or name a new folder")
    state = content.get("state")
    if content["format"] < FORMAT or not isinstance(state, dict) or content.get("check") != _check(state):
        # Ours, but not as we left it: what it names is no longer trusted, and all is built again.
        return {**empty, "files": [name for name in _texts(content) if is_ours(name)]}
    return cast(State, state)


def content(state: State) -> bytes:
    """The file."""
    whole = {"site": MAKER, "format": FORMAT, "check": _check(state), "state": state}
    return encoded(json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read ({error.strerror or error})") from error
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: it is not JSON of ours; remove the folder and build the site again")
    return found


def _texts(content: Mapping[str, Any]) -> list[str]:
    state = content.get("state")
    files = state.get("files") if isinstance(state, dict) else None
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _check(state: Mapping[str, Any] | State) -> str:
    text = json.dumps(state, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
