"""What a bayes search stopped trying: the second half of its runs, by start, against the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..explain.columns import Column, columns
from ..results.space import Narrowing
from ..types import Floats, Run, Sweep
from ..values import MISSING, level, show
from .holm import holm

SEED = 20_250_709
DRAWS = 9_999
FEWEST_RUNS = 20


def narrowing(sweep: Sweep, runs: Sequence[Run]) -> tuple[Narrowing, ...]:
    """Every parameter that differs among ``runs``, the smallest q first; none under FEWEST_RUNS or without start times.

    The effective number of parts is 2 to the power of Shannon's entropy (Hill, Ecology 54, 1973): 8 where eight parts
    were tried equally often, 1 where one was. Were the halves alike, every split of the runs in two were as likely.
    """
    if len(runs) < FEWEST_RUNS or any(run.created_at is None for run in runs):
        return ()
    ordered = sorted(runs, key=lambda run: (run.created_at or 0.0, run.id))
    half = len(ordered) // 2
    random = np.random.default_rng(SEED)
    found = [_narrowing(column, ordered, half, random) for column in columns(sweep, ordered)]
    adjusted = holm([item.p for item in found])
    found = [replace(item, q=float(q)) for item, q in zip(found, adjusted, strict=True)]
    return tuple(sorted(found, key=lambda item: (item.q, item.p, item.parameter)))


def _narrowing(column: Column, ordered: Sequence[Run], half: int, random: np.random.Generator) -> Narrowing:
    whole = np.bincount(column.codes, minlength=column.size)
    first = np.bincount(column.codes[:half], minlength=column.size)
    change = float(_bits(first) - _bits(whole - first))
    drawn = random.multivariate_hypergeometric(whole, half, size=DRAWS, method="marginals")
    hits = int((_bits(drawn) - _bits(whole - drawn) >= change - 1e-9).sum())
    left = []
    if column.size <= 12 and not column.merged:
        values = [level(run.config.get(column.name, MISSING)) for run in ordered]
        shown = [show(value) for value in values]
        if len(set(shown)) == column.size:
            left = [name for name in dict.fromkeys(shown[:half]) if name not in shown[half:]]
    return Narrowing(
        parameter=column.name,
        parts=column.size,
        first=float(2.0 ** _bits(first)),
        second=float(2.0 ** _bits(whole - first)),
        left=tuple(left),
        p=(hits + 1) / (DRAWS + 1),
        q=1.0,
        n=len(ordered),
    )


def _bits(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
    """Shannon's entropy over the last axis, in bits."""
    total = counts.sum(axis=-1, keepdims=True)
    share = counts / np.maximum(total, 1)
    logs = np.log2(share, out=np.zeros(share.shape), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=-1), dtype=float)
