"""How archived sweeps and runs are shown: as a line of the list, and as the raw records of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..errors import DamagedArchiveError
from ..sources.base import RawRun, RawSweep
from .identity import label, origin
from .manifest import State


@dataclass(frozen=True, kw_only=True)
class ArchivedSweep:
    """One line of ``aftersweep ls``."""

    key: str
    id: str
    entity: str | None = None
    project: str | None = None
    name: str | None = None
    runs: int = 0
    vanished: int = 0
    """Of these, runs that the source no longer has."""
    harvested_at: float | None = None
    """When the source was listed for the last harvest that brought anything, seconds since 1970."""
    complete: bool = False
    """False where the last harvest was cut off."""
    source_kind: str = ""
    """The source that it was harvested from."""
    bytes: int = 0
    problem: str | None = None
    """Why the sweep cannot be read; the fields above say nothing then."""

    @property
    def label(self) -> str:
        """``entity/project/id``, without the parts that are not known."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)


def choices(found: Sequence[ArchivedSweep]) -> str:
    """The sweeps that one word names, each by a name that is its alone, and where it came from."""
    labels = [item.label for item in found]
    words = {label for label in labels if labels.count(label) == 1 and all(label != item.id for item in found)}
    named = (f"{item.label if item.label in words else item.key} ({item.source_kind or 'damaged'})" for item in found)
    return ", ".join(list(named)[:8])


def entry(key: str, sweep: RawSweep, state: State) -> ArchivedSweep:
    """The sweep's line in the list."""
    return ArchivedSweep(
        key=key,
        id=sweep.id,
        entity=sweep.entity,
        project=sweep.project,
        name=sweep.name,
        runs=len(state.live),
        vanished=len(state.vanished),
        harvested_at=state.cursor.read_at if state.cursor else None,
        complete=state.cursor is not None and state.cursor.complete,
        source_kind=origin(sweep),
        bytes=sum(file.bytes for file in state.files()),
    )


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def with_fate(run: RawRun, vanished: Mapping[str, float]) -> RawRun:
    """The run; one that its source no longer has says so in its ``problems``."""
    if run.id not in vanished:
        return run
    sentence = f"no longer at its source since {_day(vanished[run.id])}; kept as it was harvested"
    return replace(run, problems=(*run.problems, sentence))


def as_archived(state: State) -> RawSweep:
    """The sweep as the source ``archive`` hands it over; what is not whole stands in its ``problems``."""
    sweep, cursor = state.sweep, state.cursor
    if sweep is None or cursor is None:
        raise DamagedArchiveError("a manifest names runs but no sweep; remove the sweep's folder and harvest it again")
    problems = sweep.problems
    if not cursor.complete:
        problems += (
            f"the last harvest was cut off: the archive holds {len(state.live)} runs of the {cursor.listed} that the "
            "source listed, and some may have changed since; `aftersweep harvest` goes on",
        )
    source = replace(
        sweep.source,
        kind="archive",
        target=f"{label(sweep)}, harvested {_day(cursor.read_at)} from {origin(sweep)} {sweep.source.target}",
        original_kind=origin(sweep),
    )
    return replace(sweep, source=source, problems=problems)
