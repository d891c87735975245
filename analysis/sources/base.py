"""The one interface of all sources, and the raw records that they hand over.

A raw record is what the source knows, in one shape and one set of units, and nothing that we conclude:

- times are seconds since 1970 in UTC (float), durations are seconds, memory is bytes;
- ``None`` means that the source does not say, never zero;
- JSON numbers that JSON cannot write (NaN, Infinity) are Python floats, whatever spelling the source used;
- ``history`` is one Arrow table a run: ``_step`` (int64), ``_timestamp`` and ``_runtime`` (float64, null where
  unknown), then one column a logged key in the order of first appearance. A column whose values are all numbers
  is float64 (null where the key was not logged at that step); any other column is string holding JSON;
- ``system`` is a table in the same form with the system metrics under their W&B names (``system.gpu.0.memory``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

Json = Any
"""A JSON value: None, bool, int, float (NaN and infinities too), str, list, dict."""

STATES = ("pending", "running", "finished", "killed", "crashed", "failed", "preempted", "preempting")
"""The run states of W&B."""

Progress = Callable[[int, int | None, str], None]
"""Called as ``progress(done, total, what)``; ``total`` is None where it is not known."""


def empty_history() -> pa.Table:
    """A history of no rows, with the three columns that every history has."""
    return pa.table(
        {
            "_step": pa.array([], pa.int64()),
            "_timestamp": pa.array([], pa.float64()),
            "_runtime": pa.array([], pa.float64()),
        }
    )


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """Where a sweep was read from, and how that was decided; both are printed on the page."""

    kind: str
    """``server``, ``offline``, ``export``, ``archive`` or ``sample``."""
    target: str
    """What was read: a URL, a path or a name. Never holds a credential."""
    decided_by: str = ""
    """Why the user's word was taken to mean this."""
    original_kind: str | None = None
    """For an archived sweep: the source that it was harvested from."""
    notices: tuple[str, ...] = ()
    """Sentences that must stand at the top of every page made from this source (a reconstruction, say)."""
    claims: tuple[Mapping[str, str], ...] = ()
    """Risks that somebody claimed, to be held against the data: each ``{"text": ..., "where": "a=1,b=2"}``."""


@dataclass(frozen=True, kw_only=True)
class RawSweep:
    """What a source knows about the sweep itself."""

    id: str
    source: SourceInfo
    entity: str | None = None
    project: str | None = None
    name: str | None = None
    description: str | None = None
    state: str | None = None
    created_at: float | None = None
    url: str | None = None
    config: Mapping[str, Json] | None = None
    """The sweep's stored configuration, as in a sweep file; None where the source does not have it."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RawRun:
    """What a source knows about one run."""

    id: str
    name: str
    state: str
    config: Mapping[str, Json] = field(default_factory=dict)
    """The run's config with W&B's own ``_wandb`` entry left out."""
    summary: Mapping[str, Json] = field(default_factory=dict)
    created_at: float | None = None
    heartbeat_at: float | None = None
    """The last sign of life; for an offline run the time of its last record."""
    runtime_s: float | None = None
    host: str | None = None
    gpu: str | None = None
    agent: str | None = None
    user: str | None = None
    group: str | None = None
    job_type: str | None = None
    tags: tuple[str, ...] = ()
    notes: str | None = None
    sweep_id: str | None = None
    sweep_id_inferred: bool = False
    """True where the source did not say which sweep the run belongs to and only one would fit."""
    exit_code: int | None = None
    stop_requested: bool | None = None
    """True where the server or a journal says that somebody or something asked the run to stop."""
    history: pa.Table = field(default_factory=empty_history)
    history_rows_expected: int | None = None
    """How many rows the source says there are; more than ``history`` holds means that some were lost."""
    system: pa.Table = field(default_factory=empty_history)
    log_tail: tuple[str, ...] = ()
    """The last console lines (at most 200), oldest first, without colour codes. Hostile text."""
    problems: tuple[str, ...] = ()
    """What was lost or repaired while this run was read, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class RunStub:
    """Enough of a run to know whether it has changed since it was last read."""

    id: str
    fingerprint: str
    """Changes whenever line count, heartbeat, state, config or summary do."""
    final: bool
    """False for a run that may still change by itself (it runs, or is about to)."""


class Source(Protocol):
    """What every source can do; ``tests/sources/conformance.py`` holds them all to it."""

    def sweep(self) -> RawSweep:
        """The sweep. Raises UnknownSweepError, CredentialsError, ForbiddenError, NetworkError or FormatError."""

    def list_runs(self) -> Sequence[RunStub]:
        """All runs of the sweep whatever their state, oldest first, without their histories."""

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        """The named runs in full, as they arrive; a run that has vanished meanwhile is left out."""


def fetch_all(source: Source, progress: Progress | None = None) -> tuple[RawSweep, list[RawRun]]:
    """The whole sweep of a source that is read directly, without an archive; runs in the order of ``list_runs``."""
    sweep = source.sweep()
    ids = [stub.id for stub in source.list_runs()]
    found: dict[str, RawRun] = {}
    for run in source.fetch(ids):
        found[run.id] = run
        if progress is not None:
            progress(len(found), len(ids), "runs read")
    return sweep, [found[run_id] for run_id in ids if run_id in found]


def history_table(rows: Sequence[Mapping[str, Json]]) -> pa.Table:
    """Logged rows as the Arrow table of this module's docstring.

    rows: one mapping a logged step, with ``_step`` and, where known, ``_timestamp`` and ``_runtime``.
    """
    keys: dict[str, None] = dict.fromkeys(("_step", "_timestamp", "_runtime"))
    for row in rows:
        keys.update(dict.fromkeys(row))
    columns: dict[str, pa.Array] = {}
    for key in keys:
        values = [row.get(key) for row in rows]
        if key == "_step":
            columns[key] = pa.array([None if v is None else int(v) for v in values], pa.int64())
        elif all(v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in values):
            # Python floats first: pa.array would refuse integers above 2**53 as float64.
            columns[key] = pa.array([None if v is None else float(v) for v in values], pa.float64())
        else:
            columns[key] = pa.array([None if v is None else json.dumps(v, sort_keys=True) for v in values], pa.string())
    return pa.table(columns)


def restore_nonfinite(value: Json) -> Json:
    """W&B's strings for what JSON cannot write ("NaN", "Infinity", "-Infinity") as floats, at any depth of lists.

    Only for metrics: in a config the same word may be meant as text.
    """
    if isinstance(value, str):
        return {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.get(value, value)
    if isinstance(value, list):
        return [restore_nonfinite(item) for item in value]
    return value
