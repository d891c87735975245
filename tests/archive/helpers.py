"""A source in memory that counts what is asked of it, and hypothesis strategies for raw runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from aftersweep.analysis.archive.codec import content_hash
from aftersweep.analysis.sources.base import (
    RawRun,
    RawSweep,
    RunStub,
    SourceInfo,
    empty_history,
    history_table,
)

SWEEP = RawSweep(
    id="sw33p",
    source=SourceInfo(kind="server", target="https://wandb.test/lab/vision/sweeps/sw33p"),
    entity="lab",
    project="vision",
    config={"method": "random", "parameters": {"lr": {"max": math.inf}}},
)


class MemorySource:
    """Runs in memory; ``fetched`` lists every id that was handed over, ``pause_s`` slows each one down."""

    def __init__(self, runs: Sequence[RawRun], sweep: RawSweep = SWEEP, pause_s: float = 0.0) -> None:
        self.runs = {run.id: run for run in runs}
        self.info = sweep
        self.pause_s = pause_s
        self.fetched: list[str] = []
        self.vanish_on_fetch: set[str] = set()

    def sweep(self) -> RawSweep:
        return self.info

    def list_runs(self) -> Sequence[RunStub]:
        return [
            RunStub(id=run.id, fingerprint=content_hash(run), final=run.state != "running")
            for run in self.runs.values()
        ]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        for run_id in ids:
            time.sleep(self.pause_s)
            if run_id not in self.vanish_on_fetch:
                self.fetched.append(run_id)
                yield self.runs[run_id]


def make_run(number: int, *, version: int = 0, rows: int = 3, **more: Any) -> RawRun:
    """A small run; another ``version`` has other content."""
    logged = [{"_step": i, "_timestamp": float(i), "loss": version + 1 / (i + 1)} for i in range(rows)]
    fields: dict[str, Any] = {
        "id": f"run{number:03d}",
        "name": f"name {number}",
        "state": "finished",
        "created_at": 1000.0 + number,
        "summary": {"version": version},
        "history": history_table(logged) if logged else empty_history(),
    }
    return RawRun(**(fields | more))


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Changes one bit of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(bytes(content))


def assert_same_runs(got: Sequence[RawRun], want: Sequence[RawRun]) -> None:
    """Equal field by field and column by column: names, order, types, null, NaN, infinities and signs."""
    assert [run.id for run in got] == [run.id for run in want]
    for one, other in zip(got, want, strict=True):
        assert repr(_scalars(one)) == repr(_scalars(other))  # repr: NaN is NaN, 1 is not 1.0, and the order of keys
        for kind in ("history", "system"):
            assert _table(getattr(one, kind)) == _table(getattr(other, kind))


def _scalars(run: RawRun) -> RawRun:
    return replace(run, history=empty_history(), system=empty_history())


def _table(table: pa.Table) -> list[tuple[str, str, str]]:
    return [(field.name, str(field.type), repr(table[field.name].to_pylist())) for field in table.schema]


# Strategies

TEXT = st.text(max_size=12)
"""Any Unicode, lone surrogates and control characters included."""
PRINTABLE = st.text(st.characters(codec="utf-8"), max_size=8)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
MOMENTS = st.none() | st.floats(0, 4e9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**40), 10**40) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["loss", "LOSS", "run_id", "_row", "val/acc", "loss (string 2)", ""]) | PRINTABLE


@st.composite
def histories(draw: st.DrawFn) -> pa.Table:
    """A history in the form of ``sources.base``: float64 and JSON columns, null where a key was not logged."""
    rows = draw(st.integers(0, 4))

    def column(values: st.SearchStrategy[Any], type_: pa.DataType) -> pa.Array:
        return pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), type_)

    columns = {
        "_step": column(st.integers(-(2**63), 2**63 - 1), pa.int64()),
        "_timestamp": column(FLOATS, pa.float64()),
        "_runtime": column(FLOATS, pa.float64()),
    }
    for key in draw(st.lists(KEYS, max_size=4, unique=True)):
        if key not in columns:
            numeric = draw(st.booleans())
            columns[key] = column(FLOATS, pa.float64()) if numeric else column(PRINTABLE, pa.string())
    return pa.table(columns)


@st.composite
def raw_runs(draw: st.DrawFn, run_id: str) -> RawRun:
    """Any run that a source may hand over."""
    text = st.none() | TEXT
    lines = st.lists(TEXT, max_size=3).map(tuple)
    values: dict[str, Any] = {name: draw(TEXT) for name in ("name", "state")}
    for name in ("host", "gpu", "agent", "user", "group", "job_type", "notes", "sweep_id"):
        values[name] = draw(text)
    for name in ("created_at", "heartbeat_at", "runtime_s"):
        values[name] = draw(MOMENTS)
    for name in ("config", "summary"):
        values[name] = draw(st.dictionaries(TEXT, JSON, max_size=3))
    for name in ("tags", "log_tail", "problems"):
        values[name] = draw(lines)
    return RawRun(
        id=run_id,
        sweep_id_inferred=draw(st.booleans()),
        exit_code=draw(st.none() | st.integers()),
        stop_requested=draw(st.none() | st.booleans()),
        history_rows_expected=draw(st.none() | st.integers(0, 10**6)),
        history=draw(histories()),
        system=draw(histories()),
        **values,
    )


@st.composite
def batches(draw: st.DrawFn) -> list[RawRun]:
    """Runs with distinct ids, hostile ones among them."""
    ids = draw(st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True))
    return [draw(raw_runs(run_id)) for run_id in ids]
