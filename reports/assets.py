"""Style and scripts of the page: put into the file, or written once beside many pages that link them.

The content security policy forbids everything but these. Inline scripts are allowed by the hash of their text, so that
a script which hostile text might smuggle in would not run; ``unsafe-eval`` is never given.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from ..analysis.errors import InvariantError, UsageError

BUNDLE = "plotly.min.js"
EARLY = "early.js"
_FIGURES = (BUNDLE, "figures.js")
_STYLE = "style.css"
_PACKAGE = "aftersweep.reports"
_NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src {style}; img-src {images}"
_CANNOT_STAND_INLINE = re.compile(r"</script|<!--|</style", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a page needs for its style and scripts, ready for a template."""

    policy: Markup
    """Content of the policy's meta element, which goes before the rest."""
    head: Markup
    """Style and the script that runs before anything is seen; at the end of ``<head>``."""
    body: Markup
    """The other scripts, at the end of ``<body>``."""


def page_head(prefix: str | None = None, *, figures: bool = True) -> Head:
    """Style and scripts of one page.

    ``prefix`` None: all of it in the page. Otherwise the relative folder, with its slash (``"../assets/"``; ``""`` for
    the page's own), in which ``write_assets`` put the files. ``figures`` False leaves out what only they need. Raises
    InvariantError for a prefix that is no relative folder.
    """
    names = [name for name in scripts() if figures or name not in _FIGURES]
    if prefix is None:
        hashes = " ".join(f"'sha256-{_digest(name)}'" for name in (EARLY, *names))
        policy = _NOTHING_ELSE.format(style="'unsafe-inline'", images="data: blob:")
        return Head(
            policy=Markup(f"{policy}; script-src {hashes}"),
            head=Markup(f"<style>\n{inline(_STYLE)}</style>\n{_element(EARLY)}"),
            body=Markup("\n".join(_element(name) for name in names)),
        )
    if not re.fullmatch(r"(?:(?:\.{1,2}|[A-Za-z0-9_-][A-Za-z0-9._-]*)/)*", prefix):
        raise InvariantError(f"assets' prefix {prefix!r}: it must be a relative folder with its slash, as '../assets/'")
    # 'self' is nothing that a page on disk can be; a page from a server may not read file: whatever the policy says.
    policy = _NOTHING_ELSE.format(style="'self' file: 'unsafe-inline'", images="'self' file: data: blob:")
    return Head(
        policy=Markup(f"{policy}; script-src 'self' file:"),
        head=Markup(f'<link rel="stylesheet" href="{prefix}{_hashed(_STYLE)}">\n{_link(prefix, EARLY)}'),
        body=Markup("\n".join(_link(prefix, name, " defer") for name in names)),
    )


def write_assets(folder: Path) -> tuple[str, ...]:
    """Write style and scripts into a folder, made if need be; the names, which have the content's hash in them.

    Each file appears whole or not at all, and none appears before all could be written; what is there already with the
    same content is left alone. Raises UsageError where nothing can be written.
    """
    wanted = {_hashed(name): text(name).encode() for name in (_STYLE, EARLY, *scripts())}
    missing = [(name, data) for name, data in wanted.items() if not _holds(folder / name, data)]
    written: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in missing:
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".aftersweep-")
            written.append((Path(temporary), folder / name))
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
        for temporary_path, target in written:
            temporary_path.replace(target)
    except OSError as error:
        raise UsageError(
            f"{folder}: the pages' style and scripts cannot be written there ({error.strerror or error}); "
            "name a folder that can be written"
        ) from error
    finally:
        for temporary_path, _ in written:
            temporary_path.unlink(missing_ok=True)
    return tuple(sorted(wanted))


@cache
def scripts() -> tuple[str, ...]:
    """Names of the scripts at the end of a page, in the order in which they run: the bundle first."""
    found = sorted(one.name for one in files(_PACKAGE).joinpath("static").iterdir() if one.name.endswith(".js"))
    return (BUNDLE, *(name for name in found if name not in (BUNDLE, EARLY)))


@cache
def text(name: str) -> str:
    """Style or script by its name, as it is in the package."""
    if name == _STYLE:
        sheets = [files(_PACKAGE).joinpath("templates", sheet) for sheet in ("style.css", "figure.css")]
        return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return files(_PACKAGE).joinpath("static", name).read_text(encoding="utf-8")


@cache
def inline(name: str) -> str:
    """The same, known not to end the element that it stands in. Raises InvariantError if it would."""
    content = text(name)
    if found := _CANNOT_STAND_INLINE.search(content):
        raise InvariantError(f"{name} cannot stand in a page: it has {found.group()!r} in it")
    return content


def _element(name: str) -> str:
    return f'<script data-asset="{name}">{inline(name)}</script>'


def _link(prefix: str, name: str, when: str = "") -> str:
    return f'<script src="{prefix}{_hashed(name)}"{when}></script>'


@cache
def _digest(name: str) -> str:
    return base64.b64encode(hashlib.sha256(inline(name).encode()).digest()).decode()


@cache
def _hashed(name: str) -> str:
    """The file's name with its content's hash: an old page keeps the files that it was made with."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(text(name).encode()).hexdigest()[:12]}{dot}{suffix}"


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
