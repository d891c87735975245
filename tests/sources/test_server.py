"""The server source against the loopback server: what is read, and in how many requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aftersweep.analysis.sources.base import fetch_all, history_table
from aftersweep.analysis.sources.wandb_records import MOST_KEYS, NO_TAIL, chosen_keys, counts

from ..loopback import Fault, LoopbackServer, Request
from .conformance import assert_conforms, assert_same_table
from .example import example_sweep
from .serving import QUICK, isolate, many_runs, official, source


@pytest.fixture(autouse=True)
def clean_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


def test_the_server_source_conforms(server: LoopbackServer) -> None:
    """Law: what the server holds is what we read, from NaN to hostile names."""
    assert_conforms(source(server), *example_sweep())


def test_the_official_source_conforms(server: LoopbackServer) -> None:
    """Law: the official client reads the same sweep from the same server, less the stop flags it does not show."""
    assert_conforms(official(server), *example_sweep(), lost=("stop_requested",))


def test_histories_in_parquet_files_conform() -> None:
    """Law: where the server hands out Parquet files the official client's histories are the same."""
    with LoopbackServer(*example_sweep(), parquet=True) as server:
        assert_conforms(official(server), *example_sweep(), lost=("stop_requested",))
        assert "HistoryPage" not in server.operations


def test_both_ways_give_equal_runs(server: LoopbackServer) -> None:
    """Law: run for run the two ways of reading give equal records."""
    (sweep, runs), (their_sweep, their_runs) = fetch_all(source(server)), fetch_all(official(server))
    assert sweep == their_sweep
    for run, theirs in zip(runs, their_runs, strict=True):
        assert_same_table(run.history, theirs.history, run.id)
        same = {"history": theirs.history, "system": theirs.system, "stop_requested": None}
        assert repr(replace(run, **same)) == repr(replace(theirs, stop_requested=None))


def test_a_refusal_falls_back_to_the_official_client() -> None:
    """Law: a server that refuses batched queries gives the same runs."""
    with LoopbackServer(*example_sweep(), refuse_batched=True) as server:
        assert_conforms(source(server), *example_sweep(), lost=("stop_requested",))
        assert "RunParquetHistory" in server.operations


def test_a_refusal_in_the_middle_falls_back() -> None:
    """Law: a refusal after the listing loses no run and gives none twice."""
    sweep, runs = example_sweep()
    body = '{"errors": [{"message": "query is too complex"}]}'
    fault = Fault(400, 99, "AftersweepHistories", body=body, when=lambda r: "a0run005" in r.variables["filters"])
    with LoopbackServer(sweep, runs, fail=[fault]) as server:
        assert_conforms(source(server, limits=replace(QUICK, batch=3)), sweep, runs, lost=("stop_requested",))


@pytest.mark.parametrize("field", ["exitcode", "stopped", "shouldStop", "host", "runInfo"])
def test_an_older_server_is_not_asked_for_newer_fields(field: str) -> None:
    """Law: a field that the server does not have is left out of the query, not stumbled over."""
    sweep, runs = example_sweep()
    with LoopbackServer(sweep, runs, without=(field,)) as server:
        assert_conforms(source(server), sweep, runs, lost=("stop_requested",) if field == "stopped" else ())
        assert "RunParquetHistory" not in server.operations


def test_200_runs_cost_few_requests() -> None:
    """Law: the requests grow with the pages, not with the runs."""
    sweep, _ = example_sweep()
    runs = many_runs(200)
    with LoopbackServer(sweep, runs) as server:
        _, read = fetch_all(source(server))
        print(f"{len(runs)} runs: {len(server.requests)} requests: {server.operations}")
        assert [run.id for run in read] == [run.id for run in runs]
        assert all(run.history.num_rows == 20 and not run.problems for run in read)
        assert all(run.log_tail == want.log_tail for run, want in zip(read, runs, strict=True))
        assert len(server.requests) <= 10


def test_flags_exit_codes_and_agents_are_read() -> None:
    """Law: what the server says of a run's end and its agent reaches the record."""
    sweep, runs = example_sweep()
    runs[5] = replace(runs[5], exit_code=255, agent="agent-1", stop_requested=True)
    runs[3] = replace(runs[3], exit_code=1, agent="agent-2", stop_requested=False)
    with LoopbackServer(sweep, runs) as server:
        assert_conforms(source(server), sweep, runs)
        assert_conforms(official(server), sweep, runs, lost=("stop_requested", "exit_code"))


def test_a_capped_sample_is_read_again_by_pages() -> None:
    """Law: a server that thins what we asked for whole is asked again page by page, and nothing is lost."""
    sweep, runs = example_sweep()
    with LoopbackServer(sweep, runs, samples_cap=10) as server:
        assert_conforms(source(server), sweep, runs)
        assert "AftersweepHistory" in server.operations


def test_a_long_sparse_history_is_whole() -> None:
    """Law: thousands of rows at far steps come whole, by samples and by pages."""
    sweep, runs = example_sweep()
    rows = [
        {"_step": 997 * i, "_timestamp": 1.7e9 + i, "_runtime": float(i), "val/loss": 1 / (i + 1)} for i in range(5000)
    ]
    runs = [replace(runs[0], history=history_table(rows), history_rows_expected=5000)]
    for cap in (100_000, 900):
        with LoopbackServer(sweep, runs, samples_cap=cap) as server:
            (run,) = source(server).fetch([runs[0].id])
            assert_same_table(run.history, runs[0].history, f"cap {cap}")
            assert run.problems == ()
            assert len(server.requests) <= 12


