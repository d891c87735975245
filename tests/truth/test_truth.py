"""A small seeded ``make bench-truth``: the figures that must not break, with bounds that chance alone hardly passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from scipy import stats

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.risk import ParameterRisk
from aftersweep.analysis.risk.factors import parameter_risks
from aftersweep.reports.narrate import WORDS
from aftersweep.reports.render import to_markdown

from .bench import read_results
from .cells import WHOLE_EVERY, Cell, plan, play
from .figures import Goal, figures
from .judges import JUDGES, Case
from .measures import risk_counts
from .population import population
from .ratios import Judge
from .report import BEGIN, END, write_readme
from .scenarios import SCENARIOS, scenario
from .sentences import Verdicts, read
from .simulator import several, simulate, true_outcomes
from .tally import Results, Tally
from .world import Truth

SWEEPS = 80
MANY = 3_000
"""Runs of a population in these tests."""


@lru_cache(maxsize=4)
def _judge(name: str, runs: int = 50) -> Judge:
    return Judge(population(name, runs, MANY))


@lru_cache(maxsize=4)
def _risks(name: str, sweeps: int = SWEEPS) -> list[tuple[Truth, tuple[ParameterRisk, ...]]]:
    """The parameters judged on the true outcomes of so many sweeps of 50 runs."""
    found = []
    for i in range(sweeps):
        made = simulate(scenario(name, 50), 50, (11, i))
        outcomes = true_outcomes(made.truth)
        found.append((made.truth, parameter_risks(made.sweep, outcomes, early_stopping=made.truth.world.rule)))
    return found


@lru_cache(maxsize=2)
def _alone(name: str) -> Results:
    results = Results()
    cell = Cell("alone", name, 50, 100)
    for index in range(0, cell.sweeps, WHOLE_EVERY):
        results.add(cell.key, index, 0.0, play(cell, index, _judge(name)).counts, ())
    return results


@pytest.mark.parametrize("name", ["unequal metric", "drift, grid"])
def test_where_nothing_matters_hardly_a_sweep_has_a_risk_factor(name: str) -> None:
    """At most 5 % of sweeps, up to chance (1 in 1,000).

    A test of crashes per run fails the first, one that does not compare within blocks of starts the second.
    """
    false = sum(any(risk.called for risk in risks) for _, risks in _risks(name))
    assert false <= stats.binom(SWEEPS, 0.05).ppf(0.999)


def test_what_carries_risk_is_found_as_often_as_an_oracle_would() -> None:
    """The bad level of three is found in many sweeps, and nearly as often as by one who tests it alone."""
    judge = _judge("one of 3")
    counts = [risk_counts(risks, (), truth, judge) for truth, risks in _risks("one of 3")]
    found = sum(count["found optimizer"][0] for count in counts)
    oracle = sum(count["oracle optimizer"][0] for count in counts)
    assert oracle >= 0.4 * SWEEPS
    assert found >= oracle - 0.12 * SWEEPS


@pytest.mark.parametrize("name", ["unequal metric", "one of 3"])
@pytest.mark.parametrize("measure", ["rates", "ratio intervals"])
def test_intervals_hold_the_truth(name: str, measure: str) -> None:
    """95 % intervals of crash rates and ratios hold it in at least 92 %, up to chance."""
    share = _alone(name).tally(measure, _alone(name).cells).share()
    assert share is not None
    assert share.total > 400
    assert share.high >= 0.93
    assert share.value >= 0.88


def test_the_page_before_is_wrong_nearly_always() -> None:
    """Where nothing matters it lists false risk factors in every sweep, and takes stops for crashes."""
    results = _alone("unequal metric")
    for measure in ("before: any false risk factor", "before: crash rate"):
        assert sum(results.tally(measure, results.cells).hits) >= 24


@lru_cache(maxsize=1)
def _pages() -> list[tuple[str, Verdicts]]:
    read_pages = []
    for i, name in enumerate(SCENARIOS):
        runs = 50 if i % 4 == 0 else 20
        made = simulate(scenario(name, runs), runs, (5, i))
        result = post_mortem(made.sweep, now=2e9)
        case = Case(result, made, Judge(population(name, runs, 2_000)))
        read_pages.append((name, read(case, to_markdown(result, "0", 0.0))))
    return read_pages


def test_every_sentence_is_judged_and_few_are_wrong() -> None:
    """A page of each scenario: every kind of sentence has a judge (KeyError else), and few sentences are wrong."""
    pages = [page for _, page in _pages()]
    judged = sum(right + wrong for page in pages for right, wrong, _ in page.by_kind.values())
    wrong = [text for page in pages for text in page.wrong]
    assert judged > 10 * len(pages)
    assert len(wrong) <= stats.binom(judged, 0.03).ppf(0.999), wrong


def test_every_finding_is_on_the_page_and_nothing_else_speaks_of_the_data() -> None:
    """The Markdown says each finding's sentence, and no sentence that is no finding."""
    for name, page in _pages():
        assert page.unsaid == (), name
        assert page.unfounded == (), name


