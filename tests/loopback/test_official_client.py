"""The loopback server, held to the official client: what ``wandb.Api`` reads is what was put in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from ..sources.example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from ..sources.serving import isolate
from . import KEY, LoopbackServer
from .data import rows_of


@pytest.fixture(autouse=True)
def clean_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


def read_sweep(server: LoopbackServer) -> Any:
    api = wandb.Api(overrides={"base_url": server.url}, api_key=KEY)
    return api.sweep(f"{ENTITY}/{PROJECT}/{SWEEP_ID}")


def test_the_official_client_reads_the_sweep(server: LoopbackServer) -> None:
    """Law: run for run the client's own API shows the records that the server was given."""
    sweep, runs = example_sweep()
    found = read_sweep(server)
    assert (found.name, found.state, found.config["metric"]) == (
        sweep.name,
        sweep.state,
        (sweep.config or {})["metric"],
    )
    read = list(found.runs)
    assert [run.id for run in read] == [run.id for run in runs]
    for run, want in zip(read, runs, strict=True):
        assert (run.name, run.state, list(run.tags), run.notes) == (want.name, want.state, list(want.tags), want.notes)
        assert run.config == want.config
        history = sorted(run.scan_history(use_cache=False), key=lambda row: row["_step"])
        assert history == rows_of(want.history)
        assert len(run.history(stream="system", pandas=False)) == want.system.num_rows
        assert len(list(run.console_logs(last=200))) == len(want.log_tail)


def test_non_finite_numbers_travel_as_words(server: LoopbackServer) -> None:
    """Law: NaN and infinities are the words that W&B makes of them, and no bare NaN is in the JSON."""
    run = next(run for run in read_sweep(server).runs if run.id == "a0run004")
    words = {row.get("val/loss") for row in run.scan_history(use_cache=False) if isinstance(row.get("val/loss"), str)}
    assert words == {"Infinity", "-Infinity"}
    text = json.dumps(list(run.scan_history(use_cache=False)), allow_nan=False)
    assert "NaN" in text


def test_a_sample_holds_only_rows_with_all_its_keys(server: LoopbackServer) -> None:
    """Law: keys that were logged at different steps have no row in common, and a sample is never longer than asked."""
    run = next(iter(read_sweep(server).runs))
    assert run.history(keys=["train/loss", "val/loss"], pandas=False) == []
    assert len(run.history(keys=["val/loss"], pandas=False)) == 20
    assert len(run.history(keys=["epoch"], samples=7, pandas=False)) == 7
    assert len(run.history(samples=9, pandas=False)) == 9


def test_what_the_client_sends(server: LoopbackServer) -> None:
    """Law: a plain loop costs the requests that were recorded of client 0.31: two to three a run, names left empty."""
    for run in read_sweep(server).runs:
        list(run.scan_history(use_cache=False))
    names = server.operations
    assert names[:4] == ["Viewer", "GetDefaultEntity", "GetSweep", "Runs"]
    assert set(names[4:]) == {"RunHistoryKeys", "RunParquetHistory", "HistoryPage"}
    assert math.isclose(len(names), 4 + 3 * 8 - 1)  # a run without history has no page
    assert {request.operation_name for request in server.requests} == {"Viewer", "", "RunParquetHistory", "HistoryPage"}


def test_a_wrong_query_is_refused(server: LoopbackServer) -> None:
    """Law: a field, an argument or a type that the protocol does not have is refused, not made up."""
    api = wandb.Api(overrides={"base_url": server.url}, api_key=KEY)
    for query in ("query A { project { colour } }", "query B { viewer(x: 1) { id } }", "query C { "):
        with pytest.raises(Exception, match=r"Cannot query|Unknown argument|Syntax Error"):
            api._service_api.execute_graphql(query)
