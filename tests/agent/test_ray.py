"""Trials on a Ray cluster that is already there, and has less room than the agent asks for."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .sweeps_of import entries, write_sweep

ENVIRONMENT = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token",
               "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    head = Path(__file__).with_name("ray_head.py")
    with subprocess.Popen([sys.executable, str(head)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL, env=ENVIRONMENT) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.stdin.close()


def agent(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aftersweep.training", "agent", "given.yaml", "--out", "out", "--json", *words]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.slow
def test_trials_wait_for_a_place(tmp_path: Path, address: str) -> None:
    """Three at once on one CPU: one after the other they run in the agent's folder, the rule still stops what it
    stops, and each end is in the journal. What a trial does goes by its turn, for Ray promises no order."""
    (tmp_path / "train.py").write_text(
        "import json, os, sys, time\n"
        "turn = len([name for name in os.listdir() if name.startswith('turn')])\n"
        "os.mkdir(f'turn{turn}')\n"
        "with open(os.environ['AFTERSWEEP_HISTORY'], 'a') as stream:\n"
        "    stream.write(json.dumps({'score': (2, 1, 4)[turn]}) + '\\n')\n"
        "time.sleep(60 if turn == 1 else 0.5)\n"
        "sys.exit(3 if turn == 2 else 0)\n"
    )
    early = {"type": "hyperband", "min_iter": 1, "eta": 3}
    write_sweep(tmp_path, {"x": {"values": [2, 1, 4]}}, program="train.py", early_terminate=early)
    done = agent(tmp_path, "--ray", address, "--jobs", "3", "--look-every", "0.1")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    ends = [(trial["exit_status"], trial["signal"], trial["stop_requested"]) for trial in told["trials"]]
    assert sorted(ends, key=str) == [(0, None, False), (3, None, False), (None, 15, True)]
    assert sorted(trial["parameters"]["x"] for trial in told["trials"]) == [1, 2, 4]
    assert all(entry.ended for entry in entries(tmp_path / "out").values())


@pytest.mark.slow
def test_what_no_machine_can_start(tmp_path: Path, address: str) -> None:
    """A program that is not there is one line, exit 2; GPUs that nobody has are named, and an interrupt ends the wait
    for them."""
    write_sweep(tmp_path, {"x": {"value": 1}}, command=["/no/such/program"])
    done = agent(tmp_path, "--ray", address)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "aftersweep-train: the sweep's program cannot be started (/no/such/program): "
           "[Errno 2] No such file or directory: '/no/such/program'"
    )  # fmt: skip
    other = tmp_path / "other"
    other.mkdir()
    write_sweep(other, {"x": {"value": 1}})
    words = [sys.executable, "-m", "aftersweep.training", "agent", "given.yaml", "--out", "out", "--ray", address,
             "--gpus-per-trial", "2"]  # fmt: skip
    with subprocess.Popen(words, cwd=other, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        said = []
        while not said or "started" not in said[-1]:
            said.append(child.stderr.readline())
            assert said[-1]
        child.terminate()
        child.communicate(timeout=60)
    assert any("asks for 2 GPUs, and no machine of the cluster has more than 0: trials wait" in line for line in said)
    assert child.returncode == 130
    (entry,) = entries(other / "out").values()
    assert (entry.signal, entry.stop_requested) == (15, True)
