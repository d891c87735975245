"""A wheel of this tree and a machine that has never seen it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ..loopback import LoopbackServer
from ..sources.example import example_sweep
from .services import BARE

ROOT = Path(__file__).parents[2]
HOSTILE = "$(touch pwned) `touch pwned`\n::error::forged\n<script>alert(1)</script> | x | \u202e"
"""A name that means something to bash, to GitHub's log, to HTML, to Markdown and to a terminal."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """aftersweep as pip makes it of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("aftersweep-*.whl")
    return built


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes a PATH whose ``python`` has pip and what aftersweep needs, by links to the tests' own, and not aftersweep.

    So the real pip installs a real wheel in a second, and nothing comes from the network.
    """

    def made() -> str:
        folder = tmp_path_factory.mktemp("machine")
        venv.create(folder, with_pip=False)
        site = next(folder.glob("lib/python*/site-packages"))
        for item in Path(sysconfig.get_path("purelib")).iterdir():
            if "aftersweep" not in item.name and item.suffix != ".pth":
                (site / item.name).symlink_to(item)
        return f"{folder / 'bin'}:{BARE['PATH']}"

    return made


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """The W&B server of the tests, with names that would do harm where a script or a page took them as its own."""
    sweep, runs = example_sweep()
    hostile = [replace(runs[0], name=HOSTILE, notes=HOSTILE, tags=(HOSTILE,)), *runs[1:]]
    with LoopbackServer(replace(sweep, name=HOSTILE, description=HOSTILE), hostile) as running:
        yield running
