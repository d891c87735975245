"""One `.wandb` file, from its protobuf records to what it says about its run.

Records are those of ``wandb_internal.proto`` (wandb 0.31). What the SDK does with them, seen on real files:

- ``run`` comes second, with the config given to ``wandb.init``; later changes are ``config`` records.
- ``environment`` comes in parts, each with some of the fields.
- ``history`` names a nested key by its path (``nested_key``); its value is JSON with bare NaN and Infinity, or typed.
- ``summary`` records are deltas: updates and removals, applied in order.
- ``exit`` is written by ``wandb.finish`` and when the interpreter ends by itself (0, or 1 after an exception, 255
  after Ctrl-C, the code of ``sys.exit``); a process that a signal ends leaves none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from wandb.proto import wandb_internal_pb2 as pb

from .base import Json
from .datastore import Losses, read_records
from .offline_console import Console

HEAD_RECORDS = 64
"""The ``run`` record is looked for among so many first ones; the SDK writes it second."""
LATEST_TIME = 1e11
"""Seconds since 1970; later times are nonsense."""
LONGEST_INTEGER = 300
BOOKKEEPING = ("_step", "_timestamp", "_runtime")


@dataclass
class Recording:
    """Everything that one file says; ``run`` is None where its record is missing or lost."""

    run: Any = None
    gpu: str | None = None
    host: str | None = None
    user: str | None = None
    config: dict[str, Json] = field(default_factory=dict)
    summary: dict[str, Json] = field(default_factory=dict)
    rows: list[dict[str, Json]] = field(default_factory=list)
    system_rows: list[dict[str, Json]] = field(default_factory=list)
    console: Console = field(default_factory=Console)
    exit_code: int | None = None
    exit_runtime_s: float | None = None
    preempting: bool = False
    last_time: float | None = None
    """Time of the latest record that carries one."""
    records: int = 0
    losses: Losses = field(default_factory=Losses)
    unreadable: int = 0
    """Values and records that are intact but not what they should be."""

    @property
    def started(self) -> float | None:
        return seconds(self.run.start_time) if self.run is not None else None

    @property
    def elapsed_s(self) -> float | None:
        """How long the run went on while this file was written; what it had run before a resumption is not in it."""
        before = max(float(self.run.runtime), 0.0) if self.run is not None else 0.0
        spans = [self.exit_runtime_s - before] if self.exit_runtime_s is not None else []
        spans += [row["_runtime"] - before for row in self.rows[-1:] if row.get("_runtime") is not None]
        if self.last_time is not None and self.started is not None:
            spans.append(self.last_time - self.started)
        return max(max(spans), 0.0) if spans else None


def seconds(timestamp: Any) -> float | None:
    """A protobuf Timestamp as seconds since 1970; None where it is unset or nonsense."""
    value = timestamp.seconds + timestamp.nanos / 1e9
    return value if 0 < value < LATEST_TIME else None


def read_head(path: Path) -> Recording:
    """What the first records say: the ``run`` record and the config given at the start.

    Raises FormatError where the file is no `.wandb` file, OSError where it cannot be read.
    """
    recording = Recording()
    with path.open("rb") as stream:
        for number, payload in enumerate(read_records(stream, path.name, recording.losses)):
            record = _parse(payload, recording)
            if record is not None and record.WhichOneof("record_type") == "run":
                _take_run(record.run, recording)
            if recording.run is not None or number >= HEAD_RECORDS:
                break
    return recording


def read_recording(path: Path) -> Recording:
    """The whole file. Raises what ``read_head`` raises; damage is counted and never raised."""
    recording = Recording()
    highest = 0
    with path.open("rb") as stream:
        for payload in read_records(stream, path.name, recording.losses):
            record = _parse(payload, recording)
            if record is None:
                continue
            recording.records += 1
            highest = max(highest, record.num)
            take = _TAKERS.get(record.WhichOneof("record_type") or "")
            if take is not None:
                take(getattr(record, record.WhichOneof("record_type")), recording)
    if recording.losses.records:  # the records are numbered from 1, so the gaps can be counted
        missing = highest - recording.records
        recording.losses.records = max(recording.losses.records, min(missing, 10**9))
    return recording


def _parse(payload: bytes, recording: Recording) -> Any:
    record = pb.Record()
    try:
        record.ParseFromString(payload)
    except DecodeError:
        recording.unreadable += 1
        return None
    return record


def _json(text: str, recording: Recording) -> Json:
    """The value of a JSON text, NaN and infinities included; ``...`` (Ellipsis) where it is not JSON."""
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        recording.unreadable += 1
        return ...


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_INTEGER else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _path(item: Any) -> tuple[str, ...]:
    return tuple(item.nested_key) or (item.key,)


def apply_updates(target: dict[str, Json], record: Any, recording: Recording) -> None:
    """Applies a ``config`` or ``summary`` record's updates, then its removals, to nested JSON."""
    for item in record.update:
        value = _json(item.value_json, recording)
        if value is ...:
            continue
        *parents, last = _path(item)
        node = target
        for name in parents:
            child = node.get(name)
            if not isinstance(child, dict):
                child = node[name] = {}
            node = child
        node[last] = value
    for item in record.remove:
        *parents, last = _path(item)
        found: Any = target
        for name in parents:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict):
            found.pop(last, None)


