"""Runs of a table with crashes planted by a stated rule.

One run in ten crashes whatever its setting is (out of reach of any method). One level of one parameter, drawn anew for
each seed among parameters of three levels or more, crashes seven times in ten beside that; never a level of the table's
best configuration, so that no method has to choose between the best and the safe. A run whose training failed in the
table counts as a crash too. A crashed run has no value and is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import START, make_run, make_sweep
from .tables import Table

UNAVOIDABLE, PLANTED = 0.1, 0.7
Code = tuple[int, ...]
COMPLETED = Outcome(label="completed", grade="observed")
CRASHED = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))


@dataclass
class World:
    """A table, the level that crashes, and all that was run in it so far."""

    table: Table
    rng: np.random.Generator
    planted: tuple[int, int] | None
    """(parameter, level); None where no setting is at fault."""
    codes: list[Code] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    """None of a crash."""
    matters: bool = True
    """False: each run has the value of a configuration drawn anew. (Were values shuffled over configurations instead,
    one that did well and is tried again, as TPE does, would rightly be held for better.)"""

    def run(self, code: Code) -> float | None:
        """One more run; its value, or None where it crashed."""
        code = tuple(int(one) for one in code)
        chance = UNAVOIDABLE
        if self.planted is not None and code[self.planted[0]] == self.planted[1]:
            chance = 1 - (1 - UNAVOIDABLE) * (1 - PLANTED)
        valued = code if self.matters else tuple(int(self.rng.integers(n)) for n in self.table.dims)
        drawn = self.table.drawn(valued, self.rng)
        crashed = self.rng.random() < chance or not np.isfinite(drawn)
        self.codes.append(code)
        self.values.append(None if crashed else drawn)
        return self.values[-1]

    def reached(self, runs: int) -> float:
        """The best table's mean among the first ``runs`` that did not crash; the table's median where all did."""
        seen = [code for value, code in zip(self.values[:runs], self.codes, strict=False) if value is not None]
        return max((float(self.table.mean[code]) for code in seen), default=self.table.median)

    def picked(self, runs: int) -> float:
        """The table's mean of the configuration whose own value was the best of the first ``runs``: what a user would
        take, luck of the seed included; the table's median where all crashed."""
        seen = [(value, code) for value, code in zip(self.values[:runs], self.codes, strict=False) if value is not None]
        return float(self.table.mean[max(seen)[1]]) if seen else self.table.median

    def crashes(self, first: int, last: int) -> int:
        return sum(value is None for value in self.values[first:last])

    def again(self, seed: Sequence[int]) -> World:
        """The same history, to be gone on with by a method with its own luck."""
        rng = np.random.default_rng(seed)
        return World(self.table, rng, self.planted, list(self.codes), list(self.values), self.matters)

    def as_sweep(self) -> tuple[Sweep, dict[str, Outcome]]:
        """The runs so far as aftersweep sees them, with their outcomes."""
        levels = list(self.table.levels.items())
        runs, ends = [], {}
        for i, (code, value) in enumerate(zip(self.codes, self.values, strict=True)):
            config = {name: values[k] for (name, values), k in zip(levels, code, strict=True)}
            made = make_run(
                f"r{i:03d}", [] if value is None else [value] * 3, config=config, start=START + 300 * i, step_s=60.0
            )
            runs.append(made)
            ends[made.id] = CRASHED if value is None else COMPLETED
        return make_sweep(runs, parameters=dict(levels), config=read_config(self.raw())), ends

    def raw(self) -> dict[str, Any]:
        """The sweep file."""
        return {
            "program": "train.py",
            "method": "random",
            "metric": {"name": "val/acc", "goal": "maximize"},
            "parameters": {name: {"values": list(values)} for name, values in self.table.levels.items()},
        }


def world(table: Table, seed: Sequence[int], *, matters: bool = True) -> World:
    """A world of the table with nothing run in it yet; where nothing ``matters`` no level is at fault for crashes."""
    rng = np.random.default_rng(seed)
    best = np.unravel_index(int(np.nanargmax(table.mean)), table.dims)
    cells = [(j, k) for j, n in enumerate(table.dims) if n > 2 for k in range(n) if k != best[j]]
    planted = cells[rng.integers(len(cells))] if matters and cells else None
    return World(table, rng, planted, matters=matters)
