"""Which levels and ends of ranges can go while the space still holds a configuration as good as the best.

Each joint draw of the surrogate is one way in which the metric may depend on the settings. A space holds the best of a
draw where it has a configuration within ``tolerance`` of that draw's maximum over the whole space. Levels go one at a
time, always the one that costs the least, while the share of the draws that are held stays at least ``HELD``: the
chance is that of all removals together (a bound for each level by itself adds up over thirty levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Floats

HELD = 0.9
RANGE_PIECES = 8
"""A range is cut into this many parts of equal chance, of which ends go."""
LEAST_PIECES = 2


@dataclass(frozen=True)
class Pieces:
    """The parts that each parameter's domain is made of: ``of`` [m, d] the part of each candidate.

    ``count`` [d] parts, ``ordered`` [d] where only the lowest and the highest may go, ``least`` [d] how many must stay.
    """

    of: NDArray[np.int64]
    count: tuple[int, ...]
    ordered: tuple[bool, ...]
    least: tuple[int, ...]


@dataclass(frozen=True)
class Removal:
    """One part that went, and the share of draws that the space still held afterwards."""

    parameter: int
    piece: int
    held: float


def remove(
    draws: Floats,
    pieces: Pieces,
    start: Sequence[Sequence[int]],
    *,
    tolerance: float,
    fewest: int,
    protected: frozenset[tuple[int, int]] = frozenset(),
) -> tuple[Removal, ...]:
    """The parts to remove, in their order.

    draws: [s, m] values of the candidates, larger is better. start: [d] the parts that are there. fewest:
    configurations that must stay (parts multiplied).
    protected: (parameter, part) that must not go.
    """
    good = (draws >= draws.max(axis=1, keepdims=True) - tolerance).astype(np.float32)
    promise = draws.mean(axis=0)
    alive = [set(parts) for parts in start]
    inside = np.ones(draws.shape[1], dtype=bool)
    gone: list[Removal] = []
    while True:
        options = list(_options(good, promise, inside, pieces, alive, fewest, protected))
        held, _, parameter, piece = max(options, default=(0.0, 0.0, -1, -1))
        if held < HELD:
            return tuple(gone)
        alive[parameter].discard(piece)
        inside &= pieces.of[:, parameter] != piece
        gone.append(Removal(parameter, piece, held))


def _options(
    good: NDArray[np.float32],
    promise: Floats,
    inside: NDArray[np.bool_],
    pieces: Pieces,
    alive: Sequence[set[int]],
    fewest: int,
    protected: frozenset[tuple[int, int]],
) -> list[tuple[float, float, int, int]]:
    """(held, minus the best mean of the part, parameter, part) of everything that may go next."""
    found = []
    size = float(np.prod([float(len(parts)) for parts in alive]))
    left = good[:, inside]
    for j, parts in enumerate(alive):
        if len(parts) <= pieces.least[j] or size * (len(parts) - 1) / len(parts) < fewest:
            continue
        mine = pieces.of[inside, j]
        held = left @ (mine[:, None] == np.arange(pieces.count[j])).astype(np.float32)
        rest = (held.sum(axis=1, keepdims=True) - held > 0.5).mean(axis=0)
        for piece in {min(parts), max(parts)} if pieces.ordered[j] else parts:
            if (j, piece) not in protected:
                there = promise[inside][mine == piece]
                best = float(there.max()) if len(there) else -np.inf
                found.append((round(float(rest[piece]), 9), -best, j, piece))
    return found
