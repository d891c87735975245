"""The example sweep through every source that can hold it: one tidied ``Sweep``, whichever way it came.

The conformance suite compares raw records; here stands what the analyses see. Where a format cannot keep something,
the test names it in ``LOST`` and everything else is compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.source import ArchiveSource
from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.sources.base import Source, fetch_all
from aftersweep.analysis.sources.export import ExportSource, write_export
from aftersweep.analysis.sources.offline import OfflineSource
from aftersweep.analysis.tidy import tidy
from aftersweep.analysis.types import Run, Sweep

from ..loopback import LoopbackServer
from .conformance import assert_same_json
from .example import CONFIG, SWEEP_ID, example_sweep
from .serving import isolate, official, source
from .wandb_writer import NOW, exit_record, records_of, run_folder, write_records

WHERE_FROM = {"source_kind", "source_target", "source_decided_by", "url"}
"""What differs because the source does; all else of a ``Sweep`` is the same."""

LOST: dict[str, set[str]] = {
    "server": set(),
    # The client's public interface does not show that a stop was asked for.
    "official client": {"stop_requested"},
    # An offline file knows neither the account nor the agent nor what the server asked of the run; of the states it
    # says an exit code and the age of the file (``OFFLINE_STATES``), where a server's run may lack the code. A sweep
    # file found beside the folders need not be the stored one, which is said among the problems. A run that logged
    # nothing ran for no time, as far as its file says.
    "offline": {
        *("sweep.entity", "sweep.project", "sweep.state", "sweep.problems"),
        *("agent", "exit_code", "stop_requested", "runtime_s"),
    },
}
OFFLINE_STATES = {"killed": "failed"}
"""The file says Ctrl-C; only a server says killed."""


@pytest.fixture
def expected() -> Sweep:
    return tidy(*example_sweep())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    isolate(tmp_path, monkeypatch)
    with LoopbackServer(*example_sweep()) as running:
        yield running


def _harvested(origin: Source, folder: Path) -> Source:
    """The sweep as it comes back from an archive, by a harvest that commits three times."""
    archive = Archive(folder)
    return ArchiveSource(archive, harvest(origin, archive, batch_runs=3).key)


def _exported(origin: Source, path: Path) -> Source:
    write_export(*fetch_all(origin), path)
    return ExportSource(path)


def _written_by_the_sdk(folder: Path) -> Source:
    """The runs as `.wandb` files with the sweep's file beside them; the files of the running run are fresh."""
    codes = {"finished": 0, "failed": 1, "killed": 255}
    for run in example_sweep()[1]:
        ended = [exit_record(codes[run.state])] if run.state in codes else []
        path = write_records(run_folder(folder / "wandb", run.id), [*records_of(run), *ended])
        age = 10 if run.state == "running" else 3600
        os.utime(path, (NOW - age, NOW - age))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(dict(CONFIG), sort_keys=False))
    return OfflineSource(folder, clock=lambda: NOW)


def test_the_server_the_client_the_export_and_the_archive_give_one_sweep(
    server: LoopbackServer, tmp_path: Path, expected: Sweep
) -> None:
    """Law: a sweep is the same read by our queries, by the official client, and from what we keep of either."""
    ways: dict[str, Callable[[], Source]] = {
        "server": partial(source, server),
        "official client": partial(official, server),
    }
    for name, origin in ways.items():
        assert_same_sweep(origin(), expected, name)
        assert_same_sweep(_exported(origin(), tmp_path / f"{name}.jsonl"), expected, name)
        assert_same_sweep(_harvested(origin(), tmp_path / name), expected, name)


def test_offline_files_give_the_same_sweep(tmp_path: Path, expected: Sweep) -> None:
    """Law: so do offline folders, and what we keep of them, less what such a file cannot hold."""
    states = [replace(run, state=OFFLINE_STATES.get(run.state, run.state)) for run in expected.runs]
    expected = replace(expected, runs=tuple(states))
    offline = _written_by_the_sdk(tmp_path / "offline")
    assert_same_sweep(offline, expected, "offline")
    assert_same_sweep(_exported(offline, tmp_path / "offline.jsonl"), expected, "offline")
    assert_same_sweep(_harvested(offline, tmp_path / "archive"), expected, "offline")


def test_an_archive_of_an_export_of_an_archive_is_the_same_sweep(tmp_path: Path, expected: Sweep) -> None:
    """Law: the ways can be chained; nothing wears off."""
    write_export(*example_sweep(), tmp_path / "first.jsonl")
    first = _harvested(ExportSource(tmp_path / "first.jsonl"), tmp_path / "first")
    second = _harvested(_exported(first, tmp_path / "second.jsonl"), tmp_path / "second")
    assert_same_sweep(second, expected, "server")


def test_a_table_gives_the_same_runs_without_their_curves(tmp_path: Path, expected: Sweep) -> None:
    """Law: a CSV has no history, logs, system metrics or configuration; states, settings and people it keeps."""
    write_export(*example_sweep(), tmp_path / "flat.csv")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(dict(CONFIG), sort_keys=False))
    table = tidy(*fetch_all(ExportSource(tmp_path / "flat.csv", sweep_config=tmp_path / "sweep.yaml")))
    assert (table.id, table.metric, table.config) == (expected.id, expected.metric, expected.config)
    assert table.parameters == expected.parameters
    kept = ("id", "name", "state", "config", "created_at", "ended_at", "runtime_s", "host", "gpu", "agent", "group")
    for run, want in zip(table.runs, expected.runs, strict=True):
        assert_same_json([getattr(run, name) for name in kept], [getattr(want, name) for name in kept], run.id)
        assert (run.tags, run.exit_code, run.stop_requested) == (want.tags, want.exit_code, want.stop_requested)
        assert run.summary_nonfinite == want.summary_nonfinite
        assert run.history_rows == 0


def assert_same_sweep(got_from: Source, want: Sweep, way: str) -> None:
    """Equal in every field but where it came from and what ``LOST`` says that this way cannot keep."""
    got = tidy(*fetch_all(got_from))
    assert got.id == SWEEP_ID
    lost = LOST[way]
    for field in fields(Sweep):
        if field.name not in WHERE_FROM | {"runs"} and f"sweep.{field.name}" not in lost:
            _assert_same(getattr(got, field.name), getattr(want, field.name), f"{way}: sweep.{field.name}")
    assert [run.id for run in got.runs] == [run.id for run in want.runs]
    for run, expected in zip(got.runs, want.runs, strict=True):
        for field in fields(Run):
            if field.name not in lost:
                where = f"{way}: run {run.id}.{field.name}"
                _assert_same(getattr(run, field.name), getattr(expected, field.name), where)


def _assert_same(got: Any, want: Any, where: str) -> None:
    """Arrays, times and JSON alike; times agree within a millisecond, which is what servers keep."""
    if isinstance(want, np.ndarray):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-3 if "time" in where else 0, err_msg=where)
    elif where.endswith(("created_at", "ended_at", "runtime_s")):
        assert got == pytest.approx(want, abs=1e-3), where
    else:
        assert_same_json(got, want, where)


def test_what_is_lost_are_fields() -> None:
    """Law: ``LOST`` cannot go stale: it names fields that there are."""
    known = {field.name for field in fields(Run)} | {f"sweep.{field.name}" for field in fields(Sweep)}
    assert set().union(*LOST.values()) <= known
