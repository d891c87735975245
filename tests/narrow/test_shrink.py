"""Which parts go: laws of the greedy removal, on draws whose best is known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.narrow.shrink import HELD, Pieces, remove
from aftersweep.analysis.types import Floats

COUNT = (4, 3)


def grid() -> Pieces:
    """Every configuration of an ordered parameter of four levels and one of three kinds."""
    of = np.array([(a, b) for a in range(4) for b in range(3)])
    return Pieces(of, COUNT, (True, False), (1, 1))


def start() -> list[list[int]]:
    return [list(range(count)) for count in COUNT]


def best_at(*cells: int, draws: int = 100) -> Floats:
    """Draws that are best at these configurations in turn, all others equally bad."""
    values = np.zeros((draws, 12))
    for s in range(draws):
        values[s, cells[s % len(cells)]] = 1.0
    return values


def kept(draws: Floats, fewest: int = 1, protected: frozenset[tuple[int, int]] = frozenset()) -> list[set[int]]:
    left = [set(parts) for parts in start()]
    for gone in remove(draws, grid(), start(), tolerance=0.1, fewest=fewest, protected=protected):
        left[gone.parameter].discard(gone.piece)
    return left


def test_all_that_never_holds_the_best_goes() -> None:
    assert kept(best_at(4)) == [{1}, {1}]


def test_an_ordered_parameter_loses_ends_only() -> None:
    """The best is at either end in turn: the middle may be of no use, but there is no such range."""
    assert kept(best_at(1, 10))[0] == {0, 1, 2, 3}


def test_protected_parts_and_the_fewest_configurations_stay() -> None:
    assert kept(best_at(4), protected=frozenset({(0, 3)})) == [{1, 2, 3}, {1}]
    sizes = [len(parts) for parts in kept(best_at(4), fewest=4)]
    assert sizes[0] * sizes[1] >= 4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_space_that_is_left_holds_the_best_of_nine_draws_in_ten(seed: int) -> None:
    """The chance that is told is the share of draws that are held, and never under the limit."""
    draws = np.random.default_rng(seed).normal(size=(200, 12)) + np.linspace(0, 3, 12)
    gone = remove(draws, grid(), start(), tolerance=0.2, fewest=1)
    pieces = grid()
    inside = np.ones(12, dtype=bool)
    for one in gone:
        inside &= pieces.of[:, one.parameter] != one.piece
        held = float((draws[:, inside].max(axis=1) >= draws.max(axis=1) - 0.2).mean())
        assert one.held == round(held, 9) >= HELD
