"""RawSweep and RawRun to and from what is stored: JSON for the sweep, three Arrow tables for a batch of runs.

- ``runs``: one row a run. Scalars and lists have typed columns; ``config`` and ``summary`` are JSON text, in which
  NaN and Infinity stand bare. A value that its column cannot hold (a lone surrogate, an integer above 64 bits)
  stands in ``odd``, a JSON object by field. ``history_columns`` and ``system_columns`` are JSON lists of
  ``[name, stored name]`` in the run's own order; ``*_start`` and ``*_rows`` say where its rows lie. ``content`` is
  the run's ``content_hash``: equal ``runs`` files hold equal runs, whatever lies in the other two.
- ``history`` and ``system``: the rows of all runs under one another, with ``run_id`` and ``_row``. A column keeps
  its name unless another run has the name with another type (or in another case): then the stored name differs.

A run read back equals the run written, whatever the values; columns that a later version adds are passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InvariantError
from ..sources.base import RawRun, RawSweep, SourceInfo

SCHEMA_VERSION = 1
"""Of the three tables; raised when an older reader would misread them."""

TABLES = ("history", "system")
_TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(
        ("id", "name", "state", "host", "gpu", "agent", "user", "group", "job_type", "notes", "sweep_id"), pa.string()
    ),
    **dict.fromkeys(("created_at", "heartbeat_at", "runtime_s"), pa.float64()),
    **dict.fromkeys(("exit_code", "history_rows_expected"), pa.int64()),
    **dict.fromkeys(("sweep_id_inferred", "stop_requested"), pa.bool_()),
    **dict.fromkeys(("tags", "log_tail", "problems"), pa.list_(pa.string())),
}
_JSON = ("config", "summary")
FIELDS = (*_TYPES, *_JSON, *TABLES)


def dump(value: Any) -> str:
    """JSON in one ASCII line; NaN and infinities bare, so that ``json.loads`` gives the same value back."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


# The sweep


def sweep_to_json(sweep: RawSweep) -> dict[str, Any]:
    """The sweep as a JSON object. How the user's word was read (``decided_by``) belongs to one command: left out."""
    plain = asdict(replace(sweep, config=None, source=replace(sweep.source, claims=(), decided_by="")))
    plain["config"] = sweep.config
    plain["source"]["claims"] = [dict(claim) for claim in sweep.source.claims]
    return dict(json.loads(dump(plain)))


def sweep_from_json(plain: Mapping[str, Any]) -> RawSweep:
    """The sweep of ``sweep_to_json``; fields that this version does not know are passed over."""
    source = _known(SourceInfo, plain["source"])
    for name in ("notices", "claims"):
        source[name] = tuple(source.get(name) or ())
    sweep = _known(RawSweep, plain)
    return RawSweep(**{**sweep, "source": SourceInfo(**source), "problems": tuple(sweep.get("problems") or ())})


def _known(kind: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in plain.items() if name in names}


# Runs, to tables


def encode(runs: Sequence[RawRun]) -> dict[str, pa.Table]:
    """The tables ``runs``, ``history`` and ``system`` of a batch; a run's row number is its place in ``runs``."""
    rows = [_scalars(run) for run in runs]
    tables = {kind: _stack(runs, rows, kind) for kind in TABLES}
    types = {**_TYPES, **dict.fromkeys((*_JSON, "odd", "content"), pa.string())}
    for kind in TABLES:
        types |= {f"{kind}_columns": pa.string(), f"{kind}_start": pa.int64(), f"{kind}_rows": pa.int64()}
    columns = {name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()}
    return {"runs": pa.table(columns), **tables}


def _scalars(run: RawRun) -> dict[str, Any]:
    row: dict[str, Any] = {name: dump(getattr(run, name)) for name in _JSON}
    odd: dict[str, Any] = {}
    for name, type_ in _TYPES.items():
        value = getattr(run, name)
        if _fits(value, type_):
            row[name] = value
        else:
            row[name], odd[name] = None, value
    row["odd"] = dump(odd) if odd else None
    row["content"] = content_hash(run)
    return row


def _fits(value: Any, type_: pa.DataType) -> bool:
    """False for a value that Arrow cannot hold: text with lone surrogates, integers of more than 64 bits."""
    try:
        pa.scalar(value, type_)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return False
    return True


