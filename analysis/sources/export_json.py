"""Runs as JSON lines: our own export, whole, and what others write, one run a line.

Our own file begins with a header line ``{"aftersweep_export": 1, "sweep": {...}}``; each further line is a run with
all that ``RawRun`` holds. A table is a list of columns ``[name, type, values]``. NaN and infinities stand bare, as
W&B and Python write them.

A foreign line has ``state`` and ``id`` or ``name``, and may have ``config``, ``summary``, ``history`` (a list of
logged rows) and any other field of ``RawRun`` under its name; ``sweep`` is its sweep's id.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import FormatError
from .base import STATES, Json, RawRun, RawSweep, SourceInfo, empty_history, history_table, restore_nonfinite
from .export_cells import read_time

VERSION = 1
MARK = "aftersweep_export"
_TYPES = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string()}
_NAMES = {"double": "float64", "int64": "int64", "string": "string"}
_TABLES = ("history", "system")
_LISTS = ("tags", "log_tail", "problems")


def lines(path: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Place (``FILE, line N``), object and text of each run, or header, in a file of JSON lines or one JSON list.

    Raises FormatError that names the line for what is not JSON, not UTF-8 or not an object.
    """
    try:
        if path.suffix.casefold() == ".json":
            yield from _whole(path)
            return
        with path.open("rb") as file:
            for number, data in enumerate(file, start=1):
                place = f"{path}, line {number}"
                text = _decode(place, data)
                if text.strip():
                    yield place, _object(place, _load(place, text)), text
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}") from error


