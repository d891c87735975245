"""The README is executed: its commands work as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMANDS = [re.sub(r"\s+#.*", "", line) for line in BLOCKS if line.startswith("aftersweep ")]


def test_the_readme_has_commands() -> None:
    """The two of the Makefile, and some to type."""
    assert "make report" in README
    assert "make test" in README
    assert len(COMMANDS) >= 4


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    """In order, in one folder, as a user without an account would type them."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "AFTERSWEEP"))}
    environment |= {"HOME": str(tmp_path), "AFTERSWEEP_HOME": str(tmp_path / "archive")}
    for command in COMMANDS:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_links_of_the_readme_lead_somewhere() -> None:
    """Every relative link and picture is a file of the repository."""
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in t]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_what_the_readme_quotes_is_what_the_tool_says(tmp_path: Path) -> None:
    """Every quoted paragraph is word for word a finding of the bundled sample."""
    quoted = [" ".join(p.split()) for p in re.sub(r"^> ?", "", "\n".join(quotes()), flags=re.M).split("\n\n")]
    command = [sys.executable, "-m", "aftersweep", "report", "4yfw48ad", "--source", "sample", "-f", "json", "-o", "-"]
    done = subprocess.run([*command, "-q"], cwd=tmp_path, capture_output=True, text=True, check=True)
    said = {finding["text"] for finding in json.loads(done.stdout)["findings"]}
    assert len(quoted) >= 2
    assert [paragraph for paragraph in quoted if paragraph not in said] == []


def quotes() -> list[str]:
    """The lines of the README's block quotes."""
    return [line for line in README.splitlines() if line.startswith(">")]


@pytest.mark.slow
@pytest.mark.browser  # make test asks for one
def test_make_report_and_make_test_from_an_empty_clone(tmp_path: Path) -> None:
    """Both set everything up by themselves: the page is written, and the checks and a part of the tests pass."""
    clone = tmp_path / "clone"
    if (ROOT / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    else:
        shutil.copytree(ROOT, clone, symlinks=True, ignore=shutil.ignore_patterns(".venv", "out", ".*_cache"))
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "AFTERSWEEP", "VIRTUAL_ENV", "COV"))
    }
    environment["HOME"] = str(tmp_path)
    environment["PIP_NO_COMPILE"] = "1"  # Python compiles what is used; all of torch takes half a minute
    part = "PYTEST=.venv/bin/python -m pytest tests/sweepfile -m 'not reference'"
    for command in (["make", "report"], ["make", "test", part]):
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (clone / "out" / "4yfw48ad.html").stat().st_size > 10_000
