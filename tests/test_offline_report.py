"""``report ./wandb`` on runs of the real SDK, each a process of its own that ended in its own way."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from .sources.sdk_runs import write_offline_sweep


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("offline")
    labels = write_offline_sweep(folder)
    command = [sys.executable, "-m", "aftersweep", "report", "./wandb", "-f", "json", "-o", "-", "-q"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return labels, json.loads(done.stdout)


def test_each_end_is_named_rightly(told: tuple[dict[str, str], dict[str, Any]]) -> None:
    """Finish, exception, out of memory, SIGKILL before and after 32 KiB, Ctrl-C, a stop at a band, a time limit."""
    labels, report = told
    found = {r["id"]: r["outcome"] + (f"/{r['cause']}" if r["cause"] else "") for r in report["runs"]}
    assert found == labels
    assert len(labels) == 13


def test_a_run_that_finished_with_nan_is_named_a_silent_failure(told: tuple[dict[str, str], dict[str, Any]]) -> None:
    """It completed, and the page says that it failed silently."""
    (silent,) = [f for f in told[1]["findings"] if f["kind"] == "silent_failure"]
    assert silent["runs"] == ["nanend05"]


def test_stops_at_bands_are_replayed_not_crashes(told: tuple[dict[str, str], dict[str, Any]]) -> None:
    """Recorded as crashed (no exit record), explained by the sweep's own rule."""
    stopped = {r["id"]: (r["state"], r["grade"]) for r in told[1]["runs"] if r["outcome"] == "early_stopped"}
    assert stopped == {"band1x12": ("crashed", "replayed"), "band4x13": ("crashed", "replayed")}


def test_the_7_byte_run_is_attached_and_shown_as_inferred(told: tuple[dict[str, str], dict[str, Any]]) -> None:
    """A run killed before its first block is there, with its config and a word on how it was attached."""
    (run,) = [r for r in told[1]["runs"] if r["id"] == "kill7b09"]
    assert run["config"]["model_type"]
    assert any("fit only sweep" in problem for problem in run["problems"])
