"""Levels, combinations and parts of ranges that no run tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import gammaln

from ..results.space import Gap, Pair, Pairs, Unseen
from ..sweepfile.config import Parameter
from ..sweepfile.distributions import distribution, is_range, quantiles
from ..types import Run, Sweep
from ..values import MISSING, is_number, level, same
from .holm import holm

MOST_LEVELS = 12
"""Of a parameter whose combinations are counted."""
FEWEST_EXPECTED = 3.0
MOST_PAIRS = 12
"""Missing pairs that are kept, the least likely first."""
FEWEST_DRAWS = 5


def unseen(sweep: Sweep) -> tuple[Unseen, ...]:
    """Declared levels that no run had, in the sweep file's order."""
    found = []
    for parameter in sweep.config.swept if sweep.config else ():
        if parameter.values is None or parameter.name not in sweep.parameters:
            continue
        levels = [level(value) for value in parameter.values]
        had = [level(run.config.get(parameter.name, MISSING)) for run in sweep.runs]
        n = sum(value != MISSING for value in had)
        seen = {(isinstance(value, bool), value) for value in had}
        for i, value in enumerate(levels):
            if (isinstance(value, bool), value) not in seen and not any(same(value, x) for x in levels[:i]):
                found.append(Unseen(parameter=parameter.name, level=value, chance=_missed(sweep, parameter, i, n)))
    return tuple(found)


def _missed(sweep: Sweep, parameter: Parameter, place: int, n: int) -> float | None:
    """The chance that n random draws miss one level."""
    if sweep.config is None or sweep.config.method != "random" or parameter.values is None:
        return None
    given = parameter.spec.get("probabilities")
    share = 1.0 / len(parameter.values)
    if isinstance(given, (list, tuple)):
        if len(given) != len(parameter.values) or not all(is_number(p) and 0 <= p <= 1 for p in given):
            return None
        share = float(given[place])
    return float((1.0 - share) ** n)


def pairs(sweep: Sweep) -> Pairs | None:
    """Which combinations of two levels were tried; None where no two parameters have few levels.

    Of two parameters with r runs at one level and s at another among n that have both, none has both levels with
    chance C(n-r, s) / C(n, s), and r s / n are expected to.
    """
    few = {}
    for name in sorted(sweep.parameters):
        values = [level(run.config.get(name, MISSING)) for run in sweep.runs]
        levels, codes = _coded(values)
        if 2 <= len(levels) <= MOST_LEVELS:
            few[name] = (levels, codes)
    cells = tried = 0
    found: list[Pair] = []
    chances: list[float] = []
    for one, two in combinations(few, 2):
        table = _table(few[one], few[two])
        cells, tried = cells + table.size, tried + int((table > 0).sum())
        rows, columns, n = table.sum(axis=1), table.sum(axis=0), int(table.sum())
        expected = np.outer(rows, columns) / max(n, 1)
        for i, j in np.argwhere(expected >= FEWEST_EXPECTED):
            p = _none(int(rows[i]), int(columns[j]), n)
            chances.append(p)
            if table[i, j] == 0:
                at = (few[one][0][i], few[two][0][j])
                found.append(Pair(parameters=(one, two), levels=at, expected=float(expected[i, j]), p=p, q=p))
    if not cells:
        return None
    # Only the missing cells have a small p; the tried ones have 1, and count in the family.
    adjusted = holm([*(pair.p for pair in found), *([1.0] * (len(chances) - len(found)))])
    found = [replace(pair, q=float(q)) for pair, q in zip(found, adjusted, strict=False)]
    found.sort(key=lambda pair: (pair.p, -pair.expected, pair.parameters))
    return Pairs(
        cells=cells,
        tried=tried,
        enough=len(chances),
        by_chance=float(sum(chances)),
        missing=tuple(found[:MOST_PAIRS]),
        missed=len(found),
    )


