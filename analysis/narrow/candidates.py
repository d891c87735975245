"""Configurations as the narrowing sees them: one code a parameter, its parts, and candidates to draw values at.

The code of a listed level is its number, numbers counted from the lowest and all else in the file's order; that of a
range is a place from 0 to 1 on the scale that it is drawn on. Numbers are ordered; all else is kinds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sweepfile.domains import Domain
from ..types import Floats, Run
from ..values import MISSING, level, same
from .shrink import LEAST_PIECES, RANGE_PIECES, Pieces
from .surrogate import Points, Surrogate

RANDOM, NEIGHBOURS, EXPLORED = 900, 600, 150
"""Candidates at random, configurations one setting away from promising ones, and the draws that say which those are."""


@dataclass(frozen=True)
class Codes:
    """The swept parameters in the file's order."""

    domains: tuple[Domain, ...]

    def code(self, run: Run) -> Floats | None:
        """[d]; None where the run has no value of a parameter, or one that the file does not have."""
        found = [_code(domain, run.config.get(domain.name, MISSING)) for domain in self.domains]
        return None if any(math.isnan(code) for code in found) else np.array(found)

    def points(self, codes: Floats) -> Points:
        """What the surrogate sees of codes [m, d]."""
        ordered, kinds = [], []
        for j, domain in enumerate(self.domains):
            if domain.levels is None:
                ordered.append(codes[:, j])
            elif domain.ordered:
                places = np.array([domain.place(value) for value in numbered(domain)])
                ordered.append(places[codes[:, j].astype(int)])
            else:
                kinds.append(codes[:, j].astype(np.int64))
        empty: list[Floats] = []
        return Points(
            np.column_stack(ordered or [*empty, np.empty((len(codes), 0))]),
            np.column_stack(kinds) if kinds else np.empty((len(codes), 0), dtype=np.int64),
        )

    def parts(self, codes: Floats) -> NDArray[np.int64]:
        """[m, d]: the part of its parameter's domain that each code lies in."""
        scale = [1 if domain.levels is not None else RANGE_PIECES for domain in self.domains]
        most = np.array(self.counts) - 1
        parts: NDArray[np.int64] = np.minimum(np.floor(codes * scale), most).astype(np.int64)
        return parts

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(RANGE_PIECES if d.levels is None else len(d.levels) for d in self.domains)

    @property
    def least(self) -> tuple[int, ...]:
        """Parts of each parameter that must stay."""
        return tuple(LEAST_PIECES if domain.levels is None else 1 for domain in self.domains)

    def part(self, j: int, code: float) -> int:
        scale = RANGE_PIECES if self.domains[j].levels is None else 1
        return min(int(code * scale), self.counts[j] - 1)

    def pieces(self, codes: Floats) -> Pieces:
        return Pieces(
            of=self.parts(codes),
            count=self.counts,
            ordered=tuple(domain.ordered for domain in self.domains),
            least=self.least,
        )

    def draw(self, alive: Sequence[Sequence[int]], n: int, rng: np.random.Generator) -> Floats:
        """Codes [n, d] of random configurations with these parts, each part equally likely."""
        return np.column_stack([_draw(d, parts, n, rng) for d, parts in zip(self.domains, alive, strict=True)])


def numbered(domain: Domain) -> tuple[Any, ...]:
    """The levels in the order of their codes; empty for a range."""
    levels = domain.levels or ()
    return tuple(sorted(levels, key=domain.place)) if domain.ordered else levels


def _code(domain: Domain, value: object) -> float:
    value = level(value)
    if domain.levels is None:
        return domain.place(value) if domain.contains(value) else math.nan
    return next((float(i) for i, one in enumerate(numbered(domain)) if same(level(one), value)), math.nan)


def _draw(domain: Domain, parts: Sequence[int], n: int, rng: np.random.Generator) -> Floats:
    drawn = np.asarray(parts, dtype=float)[rng.integers(0, len(parts), n)]
    return drawn if domain.levels is not None else (drawn + rng.random(n)) / RANGE_PIECES


def candidates(
    codes: Codes, alive: Sequence[Sequence[int]], seen: Floats, model: Surrogate, rng: np.random.Generator
) -> Floats:
    """Codes [m, d] of configurations with these parts: random ones, those tried, and neighbours of what may be best."""
    tried = seen[_within(codes, seen, alive)]
    first = np.unique(np.vstack([codes.draw(alive, RANDOM, rng), tried]), axis=0)
    drawn = model.draw(codes.points(first), EXPLORED, rng)
    tops = first[np.unique(np.argsort(-drawn, axis=1)[:, :2])]
    near = tops[rng.integers(0, len(tops), NEIGHBOURS)]
    other = codes.draw(alive, NEIGHBOURS, rng)
    changed = rng.integers(0, len(codes.domains), NEIGHBOURS)
    rows = np.arange(NEIGHBOURS)
    near[rows, changed] = other[rows, changed]
    return np.unique(np.vstack([first, near]), axis=0)


def _within(codes: Codes, of: Floats, alive: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    parts = codes.parts(of)
    inside = [np.isin(parts[:, j], list(kept)) for j, kept in enumerate(alive)]
    return np.asarray(np.all(inside, axis=0), dtype=bool)
