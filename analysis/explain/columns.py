"""The settings of runs as small whole numbers, one column a parameter.

A number that was drawn from a distribution is cut into at most BINS parts of equal chance under that distribution
(without one, of equal counts): a forest finds more to split in a parameter with more values, so that an idle range
would look more important than an idle switch (Strobl et al., BMC Bioinformatics 8:25, 2007), and the logarithm of a
range swept on a log scale comes of itself. Levels keep their order where all of them are numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sweepfile.config import Parameter
from ..sweepfile.distributions import quantiles
from ..types import Floats, Run, Sweep
from ..values import MISSING, is_number, level

Ints = NDArray[np.int64]

BINS = 8
MOST_LEVELS = 12
"""Levels of a parameter without order; the rarer ones are put together."""


@dataclass(frozen=True)
class Column:
    """One parameter over the runs; a constant one is no column."""

    name: str
    codes: Ints
    """[n], 0 to size - 1; of an ordered one in its order, and what was not set at the end."""
    size: int
    ordered: bool
    merged: int = 0
    """Levels that were put together as they are rare."""


def columns(sweep: Sweep, runs: Sequence[Run]) -> tuple[Column, ...]:
    """The swept parameters that differ among ``runs``, by name."""
    found = []
    for name in sorted(sweep.parameters):
        values = [level(run.config.get(name, MISSING)) for run in runs]
        made = column(name, values, sweep.config.parameter(name) if sweep.config else None)
        if made is not None:
            found.append(made)
    return tuple(found)


def column(name: str, values: Sequence[Any], declared: Parameter | None) -> Column | None:
    """``values`` [n] are levels (``values.level``); None where all are one."""
    known = [value for value in values if value != MISSING]
    ordered = bool(known) and all(is_number(value) and math.isfinite(value) for value in known)
    if not ordered:
        return _named(name, values)
    numbers = np.array([float(value) if value != MISSING else np.nan for value in values])
    codes = _binned(numbers, declared)
    _, dense = np.unique(codes, return_inverse=True)
    size = int(dense.max()) + 1
    return Column(name, dense.astype(np.int64), size, True) if size > 1 else None


def _binned(numbers: Floats, declared: Parameter | None) -> Ints:
    """[n]: the part that each number is in; NaN after all others."""
    known = np.isfinite(numbers)
    distinct, place = np.unique(numbers[known], return_inverse=True)
    codes = np.full(len(numbers), BINS + len(distinct), dtype=np.int64)
    if len(distinct) <= BINS:
        codes[known] = place
        return codes
    at = None if declared is None else quantiles(declared, numbers[known])
    if at is None:
        counts = np.bincount(place)
        at = ((np.cumsum(counts) - counts / 2) / counts.sum())[place]
    codes[known] = np.minimum((np.nan_to_num(at) * BINS).astype(np.int64), BINS - 1)
    return codes


def _named(name: str, values: Sequence[Any]) -> Column | None:
    """Levels without order, numbered as they come, so that their names do not matter; rare ones put together."""
    keys = [(isinstance(value, bool), value) for value in values]
    counts = Counter(keys)
    if len(counts) < 2:
        return None
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    kept = sorted(counts, key=lambda key: (-counts[key], first[key]))
    merged = 0
    if len(kept) > MOST_LEVELS:
        merged, kept = len(kept) - MOST_LEVELS + 1, kept[: MOST_LEVELS - 1]
    number = {key: i for i, key in enumerate(sorted(kept, key=lambda key: first[key]))}
    codes = np.array([number.get(key, len(kept)) for key in keys], dtype=np.int64)
    return Column(name, codes, len(kept) + (merged > 0), False, merged)
