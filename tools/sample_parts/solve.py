"""Which published figures can be true together, and one table of 50 runs in which they are.

The unknowns are two contingency tables: how many runs have each architecture, state and end ("lives"), and how many
have each combination of the other settings and state ("settings"); the six named runs stand apart in both, and each
state has as many runs in one table as in the other. No figure crosses the two in another way, and all are linear, so
``scipy.optimize.milp`` (HiGHS) decides them exactly. Figures are taken in their order of precedence;
one that cannot hold with those already kept is dropped, and at the end replaced by the nearest value that can hold.
Among all solutions a random objective (fixed seed) picks one: with continuous weights the optimum is unique, so that
the table does not depend on the solver's version.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix, vstack

from .figures import LATER, Count, Figure, Higher, Mean, Share, Where, fulfils, rounded, rounded_epochs

KEYS = ("snr_layer_config", "batch_size", "max_lr", "use_pretrained")
MOST = 50
LIFE = ("model_type", "state", "end", "run")
"""What a life is made of; ``run`` is the id of a named run, empty for the others."""


@dataclass
class Rows:
    """Linear constraints ``low <= row @ x <= high`` over the table."""

    rows: list[csr_matrix] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def plus(self, other: Rows) -> Rows:
        return Rows([*self.rows, *other.rows], [*self.low, *other.low], [*self.high, *other.high])


@dataclass(frozen=True)
class Verdict:
    """A figure, whether it is kept, and the value that the sample has where it is not (in words)."""

    figure: Figure
    kept: bool
    instead: str = ""


class Table:
    """The cells of both and the questions that can be asked about them."""

    def __init__(self, published: Where) -> None:
        self.cells = [*_lives(published), *_settings(published)]
        self.ends = np.array([cell.get("end", 0) for cell in self.cells], dtype=float)
        self.most = np.array([cell["most"] for cell in self.cells])

    def mask(self, where: Where, table: str | None = None) -> np.ndarray[Any, Any]:
        """[cells]: 1 for the cells that fulfil ``where``, in the table that has all its keys."""
        table = table or table_of(where)
        return np.array([cell["table"] == table and fulfils(cell, where) for cell in self.cells], dtype=float)

    def linked(self) -> Rows:
        """Both tables tell of the same runs: as many in each state, and each named run once."""
        rows = Rows()
        for state, run in sorted({(cell["state"], cell["run"]) for cell in self.cells}):
            where = {"state": state, "run": run}
            rows = rows.plus(self.row(self.mask(where, "lives") - self.mask(where, "settings"), 0, 0))
            if run:
                rows = rows.plus(self.row(self.mask(where, "lives"), 1, 1))
        return rows

    def row(self, weights: np.ndarray[Any, Any], low: float, high: float) -> Rows:
        return Rows([csr_matrix(weights)], [low], [high])

    def solve(self, rows: Rows, cost: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any] | None:
        """[cells] whole numbers that fulfil all rows at the least cost; None where there are none."""
        result = milp(
            np.zeros(len(self.cells)) if cost is None else cost,
            constraints=LinearConstraint(vstack(rows.rows, format="csr"), rows.low, rows.high),
            integrality=np.ones(len(self.cells)),
            bounds=Bounds(0, self.most),
            options={"mip_rel_gap": 0.0},
        )
        if result.status == 2:
            return None
        if result.x is None:
            raise RuntimeError(f"the solver gave up: {result.message}")
        counts: np.ndarray[Any, Any] = np.rint(result.x).astype(int)
        return counts

    def extent(self, rows: Rows, weights: np.ndarray[Any, Any]) -> tuple[int, int]:
        """The least and the greatest value of ``weights @ x``."""
        ends = []
        for sign in (1.0, -1.0):
            x = self.solve(rows, sign * weights)
            if x is None:
                raise RuntimeError("the figures kept so far contradict one another")
            ends.append(round(float(weights @ x)))
        return ends[0], ends[1]

    def options(self, figure: Figure, kept: Rows, *, nearest: bool) -> Iterator[tuple[str, Rows]]:
        """Ways in which the figure can be made true; with ``nearest`` all other values, nearest first."""
        match figure.statement:
            case Count(where, n, at_least):
                mask = self.mask(where)
                values: Iterable[int] = sorted(range(51), key=lambda v: abs(v - n)) if nearest else [n]
                for value in values:
                    yield (
                        f"{value} run{'' if value == 1 else 's'}",
                        self.row(mask, value, np.inf if at_least else value),
                    )
            case Share(of, have, percent):
                yield from self._shares(of, have, percent, kept, nearest)
            case Mean(where, epochs):
                mask = self.mask(where)
                low, high = self.extent(kept, mask)
                runs = low if low == high else 0
                totals = sorted(range(1, 400), key=lambda t: abs(Fraction(t, max(runs, 1)) - Fraction(epochs)))
                for total in totals if runs else []:
                    if nearest or rounded_epochs(total, runs) == epochs:
                        text = f"{rounded_epochs(total, runs)} ({total} epochs in {runs} runs)"
                        yield text, self.row(mask * self.ends, total, total)
            case Higher(where, than):
                if not nearest:
                    yield "", self._higher(where, than, kept)

    def _shares(self, of: Where, have: Where, percent: int, kept: Rows, nearest: bool) -> Iterator[tuple[str, Rows]]:
        table = table_of({**of, **have})
        whole, part = self.mask(of, table), self.mask({**of, **have}, table)
        low, high = self.extent(kept, whole)
        pairs = [(k, n) for n in range(max(low, 1), high + 1) for k in range(n + 1)]
        if not nearest:
            pairs = [(k, n) for k, n in pairs if rounded(Fraction(k, n)) == percent]
        for k, n in sorted(pairs, key=lambda p: (abs(Fraction(*p) - Fraction(percent, 100)), p[1])):
            text = f"{k} of {n}, {rounded(Fraction(k, n))} %"
            yield text, self.row(whole, n, n).plus(self.row(part, k, k))

    def _higher(self, where: Where, than: Where, kept: Rows) -> Rows:
        masks = [self.mask(where), self.mask(than)]
        crashed = [self.mask({**where, "state": "crashed"}), self.mask({**than, "state": "crashed"})]
        sizes = [self.extent(kept, mask) for mask in masks]
        if any(low != high for low, high in sizes):
            raise RuntimeError(f"the sizes of {where} and {than} are not settled before their rates are compared")
        (a, _), (b, _) = sizes
        return self.row(crashed[0] * b - crashed[1] * a, 1, np.inf)


def table_of(where: Where) -> str:
    """The table that knows all keys of ``where``."""
    return "settings" if set(where) - set(LIFE) else "lives"


def _lives(published: Where) -> Iterator[dict[str, Any]]:
    """What the page allows: ends of crashed runs as in its table; of the others, at most 12 epochs; failed means 0."""
    outcomes = [("crashed", row["epoch"]) for row in published["crash_epochs"] if row["epoch"] != "later"]
    outcomes += [("crashed", end) for end in LATER]
    outcomes += [(state, end) for state in ("finished", "killed", "running") for end in range(1, 13)]
    outcomes += [("failed", published["states"]["failed"]["epochs"])]
    for name in published["architectures"]:
        for state, end in outcomes:
            yield {"table": "lives", "most": MOST, "model_type": name, "state": state, "end": end, "run": ""}
    for row in published["best_results"]:
        life = {"model_type": row["model_type"], "state": row["state"], "end": row["epochs"]}
        yield {"table": "lives", "most": 1, **life, "run": row["run"]}


def _settings(published: Where) -> Iterator[dict[str, Any]]:
    parameters: Mapping[str, Any] = published["configuration"]["parameters"]
    who = [(state, "") for state in published["states"]]
    who += [(row["state"], row["run"]) for row in published["best_results"]]
    for (state, run), *chosen in itertools.product(who, *(parameters[key]["values"] for key in KEYS)):
        settings = dict(zip(KEYS, chosen, strict=True))
        # Twice: the first run of a combination is cheap, more are dear, so that the runs spread over the space.
        for most in (1, MOST):
            yield {"table": "settings", "most": most, "state": state, "run": run, "named": bool(run), **settings}


def settle(published: Where, figures: list[Figure], seed: int) -> tuple[list[Verdict], list[dict[str, Any]]]:
    """The verdict on each figure, and the runs (settings, state, end and name, one dict a run)."""
    table = Table(published)
    kept = table.linked().plus(table.row(table.mask({}), 0, 100))
    words: dict[str, tuple[bool, str]] = {}
    for nearest in (False, True):
        for figure in figures:
            if figure.id in words:
                continue
            for text, rows in table.options(figure, kept, nearest=nearest):
                if table.solve(kept.plus(rows)) is not None:
                    kept, words[figure.id] = kept.plus(rows), (not nearest, text)
                    break
            else:
                if nearest:
                    words[figure.id] = (False, "")
    rng = np.random.default_rng(seed)
    repeated = (table.most > 1) & (table.mask({"named": [True, False]}) > 0)
    x = table.solve(kept, rng.random(len(table.cells)) + repeated)
    if x is None:
        raise RuntimeError("the kept figures have no solution")
    return [Verdict(figure, *words[figure.id]) for figure in figures], _runs(table, x, rng)


def _runs(table: Table, x: np.ndarray[Any, Any], rng: np.random.Generator) -> list[dict[str, Any]]:
    """The two tables joined: a named run with itself, the others of each state at random."""
    rows = [cell for cell, n in zip(table.cells, x, strict=True) for _ in range(n)]
    runs = []
    for key in sorted({(row["state"], row["run"]) for row in rows}):
        lives, settings = (
            [row for row in rows if row["table"] == name and (row["state"], row["run"]) == key]
            for name in ("lives", "settings")
        )
        for life, i in zip(lives, rng.permutation(len(settings)), strict=True):
            joined = {**settings[i], **life}
            runs.append({k: v for k, v in joined.items() if k not in ("table", "most", "named")})
    return runs