def test_a_false_sentence_is_caught() -> None:
    """The same page read against another truth has wrong sentences: those of risk, crashes and stops."""
    made = simulate(scenario("one of 5", 100), 100, 3)
    other = simulate(scenario("nothing", 100), 100, 4)
    result = post_mortem(made.sweep, now=2e9)
    page = read(Case(result, other, _judge("nothing")), to_markdown(result, "0", 0.0))
    kinds = {text.split(":")[0] for text in page.wrong}
    assert {"risk_factor", "risk_summary", "crash_rate", "best", "recommendation"} <= kinds


def test_a_line_that_is_no_finding_is_caught() -> None:
    """A sentence that somebody puts into the template, or a finding that is left out, is named."""
    made = simulate(scenario("nothing", 20), 20, 3)
    result = post_mortem(made.sweep, now=2e9)
    case = Case(result, made, _judge("nothing", 20))
    markdown = to_markdown(result, "0", 0.0)
    first = next(line for line in markdown.splitlines() if "crash rate is" in line)
    page = read(case, markdown.replace(first, "") + "\nAll is well with vit.\n")
    assert page.unfounded == ("All is well with vit.",)
    said = read(case, "\n".join(line for line in markdown.splitlines() if "crash rate is" not in line))
    assert len(said.unsaid) == 1


def test_every_kind_of_finding_has_a_judge() -> None:
    """Nobody adds a sentence that is not held against the truth; nor is there a judge of what is never said."""
    assert set(JUDGES) == set(WORDS)


def test_sweeps_of_one_world_are_judged_together() -> None:
    """The page of three sweeps pooled is read like any other."""
    made = several(scenario("one of 3", 20), 20, (1,), 3)
    assert [run.id for run in made.sweep.runs] == list(made.truth.ids)
    result = post_mortem(made.sweep, now=2e9)
    page = read(Case(result, made, _judge("one of 3", 20)), to_markdown(result, "0", 0.0))
    assert "pooled_level" in page.by_kind
    assert (page.unsaid, page.unfounded) == ((), ())


def test_a_share_widens_where_sweeps_differ() -> None:
    """What a sweep adds is not independent: two kinds of sweeps, all right or all wrong, count as sweeps only."""
    alike, apart = Tally(), Tally()
    for i in range(50):
        alike.add(10, 20)
        apart.add(20 * (i % 2), 20)
    one, other = alike.share(), apart.share()
    assert one is not None and other is not None
    assert one.value == other.value == 0.5
    assert other.high - other.low > 4 * (one.high - one.low) > 0
    assert Tally().share() is None


@pytest.mark.parametrize(("hits", "met"), [(1, True), (8, True), (20, False)])
def test_a_figure_misses_only_where_its_whole_interval_does(hits: int, met: bool) -> None:
    """At most 5 % of 100: 8 may be chance, 20 is not."""
    tally = Tally()
    for i in range(100):
        tally.add(float(i < hits), 1.0)
    share = tally.share()
    assert share is not None
    assert Goal(high=0.05).met(share) is met


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What is in the file is not done again; half a line, and lines of other code, do not count."""
    line = {"cell": "alone | nothing | 50", "i": 0, "version": "now", "s": 0.1, "counts": {"x": [1, 2]}, "notes": []}
    texts = [json.dumps(line), json.dumps(line | {"i": 1, "version": "then"}), json.dumps(line | {"i": 2})[:-9]]
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join(texts), encoding="utf-8")
    results = read_results(path, "now")
    assert results.done("alone | nothing | 50") == {0}
    share = results.tally("x", results.cells).share()
    assert share is not None
    assert share.value == 0.5


def test_the_same_sweep_is_measured_the_same() -> None:
    """A cell and a number give the same counts again, so that a run that goes on is the run that was begun."""
    cell = Cell("alone", "one of 2", 20, 1)
    judge = _judge("one of 2", 20)
    assert play(cell, 3, judge) == play(cell, 3, judge)


def test_the_table_goes_into_the_readme(tmp_path: Path) -> None:
    """The block is put in place of the old one and the rest is left alone; without markers nothing is written."""
    results = _alone("unequal metric")
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}old{END}\nafter\n", encoding="utf-8")
    write_readme(path, figures(results), results)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "old" not in text.replace("cold", "")
    assert "any false risk factor: unequal metric, 50 runs" in text
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="has no block"):
        write_readme(path, figures(results), results)


@pytest.mark.parametrize(
    ("holds", "least"),
    [
        (lambda c: c.kind == "alone" and c.scenario in ("nothing", "unequal metric", "drift, grid"), 1000),
        (lambda c: c.kind == "adjusted", 2000),
    ],
)
def test_the_plan_has_what_was_asked_for(holds: Callable[[Cell], bool], least: int) -> None:
    """1,000 sweeps a gated null cell of up to 200 runs, 2,000 intervals a coverage cell, 2,000 pages."""
    cells = [cell for cell in plan() if holds(cell) and cell.runs <= 200]
    assert cells
    assert all(cell.sweeps >= least for cell in cells)
    assert sum(cell.sweeps for cell in plan() if cell.kind == "page") >= 2000
    assert len({cell.key for cell in plan()}) == len(plan())
