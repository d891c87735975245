"""Which sweep is which: the safe name of its folder, and its name for people."""

from __future__ import annotations

import hashlib
import re

from ..sources.base import RawSweep
from .codec import dump

KEY = re.compile(r"[a-z0-9-]{0,40}-[0-9a-f]{32}")


def sweep_key(sweep: RawSweep) -> str:
    """The name of the sweep's folder: the same for the same entity, project and id, and for no others.

    A readable part of plain letters, then a hash of the exact identity: ids that differ only in case, or look alike
    in Unicode, or are long, or are paths, each get a folder of their own on every file system. A sweep without an
    entity (a folder, an export) is told apart by where it was read as well: all runs of a folder go by the folder's
    name, and many a folder has one name.
    """
    identity = [sweep.entity or None, sweep.project or None, sweep.id]
    if not sweep.entity:
        identity += [origin(sweep), sweep.source.target]
    return f"{readable(sweep.id)}-{hashlib.sha256(dump(identity).encode()).hexdigest()[:32]}"


def readable(sweep_id: str) -> str:
    """The id's plain letters and digits, at most 40."""
    return re.sub(r"[^a-z0-9]+", "-", sweep_id.lower())[:40].strip("-")


def readable_part(key: str) -> str:
    """``readable(id)`` of the sweep whose key this is."""
    return key[:-33]


def origin(sweep: RawSweep) -> str:
    """The kind of source that the sweep came from in the first place."""
    return sweep.source.original_kind or sweep.source.kind


def label(sweep: RawSweep) -> str:
    """``entity/project/id``, without the parts that are not known."""
    return "/".join(part for part in (sweep.entity, sweep.project, sweep.id) if part)