def _stack(runs: Sequence[RawRun], rows: Sequence[dict[str, Any]], kind: str) -> pa.Table:
    """All tables of one kind under one another; writes into ``rows`` where each run's part lies."""
    stored: dict[tuple[str, str], str] = {}
    taken = {"run_id", "_row"}
    parts = [pa.table({"run_id": pa.array([], pa.string()), "_row": pa.array([], pa.int64())})]
    start = 0
    for run, row in zip(runs, rows, strict=True):
        table: pa.Table = getattr(run, kind)
        names = [_stored_name(field, stored, taken) for field in table.schema]
        row[f"{kind}_columns"] = dump(list(zip(table.column_names, names, strict=True)))
        row[f"{kind}_start"], row[f"{kind}_rows"] = start, table.num_rows
        start += table.num_rows
        parts.append(_labelled(run.id, table, names))
    return pa.concat_tables(parts, promote_options="default")


def _stored_name(field: pa.Field, stored: dict[tuple[str, str], str], taken: set[str]) -> str:
    """One name for one column and type; no two alike but for case, which DuckDB would not tell apart."""
    key = (field.name, str(field.type))
    if key not in stored:
        name, number = field.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{field.name} ({field.type} {number})"
        taken.add(name.casefold())
        stored[key] = name
    return stored[key]


def _labelled(run_id: str, table: pa.Table, names: Sequence[str]) -> pa.Table:
    rows = table.num_rows
    label = pa.scalar(run_id.encode("utf-8", "replace").decode(), pa.string())
    arrays = [pa.repeat(label, rows), pa.array(np.arange(rows, dtype=np.int64)), *table.columns]
    return pa.table(arrays, names=["run_id", "_row", *names])


# Tables, to runs


def decode(tables: Mapping[str, pa.Table], wanted: Sequence[str] | None = None) -> Iterator[RawRun]:
    """The runs of a batch in stored order, or those of them whose id is ``wanted``."""
    keep = None if wanted is None else set(wanted)
    for row in tables["runs"].to_pylist():
        values = {name: row[name] for name in _TYPES if name in row}
        values |= {name: json.loads(row[name]) for name in _JSON if name in row}
        values |= json.loads(row["odd"]) if row.get("odd") else {}
        if keep is not None and values["id"] not in keep:
            continue
        for name in ("tags", "log_tail", "problems"):
            values[name] = tuple(values.get(name) or ())
        for kind in TABLES:
            values[kind] = _cut(tables[kind], row, kind)
        yield RawRun(**values)


def _cut(table: pa.Table, row: Mapping[str, Any], kind: str) -> pa.Table:
    columns = json.loads(row[f"{kind}_columns"])
    part = table.slice(row[f"{kind}_start"], row[f"{kind}_rows"])
    return part.select([stored for _, stored in columns]).rename_columns([name for name, _ in columns])


# Identity of content


def content_hash(run: RawRun) -> str:
    """SHA-256 of everything in the run; equal for runs that are equal, with NaN equal to NaN and null to null only.

    Raises InvariantError where a column appears twice.
    """
    digest = hashlib.sha256()
    scalars: dict[str, Any] = {name: getattr(run, name) for name in (*_TYPES, *_JSON)}
    for name, type_ in _TYPES.items():
        if pa.types.is_floating(type_) and scalars[name] is not None:
            scalars[name] = float(scalars[name])
    digest.update(json.dumps(scalars, sort_keys=True).encode())
    for kind in TABLES:
        table: pa.Table = getattr(run, kind)
        if len(set(table.column_names)) != table.num_columns:
            raise InvariantError(f"run {run.id}: a column of its {kind} appears twice")
        digest.update(f"\n{kind} {table.num_rows}".encode())
        for name in table.column_names:
            _hash_column(digest, name, table[name])
    return digest.hexdigest()


def _hash_column(digest: Any, name: str, column: pa.ChunkedArray) -> None:
    digest.update(f"\n{dump([name, str(column.type)])}".encode())
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        digest.update(np.ascontiguousarray(column.fill_null(0).to_numpy()).tobytes())
    else:
        digest.update(json.dumps(column.to_pylist(), default=str).encode())
