"""The command line against a W&B server on loopback: what it reads, what it says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from .test_cli import refused, run

WHOLE = f"{ENTITY}/{PROJECT}/{SWEEP_ID}"


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


def test_a_sweep_of_a_server_is_harvested_and_then_needs_no_server(server: LoopbackServer, tmp_path: Path) -> None:
    """By its name and by its URL; then by its id from the archive, without key and network, with the same runs."""
    login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
    first = run("report", WHOLE, "-f", "json", "-o", "-", cwd=tmp_path, **login)
    assert first.returncode == 0, first.stderr
    requests = len(server.requests)
    url = f"{server.url}/{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID}"
    again = run("report", url, "-f", "json", "-o", "-", cwd=tmp_path, **login)
    assert again.returncode == 0, again.stderr
    assert len(server.requests) - requests <= requests
    archived = run("report", SWEEP_ID, "-f", "json", "-o", "-", cwd=tmp_path)
    assert archived.returncode == 0, archived.stderr
    one, two, three = (json.loads(done.stdout) for done in (first, again, archived))
    assert one["runs"] == two["runs"] == three["runs"]
    assert (one["sweep"]["source"]["kind"], three["sweep"]["source"]["kind"]) == ("server", "archive")
    assert KEY not in first.stdout + first.stderr + again.stderr + archived.stdout


def test_a_bare_id_takes_the_default_entity_and_project(server: LoopbackServer, tmp_path: Path) -> None:
    """From the environment, as the official client finds them; the resolved target is printed."""
    login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_ENTITY": ENTITY, "WANDB_PROJECT": PROJECT}
    done = run("report", SWEEP_ID, "-o", "page.html", cwd=tmp_path, **login)
    assert done.returncode == 0, done.stderr
    assert f"{ENTITY}/{PROJECT}/sweeps/{SWEEP_ID}" in done.stderr


def test_refusals_are_told_apart(tmp_path: Path) -> None:
    """A wrong key, an unknown sweep, a forbidden one, no server: each its own line, and no key in any."""
    wrong = "0" * 40
    with LoopbackServer(*example_sweep()) as server:
        login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
        bad_key = refused(run("report", WHOLE, cwd=tmp_path, WANDB_BASE_URL=server.url, WANDB_API_KEY=wrong))
        unknown = refused(run("report", f"{ENTITY}/{PROJECT}/zzzzzzzz", cwd=tmp_path, **login))
    with LoopbackServer(*example_sweep(), forbidden=True) as server:
        forbidden = refused(run("report", WHOLE, cwd=tmp_path, WANDB_BASE_URL=server.url, WANDB_API_KEY=KEY))
    gone = refused(run("report", WHOLE, cwd=tmp_path, WANDB_BASE_URL=server.url, WANDB_API_KEY=KEY))
    assert "key" in bad_key
    assert "zzzzzzzz" in unknown
    assert len({bad_key, unknown, forbidden, gone}) == 4
    assert not [line for line in (bad_key, unknown, forbidden, gone) if KEY in line or wrong in line]


def test_without_the_server_an_archived_copy_is_offered(server: LoopbackServer, tmp_path: Path) -> None:
    """The full name asks the server; when it does not answer, the message says how to read the copy."""
    login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
    assert run("harvest", WHOLE, "-q", cwd=tmp_path, **login).returncode == 0
    assert "--source archive" in refused(run("report", WHOLE, cwd=tmp_path))
    assert run("report", WHOLE, "--source", "archive", "-o", "page.html", cwd=tmp_path).returncode == 0