def _take_run(run: Any, recording: Recording) -> None:
    recording.run = run
    recording.host = run.host or recording.host
    _take_config(run.config, recording)
    apply_updates(recording.summary, run.summary, recording)
    _seen(recording, seconds(run.start_time))


def _take_config(record: Any, recording: Recording) -> None:
    apply_updates(recording.config, record, recording)
    recording.config.pop("_wandb", None)


def _take_environment(environment: Any, recording: Recording) -> None:
    names = [gpu.name for gpu in environment.gpu_nvidia] + [gpu.series for gpu in environment.gpu_amd]
    recording.gpu = environment.gpu_type or next(filter(None, names), None) or recording.gpu
    recording.host = environment.host or recording.host
    recording.user = environment.username or recording.user


def _take_history(history: Any, recording: Recording) -> None:
    values: dict[tuple[str, ...], Json] = {}
    for item in history.item:
        value = _history_value(item, recording)
        if value is not ...:
            values[_path(item)] = value
    logged = _join_media(values)
    step = logged.get("_step")
    row: dict[str, Json] = {"_step": step if _is_step(step) else history.step.num}
    for name in BOOKKEEPING[1:]:
        value = logged.get(name)
        row[name] = float(value) if isinstance(value, int | float) and abs(value) < LATEST_TIME else None
    row.update((key, value) for key, value in logged.items() if key not in BOOKKEEPING)
    recording.rows.append(row)
    _seen(recording, row["_timestamp"])


def _join_media(values: Mapping[tuple[str, ...], Json]) -> dict[str, Json]:
    """Values under dotted names; the parts of a picture, a table or a histogram as one object, as on W&B's server."""
    media: dict[tuple[str, ...], dict[str, Json]] = {
        path[:-1]: {} for path in values if len(path) > 1 and path[-1] == "_type"
    }
    logged: dict[str, Json] = {}
    for path, value in values.items():
        prefix = next((path[:end] for end in range(1, len(path)) if path[:end] in media), None)
        if prefix is None:
            logged[".".join(path)] = value
        else:
            media[prefix][".".join(path[len(prefix) :])] = value
            logged[".".join(prefix)] = media[prefix]
    return logged


def _history_value(item: Any, recording: Recording) -> Json:
    if item.value_json:
        return _json(item.value_json, recording)
    kind = item.WhichOneof("value")
    if kind == "json":
        return _json(item.json, recording)
    return getattr(item, kind) if kind not in (None, "none") else None


def _is_step(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _take_summary(summary: Any, recording: Recording) -> None:
    apply_updates(recording.summary, summary, recording)


def _take_stats(stats: Any, recording: Recording) -> None:
    """One sample of the system metrics, under the names of W&B's server; it has no step."""
    time, started = seconds(stats.timestamp), recording.started
    row: dict[str, Json] = {"_step": None, "_timestamp": time, "_runtime": None}
    if time is not None and started is not None:
        row["_runtime"] = time - started
    for item in stats.item:
        value = _json(item.value_json, recording)
        if value is not ...:
            row[f"system.{item.key}"] = value
    recording.system_rows.append(row)
    _seen(recording, time)


def _take_output(output: Any, recording: Recording) -> None:
    stream = "stdout" if output.output_type == pb.OutputRawRecord.STDOUT else "stderr"
    recording.console.feed(stream, output.line)
    _seen(recording, seconds(output.timestamp))


def _take_exit(record: Any, recording: Recording) -> None:
    recording.exit_code = record.exit_code
    recording.exit_runtime_s = float(record.runtime)


def _take_preempting(_: Any, recording: Recording) -> None:
    recording.preempting = True


def _seen(recording: Recording, time: float | None) -> None:
    if time is not None and time > (recording.last_time or 0.0):
        recording.last_time = time


_TAKERS: Mapping[str, Any] = {
    "run": _take_run,
    "environment": _take_environment,
    "config": _take_config,
    "history": _take_history,
    "summary": _take_summary,
    "stats": _take_stats,
    "output": _take_output,
    "output_raw": _take_output,
    "exit": _take_exit,
    "preempting": _take_preempting,
}


def loss_sentences(recordings: Iterable[tuple[str, Recording]]) -> list[str]:
    """One sentence for each file, by name, of which something was lost."""
    sentences = []
    for name, recording in recordings:
        losses = recording.losses
        if losses.records:
            what = f"at least {losses.records} record{'s' if losses.records > 1 else ''} ({losses.bytes} bytes)"
            sentences.append(f"{what} of {name} could not be read: the file is cut off or damaged")
        if recording.unreadable:
            sentences.append(f"values of {name} that are not JSON and were left out: {recording.unreadable}")
    return sentences