def test_lost_rows_are_reported() -> None:
    """Law: a history that stays short is never silently short."""
    sweep, runs = example_sweep()
    runs[0] = replace(runs[0], history_rows_expected=55)
    with LoopbackServer(sweep, runs) as server:
        (run,) = source(server).fetch([runs[0].id])
    assert (run.history.num_rows, run.history_rows_expected) == (40, 55)
    assert "55 history rows; 40" in run.problems[0]


def test_runs_that_change_while_we_read() -> None:
    """Law: a run edited between listing and fetch gives its newer data; one added later waits for the next listing."""
    sweep, runs = example_sweep()
    grown = history_table(
        [*runs[7].history.to_pylist(), {"_step": 6, "_timestamp": 1.7e9, "_runtime": 9.0, "new/key": 1.0}]
    )
    with LoopbackServer(sweep, runs) as server:
        reading = source(server)
        before = {stub.id: stub for stub in reading.list_runs()}
        newer = replace(runs[7], state="finished", history=grown, history_rows_expected=7, tags=("done",))
        server.runs = [*runs[:7], newer, replace(runs[0], id="a0run009")]
        read = {run.id: run for run in reading.fetch(list(before))}
        after = {stub.id: stub for stub in reading.list_runs()}
    assert read.keys() == before.keys() == after.keys() - {"a0run009"}
    assert (read["a0run008"].state, read["a0run008"].history.num_rows) == ("finished", 7)
    assert read["a0run008"].history.column("new/key").to_pylist()[-1] == 1.0
    assert {run_id for run_id in before if before[run_id] != after[run_id]} == {"a0run008"}


def test_a_run_on_two_pages_is_listed_once() -> None:
    """Law: runs that move to the next page while we list are counted once."""
    sweep, _ = example_sweep()
    runs = many_runs(10, rows=1)
    with LoopbackServer(sweep, runs) as server:

        def insert(request: Request) -> None:
            if request.operation == "AftersweepRuns" and request.variables["after"]:
                server.runs = [replace(runs[0], id="earlier"), *runs]

        server.before = insert
        listed = [stub.id for stub in source(server, limits=replace(QUICK, listed=4)).list_runs()]
    assert listed == [run.id for run in runs]


def test_refused_tails_are_asked_for_one_by_one() -> None:
    """Law: a server that refuses the logs of several runs at once gives them run by run, without the slow way."""
    sweep, runs = example_sweep()
    body = '{"errors": [{"message": "query is too complex"}]}'
    with LoopbackServer(sweep, runs, fail=[Fault(400, 10_000, "AftersweepTails", body=body)]) as server:
        assert_conforms(source(server), sweep, runs)
        assert "RunParquetHistory" not in server.operations


def test_tails_that_cannot_be_read_cost_no_run() -> None:
    """Law: a log that the server cannot give leaves a run with a problem, not a sweep without a report."""
    sweep, runs = example_sweep()
    body = '{"data": {"project": null}, "errors": [{"message": "log file is gone"}]}'
    with LoopbackServer(sweep, runs, fail=[Fault(200, 10_000, "logLines(", body=body)]) as server:
        read = {run.id: run for run in source(server).fetch([run.id for run in runs])}
        theirs = {run.id: run for run in official(server).fetch([run.id for run in runs])}
    for found in (read, theirs):
        assert found.keys() == {run.id for run in runs}
        assert found["a0run005"].problems == (NO_TAIL,)
        assert found["a0run001"].problems == ()


def test_the_keys_that_matter_are_never_left_out() -> None:
    """Law: of more keys than are read, the sweep's metric, epochs and validation metrics stay, and the rest is told."""
    sweep, runs = example_sweep()
    noise = {f"gradients/layer{i}": float(i) for i in range(100)}
    rows = [
        {"_step": i, "_timestamp": 1.7e9, "_runtime": 1.0, **noise, "val/accuracy": 0.5, "epoch": i} for i in range(3)
    ]
    runs = [replace(runs[0], history=history_table(rows), history_rows_expected=3)]
    with LoopbackServer(sweep, runs) as server:
        (run,) = source(server).fetch([runs[0].id])
        (theirs,) = official(server).fetch([runs[0].id])
    for found in (run, theirs):
        assert {"val/accuracy", "epoch"} <= set(found.history.column_names)
        assert found.history.num_columns == 3 + MOST_KEYS
        assert found.problems == ("The histories of 38 of 102 logged keys were not read.",)
    assert chosen_keys(["z", *noise, "odd name"], "odd name")[-1] == "odd name"


def test_without_history_keys_the_summary_names_the_keys() -> None:
    """Law: a server that does not name the logged keys does not make a run look as if it had logged none."""
    node = {"historyKeys": None, "historyLineCount": 3, "summaryMetrics": '{"a": 1, "b": "NaN", "c": "x", "_step": 2}'}
    assert counts(node) == {"a": 0, "b": 0}
    assert counts({**node, "historyLineCount": 0}) == {}
