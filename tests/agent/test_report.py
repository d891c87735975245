"""From the sweep file to the report, with the official client: what the agent leaves is what the post-mortem reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .sweeps_of import run, write_sweep

PROGRAM = """
import json, os, sys, time
x = int(sys.argv[1].partition("=")[2])
if x == 4:
    import a_module_that_is_not_there
import wandb
run = wandb.init()
for step in range(6):
    row = {"score": x + step / 10}
    run.log(row)
    with open(os.environ["AFTERSWEEP_HISTORY"], "a") as stream:
        stream.write(json.dumps(row) + "\\n")
    time.sleep(0.2 if x > 2 or step < 2 else 30)
code = 3 if x == 8 else 0
run.finish(exit_code=code)
sys.exit(code)
"""


@pytest.mark.slow
def test_the_report_says_what_the_agent_did(tmp_path: Path) -> None:
    """Metric and rule are found in the folder itself; completed, failed by exit code, stopped by the rule in
    the middle of what the client had not yet written, and dead before it began: each is told as it was."""
    (tmp_path / "train.py").write_text(PROGRAM)
    early = {"type": "hyperband", "min_iter": 2, "eta": 3}
    path = write_sweep(tmp_path, {"x": {"values": [7, 8, 1, 9, 2, 4]}}, program=str(tmp_path / "train.py"),
                       early_terminate=early)  # fmt: skip
    result = run(path, tmp_path / "out", look_every=0.1)
    path.unlink()
    page = tmp_path / "page.json"
    words = [sys.executable, "-m", "aftersweep", "report", str(tmp_path / "out" / "wandb")]
    subprocess.run(
        [*words, "--format", "json", "-o", str(page)],
        check=True,
        capture_output=True,
        env={**os.environ, "AFTERSWEEP_HOME": str(tmp_path / "home")},
    )
    told = json.loads(page.read_text())
    assert told["sweep"]["id"] == result.sweep_id
    assert told["sweep"]["metric"]["goal"] == "maximize"
    assert told["sweep"]["stopping_rule"].startswith("Hyperband (min_iter 2, eta 3)")
    assert {one["config"]["x"]: (one["outcome"], one["cause"]) for one in told["runs"]} == {
        7: ("completed", None), 8: ("crashed", "unknown"), 9: ("completed", None), 1: ("early_stopped", None),
        2: ("early_stopped", None), 4: ("crashed", "code_error"),
    }  # fmt: skip
