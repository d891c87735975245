"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import Floats


def holm(p: Sequence[float] | Floats) -> Floats:
    """p [m] adjusted step-down, family-wise (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    given = np.asarray(p, dtype=float)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return adjusted
