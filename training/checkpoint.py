"""Checkpoints: written whole or not at all, read back to the same bits.

A file is written beside its place, synced and renamed, so a kill at any moment leaves the one before. The newest two
are kept. They are read with ``weights_only``: a checkpoint from elsewhere runs no code.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch

from .errors import SettingsError

KEPT = 2
_NAME = re.compile(r"step-(\d{9})\.pt")
MAY_CHANGE = frozenset({
    "epochs", "patience", "device", "precision", "compile", "threads", "memory_limit_gib", "on_oom", "weights_dir",
    "use_pretrained", "out_dir", "checkpoint_every", "ceiling_records", "resume", "accumulate",
    "activation_checkpointing",
})  # fmt: skip
"""Parameters that a resumed run may have otherwise than the run that it goes on from."""


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Writes ``state`` as the checkpoint of ``step`` (optimiser steps done) and drops all but the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.pt"
    draft = folder / f".{path.name}.{os.getpid()}"
    try:
        with draft.open("wb") as stream:
            told = _Told(stream)
            try:
                torch.save(state, told)
            except RuntimeError:
                if told.error is not None:
                    raise told.error from None
                raise
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(folder)
    for old in found(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    for abandoned in folder.glob(".step-*.pt.*"):
        abandoned.unlink(missing_ok=True)
    return path


class _Told:
    """A file that remembers why it could not be written: torch tells of its own counters instead."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._stream.flush()


def found(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file, or in the newest of a folder; tensors on the CPU.

    Raises SettingsError where there is none, or where it cannot be read.
    """
    if path.is_dir():
        kept = found(path)
        if not kept:
            raise SettingsError(f"'{path}' holds no checkpoint (step-*.pt) to resume from")
        path = kept[-1]
    if not path.exists():
        raise SettingsError(f"there is no checkpoint '{path}' to resume from")
    if not zipfile.is_zipfile(path):  # torch.load would take it for its old format, and fail in many ways
        raise SettingsError(f"the checkpoint '{path}' cannot be read: it is cut or no checkpoint; name an older")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise SettingsError(f"the checkpoint '{path}' cannot be read ({type(error).__name__}); name an older") from None
    if not isinstance(state, dict) or not {"model", "optimizer", "step", "settings"} <= state.keys():
        raise SettingsError(f"'{path}' is not a checkpoint of aftersweep-train")
    return state


def must_fit(saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises SettingsError where a run with settings ``wanted`` cannot go on from one with ``saved``."""
    for name, value in wanted.items():
        if name not in MAY_CHANGE and saved.get(name, value) != value:
            raise SettingsError(
                f"{name} is {value} and was {saved[name]} in the checkpoint; resume with the same, or start anew"
            )


def _sync(folder: Path) -> None:
    """The rename itself reaches the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
