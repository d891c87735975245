"""How runs end, as the post-mortem sees it: the official client's own files, written by the trainer's own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.sources.offline_records import read_recording

from .runs import TINY, environment, process, rows


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended well: beside it the post-mortem knows the metric, and what a whole run is."""
    folder = tmp_path_factory.mktemp("good")
    child = process(folder, ceiling_records=2)
    assert ended(child) == ""
    assert child.returncode == 0
    return folder


def outcome(folder: Path, good: Path) -> dict[str, Any]:
    """What ``aftersweep report`` says of the one run in a folder, beside one that ended well."""
    out = folder / "report.json"
    (known,) = (good / "wandb").glob("offline-run-*")
    shutil.copytree(known, folder / "wandb" / known.name)
    subprocess.run(
        [sys.executable, "-m", "aftersweep", "report", str(folder / "wandb"), "--all-runs", "--format", "json", "-o",
         str(out), "--metric", "val_combined_accuracy", "--goal", "maximize"],
        env={**environment(folder), "AFTERSWEEP_HOME": str(folder / "home")}, check=True, capture_output=True,
    )  # fmt: skip
    runs = json.loads(out.read_text(encoding="utf-8"))["runs"]
    assert len(runs) == 2
    (run,) = (run for run in runs if run["id"] not in known.name)
    return run


def ended(child: subprocess.Popen[str]) -> str:
    """The last line that the run said on standard error."""
    with child:
        _, words = child.communicate(timeout=180)
    lines = [line for line in words.splitlines() if line.startswith("aftersweep-train: ")]
    assert len(lines) <= 1, words
    return lines[0] if lines else ""


def test_a_run_that_ends_well(tmp_path: Path, good: Path) -> None:
    """Exit 0, completed; the rows for the agent are those of W&B."""
    assert [row["epoch"] for row in rows(good)] == [1, 2]
    child = process(tmp_path, wandb="offline", seed=1, epochs=2)
    assert ended(child) == ""
    assert outcome(tmp_path, good)["outcome"] == "completed"
    said = read_recording(next((good / "wandb").glob("offline-run-*/run-*.wandb"))).summary
    assert 0 < said["best_val_combined_accuracy_of_ceiling"] <= 110
    assert said["data/symbols"] == 32


def test_divergence(tmp_path: Path, good: Path) -> None:
    """Exit 82; the summary names the cause, the line says where."""
    child = process(tmp_path, base_lr=1e30, max_lr=1e38)
    said = ended(child)
    assert child.returncode == 82
    assert said.startswith("aftersweep-train: diverged: the ")
    assert "not finite (at epoch 1, step " in said
    assert "batch 16, learning rate" in said
    found = outcome(tmp_path, good)
    assert (found["outcome"], found["cause"]) == ("crashed", "diverged")


def test_out_of_memory(tmp_path: Path, good: Path) -> None:
    """A batch that does not fit under the process's limit: exit 81, named; with on_oom=halve-batch the same run ends
    well, with the micro-batch that it took."""
    big = {"model_type": "resnet10t", "image_size": 128, "batch_size": 96, "epochs": 1, "memory_limit_gib": 0.6}
    child = process(tmp_path / "fail", **big)
    said = ended(child)
    assert child.returncode == 81, said
    assert said.startswith("aftersweep-train: out of memory: ")
    found = outcome(tmp_path / "fail", good)
    assert (found["outcome"], found["cause"]) == ("crashed", "out_of_memory")
    child = process(tmp_path / "halved", **big, on_oom="halve-batch")
    assert ended(child) == ""
    assert child.returncode == 0
    assert rows(tmp_path / "halved")[-1]["micro_batch"] < 96


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal(tmp_path: Path, good: Path, number: int, code: int) -> None:
    """Asked to end: a last checkpoint, a finished record, the shell's exit code; the post-mortem blames nobody."""
    child = process(tmp_path, epochs=100_000, patience=0, out_dir=tmp_path / "kept", checkpoint_every=0)
    until = time.monotonic() + 120
    while time.monotonic() < until and not (tmp_path / "rows.jsonl").exists():
        time.sleep(0.05)
    time.sleep(1)
    os.kill(child.pid, number)
    said = ended(child)
    assert child.returncode == code
    assert said.startswith(f"aftersweep-train: interrupted: {signal.Signals(number).name} at epoch ")
    assert list((tmp_path / "kept").glob("step-*.pt"))
    assert outcome(tmp_path, good)["outcome"] == "stopped_by_user"


def test_a_kill_leaves_no_word(tmp_path: Path, good: Path) -> None:
    """SIGKILL, which is also what the kernel's own killer sends where memory ends: no line, no exit record; the
    post-mortem calls it a crash and says that it does not know why."""
    child = process(tmp_path, epochs=100_000, patience=0)
    until = time.monotonic() + 120
    while time.monotonic() < until and not (tmp_path / "rows.jsonl").exists():
        time.sleep(0.05)
    time.sleep(1)
    child.kill()
    assert ended(child) == ""
    assert child.returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    line = {"run_id": folder.name.rsplit("-", 1)[-1], "ended_at": time.time(), "signal": 9, "stop_requested": False}
    (tmp_path / "wandb" / "aftersweep-agent.jsonl").write_text(json.dumps(line) + "\n")  # as the agent would see it
    found = outcome(tmp_path, good)
    assert (found["outcome"], found["cause"]) == ("crashed", "unknown")


def test_a_full_disk(tmp_path: Path, good: Path) -> None:
    """Where nothing more can be written (here: no file over 5 MB, a checkpoint has 130) the run ends as such, exit
    84, with a finished record; no half checkpoint stays."""
    child = process(tmp_path, file_limit=5_000_000, out_dir=tmp_path / "kept")
    said = ended(child)
    assert child.returncode == 84, said
    assert said.startswith("aftersweep-train: infrastructure: ")
    assert not list((tmp_path / "kept").iterdir())
    found = outcome(tmp_path, good)
    assert (found["outcome"], found["cause"]) == ("crashed", "infrastructure")


def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    """torchrun with two gloo processes, and one process: the same global batch gives the same curve within rounding
    (a model without batch norm, no dropout)."""
    changed = {"model_type": "test_vit", "dropout": 0, "epochs": 2}
    child = process(tmp_path / "one", wandb="disabled", **changed)
    assert ended(child) == ""
    words = [f"--{name}={value}" for name, value in {**TINY, **changed}.items()]
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("analysis", "reports", "training"):  # a user's own folders shadow nothing of ours
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("OWNER = 'user'\n")
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m",
         "aftersweep.training", "fit", *words],
        env={**environment(folder, "disabled"), "PYTHONPATH": "."}, cwd=folder, check=True, capture_output=True,
        timeout=240,
    )  # fmt: skip
    one, two = rows(tmp_path / "one"), rows(folder)
    assert len(one) == len(two) == 2
    for mine, theirs in zip(one, two, strict=True):
        for key in ("train_loss", "val_loss", "grad_norm"):
            assert mine[key] == pytest.approx(theirs[key], rel=2e-3)
        for key in ("train_combined_accuracy", "val_combined_accuracy"):
            assert mine[key] == pytest.approx(theirs[key], abs=100 / 40 + 1e-9)
