"""Past the edges of a space, and between its levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..results.space import Edge, Space
from ..sweepfile.domains import Domain
from ..values import is_number, level

Q = 0.05
FEW_LEVELS = 3
"""Levels left of an ordered parameter at or under which midpoints are worth a run."""
RANGE_FACTOR = 3.0
RANGE_SHARE = 0.25


def edges_to_extend(space: Space | None, domain: Domain) -> list[Edge]:
    """The ends of the parameter at which the best runs sit, by test and by the best run itself."""
    if space is None or space.edges is None:
        return []
    return [e for e in space.edges.ends if e.parameter == domain.name and e.q <= Q and e.top]


def extended(domain: Domain, side: str) -> tuple[Domain, Any] | None:
    """The domain with one more value past that end, and the value; None where there is nothing beyond.

    One step more of the same kind: by the last ratio where levels are geometric, else by the last difference. Values
    that all lie from 0 to 1 stay inside it, values that are never negative stay positive.
    """
    if not domain.ordered or domain.low is None or domain.high is None:
        return None
    if not (math.isfinite(domain.low) and math.isfinite(domain.high)):
        return None
    new = _beyond(domain, side == "highest")
    if domain.integer:
        new = float(round(new))
    new = float(f"{new:.3g}")
    if not _sensible(domain, new) or domain.low <= new <= domain.high:
        return None
    value: Any = int(new) if domain.integer else new
    if domain.levels is not None:
        return domain.insert([value]), value
    return domain.extend(min(domain.low, new), max(domain.high, new)), value


def _beyond(domain: Domain, up: bool) -> float:
    assert domain.low is not None and domain.high is not None
    end = domain.high if up else domain.low
    if domain.levels is not None:
        numbers = sorted(float(v) for v in map(level, domain.levels) if is_number(v))
        last, before = (numbers[-1], numbers[-2]) if up else (numbers[0], numbers[1])
        return last * last / before if domain.geometric else 2 * last - before
    if domain.geometric:
        return end * RANGE_FACTOR if up else end / RANGE_FACTOR
    return end + (1 if up else -1) * RANGE_SHARE * (domain.high - domain.low)


def _sensible(domain: Domain, new: float) -> bool:
    assert domain.low is not None and domain.high is not None
    if domain.low >= 0 and new <= 0:
        return False
    return not (domain.low >= 0 and domain.high <= 1 and not domain.geometric and new >= 1)


def midpoints(old: Domain, new: Domain) -> list[Any]:
    """Levels between neighbours that were kept, where levels of an ordered parameter went and few are left."""
    if new.levels is None or old.levels is None or not new.ordered or not 2 <= len(new.levels) <= FEW_LEVELS:
        return []
    if len(new.levels) == len(old.levels):
        return []
    numbers: Sequence[float] = sorted(float(level(v)) for v in new.levels)
    between = [new.between(a, b) for a, b in pairwise(numbers)]
    return [value for value in between if value is not None]
