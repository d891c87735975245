"""The built wheel is what users get: it is whole, it runs, and it shadows nobody's folders."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLES = "aftersweep/analysis/sources/samples/4yfw48ad"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("aftersweep-*.whl")
    return built


def test_the_wheel_holds_the_rooms_under_one_name(wheel: Path) -> None:
    """Links are followed: the wheel has real files, all of them under aftersweep/."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"aftersweep"}
    for needed in (
        "analysis/postmortem.py",
        "reports/cli.py",
        "reports/schema/report.schema.json",
        "training/cli.py",
        "reports/templates/style.css",
        "py.typed",
    ):
        assert f"aftersweep/{needed}" in names
    assert any(name.startswith(SAMPLES) and name.endswith(".parquet") for name in names)
    assert not [name for name in names if "test" in name.lower()]


def test_a_users_own_folders_are_not_shadowed(wheel: Path, tmp_path: Path) -> None:
    """From a folder with analysis/, reports/ and training/ of its own, both those and ours import."""
    site, work = tmp_path / "site", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("analysis", "reports", "training"):
        (work / name).mkdir(parents=True)
        (work / name / "__init__.py").write_text("OWNER = 'user'\n")
    script = (
        "import analysis, reports, training, aftersweep.reports.cli, aftersweep.analysis.postmortem as p;"
        "assert {analysis.OWNER, reports.OWNER, training.OWNER} == {'user'}; print(p.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((".", str(site)))}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    report = subprocess.run(
        [sys.executable, "-m", "aftersweep", "report", "4yfw48ad", "-o", "page.html"],
        cwd=work, env={**environment, "AFTERSWEEP_HOME": str(tmp_path / "home")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert report.returncode == 0, report.stderr
    assert (work / "page.html").stat().st_size > 10_000


def test_help_loads_nothing_heavy() -> None:
    """Asking for help imports neither wandb nor pandas, pyarrow, ibis or scipy."""
    script = (
        "import sys, runpy; sys.argv = ['aftersweep', '--help']\n"
        "try: runpy.run_module('aftersweep', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'wandb', 'pandas', 'pyarrow', 'ibis', 'scipy', 'numpy', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
