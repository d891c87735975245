"""From an archive to a folder of pages: only what has changed is made again, and the index comes last.

Every file is written whole. Pages that others link to are written before them, and what nothing links to any more is
removed at the very end: a build that is cut off leaves the site as it was, with some pages newer; the next one goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...analysis.archive.store import Archive, ArchivedSweep
from ...analysis.results.gate import Rule
from ...analysis.sources.base import Progress
from . import names, pools, state
from .assets import FOLDER, write_site_assets
from .feed import feed, feed_id
from .lines import Line
from .pages import Site, cross_pages, index_page
from .pools import Pool
from .state import MOST_CHANGES, Change, Entry, State
from .work import Group, Page, Run, pool_group, put, side_by_side, write_page

SAVE_EVERY_S = 5.0
"""How much work, in seconds, a build that is cut off may lose."""
FEWEST_SIDE_BY_SIDE = 4
"""Sweeps from which it pays to start processes."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the site should be."""

    folder: Path
    title: str
    version: str
    rules: tuple[Rule, ...] = ()
    rules_from: str = ""
    url: str | None = None
    """Where it will stand: for the feed's links."""
    again: bool = False
    """Make every page again, changed or not."""
    processes: int = 1


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build did; sweeps by their labels."""

    sweeps: int
    built: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    """Sweeps without a page, and why."""
    written: int
    """Files across sweeps that are new or have changed."""


def build(archive: Archive, wanted: Wanted, progress: Progress | None = None) -> Built:
    """Bring the folder up to date with the archive.

    Raises UsageError for a folder that is not a site of ours, or cannot be written.
    """
    before = state.read(wanted.folder)
    put(wanted.folder / state.FILE, state.content(before))
    assets = write_site_assets(wanted.folder / FOLDER)
    items = {item.key: item for item in archive.ls()}
    entries = _entries(archive, items, wanted, assets)
    stale = [key for key, entry in entries.items() if not items[key].problem and _is_stale(before, key, entry, wanted)]
    kept = {key: before["entries"][key] for key in entries if key not in stale and not items[key].problem}
    with side_by_side(wanted.processes if len(stale) >= FEWEST_SIDE_BY_SIDE else 1) as run:
        made = _write_sweeps(archive, wanted, before, {key: entries[key] for key in stale}, items, run, progress)
        done = {**entries, **kept, **made}
        lines = {key: entry["line"] for key, entry in done.items() if entry["line"] is not None}
        pooled = _pooled(archive, before, lines, done, wanted, run, progress)
    after = _after(before, done, pooled, items)
    changed = _write_across(wanted, after, lines, items)
    removed = _finish(wanted.folder, before, after, assets, changed)
    return Built(
        sweeps=len(items),
        built=tuple(items[key].label for key in stale if done[key]["line"] is not None),
        unchanged=len(kept),
        removed=removed,
        problems=tuple((items[key].label, entry["problem"]) for key, entry in done.items() if entry["problem"]),
        written=sum(changed.values()),
    )


def _entries(
    archive: Archive, items: Mapping[str, ArchivedSweep], wanted: Wanted, assets: Sequence[str]
) -> dict[str, Entry]:
    """Each sweep as it is to be: of what, with what, where; still without its line."""
    places = names.places((key, item.entity, item.project, item.id) for key, item in items.items())
    made_with = _hash([wanted.version, state.FORMAT, assets, [repr(rule) for rule in wanted.rules], wanted.rules_from])
    return {
        key: {
            "digest": "" if item.problem else archive.digest(key),
            "made_with": made_with,
            "place": places[key],
            "line": None,
            "problem": item.problem,
        }
        for key, item in items.items()
    }


def _is_stale(before: State, key: str, entry: Entry, wanted: Wanted) -> bool:
    old = before["entries"].get(key)
    if old is None or wanted.again:
        return True
    as_it_was = (old["digest"], old["made_with"], old["place"])
    if as_it_was != (entry["digest"], entry["made_with"], entry["place"]):
        return True
    return old["line"] is not None and not (wanted.folder / _page(old["place"])).is_file()


def _page(place: str) -> str:
    return f"sweeps/{place}/index.html"


def _write_sweeps(
    archive: Archive,
    wanted: Wanted,
    before: State,
    stale: Mapping[str, Entry],
    items: Mapping[str, ArchivedSweep],
    run: Run[Page, tuple[Line | None, str | None]],
    progress: Progress | None,
) -> dict[str, Entry]:
    """Pages of the sweeps that have changed, largest first; what is done is remembered on the way."""
    made_at = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    tasks = [
        Page(
            archive=archive.root,
            key=key,
            target=wanted.folder / _page(stale[key]["place"]),
            root="../" * (2 + stale[key]["place"].count("/")),
            rules=wanted.rules,
            rules_from=wanted.rules_from,
            version=wanted.version,
            made_at=made_at,
        )
        for key in sorted(stale, key=lambda key: (-items[key].bytes, key))
    ]
    made: dict[str, Entry] = {}
    saved = time.monotonic()
    for page, (line, problem) in run(write_page, tasks):
        made[page.key] = {**stale[page.key], "line": line, "problem": problem}
        if progress is not None:
            progress(len(made), len(tasks), "sweeps")
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            files = sorted({*before["files"], *(_page(entry["place"]) for entry in made.values())})
            part: State = {**before, "entries": {**before["entries"], **made}, "files": files}
            put(wanted.folder / state.FILE, state.content(part))
    return made


def _pooled(
    archive: Archive,
    before: State,
    lines: Mapping[str, Line],
    done: Mapping[str, Entry],
    wanted: Wanted,
    run: Run[Group, Pool],
    progress: Progress | None,
) -> dict[str, tuple[str, Pool]]:
    """What groups of sweeps say together; only where a member, or we, have changed."""
    digests = {key: f"{done[key]['digest']} {done[key]['made_with']}" for key in lines}
    groups = pools.groups(lines)
    wants = {name: pools.digest_of(keys, digests) for name, keys in groups.items()}
    old = {name: of for name, of in before["pools"].items() if wants.get(name) == of[0] and not wanted.again}
    tasks = [
        Group(archive=archive.root, name=name, keys=tuple(keys), about=lines[keys[0]])
        for name, keys in groups.items()
        if name not in old
    ]
    made = {}
    for group, pool in run(pool_group, sorted(tasks, key=lambda task: -len(task.keys))):
        made[group.name] = (wants[group.name], pool)
        if progress is not None:
            progress(len(made), len(tasks), "groups of sweeps")
    return {name: made.get(name) or old[name] for name in groups}


def _after(
    before: State, done: Mapping[str, Entry], pooled: Mapping[str, tuple[str, Pool]], items: Mapping[str, ArchivedSweep]
) -> State:
    """The state that the site will be in; its files are not known yet."""
    changes = []
    for key in sorted({*before["entries"], *done}):
        old, new = before["entries"].get(key), done.get(key)
        if old is None or new is None or old["digest"] != new["digest"]:
            change = _change(old, new, items[key].harvested_at if key in items else None)
            changes += [change] if change else []
    changes.sort(key=lambda change: -(change["at"] or 0.0))
    return {
        "feed": before["feed"] or feed_id(done),
        "entries": dict(done),
        "pools": dict(pooled),
        "files": [],
        "changes": [*changes, *before["changes"]][:MOST_CHANGES],
    }


def _change(old: Entry | None, new: Entry | None, at: float | None) -> Change | None:
    was, now = old["line"] if old else None, new["line"] if new else None
    named = now or was
    if named is None:
        return None
    return {
        "at": at,
        "label": named["label"],
        "what": "new" if was is None else "gone from the archive" if new is None else "changed",
        "runs": [line["runs"] if line else None for line in (was, now)],
        "best": [line["best"] if line else None for line in (was, now)],
        "crash": [line["rate"]["low"][0] if line else None for line in (was, now)],
    }


def _write_across(
    wanted: Wanted, after: State, lines: Mapping[str, Line], items: Mapping[str, ArchivedSweep]
) -> dict[str, bool]:
    """The pages across sweeps, the feed, and last the index; by path whether it has changed."""
    places = {key: entry["place"] for key, entry in after["entries"].items()}
    times = [item.harvested_at for item in items.values() if item.harvested_at is not None]
    site = Site(
        title=wanted.title,
        version=wanted.version,
        lines=lines,
        places=places,
        unread=[(items[key].label, entry["problem"]) for key, entry in after["entries"].items() if entry["problem"]],
        pools=[pool for _, pool in after["pools"].values()],
        changes=after["changes"],
        newest=max(times, default=None),
    )
    entries = {key: (line, places[key], items[key].harvested_at) for key, line in lines.items()}
    contents = cross_pages(site)
    contents["feed.xml"] = feed(wanted.title, after["feed"], entries, wanted.url)
    contents["index.html"] = index_page(site)
    return {path: put(wanted.folder / path, data) for path, data in contents.items()}


def _finish(
    folder: Path, before: State, after: State, assets: Sequence[str], across: Mapping[str, bool]
) -> tuple[str, ...]:
    """Remember all files, remove those that are no longer of the site; labels of the sweeps whose pages went."""
    pages = [_page(entry["place"]) for entry in after["entries"].values() if entry["line"] is not None]
    after["files"] = sorted({*(f"{FOLDER}{name}" for name in assets), *across, *pages})
    put(folder / state.FILE, state.content(after))
    for path in {*before["files"], *_pages_of(before)} - set(after["files"]):
        if names.is_ours(path):
            _remove(folder, path)
    gone = [entry for key, entry in before["entries"].items() if key not in after["entries"]]
    return tuple(entry["line"]["label"] for entry in gone if entry["line"])


def _pages_of(before: State) -> list[str]:
    return [_page(entry["place"]) for entry in before["entries"].values()]


def _remove(folder: Path, path: str) -> None:
    """The file, and the folders that are empty without it; nothing outside of the site's folder."""
    target = folder / path
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        return
    with suppress(OSError):
        target.unlink(missing_ok=True)
        for parent in target.relative_to(folder).parents[:-1]:
            (folder / parent).rmdir()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
