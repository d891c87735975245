"""The names under which a user may ask for a sweep on a W&B server, read into one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..errors import UsageError

LONGEST = 256
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_ID = re.compile(r"[A-Za-z0-9_\-]+")
_HOST = re.compile(r"[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+(:[0-9]+)?")
_FORMS = "ENTITY/PROJECT/SWEEP, the sweep's URL from the browser, or the bare sweep id"


@dataclass(frozen=True)
class SweepPath:
    """A sweep by name; what is None is left to W&B's defaults."""

    entity: str | None
    project: str | None
    sweep: str
    site: str | None = None
    """Scheme and host of the URL that was given (``https://wandb.ai``)."""

    def __str__(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.sweep) if part)


def parse_sweep_word(word: str) -> SweepPath | None:
    """The sweep that ``word`` names, or None where it has none of the forms that name one.

    Raises UsageError for a word that no honest name can be: longer than 256 characters, with blanks, control
    characters or a ``..`` in it, or the URL of something other than a sweep.
    """
    shown = _shown(word)
    is_url = re.match(r"[a-z][a-z0-9+.\-]*://", word, re.IGNORECASE) is not None
    body = re.split(r"[?#]", word, maxsplit=1)[0] if is_url else word
    if len(body) > LONGEST:
        raise UsageError(f"'{shown}' is longer than {LONGEST} characters. Give {_FORMS}.")
    if not word.isprintable() or any(char.isspace() for char in word):
        raise UsageError(f"'{shown}' holds a blank or a control character. Give {_FORMS}.")
    if any(unquote(part) in ("..", ".") for part in body.split("/")[int(word.startswith("./")) :]):
        raise UsageError(f"'{shown}' holds a '.' or '..' between slashes. Give {_FORMS}.")
    if is_url:
        return _from_url(body, shown)
    parts = body.strip("/").split("/") if not body.startswith("/") else []
    if len(parts) > 3 and _HOST.fullmatch(parts[0]) and "sweeps" in parts:
        return _from_url(f"https://{body}", shown)
    if len(parts) == 4 and parts[2] == "sweeps":
        del parts[2]
    if len(parts) == 3 and _valid(*parts):
        return SweepPath(parts[0], parts[1], parts[2])
    if len(parts) == 1 and _ID.fullmatch(parts[0]):
        return SweepPath(None, None, parts[0])
    return None


def _from_url(url: str, shown: str) -> SweepPath:
    """The sweep of a URL; what follows its id (``/workspace``, ``/table``) is left out."""
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        host, port, split = None, None, urlsplit("")
    if split.scheme not in ("http", "https") or not host:
        raise UsageError(f"'{shown}' is not the URL of a W&B server. Give {_FORMS}.")
    if split.username is not None or split.password is not None:
        raise UsageError("the URL holds a user name or a password. Leave it out; keys come from 'wandb login'.")
    parts = [unquote(part) for part in split.path.split("/") if part]
    if "sweeps" in parts[2:]:
        at = parts.index("sweeps", 2)
        named = [*parts[at - 2 : at], *parts[at + 1 : at + 2]]
    else:
        named = parts[1:] if len(parts) == 4 and parts[0] == "wandb" else parts
        named = named[:3] if named[3:] in ([], ["workspace"]) else []
    if len(named) != 3 or not _valid(*named):
        raise UsageError(f"'{shown}' is not the URL of a sweep; one ends in /ENTITY/PROJECT/sweeps/SWEEP.")
    site = f"{split.scheme}://{host}" + (f":{port}" if port else "")
    return SweepPath(named[0], named[1], named[2], site)


def _valid(entity: str, project: str, sweep: str) -> bool:
    return all(_NAME.fullmatch(part) for part in (entity, project)) and _ID.fullmatch(sweep) is not None


def _shown(word: str) -> str:
    """The word as it may be printed: short, without control characters, and without a password."""
    cut = re.sub(r"//[^/@]*@", "//", word)
    cut = cut if len(cut) <= 60 else cut[:60] + "…"
    return "".join(char if char.isprintable() else "�" for char in cut)
