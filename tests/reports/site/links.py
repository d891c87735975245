"""Every link of a folder of pages, followed."""

from __future__ import annotations

import os
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name == "id" and value is not None:
                self.ids.add(value)


@cache
def _read(path: str, time_ns: int) -> _Page:
    del time_ns  # a page that was written again is another one
    page = _Page()
    page.feed(Path(path).read_text(encoding="utf-8"))
    return page


def broken(folder: Path) -> list[str]:
    """Links within the folder that lead nowhere, or outside of it by a relative path: ``PAGE -> LINK``."""
    found = []
    inside = folder.resolve()
    for path in sorted(folder.rglob("*.html")):
        for link in _read(str(path), path.stat().st_mtime_ns).links:
            parts = urlsplit(link)
            if parts.scheme in ("https", "http"):
                continue
            target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            whole = target.is_file() and target.resolve().is_relative_to(inside) and not parts.scheme
            if whole and parts.fragment and target.suffix == ".html" and "=" not in parts.fragment:
                whole = unquote(parts.fragment) in _read(str(target), target.stat().st_mtime_ns).ids
            if not whole:
                found.append(f"{path.relative_to(folder)} -> {link}")
    return found
