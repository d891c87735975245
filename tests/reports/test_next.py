"""``aftersweep next`` as a user types it: the file, the table, JSON, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from aftersweep.analysis.sweepfile.schema import problems
from aftersweep.reports.following import rows

from ..loopback import KEY, LoopbackServer
from ..narrow.test_next import decide, swept
from ..sources.example import ENTITY, PROJECT, example_sweep


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aftersweep", "next", "4yfw48ad", "--source", "sample", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_file_says_why_and_wandb_would_run_it(tmp_path: Path) -> None:
    done = run("-o", "next.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "next.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    assert not [one for one in problems(config) if one.severity == "error"]
    assert "4yfw48ad" in config["description"]
    assert config["early_terminate"]["min_iter"] == 11
    assert "  min_iter: 11  # was 5; past the longest warm-up, 10 epochs [F" in text
    assert "wandb sweep next.yaml" in done.stderr + done.stdout


def test_the_official_client_starts_it(tmp_path: Path) -> None:
    """``wandb sweep next.yaml`` of the official client exits with 0, and the server receives the file's meaning."""
    assert run("-o", "next.yaml", folder=tmp_path).returncode == 0
    with LoopbackServer(*example_sweep()) as server:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        names = {"BASE_URL": server.url, "API_KEY": KEY, "ENTITY": ENTITY, "PROJECT": PROJECT, "DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "wandb", "sweep", "next.yaml"],
            cwd=tmp_path, env={**kept, **{f"WANDB_{name}": value for name, value in names.items()}},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "wandb agent" in done.stderr
    (asked,) = server.created
    assert yaml.safe_load(asked["config"]) == yaml.safe_load((tmp_path / "next.yaml").read_text(encoding="utf-8"))


def changed_export(tmp_path: Path, **changes: Any) -> Path:
    """The sample as an export, its sweep file and its runs changed."""
    path = tmp_path / "sweep.jsonl"
    command = [sys.executable, "-m", "aftersweep", "export", "4yfw48ad", "--source", "sample", "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    header, *runs = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    if "config" in changes:
        header["sweep"]["config"] = changes["config"] and {**header["sweep"]["config"], **changes["config"]}
    for one in runs:
        one.update(changes.get("runs", {}))
        for name in changes.get("unlogged", ()):
            one["config"].pop(name)
    for one in runs[: changes.get("running", 0)]:
        one.update(state="running", exit_code=None, heartbeat_at=time.time())
    path.write_text("\n".join(map(json.dumps, (header, *runs))), encoding="utf-8")
    return path


def next_of(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aftersweep", "next", str(path), *words]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=120, check=False)


def test_what_the_parent_lacks_is_said(tmp_path: Path) -> None:
    """A sweep that still runs, a key that W&B does not know, a parameter that no run logged: each a line of its own, in
    JSON too, and a file all the same."""
    path = changed_export(tmp_path, running=3, config={"colour": "blue"}, unlogged=["dropout", "weight_decay"])
    done = next_of(path, "-o", "next.yaml")
    assert done.returncode == 0, done.stderr
    assert "colour" in done.stderr
    assert "3 runs of 50 still run (95 % interval" in done.stderr
    assert "None of 50 runs logged the parameter weight_decay of the sweep file" in done.stderr
    assert (tmp_path / "next.yaml").exists()
    told = json.loads(next_of(path, "--json").stdout)
    assert any("colour" in caveat for caveat in told["caveats"])
    assert any("still run" in advice["text"] for advice in told["advice"])


def test_a_parent_without_a_sweep_file_has_no_next(tmp_path: Path) -> None:
    """One line that says what to give; nothing is written."""
    path = changed_export(tmp_path, config=None)
    done = next_of(path, "-o", "next.yaml", "--metric", "val_combined_accuracy", "--goal", "maximize")
    assert done.returncode == 2
    assert "give the sweep file with --sweep-config" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "next.yaml").exists()


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "next.yaml").write_text("mine", encoding="utf-8")
    done = run("-o", "next.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "the file exists" in done.stderr and "--force" in done.stderr
    assert (tmp_path / "next.yaml").read_text(encoding="utf-8") == "mine"
    assert run("-o", "next.yaml", "--force", folder=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "next.yaml"]


def test_json_is_for_machines(tmp_path: Path) -> None:
    done = run("--json", "--fix", "batch_size=64", folder=tmp_path)
    told = json.loads(done.stdout)
    assert not list(tmp_path.iterdir())
    fixed = [change for change in told["changes"] if change["parameter"] == "batch_size"]
    assert [(c["action"], c["new"]) for c in fixed] == [("fix", {"value": 64})]
    assert not told["unchanged"]
    assert {"parameter", "action", "old", "new", "finding", "why"} <= fixed[0].keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fix", "batch_size=65"), "--fix batch_size=65: it must be one of 64, 128, 256"),
        (("--keep", "batch_size"), "--keep 'batch_size': write PARAM=VALUE"),
        (("--method", "hill"), "--method hill: it must be one of grid, random, bayes"),
        (("--budget", "0"), "--budget 0"),
        (("--risk-limit", "3"), "--risk-limit 3.0"),
    ],
)
def test_what_cannot_be_is_one_line(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(*words, "-o", "next.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_changes_a_line_in_steps_is_one_row() -> None:
    """Old is what the parent had, new what the file has; both findings stand behind it."""
    sweep, ends = swept({}, slope=0.1)
    found = decide(sweep, ends)
    lr = next(row for row in rows(found) if row.line == "lr")
    assert lr.action == "shrink, extend"
    assert lr.old == "1e-05 to 0.1" and lr.new.endswith(" to 0.3")
    assert len([row for row in rows(found) if row.line == "lr"]) == 1
