"""From what was measured to the figures of the table: value, Monte Carlo interval, goal, met or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..outcomes.measure import BINS
from .cells import GATED
from .scenarios import NULL, SCENARIOS
from .tally import Results, Share, Tally

Group = Literal["intervals", "false calls", "power", "sentences", "outcomes", "best", "other"]


@dataclass(frozen=True)
class Goal:
    """The figure must lie within ``low`` to ``high``; it misses only where its whole interval lies outside."""

    low: float = -np.inf
    high: float = np.inf

    def met(self, share: Share) -> bool:
        return share.high >= self.low and share.low <= self.high

    @property
    def words(self) -> str:
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"{_percent(self.low)} to {_percent(self.high)}"
        return f"at least {_percent(self.low)}" if np.isfinite(self.low) else f"at most {_percent(self.high)}"


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    group: Group
    name: str
    share: Share
    goal: Goal | None = None
    before: Share | None = None
    """The same of the page as it was written before."""
    main: bool = False
    """Shown in the README."""

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "meets" if self.goal.met(self.share) else "misses"


AT_MOST_5 = Goal(high=0.05)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def figures(results: Results) -> list[Figure]:
    """All rows that the results have figures for."""
    made: list[Figure] = []
    for part in (_intervals, _false_calls, _power, _sentences, _outcomes, _best, _others):
        made += part(results)
    return made


def _row(
    results: Results, group: Group, name: str, measure: str, cells: Sequence[str], goal: Goal | None = None, **more: str
) -> list[Figure]:
    share = results.tally(measure, cells).share()
    if share is None:
        return []
    before = results.tally(more["before"], cells).share() if "before" in more else None
    return [Figure(group, name, share, goal, before)]


def _main(rows: list[Figure]) -> list[Figure]:
    return [replace(row, main=True) for row in rows]


def _words(cell: str) -> str:
    _, name, runs = cell.split(" | ")
    return f"{name}, {runs} runs"


def _each(results: Results, group: Group, name: str, measure: str, cells: Sequence[str], goal: Goal) -> list[Figure]:
    """The worst cell for the README, and every cell that misses: judged by the bounds nearest to the goal."""
    shares = [(cell, share) for cell in cells if (share := results.tally(measure, [cell]).share())]
    if not shares:
        return []
    low = bool(np.isfinite(goal.low))
    cell, share = min(shares, key=lambda item: item[1].high if low else -item[1].low)
    rows = _main([Figure(group, f"{name}: worst of {len(shares)} cells ({_words(cell)})", share, goal)])
    missing = [(c, s) for c, s in shares if not goal.met(s) and c != cell]
    return rows + [Figure(group, f"{name}: {_words(c)}", s, goal) for c, s in missing]


def _intervals(results: Results) -> list[Figure]:
    alone, adjusted = results.named("alone"), results.named("adjusted")
    # Where the rate of a level changes with time, with machines or with what a search learnt, it has no one rate.
    sound = [cell for cell in alone if not any(word in cell for word in ("drift", "bad host", "bayes"))]
    rows = _main(_row(results, "intervals", "crash rate of a level, all", "rates", sound, Goal(0.94, 0.97)))
    rows += _each(results, "intervals", "crash rate of a level", "rates", sound, Goal(low=0.92))
    for size in ("n up to 9", "n 10 to 24", "n from 25"):
        rows += _row(results, "intervals", f"crash rate of a level, {size}", f"rates, {size}", sound)
    rows += _main(_row(results, "intervals", "ratio against the rest, all", "ratio intervals", sound, Goal(low=0.93)))
    rows += _each(results, "intervals", "ratio against the rest", "ratio intervals", sound, Goal(low=0.93))
    missed = "called findings whose interval misses, of those of a sweep (false coverage rate)"
    rows += _main(_row(results, "intervals", missed, "false coverage", alone, AT_MOST_5))
    real = [cell for cell in sound if cell.split(" | ")[1] not in NULL]
    called = "ratio of a called finding, where something carries risk"
    rows += _row(results, "intervals", called, "ratio intervals, called", real)
    quiet = "ratio intervals, leading but not called"
    rows += _row(results, "intervals", 'ratio beside a "no risk shown"', quiet, sound)
    rows += _each(results, "intervals", "adjusted ratio (Firth)", "adjusted: intervals", adjusted, Goal(low=0.93))
    rows += _row(results, "intervals", "adjusted ratio (Firth), all", "adjusted: intervals", adjusted)
    rows += _row(
        results, "intervals", "adjusted ratio as the page gives it", "page: adjusted intervals", results.named("page")
    )
    return rows


def _false_calls(results: Results) -> list[Figure]:
    rows: list[Figure] = []
    before = "before: any false risk factor"
    null = [c for c in results.named("alone") if c.split(" | ")[1] in NULL]
    for cell in sorted(null, key=lambda c: (c.split(" | ")[1] not in GATED, c)):
        name = f"any false risk factor: {_words(cell)}"
        row = _row(results, "false calls", name, "any false risk", [cell], AT_MOST_5, before=before)
        rows += _main(row) if cell.split(" | ")[1] in GATED and cell.endswith("| 50") else row
    other = [c for c in results.named("alone") if c not in null]
    listed = "before: risk factors"
    rows += _main(
        _row(
            results,
            "false calls",
            "false discoveries, all other scenarios",
            "false discoveries",
            other,
            AT_MOST_5,
            before=listed,
        )
    )
    for cell in sorted(other):
        rows += _row(
            results,
            "false calls",
            f"false discoveries: {_words(cell)}",
            "false discoveries",
            [cell],
            AT_MOST_5,
            before=listed,
        )
    pages = [c for c in results.named("page") if c.split(" | ")[1] in NULL]
    rows += _row(
        results,
        "false calls",
        "any false risk factor on whole pages",
        "page: any false risk",
        pages,
        AT_MOST_5,
        before=before,
    )
    name = "any false interaction (exploratory)"
    rows += _main(
        _row(results, "false calls", f"{name}, all scenarios", "any false interaction", [*null, *other], AT_MOST_5)
    )
    rows += _each(results, "false calls", name, "any false interaction", [*null, *other], AT_MOST_5)
    rows += _row(results, "power", "interaction found where there is one", "interaction found", other)
    for what, real in (("start time", "drift"), ("host", "bad host")):
        rows += _row(results, "other", f"{real} called where there is none", f"{what} false", results.named("alone"))
        rows += _row(results, "other", f"{real} found where there is one", f"{what} found", results.named("alone"))
    return rows


def _power(results: Results) -> list[Figure]:
    """What is found less what the oracle finds, in the same sweeps."""
    rows = []
    for cell in sorted(results.named("alone")):
        _, name, runs = cell.split(" | ")
        found = SCENARIOS[name]
        world = found(int(runs)) if callable(found) else found
        for parameter in world.parameters:
            if not parameter.risky:
                continue
            ours = results.tally(f"found {parameter.name}", [cell])
            oracle = results.tally(f"oracle {parameter.name}", [cell])
            most = None if parameter.is_range else 0.10 if len(parameter.levels) > 3 else 0.05
            share = _shortfall(ours, oracle)
            if share is None or not ours.totals:
                continue
            rates = f"found {np.mean(ours.hits):.0%}, oracle {np.mean(oracle.hits):.0%}"
            words = f"power short of the oracle's: {_words(cell)}, {parameter.name} ({rates})"
            rows.append(Figure("power", words, share, Goal(high=most) if most else None, main=runs == "50"))
    return rows


def _shortfall(ours: Tally, oracle: Tally) -> Share | None:
    short = np.array(oracle.hits) - np.array(ours.hits)
    if len(short) < 2:
        return None
    half = 1.96 * float(short.std(ddof=1)) / len(short) ** 0.5
    mean = float(short.mean())
    return Share(mean, mean - half, mean + half, len(short), float(len(short)))


def _sentences(results: Results) -> list[Figure]:
    pages = [*results.named("page"), *results.named("pooled")]
    rows = _main(
        _row(
            results, "sentences", "wrong sentences", "sentences", pages, Goal(high=0.02), before="before: all sentences"
        )
    )
    kinds = sorted({name for cell in pages for counts in results.cells[cell].values() for name in counts})
    for name in kinds:
        if name.startswith("sentence: "):
            rows += _row(results, "sentences", f"wrong {name}", name, pages)
    for name in ("not judged", "sentences not on the page", "lines that are no finding"):
        rows += _row(results, "sentences", name, name, pages)
    for name in ("risk factors", "crash rate", "most stable", "best architecture"):
        row = _row(results, "sentences", f"wrong before: {name}", f"before: {name}", pages)
        rows += [replace(item, before=item.share) for item in row]
    return rows


LABELS = {"logs": 0.99, "times": 0.97, "times, many crashes": 0.97, "times, no crash": None, "no times": 0.92}


def _outcomes(results: Results) -> list[Figure]:
    rows: list[Figure] = []
    for name, least in LABELS.items():
        cells = [cell for cell in results.named("outcomes") if cell.split(" | ")[1] == name]
        goal = None if least is None else Goal(low=least)
        rows += _main(_row(results, "outcomes", f"right labels of crashes and stops: {name}", "labels", cells, goal))
        never = "called crashed though certainly stopped" if name == "times, no crash" else "stops called crashes"
        zero = Goal(high=0.0) if name == "times, no crash" else None
        rows += _row(results, "outcomes", f"{never}: {name}", "stops called crashes", cells, zero)
        error = _calibration(results, cells)
        if error is not None:
            rows.append(
                Figure("outcomes", f"calibration error of the chance of a crash: {name}", error, Goal(high=0.03))
            )
    return rows


def _best(results: Results) -> list[Figure]:
    """How far the chance of being the best is from what is so; and what the page said before."""
    rows: list[Figure] = []
    cells = results.named("best")
    error = _calibration(results, cells)
    if error is not None:
        rows.append(Figure("best", "calibration error of the chance of being the best", error, main=True))
    rows += _row(results, "best", "its Brier score (mean squared error)", "brier", cells)
    called = "named as the best at 95 %, and is not"
    rows += _main(
        _row(results, "best", called, "called best, wrong", cells, AT_MOST_5, before="before: best architecture")
    )
    for place in range(BINS):
        told = results.tally(f"chance {place}: told", cells).share()
        if told is not None:
            name = f"of levels told {told.value:.0%} likely to be the best, those that are"
            rows += _row(results, "best", name, f"chance {place}: true", cells)
    return rows


def _calibration(results: Results, cells: Sequence[str]) -> Share | None:
    """|told - true| by bin of the chance, weighted by runs, with a bootstrap interval over sweeps.

    The interval is shifted by what resampling itself adds to an error that cannot be negative.
    """
    sweeps = [counts for cell in cells for _, counts in sorted(results.cells[cell].items())]
    if len(sweeps) < 2:
        return None
    table = np.zeros((len(sweeps), BINS, 3))
    for row, counts in zip(table, sweeps, strict=True):
        for place in range(BINS):
            told, true = counts.get(f"chance {place}: told"), counts.get(f"chance {place}: true")
            if told and true:
                row[place] = told[0], true[0], told[1]
    rng = np.random.default_rng(1)

    def error(some: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        sums = some.sum(axis=0)
        return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / sums[:, 2].sum())

    value = error(table)
    drawn = np.array([error(table[rng.integers(len(table), size=len(table))]) for _ in range(400)])
    added = float(drawn.mean()) - value
    low, high = (max(0.0, float(q) - added) for q in np.quantile(drawn, [0.025, 0.975]))
    return Share(value, min(low, value), max(high, value), len(sweeps), float(table[:, :, 2].sum()))


def _others(results: Results) -> list[Figure]:
    pages = results.named("page")
    return _row(results, "outcomes", "right labels on the pages, all runs", "page: labels", pages)
