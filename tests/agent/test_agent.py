"""The agent as a whole: real processes, real signals, a real journal."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from aftersweep.analysis.errors import FormatError, UsageError
from aftersweep.analysis.sources.offline_journal import read_journals
from aftersweep.training.agent import trial as trials
from aftersweep.training.agent.journal import Journal, Trial
from aftersweep.training.agent.plan import alone, read_plan
from aftersweep.training.agent.trial import command_of

from .sweeps_of import entries, run, write_sweep


def test_a_grid_runs_to_its_end_in_wandbs_order(tmp_path: Path) -> None:
    """Every combination once, the last parameter turning fastest; the journal says how each ended, and the agent ends
    by itself."""
    path = write_sweep(tmp_path, {"curve": {"values": ["1,2", "3"]}, "end": {"values": [0, 3]}})
    result = run(path, tmp_path / "out", jobs=2)
    assert result.why == "grid"
    assert [(t.parameters["curve"], t.parameters["end"]) for t in sorted(result.trials, key=lambda t: t.proposal)] == [
        ("1,2", 0), ("1,2", 3), ("3", 0), ("3", 3)
    ]  # fmt: skip
    for entry in entries(tmp_path / "out").values():
        assert entry.sweep_id == result.sweep_id
        assert entry.exit_status == entry.parameters["end"]
        assert entry.ended_at > entry.started_at
        assert not entry.stop_requested
    assert (tmp_path / "out" / "logs" / f"{result.trials[0].run_id}.txt").read_text() == "here I am\n"


def test_nested_parameters_reach_the_program_as_wandb_gives_them(tmp_path: Path) -> None:
    """One word for a mapping, and the client's own parameter file."""
    path = write_sweep(tmp_path, {"curve": {"value": "1"}, "optimizer": {"parameters": {"lr": {"values": [0.1]}}}})
    result = run(path, tmp_path / "out")
    (entry,) = entries(tmp_path / "out").values()
    assert entry.parameters == {"curve": "1", "optimizer.lr": 0.1}
    written = tmp_path / "out" / "wandb" / f"sweep-{result.sweep_id}" / f"config-{entry.run_id}.yaml"
    assert yaml.safe_load(written.read_text())["optimizer"]["value"] == {"lr": 0.1}


def test_the_command_is_wandbs(tmp_path: Path) -> None:
    """Default and macros as the client's agent fills them in; the interpreter is this one."""
    raw, values, file = {"program": "train.py"}, {"lr": 0.1, "flag": True, "off": False}, tmp_path / "a.json"
    assert command_of(raw, values, file) == (
        "/usr/bin/env", sys.executable, "train.py", "--lr=0.1", "--flag=True", "--off=False"
    )  # fmt: skip
    raw["command"] = ["${interpreter}", "-m", "mine", "${args_no_boolean_flags}", "${args_json_file}", "x y"]
    assert command_of(raw, values, file) == (sys.executable, "-m", "mine", "--lr=0.1", "--flag", str(file), "x y")


