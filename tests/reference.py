"""The package that W&B decides with, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import platformdirs

REQUIREMENTS = ("sweeps==0.3.0", "setuptools<80")  # its dependencies still import pkg_resources


def reference_python() -> Path:
    """Its Python; the environment is built once, then kept in the user's cache folder."""
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    home = Path(platformdirs.user_cache_dir("aftersweep-tests")) / f"sweeps-0.3.0-{version}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        building = home.with_name(f"{home.name}.{os.getpid()}")
        shutil.rmtree(building, ignore_errors=True)
        venv.create(building, with_pip=True, symlinks=True)
        install = [str(building / "bin" / "python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        subprocess.run(install, check=True, timeout=300)
        (building / "complete").touch()
        shutil.rmtree(home, ignore_errors=True)
        building.rename(home)
    return python


def command(script: Path) -> list[str]:
    """What runs a script with that Python; the old package's own warnings are not ours to mend."""
    return [str(reference_python()), "-W", "ignore", str(script)]


def answer(script: Path, given: Any) -> Any:
    """What the script writes as JSON when it reads ``given`` as JSON."""
    done = subprocess.run(
        command(script), input=json.dumps(given), capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(done.stdout)
