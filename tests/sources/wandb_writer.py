"""Writes `.wandb` files as the SDK frames them, for what real runs cannot be made to record."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

from aftersweep.analysis.sources.base import RawRun

BLOCK = 32 * 1024
MAGIC = b":W&B\xe1\xbe\x00"
NOW = 1.77e9 + 7200
"""When the tests of made trees look at them; their runs start at 1.77e9."""


def chunk(kind: int, data: bytes) -> bytes:
    """One chunk: CRC, length, type, data."""
    return (
        zlib.crc32(bytes([kind]) + data).to_bytes(4, "little") + len(data).to_bytes(2, "little") + bytes([kind]) + data
    )


def frame(payloads: Iterable[bytes]) -> bytes:
    """A whole file that holds ``payloads``."""
    out = bytearray(MAGIC)
    for payload in payloads:
        rest, first = payload, True
        while True:
            room = BLOCK - len(out) % BLOCK
            if room < 7:
                out += b"\0" * room
                room = BLOCK
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not rest]
            out += chunk(kind, part)
            first = False
            if not rest:
                break
    return bytes(out)


def write_records(path: Path, records: Iterable[pb.Record]) -> Path:
    """Writes the records, numbered from 1."""
    payloads = []
    for number, record in enumerate(records, start=1):
        record.num = number
        payloads.append(record.SerializeToString())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frame(payloads))
    return path


def run_folder(root: Path, run_id: str, stamp: str = "20260131_161500") -> Path:
    """The path of a run's file in the SDK's layout."""
    return root / f"offline-run-{stamp}-{run_id}" / f"run-{run_id}.wandb"


def run_record(run_id: str, config: Mapping[str, Any] | None = None, start: float = 1.77e9, **more: Any) -> pb.Record:
    """A ``run`` record; ``more`` are its other fields."""
    record = pb.Record()
    record.run.run_id = run_id
    _set_time(record.run.start_time, start)
    for key, value in (config or {}).items():
        record.run.config.update.add(key=key, value_json=json.dumps(value))
    for key, value in more.items():
        if key == "tags":
            record.run.tags.extend(value)
        elif value is not None:
            setattr(record.run, key, value)
    return record


def history_record(row: Mapping[str, Any]) -> pb.Record:
    """One logged step."""
    record = pb.Record()
    for key, value in row.items():
        record.history.item.add(nested_key=[key], value_json=json.dumps(value))
    record.history.step.num = min(row.get("_step", 0), 2**63 - 1)
    return record


def summary_record(update: Mapping[str, Any], remove: Iterable[str] = ()) -> pb.Record:
    record = pb.Record()
    for key, value in update.items():
        record.summary.update.add(nested_key=key.split("."), value_json=json.dumps(value))
    for key in remove:
        record.summary.remove.add(nested_key=key.split("."))
    return record


def stats_record(time: float, values: Mapping[str, float]) -> pb.Record:
    record = pb.Record()
    _set_time(record.stats.timestamp, time)
    for key, value in values.items():
        record.stats.item.add(key=key, value_json=json.dumps(value))
    return record


def output_record(text: str, stdout: bool = True, time: float | None = None) -> pb.Record:
    record = pb.Record()
    record.output_raw.output_type = 1 if stdout else 0
    record.output_raw.line = text
    if time is not None:
        _set_time(record.output_raw.timestamp, time)
    return record


def exit_record(code: int, runtime: int = 0) -> pb.Record:
    record = pb.Record()
    record.exit.exit_code = code
    record.exit.runtime = runtime
    record.exit.SetInParent()
    return record


def environment_record(**fields: Any) -> pb.Record:
    record = pb.Record()
    for key, value in fields.items():
        setattr(record.environment, key, value)
    return record


def preempting_record() -> pb.Record:
    record = pb.Record()
    record.preempting.SetInParent()
    return record


def records_of(run: RawRun) -> list[pb.Record]:
    """A raw run as the records that the SDK would have written of it."""
    start = run.created_at or 0.0
    records = [
        run_record(
            run.id,
            run.config,
            start,
            display_name=run.name,
            sweep_id=run.sweep_id,
            run_group=run.group,
            job_type=run.job_type,
            notes=run.notes,
            tags=run.tags,
            host=run.host,
        ),
        environment_record(host=run.host or "", username=run.user or "", gpu_type=run.gpu or ""),
    ]
    for row in run.history.to_pylist():
        logged = {key: value for key, value in row.items() if value is not None}
        records += [summary_record(logged), history_record(logged)]
    for row in run.system.to_pylist():
        values = {key.removeprefix("system."): value for key, value in row.items() if key.startswith("system.")}
        records.append(stats_record(row["_timestamp"], values))
    records += [output_record(f"{line}\n") for line in run.log_tail]
    return records


def _set_time(timestamp: Any, seconds: float) -> None:
    timestamp.seconds, timestamp.nanos = divmod(round(seconds * 1e9), 10**9)


def write_run(
    root: Path, run_id: str, *records: Any, sweep_id: str | None = "s1", age: float = 3600, **more: Any
) -> Path:
    """A run of sweep s1 with lr 0.1, written ``age`` seconds before NOW."""
    config = more.pop("config", {"lr": 0.1, "depth": 3})
    start = more.pop("start", 1.77e9)
    stamp = more.pop("stamp", "20260131_161500")
    path = run_folder(root, run_id, stamp)
    write_records(path, [run_record(run_id, config, start, sweep_id=sweep_id, **more), *records])
    os.utime(path, (NOW - age, NOW - age))
    return path


def write_early_kill(root: Path, run_id: str, config: str = "{'lr': 0.01, 'depth': 3, '_wandb': {}}") -> Path:
    """What a run leaves that is killed before the SDK's first write."""
    path = run_folder(root, run_id)
    (path.parent / "logs").mkdir(parents=True)
    path.write_bytes(MAGIC)
    os.utime(path, (NOW - 3600, NOW - 3600))
    log = f"2026-01-31 INFO x wandb.init called with sweep_config: {{}}\nconfig: {config}\n2026-01-31 INFO starting\n"
    (path.parent / "logs" / "debug.log").write_text(log)
    return path
