"""The ceiling of a data definition, computed once a machine and kept: runs of one sweep share it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import platformdirs

from .constellations import points
from .likelihood import Ceiling, ceiling, from_dict
from .settings import Settings

_VERSION = 2
"""Raised where the method changes what a ceiling is; constellations are part of the name."""


def kept_ceiling(settings: Settings, device: str = "cpu", say: Callable[[str], None] | None = None) -> Ceiling:
    """The ceiling with ``settings.ceiling_records`` records a class, from the cache where it was computed before.

    say: is told before a long computation begins.

    Raises SettingsError where the likelihood of these data cannot be computed.
    """
    path = _folder() / f"{_name(settings)}.json"
    try:
        return from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        if say is not None:
            say("computing the ceiling of these data: minutes on a CPU, kept for the next run (ceiling_records=0: not)")
        found = ceiling(settings, records_per_class=settings.ceiling_records, seed=settings.seed, device=device)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(asdict(found)), encoding="utf-8")
        draft.replace(path)
    except OSError:  # a cache that cannot be written costs time only
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return found


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("aftersweep")) / "ceilings"


def _name(settings: Settings) -> str:
    """Whatever the ceiling depends on: all parameters of the data but the number of records, and the seed."""
    data = {
        item.name: getattr(settings, item.name)
        for item in fields(settings)
        if item.metadata["group"] == "Data" and item.name not in ("train_size", "val_size", "fresh_data")
    }
    shown = [points(name).round(9).astype(str).tolist() for name in settings.modulations]
    told = json.dumps(
        {**data, "points": shown, "records": settings.ceiling_records, "seed": settings.seed, "version": _VERSION}
    )
    return hashlib.sha256(told.encode()).hexdigest()[:24]
