"""What is measured: cells of many sweeps, and what one sweep of a cell adds.

- ``alone``: the statistics on true outcomes. ``adjusted``: the Firth-penalised ratio alone.
- ``page``: the whole page, its sentences and the same statistics on what was adjudicated.
- ``pooled``: the page of three sweeps of one world.
- ``best``: the chance that each level is the best, where gains are drawn anew for each sweep.
- ``outcomes``: the labels and chances of ``tests.outcomes``' simulator, whose controllers are harder.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from aftersweep.analysis.findings.ranking import SURE
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.ranking.rank import rank
from aftersweep.analysis.risk.cases import make_cases
from aftersweep.analysis.risk.firth import Adjusted, adjusted_ratio
from aftersweep.reports.render import to_markdown

from ..outcomes.measure import BINS, measure
from .baseline import baseline, risk_factors
from .judges import Case
from .measures import pair_counts, rate_counts, risk_counts, statistics_alone
from .ratios import Judge, covers
from .scenarios import MODELS, NULL, SCENARIOS, scenario
from .sentences import read
from .simulator import Simulated, several, simulate, true_outcomes
from .tally import Counts
from .world import Swept, World

Kind = Literal["alone", "adjusted", "page", "pooled", "best", "outcomes"]
NOW = 2e9


@dataclass(frozen=True)
class Cell:
    """One cell of the measure; ``sweeps`` is how many it asks for."""

    kind: Kind
    scenario: str
    runs: int
    sweeps: int

    @property
    def key(self) -> str:
        return f"{self.kind} | {self.scenario} | {self.runs}"

    @property
    def has_truth(self) -> bool:
        """True where the scenario is one of ``scenarios``, so that there is a ``Judge``."""
        return self.kind not in ("best", "outcomes")

    @property
    def seed(self) -> int:
        return zlib.crc32(self.key.encode())


@dataclass(frozen=True)
class Record:
    """What one sweep adds; ``notes`` are wrong sentences and the like, word for word."""

    counts: Counts
    notes: tuple[str, ...] = field(default=())


GATED = ("nothing", "nothing, Hyperband", "unequal metric", "drift, grid", "drift, Hyperband")
"""The null scenarios that the issue names; the other null ones are measured at 50 runs alone."""
FOR_PAGES = ("repeats", "best at an edge")
"""Null scenarios that are there for other sentences than those of risk."""
ADJUSTED = ("one of 2, Hyperband", "one of 3", "one of 5, Hyperband", "separation")
OUTCOMES: Mapping[str, Mapping[str, Any]] = {
    "logs": {"logged": 1.0},
    "times": {},
    "times, many crashes": {"hazard": 0.1},
    "times, no crash": {"hazard": 0.0},
    "no times": {"times": "missing"},
}
POOLED = ("nothing", "unequal metric", "one of 3", "one of 5, Hyperband")
TOGETHER = 3
WHOLE_EVERY = 4
"""Sweeps of statistics alone of which one has its pairs and levels judged too."""
BEST: Mapping[str, tuple[float, bool]] = {
    "gains of 0.02": (0.02, False),
    "gains of 0.05": (0.05, False),
    "gains of 0.05, Hyperband": (0.05, True),
}
"""The standard deviation of the levels' gains, beside 0.05 between runs of one configuration; and the rule."""


def plan() -> list[Cell]:
    """All cells, the gated ones with the numbers that the issue asks for; those of a scenario and size together."""
    cells = [Cell("alone", name, runs, 1000) for name in GATED for runs in (20, 50)]
    cells += [Cell("alone", name, 200, 1000) for name in GATED[2:]]
    cells += [Cell("alone", name, 50, 400) for name in NULL if name not in (*GATED, *FOR_PAGES)]
    some = [name for name in SCENARIOS if name not in NULL]
    cells += [Cell("alone", name, runs, sweeps) for name in some for runs, sweeps in ((20, 80), (50, 250), (200, 60))]
    cells += [Cell("alone", name, 1000, 15) for name in ("unequal metric", "drift, Hyperband", "one of 5, Hyperband")]
    cells += [Cell("adjusted", name, runs, 2000) for name in ADJUSTED for runs in (20, 50, 200)]
    cells += [Cell("page", name, runs, sweeps) for name in SCENARIOS for runs, sweeps in ((20, 50), (50, 30), (200, 4))]
    cells += [Cell("pooled", name, 20, 40) for name in POOLED]
    cells += [Cell("best", name, runs, 500) for name in BEST for runs in (20, 50)]
    cells += [Cell("outcomes", name, 50, 300) for name in OUTCOMES]
    return sorted(cells, key=lambda cell: (cell.scenario, cell.runs))


