"""The one generated file of the package: what it is made of, and that anybody can make it again."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import plotly.offline
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "plotly_bundle"
STATIC = ROOT / "reports" / "static"
MADE = ("plotly.min.js", "plotly.min.js.sha256", "plotly.licences.txt")
TRACES = ("scatter", "bar", "box", "heatmap", "parcoords", "sankey")


def test_the_bundle_is_of_the_plotly_that_checks_our_figures() -> None:
    """plotly.py validates the figures of the tests: the page draws them with the same version, locked."""
    version = plotly.offline.get_plotlyjs_version()
    assert json.loads((TOOL / "package.json").read_text())["devDependencies"]["plotly.js"] == version
    locked = json.loads((TOOL / "package-lock.json").read_text())["packages"]
    assert locked["node_modules/plotly.js"]["version"] == version
    assert all(one.get("integrity", "").startswith("sha512-") for path, one in locked.items() if path)
    assert f"plotly.js {version} " in (STATIC / "plotly.min.js").read_text(encoding="utf-8")[:200]


def test_the_bundle_is_the_one_whose_hash_is_kept() -> None:
    """Nobody changed it by hand."""
    data = (STATIC / "plotly.min.js").read_bytes()
    assert (STATIC / "plotly.min.js.sha256").read_text() == f"{hashlib.sha256(data).hexdigest()}  plotly.min.js\n"


def test_the_bundle_is_small_and_evaluates_nothing() -> None:
    """The traces that are used and no map; of what makes functions of text only regl's fallback, which is not reached
    with the ready-made programs (the browser tests draw parallel coordinates under the policy)."""
    code = (STATIC / "plotly.min.js").read_text(encoding="utf-8")
    assert len(code) < 1_700_000
    assert set(re.findall(r'moduleType:"trace",name:"(\w+)"', code)) == set(TRACES)
    assert not re.search(r"[^.\w]eval\(|new Function\(", code)


@pytest.mark.npm
@pytest.mark.slow
def test_the_bundle_can_be_made_again_byte_for_byte(tmp_path: Path) -> None:
    """From the lock file, with npm."""
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm and node, (
        "no npm on this machine: run `make npm` (or apt-get install npm); `make test-core` does without"
    )
    for name in ("package.json", "package-lock.json", "entry.cjs", "build.mjs"):
        shutil.copy(TOOL / name, tmp_path / name)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    for command in (install, [node, "build.mjs", "made"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    for name in MADE:
        assert (tmp_path / "made" / name).read_bytes() == (STATIC / name).read_bytes(), (
            f"{name}: run make plotly-bundle"
        )
