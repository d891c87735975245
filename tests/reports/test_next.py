"""``aftersweep next`` as a user types it: the file, the table, JSON, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aftersweep.analysis.sweepfile.schema import problems
from aftersweep.reports.following import rows

from ..narrow.test_next import decide, swept


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
