"""Which runs of a tree are one sweep, and which sweep file is theirs.

A run belongs to the sweep that its record, an agent's parameter file or the journal names. A run of which none of
these was written is attached to the only sweep in the tree whose parameters it has, and marked as inferred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import FormatError, UsageError
from ..sweepfile.config import Parameter, SweepConfig, read_config
from ..values import flatten, level, same
from .base import Json
from .offline_journal import JournalEntry
from .offline_sidefiles import read_yaml_mapping
from .offline_tree import Piece

MOST_SWEEP_FILES = 64
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Trail:
    """All that the tree holds of one run: its files in time order, and its line in the journal."""

    run_id: str
    pieces: tuple[Piece, ...]
    entry: JournalEntry | None
    sweep_id: str | None
    inferred: bool = False
    copies: int = 0
    """Files left out because they are earlier or equal copies of another one."""

    @property
    def started(self) -> float | None:
        times = [piece.started for piece in self.pieces if piece.started is not None]
        if self.entry is not None and self.entry.started_at is not None and not times:
            return self.entry.started_at
        return min(times, default=None)

    @property
    def silent(self) -> bool:
        """True where nothing says whether the run belongs to a sweep."""
        return self.sweep_id is None and not any(piece.recorded for piece in self.pieces)

    @property
    def config(self) -> Mapping[str, Json]:
        """The parameters known without reading the files whole."""
        merged: dict[str, Json] = dict(self.entry.parameters) if self.entry is not None else {}
        for piece in self.pieces:
            merged.update(piece.config)
        return merged


def make_trails(pieces: Iterable[Piece], entries: Mapping[str, JournalEntry]) -> list[Trail]:
    """Pieces and journal entries by run, oldest first.

    Files with one id are one run, unless their records name different sweeps.
    """
    by_id: dict[str, list[Piece]] = {run_id: [] for run_id in entries}
    for piece in pieces:
        by_id.setdefault(piece.run_id, []).append(piece)
    trails = []
    for run_id, group in by_id.items():
        entry = entries.get(run_id)
        named = sorted({piece.sweep_id for piece in group if piece.sweep_id})
        if not named and entry is not None and entry.sweep_id:
            named = [entry.sweep_id]
        choices: list[str | None] = [*named] or [None]
        for sweep_id in choices:
            mine = [piece for piece in group if not named or (piece.sweep_id or named[0]) == sweep_id]
            kept = _without_copies(mine)
            trails.append(
                Trail(
                    run_id=run_id,
                    pieces=tuple(sorted(kept, key=lambda piece: (piece.started or 0.0, str(piece.path)))),
                    entry=entry,
                    sweep_id=sweep_id,
                    copies=len(mine) - len(kept),
                )
            )
    return sorted(trails, key=lambda trail: (trail.started is None, trail.started or 0.0, trail.run_id))


def _without_copies(pieces: Sequence[Piece]) -> list[Piece]:
    """One file for each start of the run: of copies of one recording the longest."""
    longest: dict[object, Piece] = {}
    for piece in pieces:
        key = piece.started if piece.recorded and piece.started is not None else piece.path
        if key not in longest or piece.size > longest[key].size:
            longest[key] = piece
    return list(longest.values())


def attach_silent(trails: Sequence[Trail], configs: Mapping[str, SweepConfig | None]) -> list[Trail]:
    """Each silent run attached to the only sweep whose parameters it has, where there is exactly one.

    configs: every sweep of the tree with its sweep file's content, where one was found.
    """
    shapes = {sweep_id: _shape(sweep_id, config, trails) for sweep_id, config in configs.items()}
    attached = []
    for trail in trails:
        fitting = [sweep_id for sweep_id, shape in shapes.items() if shape and has_parameters(trail.config, shape)]
        if trail.silent and len(fitting) == 1:
            trail = replace(trail, sweep_id=fitting[0], inferred=True)
        attached.append(trail)
    return attached


def _shape(sweep_id: str, config: SweepConfig | None, trails: Sequence[Trail]) -> tuple[Parameter, ...]:
    """The parameters of a sweep; without a sweep file those that all of its runs have, at any value."""
    if config is not None:
        return config.parameters
    members = [set(flatten(trail.config)) for trail in trails if trail.sweep_id == sweep_id and trail.config]
    return tuple(Parameter(name, {}) for name in sorted(set.intersection(*members))) if members else ()


def has_parameters(config: Mapping[str, Json], parameters: Iterable[Parameter]) -> bool:
    """True where ``config`` holds every parameter, and each swept one with levels at one of its levels."""
    flat = flatten(config)
    for parameter in parameters:
        value = flat.get(parameter.name, _ABSENT)
        if value is _ABSENT:
            value = _nested(config, parameter.name)
        if value is _ABSENT:
            return False
        if parameter.values is not None and parameter.swept:
            given = level(value)
            if not any(same(given, level(item)) for item in parameter.values):
                return False
    return True


def _nested(config: Mapping[str, Json], name: str) -> Json:
    found: Json = config
    for key in name.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return _ABSENT
        found = found[key]
    return found


def read_sweep_file(path: Path) -> Mapping[str, Json]:
    """The sweep file that the user named. Raises UsageError, or FormatError where it is no sweep file."""
    try:
        raw = read_yaml_mapping(path)
    except OSError as error:
        raise UsageError(f"--sweep-config: '{path}' cannot be read: {error.strerror}") from error
    if not _is_sweep_file(raw):
        raise FormatError(f"--sweep-config: '{path}' is no sweep file; it must have 'method' and 'parameters'")
    read_config(raw)
    return raw


def find_sweep_file(
    files: Sequence[Path], configs: Sequence[Mapping[str, Json]], root: Path
) -> tuple[Mapping[str, Json] | None, str]:
    """The sweep file that fits most of the runs' configs, and a sentence that says what was taken and why.

    Of files that fit and say different things none is taken.
    """
    fitting: list[tuple[Path, Mapping[str, Json]]] = []
    known = [config for config in configs if config]
    for path in files[:MOST_SWEEP_FILES]:
        raw = _fitting(path, known)
        if raw is not None and all(raw != other for _, other in fitting):
            fitting.append((path, raw))
    names = [_shown(path, root) for path, _ in fitting]
    if len(fitting) == 1:
        return fitting[0][1], f"the sweep's configuration was taken from '{names[0]}', whose parameters the runs have"
    unknown = "so the sweep's stopping rule and metric are not known"
    if fitting:
        listed = ", ".join(f"'{name}'" for name in names[:8])
        return None, f"several different sweep files fit the runs ({listed}), {unknown}: name one with --sweep-config"
    return None, f"no sweep file that fits the runs was found, {unknown}: name it with --sweep-config"


def misfits(members: Sequence[Trail], given: Mapping[str, Json], path: Path | None) -> str | None:
    """A sentence where runs lack the parameters of the sweep file that the user named; None where all have them."""
    parameters = read_config(given).parameters
    others = sum(bool(trail.config) and not has_parameters(trail.config, parameters) for trail in members)
    return f"{others} of {len(members)} runs do not have the parameters of '{path}'" if others else None


def _fitting(path: Path, known: Sequence[Mapping[str, Json]]) -> Mapping[str, Json] | None:
    try:
        raw = read_yaml_mapping(path)
        if not _is_sweep_file(raw):
            return None
        parameters = read_config(raw).parameters
    except (OSError, FormatError):
        return None
    fits = sum(has_parameters(config, parameters) for config in known)
    return raw if parameters and 2 * fits > len(known) else None


def _is_sweep_file(raw: Mapping[str, Json]) -> bool:
    return isinstance(raw.get("method"), str) and isinstance(raw.get("parameters"), Mapping)


def _shown(path: Path, root: Path) -> str:
    base = root.parent
    return str(path.relative_to(base)) if path.is_relative_to(base) else path.name
