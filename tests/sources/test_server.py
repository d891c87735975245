"""The server source against the loopback server, and both against the official client."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.errors import (
    AftersweepError,
    CredentialsError,
    ForbiddenError,
    NetworkError,
    UnknownSweepError,
    UsageError,
)
from aftersweep.analysis.sources.base import RawRun, fetch_all, history_table
from aftersweep.analysis.sources.wandb_official import OfficialSource
from aftersweep.analysis.sources.wandb_server import ServerSource, open_server
from aftersweep.analysis.sources.wandb_session import Limits, Target

from ..loopback import KEY, Fault, LoopbackServer, Request
from .conformance import assert_conforms, assert_same_table
from .example import ENTITY, PROJECT, SWEEP_ID, example_sweep

QUICK = Limits(deadline_s=20.0, connect_deadline_s=0.5, first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture(autouse=True)
def clean_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, keys or proxies of the machine that runs the tests."""
    for name in ("WANDB_ENTITY", "WANDB_PROJECT", "WANDB_BASE_URL", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


def source(server: LoopbackServer, **more: Any) -> ServerSource:
    more = {"base_url": server.url, "api_key": KEY, "limits": QUICK, **more}
    return ServerSource(ENTITY, PROJECT, SWEEP_ID, **more)


def official(server: LoopbackServer) -> OfficialSource:
    return OfficialSource(Target(server.url, ENTITY, PROJECT, SWEEP_ID), app_url=server.url, api_key=KEY)


def many_runs(count: int, rows: int = 20) -> list[RawRun]:
    """Runs with histories; four of five did not finish."""
    base = example_sweep()[1][4]
    steps = [{"_step": i, "_timestamp": 1.7e9 + i, "epoch": i, "val/accuracy": i / rows} for i in range(rows)]
    history = history_table(steps)
    return [
        replace(
            base,
            id=f"run{i:05d}",
            created_at=1.7e9 + i,
            state="finished" if i % 5 == 0 else "crashed",
            history=history,
            history_rows_expected=rows,
            log_tail=() if i % 5 == 0 else base.log_tail,
        )
        for i in range(count)
    ]


def test_the_server_source_conforms(server: LoopbackServer) -> None:
    """Law: what the server holds is what we read, from NaN to hostile names."""
    assert_conforms(source(server), *example_sweep())


def test_the_official_source_conforms(server: LoopbackServer) -> None:
    """Law: the official client reads the same sweep from the same server, less the stop flags it does not show."""
    assert_conforms(official(server), *example_sweep(), lost=("stop_requested",))


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
    with LoopbackServer(sweep, runs, fail=[Fault(400, match="AftersweepTails", body=body)]) as server:
        assert_conforms(source(server), sweep, runs, lost=("stop_requested",))


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


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, times=3, headers={"Retry-After": "0"}),
        Fault(429, times=2, headers={"RateLimit-Reset": "0"}),
        Fault(503, times=2),
        Fault(502, times=1, body="<html>bad gateway</html>"),
        Fault(500, times=3, match="sampledHistory("),
        Fault(500, times=3, match="AftersweepTails"),
        Fault(504, times=2, match="AftersweepRuns"),
    ],
)
def test_passing_trouble_is_outlasted(fault: Fault) -> None:
    """Law: rate limits and server errors that pass leave no trace in what we read."""
    with LoopbackServer(*example_sweep(), fail=[fault]) as server:
        assert_conforms(source(server), *example_sweep())
        assert fault.times == 0


def test_a_batch_that_is_too_much_is_halved() -> None:
    """Law: a server that fails on large batches is asked for smaller ones until it answers."""
    sweep, _ = example_sweep()
    runs = many_runs(16, rows=3)
    too_many = Fault(500, times=10_000, when=lambda request: request.variables.get("first", 0) > 4)
    with LoopbackServer(sweep, runs, fail=[too_many]) as server:
        _, read = fetch_all(source(server))
        sizes = [r.variables["first"] for r in server.requests if r.operation == "AftersweepHistories"]
    assert [run.id for run in read] == [run.id for run in runs]
    assert sizes == [16, 8, 4, 4, 8, 4, 4]


def test_a_slow_answer_is_asked_for_in_smaller_parts() -> None:
    """Law: a time-out counts as a batch that was too much."""
    sweep, _ = example_sweep()
    slow = Fault(200, delay_s=1.0, when=lambda r: r.operation == "AftersweepHistories" and r.variables["first"] == 4)
    with LoopbackServer(sweep, many_runs(4), fail=[slow]) as server:
        _, read = fetch_all(source(server, limits=replace(QUICK, read_timeout_s=0.4)))
    assert len(read) == 4


def test_retry_after_is_obeyed() -> None:
    """Law: the wait that a 429 asks for is kept, and a wait beyond the deadline is an error at once."""
    with LoopbackServer(*example_sweep(), fail=[Fault(429, times=1, headers={"Retry-After": "3600"})]) as server:
        with pytest.raises(NetworkError, match="too many requests"):
            source(server).sweep()
        assert len(server.requests) == 1


def test_a_server_that_stays_broken_is_given_up() -> None:
    """Law: the deadline holds."""
    with (
        LoopbackServer(*example_sweep(), fail=[Fault(500, times=10_000)]) as server,
        pytest.raises(NetworkError, match="server error 500"),
    ):
        source(server, limits=replace(QUICK, deadline_s=0.3)).sweep()


