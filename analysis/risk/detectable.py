"""The smallest effect that a sweep could have seen, stated beside every "no risk shown"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from ..results.risk import Detectable
from ..types import Floats
from .cases import Cases
from .contrasts import Contrast
from .draws import Board

POWER = 0.8
_LARGEST = 1000.0
"""A ratio beyond this is as good as none."""


def critical_values(null: Floats, alpha: float) -> Floats:
    """[m]: the statistic at which a family would be called, by single-step min-p; null is [B, m]."""
    ranks = stats.rankdata(-null, method="max", axis=0) / (len(null) + 1)
    # At the largest level of which no more than alpha of the draws would call any family.
    level = float(np.quantile(ranks.min(axis=1), alpha, method="lower"))
    return np.asarray(np.quantile(null, 1 - level, axis=0, method="higher"), dtype=float)


def smallest_detectable(cases: Cases, on: Board, contrasts: Sequence[Contrast], critical: float) -> Detectable | None:
    """Of the level with the most to say: the ratio that the statistic would have passed ``critical`` with.

    The number of crashes and who was at risk stay as they were, the crashes fall inside with chance
    r n1 / (r n1 + n0) each, the statistic is taken as normal (Schoenfeld, Biometrika 68, 1981, without its local
    approximation). More crashes in total, as a large ratio would bring, are not counted: the true one is smaller.
    None where no ratio up to 1000 would do.
    """
    levels = [contrast for contrast in contrasts if contrast.kind in ("level", "claim", "circumstance")]
    found: list[tuple[float, Contrast]] = []
    for contrast in levels:
        ratio = _ratio(on, contrast, critical)
        if ratio is not None:
            found.append((ratio, contrast))
    if not found:
        return None
    ratio, contrast = min(found, key=lambda item: item[0])
    rest = float(cases.crash[~contrast.inside].mean())
    inside = 1 - (1 - rest) ** ratio if cases.by_progress else ratio * rest / (1 - rest + ratio * rest)
    return Detectable(ratio=ratio, rate=rest, rate_inside=float(inside), power=POWER, text=contrast.text)


def _ratio(on: Board, contrast: Contrast, critical: float) -> float | None:
    n_in, n_out, k_in, k_out = on.sides(contrast.inside)
    d = k_in + k_out
    told = (d > 0) & (n_in > 0) & (n_out > 0)
    n_in, n_out, d = n_in[told], n_out[told], d[told]
    size = n_in + n_out
    share = n_in / size
    spread = float((d * share * (1 - share) * (size - d) / np.maximum(size - 1, 1)).sum()) ** 0.5
    if spread <= 0:
        return None

    def short(log_ratio: float) -> float:
        inside = np.exp(log_ratio) * n_in / (np.exp(log_ratio) * n_in + n_out)
        deviation = float((d * inside * (1 - inside) * (size - d) / np.maximum(size - 1, 1)).sum()) ** 0.5
        gain = float((d * (inside - share)).sum()) - critical * spread
        return float(gain - stats.norm.ppf(POWER) * deviation)

    top = float(np.log(_LARGEST))
    return None if short(top) < 0 else float(np.exp(brentq(short, 0.0, top)))
