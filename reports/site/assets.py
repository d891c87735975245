"""Style and scripts of the site: those of the report, and a few more; written once, linked from every page."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from ..assets import Head, page_head, write_assets
from ..files import put_all

FOLDER = "assets/"
_STYLE, _SCRIPT = "site.css", "site.js"


def site_head(prefix: str) -> Head:
    """What a page of the site needs; ``prefix`` is the relative folder of the assets, with its slash."""
    base = page_head(prefix, figures=False)
    return replace(
        base,
        head=base.head + Markup(f'\n<link rel="stylesheet" href="{prefix}{_hashed(_STYLE)}">'),
        body=base.body + Markup(f'\n<script src="{prefix}{_hashed(_SCRIPT)}" defer></script>'),
    )


def write_site_assets(folder: Path) -> tuple[str, ...]:
    """Write them into a folder, made if need be; their names. Raises UsageError where that cannot be."""
    names = write_assets(folder)
    ours = {folder / _hashed(name): _text(name).encode() for name in (_STYLE, _SCRIPT)}
    put_all({path: data for path, data in ours.items() if not path.is_file() or path.read_bytes() != data})
    return tuple(sorted((*names, *(path.name for path in ours))))


@cache
def _text(name: str) -> str:
    return files("aftersweep.reports").joinpath("static", "site", name).read_text(encoding="utf-8")


@cache
def _hashed(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(_text(name).encode()).hexdigest()[:12]}{dot}{suffix}"