def test_no_network_names_the_host() -> None:
    """Law: where no server answers the error names the host that was tried."""
    with LoopbackServer(*example_sweep()) as server:
        gone = server.url
    with pytest.raises(NetworkError, match=gone.removeprefix("http://")):
        ServerSource(ENTITY, PROJECT, SWEEP_ID, base_url=gone, api_key=KEY, limits=QUICK).sweep()


def test_no_credentials_say_the_next_step() -> None:
    """Law: without a key nothing is sent, and the message says how to log in."""
    with pytest.raises(CredentialsError, match=r"wandb login .*WANDB_API_KEY"):
        ServerSource(ENTITY, PROJECT, SWEEP_ID, base_url="http://127.0.0.1:9", limits=QUICK)


def test_credentials_come_from_netrc_and_environment(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: server, key and default names are found where the official client finds them."""
    host = server.url.removeprefix("http://")
    (tmp_path / "netrc").write_text(f"machine {host}\n  login user\n  password {KEY}\n")
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    assert open_server(f"{ENTITY}/{PROJECT}/{SWEEP_ID}", limits=QUICK).sweep().id == SWEEP_ID
    monkeypatch.setenv("WANDB_PROJECT", PROJECT)
    bare = open_server(SWEEP_ID, limits=QUICK)
    assert bare.target.printable == f"{server.url}/{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID}"
    assert bare.sweep().entity == ENTITY
    (tmp_path / "netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert open_server(f"{server.url}/{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID}", limits=QUICK).sweep().id == SWEEP_ID


def test_a_bare_id_needs_a_project(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a bare id without a default project is refused with the way out."""
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with pytest.raises(UsageError, match="WANDB_PROJECT"):
        _ = open_server(SWEEP_ID).target
    with pytest.raises(UsageError, match="names no sweep"):
        open_server("a/b")


def test_the_key_goes_to_no_other_host(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a pasted URL of another host is refused before anything is sent there."""
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    before = len(server.requests)
    with pytest.raises(UsageError, match=r"is set up for 127\.0\.0\.1:9"):
        open_server(f"{server.url}/{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID}")
    assert len(server.requests) == before


ERRORS: list[tuple[dict[str, Any], dict[str, Any], type[AftersweepError], str]] = [
    ({"key": "another" * 8}, {}, CredentialsError, "does not accept .*wandb login"),
    ({"forbidden": True}, {}, ForbiddenError, "permission denied"),
    ({}, {"sweep_id": "zzzzzzzz"}, UnknownSweepError, "no sweep 'zzzzzzzz' .*ex4mpl3s"),
    ({"deleted": True}, {}, UnknownSweepError, "was deleted; 8 of its runs"),
    ({"private": True}, {}, UnknownSweepError, "deleted, renamed or never there"),
    ({}, {"entity": "somebody"}, UnknownSweepError, "private, deleted or misspelt.*aftersweep-lab"),
    ({"fail": [Fault(404, 99, "project(", body="{}")]}, {}, AftersweepError, "no W&B server"),
    ({"fail": [Fault(200, 99, body="<html>log in</html>")]}, {}, AftersweepError, "does not answer as a W&B server"),
    ({"fail": [Fault(302, 99, headers={"Location": "http://127.0.0.1:9"})]}, {}, NetworkError, "points elsewhere"),
]


@pytest.mark.parametrize(("serving", "asking", "kind", "says"), ERRORS)
def test_each_refusal_has_its_own_error(
    serving: dict[str, Any],
    asking: dict[str, Any],
    kind: type[AftersweepError],
    says: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Law: each refusal is one printable line of its own kind, and the key is in no message, log or output."""
    caplog.set_level(logging.DEBUG)
    names = {"entity": ENTITY, "project": PROJECT, "sweep_id": SWEEP_ID, **asking}
    with LoopbackServer(*example_sweep(), **serving) as server:
        reading = ServerSource(**names, base_url=server.url, api_key=KEY, limits=QUICK)
        with pytest.raises(kind, match=says) as caught:
            reading.sweep()
    encoded = base64.b64encode(f"api:{KEY}".encode()).decode()
    text = f"{caught.value}{caught.value.__cause__!r}{reading.__dict__!r}{caplog.text}{capfd.readouterr()}"
    assert KEY not in text
    assert encoded not in text
    assert str(caught.value).isprintable()


def test_a_server_that_repeats_the_key_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """Law: a key that comes back in the server's own words is masked, and so are its control characters."""
    body = f'{{"errors": [{{"message": "permission denied for {KEY} \\u001b[31m"}}]}}'
    with (
        LoopbackServer(*example_sweep(), fail=[Fault(403, 99, body=body)]) as server,
        pytest.raises(ForbiddenError, match=r"permission denied for \*\*\*") as caught,
    ):
        source(server).sweep()
    assert KEY not in str(caught.value) + caplog.text
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("serving", "kind", "says"),
    [
        ({"key": "another" * 8}, CredentialsError, "does not accept"),
        ({"forbidden": True}, ForbiddenError, "permission denied"),
        ({"private": True}, UnknownSweepError, "private, deleted or never there"),
    ],
)
def test_the_official_client_fails_alike(
    serving: dict[str, Any], kind: type[AftersweepError], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Law: the fallback's failures are the same errors, and it prints nothing of its own."""
    with LoopbackServer(*example_sweep(), **serving) as server, pytest.raises(kind, match=says) as caught:
        official(server).sweep()
    assert KEY not in f"{caught.value}{capfd.readouterr()}"
