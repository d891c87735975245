"""A site from an archive: what is there, what is made again, what goes; and what is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aftersweep.reports.site.build import Built, Wanted, build
from aftersweep.reports.site.state import FILE

from .archived import Told, put

FIRST, SECOND = Told(id="aaaa1111", seed=1), Told(id="bbbb2222", seed=2, day=3)


def built(home: Path, folder: Path, **more: object) -> Built:
    """The site of the archive at ``home``."""
    settings = {"folder": folder, "title": "Sweeps", "version": "1", **more}
    return build(put(home), Wanted(**settings))  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_has_every_page(tmp_path: Path) -> None:
    """The index, a page for each sweep, architecture and parameter, the one that compares, and the feed."""
    put(tmp_path / "home", FIRST, SECOND)
    done = built(tmp_path / "home", tmp_path / "public")
    assert (done.sweeps, len(done.built), done.unchanged, done.problems) == (2, 2, 0, ())
    names = set(files(tmp_path / "public"))
    assert {"index.html", "compare.html", "feed.xml", FILE} <= names
    assert {"sweeps/lab/vision/aaaa1111/index.html", "sweeps/lab/vision/bbbb2222/index.html"} <= names
    assert {"architectures/resnet50.html", "parameters/batch_size.html"} <= names
