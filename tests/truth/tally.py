"""Counts of what was right, and shares of them with Monte Carlo intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from aftersweep.analysis.outcomes.rates import proportion

Counts = Mapping[str, tuple[float, float]]
"""Of one sweep: hits and chances by measure."""


@dataclass(frozen=True)
class Share:
    """A share over many sweeps, with its 95 % Monte Carlo interval."""

    value: float
    low: float
    high: float
    sweeps: int
    total: float


@dataclass
class Tally:
    """Hits and chances of one measure, sweep by sweep."""

    hits: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)

    def add(self, hits: float, total: float) -> None:
        if total > 0:
            self.hits.append(hits)
            self.totals.append(total)

    def share(self) -> Share | None:
        """Hits over chances; None without any.

        What one sweep adds is not independent (its levels share its runs), so the interval is the mid-p one of as
        many independent chances as would vary as much between sweeps.
        """
        if not self.totals:
            return None
        k, n = np.array(self.hits), np.array(self.totals)
        total = float(n.sum())
        value = float(k.sum()) / total
        alone = total
        if len(n) > 1 and 0 < value < 1:
            variance = float(((k - value * n) ** 2).sum()) / total**2 * len(n) / (len(n) - 1)
            alone = min(total, value * (1 - value) / variance) if variance > 0 else total
        found = proportion(min(value * alone, alone), alone)
        assert found.low is not None and found.high is not None
        return Share(value, found.low, found.high, len(n), total)


def gather(records: Iterable[Counts]) -> dict[str, Tally]:
    """The tallies of all measures."""
    tallies: dict[str, Tally] = {}
    for counts in records:
        for name, (hits, total) in counts.items():
            tallies.setdefault(name, Tally()).add(hits, total)
    return tallies


@dataclass
class Results:
    """All that was measured, by cell and sweep."""

    cells: dict[str, dict[int, Counts]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)

    def add(self, cell: str, index: int, seconds: float, counts: Counts, notes: Iterable[str]) -> None:
        """One sweep; one that is there already is not counted again."""
        if index in self.cells.setdefault(cell, {}):
            return
        self.cells[cell][index] = {name: (hits, total) for name, (hits, total) in counts.items()}
        self.notes.setdefault(cell, []).extend(notes)
        self.spent[cell] = self.spent.get(cell, 0.0) + seconds

    def done(self, cell: str) -> set[int]:
        return set(self.cells.get(cell, {}))

    def seconds(self, cell: str) -> float:
        """What one sweep of the cell took; 0 where none was measured."""
        return self.spent.get(cell, 0.0) / max(len(self.cells.get(cell, {})), 1)

    def tally(self, measure: str, cells: Iterable[str]) -> Tally:
        """One measure over some cells, in the order of the sweeps' numbers."""
        tally = Tally()
        for cell in cells:
            for _, counts in sorted(self.cells.get(cell, {}).items()):
                if measure in counts:
                    tally.add(*counts[measure])
        return tally

    def named(self, kind: str) -> list[str]:
        """The cells of one kind."""
        return [cell for cell in self.cells if cell.startswith(f"{kind} | ")]