def _whole(path: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A ``.json`` file: one list of runs, an object with ``runs``, or lines after all."""
    text = _decode(str(path), path.read_bytes())
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                place = f"{path}, line {number}"
                yield place, _object(place, _load(place, line)), line
        return
    found = value.get("runs", [value]) if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise FormatError(f"{path} holds {_kind(found)}; it must be a list of runs or one run a line")
    for number, item in enumerate(found, start=1):
        place = f"{path}, run {number}"
        yield place, _object(place, item), json.dumps(item)


def _decode(place: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{place}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8") from error


def _load(place: str, text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{place}: not JSON ({error}); one run a line is expected") from error


def _object(place: str, value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f'{place}: {_kind(value)} where a run is expected, as in {{"id": ..., "state": ...}}')
    return value


def _kind(value: Json) -> str:
    return f"a {type(value).__name__}" if value is not None else "null"


# Our own


def is_header(value: Mapping[str, Any]) -> bool:
    return MARK in value


def header_text(sweep: RawSweep) -> str:
    plain = asdict(replace(sweep, config=None, source=replace(sweep.source, claims=(), decided_by="")))
    plain["config"] = sweep.config
    plain["source"]["claims"] = [dict(claim) for claim in sweep.source.claims]
    return json.dumps({MARK: VERSION, "sweep": plain}, ensure_ascii=True)


def read_header(place: str, value: Mapping[str, Any]) -> RawSweep:
    """The sweep of our own export, its source the one that it was exported from."""
    if value[MARK] != VERSION:
        raise FormatError(f"{place}: an export of version {value[MARK]!r}; this aftersweep reads version {VERSION}")
    try:
        plain = _known(RawSweep, value["sweep"])
        source = _known(SourceInfo, plain["source"])
        for name in ("notices", "claims"):
            source[name] = tuple(source.get(name) or ())
        return RawSweep(**{**plain, "source": SourceInfo(**source), "problems": tuple(plain.get("problems") or ())})
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{place}: the header of the export is damaged ({error!r:.80})") from error


def run_text(run: RawRun) -> str:
    """One line of our own export."""
    plain = {item.name: getattr(run, item.name) for item in fields(run)}
    for name in _TABLES:
        table = plain[name]
        plain[name] = [
            [n, _NAMES.get(str(c.type), "string"), c.to_pylist()]
            for n, c in zip(table.column_names, table.columns, strict=True)
        ]
    return json.dumps(plain, ensure_ascii=True)


def _known(kind: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in plain.items() if name in names}


def read_run(place: str, value: Mapping[str, Any]) -> RawRun:
    """A run of our own export. Raises FormatError where a field is not what ``run_text`` writes."""
    plain = _known(RawRun, value)
    _check_state(place, plain.get("state"), value)
    for name, kind in (("id", str), ("name", str), ("config", dict), ("summary", dict), ("exit_code", int)):
        _typed(place, value, name, kind)
    for name in ("created_at", "heartbeat_at", "runtime_s"):
        _number(place, value, name)
    try:
        for name in _TABLES:
            plain[name] = pa.table({column: pa.array(cells, _TYPES[kind]) for column, kind, cells in plain[name]})
            if plain[name].column_names[:3] != empty_history().column_names:
                raise KeyError(f"the first columns of {name}")
        for name in _LISTS:
            plain[name] = tuple(str(item) for item in plain[name])
        return RawRun(**plain)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise FormatError(f"{place}: the run is damaged ({error!r:.80})") from error


# Of others


def read_foreign(place: str, value: Mapping[str, Any]) -> RawRun:
    """A run that somebody else wrote. Raises FormatError where the id, the state or the type of a field is wrong."""
    state = value.get("state")
    _check_state(place, state, value)
    run_id = value.get("id", value.get("name"))
    if not isinstance(run_id, str | int) or isinstance(run_id, bool) or not str(run_id):
        raise FormatError(f"{place}: the run has neither 'id' nor 'name'; it has {', '.join(list(value)[:20])}")
    history = _history(place, value.get("history"))
    tags = _typed(place, value, "tags", list) or []
    sweep = value.get("sweep", value.get("sweep_id"))
    sweep = sweep.get("id", sweep.get("name")) if isinstance(sweep, Mapping) else sweep
    return RawRun(
        id=str(run_id),
        name=str(value.get("name") or value.get("display_name") or run_id),
        state=str(state).casefold(),
        config={k: v for k, v in (_typed(place, value, "config", dict) or {}).items() if k != "_wandb"},
        summary={k: restore_nonfinite(v) for k, v in (_typed(place, value, "summary", dict) or {}).items()},
        created_at=_time(place, value, "created_at", "createdAt", "created"),
        heartbeat_at=_time(place, value, "heartbeat_at", "heartbeatAt"),
        runtime_s=_number(place, value, "runtime_s", "runtime"),
        host=_text(value, "host"),
        gpu=_text(value, "gpu"),
        agent=_text(value, "agent"),
        user=_text(value, "user"),
        group=_text(value, "group"),
        job_type=_text(value, "job_type"),
        notes=_text(value, "notes"),
        sweep_id=None if sweep is None else str(sweep),
        tags=tuple(str(tag) for tag in tags),
        exit_code=_typed(place, value, "exit_code", int),
        stop_requested=_typed(place, value, "stop_requested", bool),
        history=history,
        history_rows_expected=history.num_rows if "history" in value else None,
        log_tail=tuple(str(line) for line in _typed(place, value, "log_tail", list) or [])[-200:],
    )


def _text(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    return found if found is None or isinstance(found, str) else json.dumps(found)


def _check_state(place: str, state: Json, value: Mapping[str, Any]) -> None:
    if "state" not in value:
        raise FormatError(f"{place}: the run has no 'state'; it has {', '.join(list(value)[:20])}")
    if not isinstance(state, str) or state.casefold() not in STATES:
        raise FormatError(f"{place}: the state {state!r:.40} is not one of {', '.join(STATES)}")


def _typed(place: str, value: Mapping[str, Any], key: str, kind: type) -> Any:
    found = value.get(key)
    if found is not None and (not isinstance(found, kind) or (kind is int and isinstance(found, bool))):
        raise FormatError(f"{place}: '{key}' is {_kind(found)}; it must be a {kind.__name__}")
    return found


def _number(place: str, value: Mapping[str, Any], *keys: str) -> float | None:
    found = next((value[key] for key in keys if value.get(key) is not None), None)
    if found is not None and (
        isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found)
    ):
        raise FormatError(f"{place}: '{keys[0]}' is {found!r:.40}; it must be a number of seconds")
    return None if found is None else float(found)


def _time(place: str, value: Mapping[str, Any], *keys: str) -> float | None:
    found = next((value[key] for key in keys if value.get(key) is not None), None)
    if found is None:
        return None
    seconds = None if isinstance(found, bool) else read_time(str(found))
    if seconds is None:
        raise FormatError(f"{place}: '{keys[0]}' is {found!r:.40}; give a time as in 2025-07-03T12:00:00Z")
    return seconds


def _history(place: str, rows: Json) -> pa.Table:
    """Logged rows, a row's place standing in for a missing ``_step``."""
    if rows is None or rows == []:
        return empty_history()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f'{place}: \'history\' must be a list of logged rows, as in [{{"epoch": 1, "loss": 0.5}}]')
    filled = []
    for i, row in enumerate(rows):
        clean = {key: restore_nonfinite(item) for key, item in row.items()}
        step = clean.get("_step", i)
        if isinstance(step, bool) or not isinstance(step, int | float) or not math.isfinite(step):
            raise FormatError(f"{place}: '_step' of row {i + 1} of the history is {step!r:.40}; it must be a number")
        for key in ("_timestamp", "_runtime"):
            clean[key] = _number(place, clean, key)
        filled.append({**clean, "_step": int(step)})
    return history_table(filled)
