"""The sections 'importance' and 'space': their sentences and their place on the pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.findings.importance import importance_findings
from aftersweep.analysis.findings.space import advice, space_findings
from aftersweep.analysis.importance import Effort, importance
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.space import space
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.types import Finding, Outcome, Sweep
from aftersweep.reports.render import to_html, to_markdown
from aftersweep.reports.words import importance as importance_words
from aftersweep.reports.words import space as space_words

from ..factories import START, make_run, make_sweep

DONE = Outcome(label="completed", grade="observed")
STOPPED = Outcome(label="early_stopped", grade="replayed")
CRASHED = Outcome(label="crashed", grade="observed", cause="diverged", crash_probability=(1.0, 1.0))
HOSTILE = "<script>alert(1)</script>|*x*"


def _sweep(n: int, *, effect: float = 0.0, method: str = "random", name: str = "lr") -> Sweep:
    rng = np.random.default_rng(0)
    runs = []
    for i in range(n):
        lr = float(10 ** rng.uniform(-5, -1))
        config = {"model": "ab"[i % 2], name: lr, "bs": int(rng.integers(3)) * 16}
        value = effect * (np.log10(lr) + 3) + rng.normal()
        state = "crashed" if i % 3 == 0 else "finished"
        runs.append(make_run(f"r{i:03d}", [value], state=state, config=config, start=START + 60 * i))
    raw = {
        "method": method,
        "metric": {"name": "val/acc", "goal": "maximize"},
        "parameters": {
            "model": {"values": ["a", "b", "c"]},
            name: {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
            "bs": {"values": [0, 16, 32]},
        },
    }
    return replace(make_sweep(runs), config=read_config(raw))


def _outcomes(sweep: Sweep, *, crashes: bool = False) -> dict[str, Outcome]:
    other = CRASHED if crashes else STOPPED
    return {run.id: other if run.state == "crashed" else DONE for run in sweep.runs}


def _importance_sentences(sweep: Sweep, outcomes: dict[str, Outcome]) -> list[str]:
    found = importance_findings(sweep, importance(sweep, outcomes, effort=Effort(draws=10, permutations=39)))
    return [importance_words.WORDS[finding.kind](finding) for finding in found]


def test_the_leading_parameter_is_named_with_its_interval() -> None:
    """And how good the fit is, and at what progress runs are compared."""
    sweep = _sweep(100, effect=2.0)
    said, crash = _importance_sentences(sweep, _outcomes(sweep))
    assert said.startswith("The swept parameters explain some of the best val/acc by 1 logged value (out-of-bag R² 0.")
    assert ", lr more than any other: " in said
    assert "of the fit by fANOVA (95 % interval " in said
    assert "not enough evidence to say (fewer than 5 runs that crashed" in crash


def test_nothing_is_named_where_nothing_is_explained() -> None:
    """Neither of the metric nor of the crash."""
    sweep = _sweep(60)
    for said in _importance_sentences(sweep, _outcomes(sweep, crashes=True)):
        assert said.startswith("That the swept parameters explain ")
        assert said.endswith("none is ranked.")


def test_parameters_that_cannot_be_told_apart_are_said_so() -> None:
    """With how often each was first."""
    sweep = _sweep(40, effect=2.0)
    twins = [replace(run, config={**run.config, "twin": run.config["lr"]}) for run in sweep.runs]
    both = make_sweep(twins)
    said = _importance_sentences(both, _outcomes(both))[0]
    assert "which parameter explains most cannot be told (most often first in random halves of the runs: " in said


def _space(sweep: Sweep) -> dict[str, Finding]:
    return {item.kind: item for item in space_findings(sweep, space(sweep, _outcomes(sweep)))}


def test_best_runs_at_an_end_ask_for_a_wider_range() -> None:
    """The sentence counts them; the advice says which end."""
    found = _space(_sweep(100, effect=3.0))["space_edge"]
    assert found.supported
    said = space_words.WORDS["space_edge"](found)
    assert said.startswith("The best runs by val/acc at 1 logged value crowd at the highest end of lr (")
    assert advice(found) == "extend_range"
    assert space_words.ADVICE["extend_range"](found).startswith("Extend lr beyond its highest end, where it can be")


def test_best_runs_nowhere_in_particular_ask_for_nothing() -> None:
    """One finding says that no end is called, and names the nearest to it."""
    found = _space(_sweep(60))["space_edge"]
    assert not found.supported
    assert space_words.WORDS["space_edge"](found).startswith("At no end of any range do the best runs")
    assert advice(found) is None


def test_what_was_never_tried_is_said() -> None:
    """Declared levels, pairs and gaps."""
    found = _space(_sweep(60))
    said = {kind: space_words.WORDS[kind](item) for kind, item in found.items()}
    assert said["space_unseen"] == "1 declared level was never tried: model = c (missed with chance <0.1 %)."
    assert "pairs of levels were tried, among them all" in said["space_pairs"]
    assert said["space_gap"].startswith("The largest part of a declared range that no run tried: lr ")
    assert "random draws leave one as large in" in said["space_gap"]


def test_a_missing_pair_and_a_gap_ask_for_runs() -> None:
    """Where chance does not explain them."""
    runs = [
        make_run(f"r{i:03d}", [0.5], config={"a": i % 2, "b": "x" if i % 2 else "y", "lr": 1e-5 * (1 + i / 100)})
        for i in range(60)
    ]
    sweep = make_sweep(runs)
    raw: dict[str, Any] = {
        "method": "random",
        "parameters": {"lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}},
    }
    found = _space(replace(sweep, config=read_config(raw)))
    assert "chance alone does not explain it" in space_words.WORDS["space_pairs"](found["space_pairs"])
    assert space_words.ADVICE[advice(found["space_pairs"]) or ""](found["space_pairs"]).startswith(
        "Ask what keeps a = "
    )
    assert "more than random draws leave out by chance" in space_words.WORDS["space_gap"](found["space_gap"])
    assert space_words.ADVICE[advice(found["space_gap"]) or ""](found["space_gap"]).startswith("Try lr above 1.59e-05")


def test_a_bayes_search_is_told_what_it_counted_as_the_worst() -> None:
    """With the runs that its own rule stopped; and its associations are labelled as such."""
    found = _space(_sweep(60, method="bayes"))
    said = space_words.WORDS["space_impute"](found["space_impute"])
    assert said.startswith("20 of 60 runs with a value (95 % interval ")
    assert "20 of them stopped by the sweep's own rule" in said
    assert "the worst value of any run (metric.impute: worst, the default); " in said
    assert advice(found["space_impute"]) == "set_impute"
    assert "an association, not a cause" in "; ".join(found["space_edge"].caveats)
    assert "cannot be shown" in space_words.WORDS["space_narrowed"](found["space_narrowed"])
    assert found["space_gap"].p is None


def test_sentences_of_findings_that_are_rare() -> None:
    """Narrowing with what was given up; impute as it is set; pairs that nothing could be expected of."""
    runs = [
        make_run(
            f"r{i:02d}",
            [0.5],
            state="killed",
            config={"m": "ab"[i % 2] if i < 20 else "a", "k": i % 3},
            start=START + i,
        )
        for i in range(40)
    ]
    raw = {"method": "bayes", "metric": {"name": "val/acc", "goal": "maximize", "impute": "latest"}, "parameters": {}}
    found = _space(replace(make_sweep(runs), config=read_config(raw)))
    narrowed = space_words.WORDS["space_narrowed"](found["space_narrowed"])
    assert narrowed.startswith("The bayes search narrowed m: in the second half of its runs it used m as if it had 1 ")
    assert narrowed.endswith("; not tried any more: b.")
    assert "the latest value of its own (metric.impute: latest)." in space_words.WORDS["space_impute"](
        found["space_impute"]
    )
    few = _space(make_sweep([make_run(f"r{i}", [0.5], config={"a": i, "b": i}) for i in range(3)]))
    assert "too few runs to expect any pair" in space_words.WORDS["space_pairs"](few["space_pairs"])


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_the_pages_show_both_sections(method: str) -> None:
    """HTML and Markdown, hostile names escaped, every table with its rows."""
    result = post_mortem(_sweep(60, effect=2.0, method=method, name=HOSTILE), now=0.0)
    html, markdown = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0)
    assert result.importance is not None
    assert result.importance.metric.supported
    for text in ('<h2 id="importance">Importance</h2>', "The space that was searched", "Every end of every range"):
        assert text in html
    assert ("How widely the bayes search tried each parameter" in html) == (method == "bayes")
    assert "<script>" not in html
    assert "## Importance" in markdown
    assert "| Parameter | fANOVA | PED-ANOVA | First by fANOVA |" in markdown
    assert "<script>" not in markdown.split("## Importance")[1].split("\n## ")[0]


def test_an_unfinished_grid_is_not_asked_what_keeps_levels_apart() -> None:
    """It goes through its combinations in order; the finding says so, and asks for nothing."""
    runs = [make_run(f"r{i:02d}", [0.5], config={"a": i // 20, "b": (i // 10) % 2}) for i in range(30)]
    config = read_config({"method": "grid", "parameters": {"a": {"values": [0, 1]}, "b": {"values": [0, 1]}}})
    found = _space(replace(make_sweep(runs), config=config))["space_pairs"]
    assert found.supported
    assert advice(found) is None
    assert "one that did not end leaves out the last" in found.caveats[0]


def test_a_smaller_value_is_better_where_it_is_minimised() -> None:
    """Of imputed runs those below the median are counted."""
    runs = [make_run(f"r{i}", [float(i)], goal="minimize", state="crashed", config={"a": i % 2}) for i in range(5)]
    raw = {"method": "bayes", "metric": {"name": "loss", "goal": "minimize"}, "parameters": {}}
    found = _space(replace(make_sweep(runs, metric="loss", goal="minimize"), config=read_config(raw)))["space_impute"]
    assert "2 of them had a better loss than the median of these runs" in space_words.WORDS["space_impute"](found)
