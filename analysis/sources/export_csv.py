"""Tables of runs as CSV: what W&B's table exports, and our own flat variant.

A table has no history: its metrics are the runs' summaries, and ``history`` stays empty. The analyses then take the
last value of the sweep's metric, and nothing is said about when it was reached.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import FormatError
from ..sweepfile.config import SweepConfig
from .base import STATES, RawRun
from .export_cells import (
    read_cell,
    read_duration,
    read_text,
    read_time,
    write_cell,
    write_text,
    write_time,
)
from .export_columns import Columns, decide

LONGEST_CELL = 10_000_000
_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"([+-]?[0-9]*),([0-9]+([eE][+-]?[0-9]+)?)")
_COMMAS_READ = (
    "Numbers such as 0,5 were read as 0.5: the cells are parted by other signs, and none has a decimal point."
)


@dataclass(frozen=True)
class Table:
    """A CSV file: its header and its rows with the lines on which they end."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    commas: bool = False
    """True where decimal commas were read as points."""


def read_table(path: Path) -> Table:
    """The cells of a file. Raises FormatError with the line for bytes that are not UTF-8 and rows of other lengths."""
    text = read_text_file(path)
    if not text.strip():
        raise FormatError(f"{path} is empty; a table of runs has a header and one row a run")
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    previous = csv.field_size_limit(LONGEST_CELL)
    try:
        table = _table(path, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        return table if delimiter == "," else _with_points(table)
    finally:
        csv.field_size_limit(previous)


def _table(path: Path, reader: Any) -> Table:
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
                continue
            if len(row) != len(header):
                raise FormatError(
                    f"{path}, line {reader.line_num}: {len(row)} cells under a header of {len(header)}; "
                    "is a cell with a comma or a line break in it not quoted?"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: not a CSV file ({error})") from error
    if not rows:
        raise FormatError(f"{path} has a header and no rows; a table of runs has one row a run")
    return Table(header, rows, lines)


def _with_points(table: Table) -> Table:
    """Decimal commas as points, as a spreadsheet of many a country saves them; not where any number has a point."""
    cells = [cell.strip() for row in table.rows for cell in row]
    if any(_POINT.fullmatch(cell) for cell in cells) or not any(_COMMA.fullmatch(cell) for cell in cells):
        return table
    rows = [
        [_COMMA.sub(r"\1.\2", cell) if _COMMA.fullmatch(cell.strip()) else cell for cell in row] for row in table.rows
    ]
    return replace(table, rows=rows, commas=True)


def read_text_file(path: Path) -> str:
    """The file as text; a byte order mark is dropped. Raises FormatError that names the line of a bad byte."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{path}, line {line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from error


def read_csv(path: Path, asked: Mapping[str, str], config: SweepConfig | None) -> tuple[list[RawRun], Columns]:
    """The runs of the table, in its order, and how its columns were read.

    ``sweep_id`` is what the Sweep column says. Raises FormatError and UsageError as ``decide`` does, and FormatError
    for a state that W&B does not have.
    """
    table = read_table(path)
    columns = decide(table.header, table.rows, asked, config, str(path))
    seen: dict[str, int] = {}
    runs = []
    for row, line in zip(table.rows, table.lines, strict=True):
        runs.append(_run(path, line, table.header, row, columns, seen))
    at = columns.at("notice")
    notices = () if at is None else tuple(dict.fromkeys(read_text(row[at]) for row in table.rows if row[at].strip()))
    guesses = (*columns.guesses, *([_COMMAS_READ] if table.commas else []))
    return runs, replace(columns, notices=notices, guesses=guesses)


def _run(
    path: Path, line: int, header: Sequence[str], row: Sequence[str], columns: Columns, seen: dict[str, int]
) -> RawRun:
    fields: dict[str, str] = {}
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    for name, cell, role in zip(header, row, columns.roles, strict=True):
        if not cell.strip() or role == "ignore":
            continue
        if role == "param":
            config[name.removeprefix("config.")] = read_cell(cell, metric=False)
        elif role == "metric":
            summary[name.removeprefix("summary.")] = read_cell(cell, metric=True)
        else:
            fields[role] = read_text(cell)
    state = fields.get("state", "").strip().casefold()
    if state not in STATES:
        shown = f"the state '{state[:40]}' is not one of" if state else "there is no state; it must be one of"
        raise FormatError(f"{path}, line {line}: {shown} {', '.join(STATES)}")
    name = fields.get("name") or fields.get("id") or f"row-{line}"
    run_id = fields.get("id", "").strip() or name.strip()
    seen[run_id] = seen.get(run_id, 0) + 1
    problems = []
    if seen[run_id] > 1:
        if "id" in fields:
            raise FormatError(f"{path}, line {line}: a second run with the id '{run_id[:80]}'")
        run_id = f"{run_id}#{seen[run_id]}"
        problems.append(
            f"another run is also called '{name[:80]}'; the table has no ids, so this one is '{run_id[:90]}'"
        )
    last = summary.get("_timestamp")
    return RawRun(
        id=run_id,
        name=name,
        state=state,
        config=config,
        summary=summary,
        created_at=_parsed(path, line, "creation time", fields.get("created"), read_time),
        heartbeat_at=_parsed(path, line, "last sign of life", fields.get("heartbeat"), read_time)
        or (float(last) if isinstance(last, int | float) else None),
        runtime_s=_parsed(path, line, "runtime", fields.get("runtime"), read_duration),
        sweep_id=fields.get("sweep", "").strip() or None,
        group=fields.get("group"),
        job_type=fields.get("job_type"),
        tags=_tags(fields.get("tags", "")),
        notes=fields.get("notes"),
        user=fields.get("user"),
        host=fields.get("host"),
        gpu=fields.get("gpu"),
        agent=fields.get("agent"),
        exit_code=_whole(path, line, fields.get("exit_code")),
        stop_requested={"true": True, "false": False}.get(fields.get("stop_requested", "").strip().casefold()),
        problems=tuple(problems),
    )


def _parsed(path: Path, line: int, what: str, text: str | None, parse: Any) -> float | None:
    if text is None or text.strip() in ("-", "--"):
        return None
    value: float | None = parse(text)
    if value is None:
        raise FormatError(f"{path}, line {line}: '{text[:40]}' is no {what}; give a time as in 2025-07-03T12:00:00Z")
    return value


def _whole(path: Path, line: int, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{path}, line {line}: '{text[:40]}' is no exit code; it must be a whole number") from error


def _tags(text: str) -> tuple[str, ...]:
    """W&B joins tags with commas; ours are a JSON list, because a tag may hold a comma."""
    value = read_cell(text, metric=False) if text.strip() else []
    if isinstance(value, list):
        return tuple(str(tag) for tag in value)
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


def csv_text(runs: Sequence[RawRun], notices: Sequence[str] = ()) -> str:
    """The flat table: one row a run, W&B's column names, then ``config.`` and ``summary.`` columns. No history.

    notices: what every page of these runs must say, such as that they are a reconstruction; one column of each row.
    """
    params = list(dict.fromkeys(key for run in runs for key in run.config))
    metrics = list(dict.fromkeys(key for run in runs for key in run.summary))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    fields = list(_fields(runs[0])) if runs else ["Name", "State"]
    said = [write_text(" ".join(notices))] if notices else []
    writer.writerow(
        [
            *fields,
            *(["Notice"] if said else []),
            *(f"config.{key}" for key in params),
            *(f"summary.{key}" for key in metrics),
        ]
    )
    for run in runs:
        cells = [*_fields(run).values(), *said]
        cells += [write_cell(run.config[key]) if key in run.config else "" for key in params]
        cells += [write_cell(run.summary[key], metric=True) if key in run.summary else "" for key in metrics]
        writer.writerow(cells)
    return out.getvalue()


def _fields(run: RawRun) -> dict[str, str]:
    times = {"Created": run.created_at, "Heartbeat": run.heartbeat_at}
    words = {
        "Sweep": run.sweep_id,
        "Group": run.group,
        "Job Type": run.job_type,
        "Notes": run.notes,
        "User": run.user,
        "Host": run.host,
        "GPU": run.gpu,
        "Agent": run.agent,
    }
    return {
        "ID": write_text(run.id),
        "Name": write_text(run.name),
        "State": run.state,
        **{key: "" if value is None else write_time(value) for key, value in times.items()},
        "Runtime": "" if run.runtime_s is None else repr(run.runtime_s),
        **{key: "" if value is None else write_text(value) for key, value in words.items()},
        "Tags": write_cell(list(run.tags)) if run.tags else "",
        "Exit Code": "" if run.exit_code is None else str(run.exit_code),
        "Stop Requested": "" if run.stop_requested is None else write_cell(run.stop_requested),
    }