def test_who_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that ignores SIGTERM is killed after the grace; the journal says that it was asked to stop."""
    monkeypatch.setattr(trials, "GRACE_S", 0.3)
    early = {"type": "hyperband", "min_iter": 1, "eta": 2}
    parameters = {"curve": {"values": ["5", "6", "1"]}, "end": {"value": "hang"}}
    result = run(write_sweep(tmp_path, parameters, early_terminate=early), tmp_path / "out")
    last = result.trials[-1]
    assert (last.parameters["curve"], last.signal, last.stop_requested) == ("1", signal.SIGKILL, True)


def agent(path: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aftersweep.training", "agent", str(path), "--out", str(out), "--look-every", "0.05",
         *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_agent_is_gone_on_with(tmp_path: Path) -> None:
    """kill -9 in the middle of trials: they end with it; the next agent says so, runs their proposals again, and the
    sweep has every combination once that counts."""
    path, out = write_sweep(tmp_path, {"curve": {"values": list("1234")}, "wait": {"value": 0.8}}), tmp_path / "out"
    journal = out / "wandb" / "aftersweep-agent.jsonl"
    with agent(path, out, "--jobs", "2") as child:
        until(lambda: journal.exists() and len(entries(out)) >= 3)
        child.kill()
    with journal.open("ab") as stream:
        stream.write(b'{"run_id": "cut')  # what a kill in the middle of a write leaves
    with agent(path, out, "--jobs", "2", "--json") as child:
        said, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    told = json.loads(said)
    assert sorted(trial["parameters"]["curve"] for trial in told["trials"]) == list("1234")
    assert all(trial["exit_status"] == 0 for trial in told["trials"])
    kept = entries(out)
    assert {entry.sweep_id for entry in kept.values()} == {told["sweep_id"]}
    lost = [entry for run_id, entry in kept.items() if run_id not in {trial["run_id"] for trial in told["trials"]}]
    assert lost
    assert all(entry.ended and entry.stop_requested for entry in lost)


def test_an_interrupt_ends_trials_and_agent(tmp_path: Path) -> None:
    """Ctrl-C: the trials are asked to end, all is recorded, exit 130."""
    path, out = write_sweep(tmp_path, {"curve": {"value": "1,2,3"}, "wait": {"value": 20}}), tmp_path / "out"
    with agent(path, out) as child:
        until(lambda: (out / "wandb" / "aftersweep-agent.jsonl").exists() and entries(out))
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
    assert child.returncode == 130
    (entry,) = entries(out).values()
    assert (entry.signal, entry.stop_requested) == (signal.SIGTERM, True)


def test_one_agent_in_a_folder(tmp_path: Path) -> None:
    """A second one is refused while the first works; so is another sweep in the same folder."""
    path = write_sweep(tmp_path, {"curve": {"value": "1"}})
    out = tmp_path / "out"
    plan = read_plan(path, out)
    with alone(plan.out), pytest.raises(UsageError, match="another agent is at work in"):
        run(path, out)
    run(path, out)
    path.write_text(path.read_text() + "\n# more\n")
    with pytest.raises(UsageError, match="holds another sweep"):
        run(path, out)


def test_a_program_that_never_runs_ends_the_agent(tmp_path: Path) -> None:
    """Five first trials without a value, all failed: exit 2, and where to look."""
    path = write_sweep(tmp_path, {"curve": {"values": ["x"] * 1 + [str(n) + "x" for n in range(9)]}})
    with agent(path, tmp_path / "out") as child:
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "the first trials all failed without a value; see" in errors
    assert len(entries(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "best"}, "method is best"),
        ({"parameters": {"x": {"values": []}}}, "empty list of values"),
        ({"program": None}, "names no program"),
        ({"metric": None, "method": "bayes"}, "metric"),
        ({"parameters": {"x": {"min": 0.0, "max": 1.0}}}, "grid"),
        ({"early_terminate": {"type": "hyperband"}}, "min_iter"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """One message with the value; no trial is started."""
    path = write_sweep(tmp_path, **{"parameters": {"curve": {"value": "1"}}, **change})
    with pytest.raises((FormatError, UsageError), match=said):
        run(path, tmp_path / "out")
    assert not list((tmp_path / "out").glob("logs/*"))


def test_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    """No file, no count, a program that is not there: one line each, exit 2."""
    endless = write_sweep(tmp_path, {"curve": {"value": "1"}}, method="random")
    gone = tmp_path / "gone.yaml"
    gone.write_text(
        yaml.safe_dump({"command": ["/no/such/program"], "method": "grid", "parameters": {"a": {"value": 1}}})
    )
    for path, said in ((tmp_path / "none.yaml", "cannot be read"), (endless, "give --count N"),
                       (gone, "the sweep's program cannot be started")):  # fmt: skip
        with agent(path, tmp_path / path.stem) as child:
            out, errors = child.communicate(timeout=60)
        assert (child.returncode, out) == (2, "")
        (line,) = errors.splitlines()[-1:]
        assert line.startswith("aftersweep-train: ")
        assert said in line


def test_a_journal_line_is_on_disk_when_written(tmp_path: Path) -> None:
    """Read back by the room that reads journals, field by field."""
    journal = Journal(tmp_path / "aftersweep-agent.jsonl")
    journal.write("s1", Trial("r1", 0, {"a": 1}, started_at=1e9, ended_at=1e9 + 1, signal=9, stop_requested=False))
    found, bad = read_journals([tmp_path / "aftersweep-agent.jsonl"])
    assert not bad
    assert found["r1"].signal_name == "SIGKILL"
    assert found["r1"].parameters == {"a": 1}
    journal.close()


def test_the_official_clients_own_runs(tmp_path: Path) -> None:
    """A program that knows only wandb: its values come from the client's own file, and ``aftersweep report`` shows the
    sweep with its method, its rule and how each run ended."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, wandb\n"
        "run = wandb.init()\n"
        "for step in range(6): run.log({'score': run.config.x * (step + 1)})\n"
        "run.finish(exit_code=3 if run.config.x == 2 else 0)\n"
        "sys.exit(3 if run.config.x == 2 else 0)\n"
    )
    early = {"type": "hyperband", "min_iter": 100, "eta": 2}
    path = write_sweep(tmp_path, {"x": {"values": [1, 2]}}, program=str(script), early_terminate=early)
    result = run(path, tmp_path / "out", jobs=2)
    assert [trial.values for trial in sorted(result.trials, key=lambda t: t.proposal)] == [
        [float(x * step) for step in range(1, 7)] for x in (1, 2)
    ]  # fmt: skip
    page = tmp_path / "page.json"
    subprocess.run(
        [sys.executable, "-m", "aftersweep", "report", str(tmp_path / "out" / "wandb"), "--format", "json", "-o",
         str(page)],
        check=True, capture_output=True, env={**os.environ, "AFTERSWEEP_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    told = json.loads(page.read_text())
    assert result.sweep_id in json.dumps(told["sweep"])
    by_x = {run["config"]["x"]: run["outcome"] for run in told["runs"]}
    assert by_x == {1: "completed", 2: "crashed"}


def test_on_a_ray_cluster(tmp_path: Path) -> None:
    """A local cluster: the same trials, the same journal; each in a process of its own on a worker, from a folder that
    holds an ``analysis/`` and a ``training/`` of its own."""
    for name in ("analysis", "reports", "training"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OWNER = 'user'\n")
    path, out = write_sweep(tmp_path, {"curve": {"values": ["1,2", "3"]}, "end": {"values": [0, 3]}}), tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "aftersweep.training", "agent", str(path), "--out", str(out), "--ray", "local", "--jobs",
         "2", "--json"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ".", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert sorted(t["exit_status"] for t in told["trials"]) == [0, 0, 3, 3]
    assert sorted(itertools.chain(*(t["values"] for t in told["trials"]))) == [1, 1, 2, 2, 3, 3]