def _coded(values: Sequence[Any]) -> tuple[list[Any], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """The levels that were seen, and each run's number among them; -1 where it has none."""
    number: dict[Any, int] = {}
    codes = [
        -1 if value == MISSING else number.setdefault((isinstance(value, bool), value), len(number)) for value in values
    ]
    return [key[1] for key in number], np.array(codes, dtype=np.int64)


def _table(one: tuple[list[Any], Any], two: tuple[list[Any], Any]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Runs by level of the one (rows) and of the other, of those that have both."""
    (levels, a), (others, b) = one, two
    both = (a >= 0) & (b >= 0)
    counts = np.bincount(a[both] * len(others) + b[both], minlength=len(levels) * len(others))
    return np.asarray(counts.reshape(len(levels), len(others)))


def _none(r: int, s: int, n: int) -> float:
    if r + s > n:
        return 0.0
    return float(np.exp(gammaln(n - r + 1) + gammaln(n - s + 1) - gammaln(n - r - s + 1) - gammaln(n + 1)))


def gaps(sweep: Sweep) -> tuple[Gap, ...]:
    """The largest gap of each continuous declared range, on the scale of its distribution; the largest first."""
    found = []
    random = sweep.config is not None and sweep.config.method == "random"
    for parameter in sweep.config.swept if sweep.config else ():
        name = distribution(parameter) or ""
        if name == "int_uniform" or name.startswith("q_") or not is_range(parameter):
            continue
        gap = _largest(parameter, sweep.runs, random)
        if gap is not None:
            found.append(gap)
    tested = [gap for gap in found if gap.p is not None]
    adjusted = dict(zip((gap.parameter for gap in tested), holm([gap.p or 0.0 for gap in tested]), strict=True))
    found = [replace(gap, q=float(adjusted[gap.parameter])) if gap.parameter in adjusted else gap for gap in found]
    return tuple(sorted(found, key=lambda gap: (-gap.share, gap.parameter)))


def _largest(parameter: Parameter, runs: Sequence[Run], random: bool) -> Gap | None:
    given = [level(run.config.get(parameter.name, MISSING)) for run in runs]
    values = np.sort(np.array([float(v) for v in given if is_number(v) and math.isfinite(v)]))
    at = quantiles(parameter, values)
    if at is None or len(values) < FEWEST_DRAWS:
        return None
    order = np.argsort(at, kind="stable")
    at, values = at[order], values[order]
    spaces = np.diff(np.concatenate([[0.0], at, [1.0]]))
    i = int(np.argmax(spaces))
    beside = [None if i == 0 else float(values[i - 1]), None if i == len(values) else float(values[i])]
    low, high = beside if distribution(parameter) not in ("inv_log_uniform",) else beside[::-1]
    p = largest_spacing_p(float(spaces[i]), len(values)) if random else None
    return Gap(parameter=parameter.name, low=low, high=high, share=float(spaces[i]), n=len(values), p=p, q=None)


def largest_spacing_p(gap: float, n: int) -> float:
    """The chance that the largest of the n + 1 spacings of n uniform draws is over ``gap``.

    Fisher (Proceedings of the Royal Society A 125, 1929): the alternating sum over j of C(n+1, j) (1 - j gap)^n. Many
    small gaps cancel to nothing in it; where its terms grow too large for that the chance is 1 for all purposes.
    """
    if gap <= 1.0 / (n + 1):
        return 1.0
    if gap >= 1.0:
        return 0.0
    j = np.arange(1, int(1.0 / gap) + 1)
    left = 1.0 - j * gap
    j, left = j[left > 0], left[left > 0]
    logs = gammaln(n + 2) - gammaln(j + 1) - gammaln(n + 2 - j) + n * np.log(left)
    if logs.max() > 18:  # terms of over 10^7: rounding would show, and the first alone is far over 1
        return 1.0
    return float(np.clip(np.sum(np.where(j % 2 == 1, 1.0, -1.0) * np.exp(logs)), 0.0, 1.0))
