"""The suite that every source goes through: the same sweep in, the same raw records out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
import pytest

from aftersweep.analysis.sources.base import RawRun, RawSweep, Source, fetch_all

SWEEP_ASPECTS = ("entity", "project", "sweep_name", "description", "sweep_state", "sweep_created_at", "sweep_config")
RUN_FIELDS = ("state", "host", "gpu", "agent", "user", "group", "job_type", "tags", "notes", "exit_code", "sweep_id")
RUN_TIMES = ("created_at", "heartbeat_at", "runtime_s")
ASPECTS = (
    *SWEEP_ASPECTS,
    *RUN_FIELDS,
    *RUN_TIMES,
    "name",
    "config",
    "summary",
    "history",
    "history_times",
    "history_rows_expected",
    "system",
    "log_tail",
    "stop_requested",
    "running",
)
"""What a format may be unable to keep, each a word for ``lost``."""

TIME_COLUMNS = ("_timestamp", "_runtime")
RUNNING = ("running", "pending", "preempting")


def assert_conforms(
    source: Source,
    expected_sweep: RawSweep,
    expected_runs: list[RawRun],
    *,
    lost: Collection[str] = (),
    history_keys: Collection[str] | None = None,
    time_tolerance_s: float = 1.0,
) -> None:
    """Law: a source hands over what was put in, less what its format cannot keep.

    lost: names out of ``ASPECTS`` that the format cannot keep; they are not compared. ``running`` means that the
    format cannot tell a running run, so that ``final`` of its stub is not compared.
    history_keys: the keys whose history the format keeps; None means all.
    time_tolerance_s: how far times may differ, in seconds.
    """
    unknown = set(lost) - set(ASPECTS)
    assert not unknown, f"unknown aspects {sorted(unknown)}; there are {ASPECTS}"
    sweep, runs = fetch_all(source)
    _check_sweep(sweep, expected_sweep, lost, time_tolerance_s)
    _check_stubs(source, expected_runs, lost)
    assert [run.id for run in runs] == [run.id for run in expected_runs]
    for run, expected in zip(runs, expected_runs, strict=True):
        _check_run(run, expected, lost, history_keys, time_tolerance_s)
    _check_fetch(source, expected_runs)


def _check_sweep(sweep: RawSweep, expected: RawSweep, lost: Collection[str], tolerance: float) -> None:
    assert sweep.id == expected.id
    assert sweep.source.target, "a source says what it read"
    assert sweep.problems == ()
    for aspect in SWEEP_ASPECTS:
        name = {"sweep_config": "config"}.get(aspect, aspect.removeprefix("sweep_"))
        if aspect in lost:
            continue
        got, want = getattr(sweep, name), getattr(expected, name)
        if aspect == "sweep_created_at":
            assert got == pytest.approx(want, abs=tolerance)
        else:
            assert_same_json(got, want, f"sweep.{name}")


def _check_stubs(source: Source, expected: list[RawRun], lost: Collection[str]) -> None:
    stubs = list(source.list_runs())
    assert [stub.id for stub in stubs] == [run.id for run in expected], "list_runs is oldest first"
    assert stubs == list(source.list_runs()), "an unchanged run keeps its fingerprint"
    if "running" not in lost:
        for stub, run in zip(stubs, expected, strict=True):
            assert stub.final == (run.state not in RUNNING), f"{run.id}: final"


def _check_fetch(source: Source, expected: list[RawRun]) -> None:
    chosen = [expected[-1].id, expected[0].id]
    assert sorted(run.id for run in source.fetch(chosen)) == sorted(chosen), "fetch gives the named runs only"
    assert list(source.fetch([])) == []
    assert list(source.fetch(["n0suchid"])) == [], "a vanished run is left out"


def _check_run(
    run: RawRun, expected: RawRun, lost: Collection[str], keys: Collection[str] | None, tolerance: float
) -> None:
    where = f"run {run.id}"
    for aspect in (*RUN_FIELDS, "name", "config", "summary", "history_rows_expected", "stop_requested"):
        if aspect not in lost:
            assert_same_json(getattr(run, aspect), getattr(expected, aspect), f"{where}.{aspect}")
    for aspect in RUN_TIMES:
        if aspect not in lost:
            assert getattr(run, aspect) == pytest.approx(getattr(expected, aspect), abs=tolerance), f"{where}.{aspect}"
    if "log_tail" not in lost:
        assert run.log_tail == expected.log_tail, f"{where}.log_tail"
    times = "history_times" not in lost
    if "history" not in lost:
        assert_same_table(run.history, expected.history, f"{where}.history", keys=keys, times=times)
    if "system" not in lost:
        assert_same_table(run.system, expected.system, f"{where}.system", times=times)
    assert run.problems == expected.problems, f"{where}.problems"


def assert_same_table(
    got: pa.Table, want: pa.Table, where: str, *, keys: Collection[str] | None = None, times: bool = True
) -> None:
    """Equal rows key by key: NaN equals NaN, null equals null, times agree within a microsecond."""
    assert got.column_names[:3] == ["_step", "_timestamp", "_runtime"], f"{where}: the first three columns"
    logged = [name for name in want.column_names if not name.startswith("_")]
    kept = logged if keys is None else [name for name in logged if name in keys]
    assert {name for name in got.column_names if not name.startswith("_")} >= set(kept), f"{where}: keys"
    if keys is None:
        assert got.num_rows == want.num_rows, f"{where}: rows"
        assert {name for name in got.column_names if not name.startswith("_")} == set(logged), f"{where}: keys"
    for name in kept:
        columns = ("_step", *(TIME_COLUMNS if times else ()), name)
        assert_same_json(_points(got, columns), _points(want, columns), f"{where}[{name}]")


def _points(table: pa.Table, columns: tuple[str, ...]) -> list[list[Any]]:
    """The rows at which the last of ``columns`` was logged, times rounded to the microsecond."""
    rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
    points = [list(row) for row in rows if row[-1] is not None]
    return [
        [
            round(value, 6) if name in TIME_COLUMNS and value is not None else value
            for name, value in zip(columns, row, strict=True)
        ]
        for row in points
    ]


def assert_same_json(got: Any, want: Any, where: str) -> None:
    """Equal values of equal kind at any depth; NaN equals NaN, 1 equals 1.0, and True is not 1."""
    if isinstance(want, Mapping):
        assert isinstance(got, Mapping), f"{where}: {got!r}"
        assert set(got) == set(want), f"{where}: keys {sorted(set(got) ^ set(want))}"
        for key in want:
            assert_same_json(got[key], want[key], f"{where}.{key}")
    elif isinstance(want, (list, tuple)):
        assert isinstance(got, (list, tuple)), f"{where}: {got!r}"
        assert len(got) == len(want), f"{where}: {got!r} != {want!r}"
        for i, (one, other) in enumerate(zip(got, want, strict=True)):
            assert_same_json(one, other, f"{where}[{i}]")
    elif isinstance(want, float) and math.isnan(want):
        assert isinstance(got, float), f"{where}: {got!r} is not NaN"
        assert math.isnan(got), f"{where}: {got!r} is not NaN"
    else:
        assert isinstance(got, bool) == isinstance(want, bool), f"{where}: {got!r} != {want!r}"
        assert got == want, f"{where}: {got!r} != {want!r}"
