"""The server source in trouble: what passes is outlasted, what does not is one clear line without the key."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.errors import (
    AftersweepError,
    CredentialsError,
    ForbiddenError,
    FormatError,
    NetworkError,
    UnknownSweepError,
    UsageError,
)
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.wandb_server import ServerSource, open_server

from ..loopback import CERTIFICATE, KEY, Fault, LoopbackServer
from .conformance import assert_conforms
from .example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from .serving import QUICK, isolate, many_runs, official, source


@pytest.fixture(autouse=True)
def clean_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


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


def test_settings_files_are_read(server: LoopbackServer, tmp_path: Path) -> None:
    """Law: server, entity, project and key of the client's settings file are used; it is read once a process."""
    lines = (f"base_url = {server.url}", f"entity = {ENTITY}", f"project = {PROJECT}", f"api_key = {KEY}")
    (tmp_path / "settings").write_text("\n".join(("[default]", *lines)))
    code = (
        "from aftersweep.analysis.sources.wandb_server import open_server\n"
        f"source = open_server('{SWEEP_ID}'); print(source.target.printable, source.sweep().state)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"{server.url}/{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID} FINISHED\n"
    assert KEY not in done.stderr


@pytest.mark.parametrize("name", ["HTTP_PROXY", "WANDB__PROXIES"])
def test_proxies_are_used(name: str, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the proxy of the environment or of the client's settings carries the requests."""
    monkeypatch.setenv(name, server.url if name == "HTTP_PROXY" else f'{{"http": "{server.url}"}}')
    reading = ServerSource(ENTITY, PROJECT, SWEEP_ID, base_url="http://wandb.invalid", api_key=KEY, limits=QUICK)
    assert reading.sweep().id == SWEEP_ID


def test_an_address_with_a_password_is_not_used() -> None:
    """Law: an address that would print a password is refused without printing it, and so is no address at all."""
    for address, says in (("https://ada:s3cret@wandb.example", "user name"), ("x://ada:s3cret@y", "'y' is not the")):
        with pytest.raises(UsageError, match=says) as caught:
            ServerSource(ENTITY, PROJECT, SWEEP_ID, base_url=address, api_key=KEY)
        assert "s3cret" not in str(caught.value)


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
    ({"fail": [Fault(200, 99, body='{"data": {"project": {"sweep": [1]}}}')]}, {}, FormatError, "not W&B's"),
    ({"fail": [Fault(200, 99, body='{"data": {"project": 5}}')]}, {}, FormatError, "not W&B's"),
    ({"fail": [Fault(200, 99, body='{"errors": 5}')]}, {}, AftersweepError, "refuses|cannot read|credentials"),
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


def test_an_unknown_certificate_is_refused_and_a_named_one_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a server with its own certificate authority is read once the user names it, and never before."""
    with LoopbackServer(*example_sweep(), tls=True) as server:
        with pytest.raises(NetworkError, match="REQUESTS_CA_BUNDLE or SSL_CERT_FILE"):
            source(server).sweep()
        assert server.requests == []
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            with monkeypatch.context() as patch:
                patch.setenv(name, str(CERTIFICATE))
                assert source(server).sweep().id == SWEEP_ID


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REQUESTS_CA_BUNDLE", "/no/such/file.pem", "REQUESTS_CA_BUNDLE"),
        ("HTTPS_PROXY", "wat://", "HTTPS_PROXY"),
    ],
)
def test_files_and_addresses_on_the_way_are_named(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: certificates and proxies that are none are said at once, with the variable to look at."""
    with LoopbackServer(*example_sweep(), tls=True) as server:
        monkeypatch.setenv(name, value)
        for other in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(other, raising=False)
        with pytest.raises(UsageError, match=said):
            source(server).sweep()


def test_a_refused_certificate_is_said_in_a_few_words() -> None:
    """Law: the reason alone, without the library's words about pools."""
    with LoopbackServer(*example_sweep(), tls=True) as server, pytest.raises(NetworkError) as raised:
        source(server).sweep()
    assert "self-signed certificate" in str(raised.value)
    assert "HTTPSConnectionPool" not in str(raised.value)