def quick() -> list[Cell]:
    """A twentieth of the plan, without the largest sweeps: to see that everything runs."""
    return [replace(cell, sweeps=max(2, cell.sweeps // 20)) for cell in plan() if cell.runs < 1000]


def play(cell: Cell, index: int, judge: Judge | None) -> Record:
    """The sweep of that number, measured, the same for the same cell and number; judge: where it ``has_truth``."""
    seed = (cell.seed, index)
    if cell.kind == "outcomes":
        return Record(_outcomes(OUTCOMES[cell.scenario], cell.seed % 100_000 + index))
    if cell.kind == "best":
        return Record(_best(*BEST[cell.scenario], cell.runs, seed))
    assert judge is not None
    world = scenario(cell.scenario, cell.runs)
    if cell.kind == "page":
        return _page(simulate(_shown(world, index), cell.runs, seed), judge, claims=index % 3 == 0)
    if cell.kind == "pooled":
        return _page(several(_shown(world, index % 7), cell.runs, seed, TOGETHER), judge, claims=False)
    made = simulate(world, cell.runs, seed)
    if cell.kind == "adjusted":
        return Record(_adjusted(made, judge))
    return Record(statistics_alone(made, judge, whole=index % WHOLE_EVERY == 0))


def _shown(world: World, index: int) -> World:
    """What a source keeps differs: logs, only starts and ends, no times at all."""
    if index % 8 == 7:
        return replace(world, times="missing")
    return replace(world, logged=0.8 if index % 2 else 0.0, times="coarse" if index % 4 == 2 else "known")


def _page(made: Simulated, judge: Judge, *, claims: bool) -> Record:
    sweep = made.sweep
    if claims:
        said = [{"text": f"{c.level.parameter} {c.level.label}", **_where(c.level)} for c in risk_factors(sweep)[:3]]
        sweep = replace(sweep, claims=tuple(c for c in said if "where" in c))
    result = post_mortem(sweep, now=NOW)
    verdicts = read(Case(result, replace(made, sweep=sweep), judge), to_markdown(result, "0", 0.0))
    counts: dict[str, tuple[float, float]] = {}
    for kind, (right, wrong, _) in verdicts.by_kind.items():
        counts[f"sentence: {kind}"] = (float(wrong), float(right + wrong))
    counts["sentences"] = _sum(counts, "sentence: ")
    every = sum(sum(three) for three in verdicts.by_kind.values())
    counts["not judged"] = (every - counts["sentences"][1], float(every))
    counts["sentences not on the page"] = (float(len(verdicts.unsaid)), float(every))
    counts["lines that are no finding"] = (float(len(verdicts.unfounded)), float(every))
    truth = made.truth
    ours = {
        **risk_counts(result.parameter_risks, result.circumstances, truth, judge),
        **pair_counts(result.pairs, truth, judge),
        **rate_counts(result.levels, truth, judge),
    }
    right = sum(result.outcomes[i].label == label for i, label in zip(truth.ids, truth.labels, strict=True))
    counts |= {f"page: {name}": count for name, count in ours.items()}
    counts |= {"page: labels": (float(right), float(len(truth.ids))), **baseline(sweep, truth, judge)}
    notes = (*verdicts.wrong, *(f"not on the page: {text}" for text in verdicts.unsaid))
    return Record(counts, (*notes, *(f"no finding: {line}" for line in verdicts.unfounded)))


def _where(level: Any) -> dict[str, str]:
    """A claim that names the level; none of a third of a range."""
    value = level.value
    if value is None:
        return {}
    return {"where": f"{level.parameter}={str(value).lower() if isinstance(value, bool) else value}"}


def _sum(counts: Counts, prefix: str) -> tuple[float, float]:
    kept = [count for name, count in counts.items() if name.startswith(prefix)]
    return sum(hits for hits, _ in kept), sum(total for _, total in kept)


def _adjusted(made: Simulated, judge: Judge) -> Counts:
    """The interval of the bad level's ratio, given the other parameters, on true outcomes."""
    truth, stopping = made.truth, made.truth.world.rule
    cases = make_cases(made.sweep, true_outcomes(truth), early_stopping=stopping)
    order = [truth.index[run.id] for run in cases.runs]
    columns = {
        f"{p.name} {i}": (truth.places[p.name][order] == i).astype(float)
        for p in truth.world.parameters
        for i in range(1, len(p.levels))
    }
    (risky,) = (p for p in truth.world.parameters if p.risky)
    bad = f"{risky.name} {risky.ratios.index(max(risky.ratios))}"
    others = {name: column for name, column in columns.items() if not name.startswith(risky.name)}
    found = adjusted_ratio(cases.until, cases.crash, columns[bad], others, stopping)
    counts = {"adjusted: could be fitted": (float(isinstance(found, Adjusted)), 1.0)}
    if isinstance(found, Adjusted) and (found.ratio.low is not None or found.ratio.high is not None):
        mask = np.asarray(
            judge.people.places[risky.name] == max(range(len(risky.ratios)), key=risky.ratios.__getitem__)
        )
        true = judge.people.hazard_ratio(mask.astype(float)) if stopping else judge.people.odds_ratio(mask)
        counts["adjusted: intervals"] = (float(covers(found.ratio.low, found.ratio.high, true)), 1.0)
    return counts


def _best(spread: float, rule: bool, runs: int, seed: tuple[int, int]) -> Counts:
    """The chances of five levels whose gains are normal; and the level of the best run, as the page named it before."""
    gains = np.random.default_rng((*seed, 1)).normal(0.0, spread, len(MODELS))
    model = Swept(name="model", levels=MODELS, gains=tuple(gains.tolist()))
    others = tuple(p for p in scenario("nothing", runs).parameters if p.name != "model")
    made = simulate(World(parameters=(model, *others), hazard=0.03, rule=rule), runs, seed)
    ranking = rank(made.sweep, true_outcomes(made.truth), "model")
    counts: dict[str, tuple[float, float]] = {}
    best = MODELS[int(gains.argmax())]
    known = [] if ranking is None else [(i.label, i.chance) for i in ranking.levels if i.chance is not None]
    for label, chance in known:
        place = min(int(chance * BINS), BINS - 1)
        for name, value in (("told", chance), ("true", float(label == best))):
            hits, total = counts.get(f"chance {place}: {name}", (0.0, 0.0))
            counts[f"chance {place}: {name}"] = (hits + value, total + 1)
        hits, total = counts.get("brier", (0.0, 0.0))
        counts["brier"] = (hits + (chance - (label == best)) ** 2, total + 1)
    if known and known[0][1] >= SURE:
        counts["called best, wrong"] = (float(known[0][0] != best), 1.0)
    top = max((run for run in made.sweep.runs if run.best is not None), key=lambda run: run.best or 0.0)
    counts["before: best architecture"] = (float(top.config["model"] != best), 1.0)
    return counts


def _outcomes(world: Mapping[str, Any], seed: int) -> Counts:
    """Labels that are right; by bin of the chance of a crash, what was told and what was so."""
    score = measure([seed], **world)
    n = float(len(score.right))
    counts = {"labels": (float(sum(score.right)), n)}
    stops = float(n - sum(score.crashed))
    false = sum(not right and not crashed for right, crashed in zip(score.right, score.crashed, strict=True))
    counts["stops called crashes"] = (float(false), stops)
    for told, true, runs in score.reliability():
        place = min(int(told * BINS), BINS - 1)
        counts[f"chance {place}: told"] = (told * runs, float(runs))
        counts[f"chance {place}: true"] = (true * runs, float(runs))
    return counts
