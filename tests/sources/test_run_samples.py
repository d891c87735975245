"""The samples that were really run: adjudication is held to how their runs are known to have ended."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.sources.base import RawRun, RawSweep, fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.analysis.types import Outcome

from .conformance import assert_conforms

FOLDER = Path(__file__).parents[2] / "analysis" / "sources" / "samples"
NAMES = ("constellation-mini", "constellation-mini-next")
TRUTH = {name: json.loads((FOLDER / name / "truth.json").read_text(encoding="utf-8")) for name in NAMES}


def outcomes(raw: RawSweep, runs: list[RawRun]) -> dict[str, Outcome]:
    return dict(adjudicate(tidy(raw, runs)))


def wrong(found: dict[str, Outcome], truth: dict[str, Any]) -> dict[str, Any]:
    """What is said of each run that ended otherwise."""
    return {
        run: (end.label, end.cause, truth[run]) for run, end in found.items() if [end.label, end.cause] != truth[run]
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_source_conforms(name: str) -> None:
    """A source like any other; it says that it was really run, and is small."""
    sweep, runs = fetch_all(open_sample(name))
    assert_conforms(open_sample(name), sweep, runs)
    assert sweep.source.kind == "sample"
    assert "really run" in sweep.source.notices[0]
    assert {run.id for run in runs} == set(TRUTH[name])
    assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < 100_000


def test_the_first_has_every_kind_of_end() -> None:
    """At least 40 runs; whole, stopped by the rule, out of memory, diverged, killed, interrupted."""
    ends = {tuple(end) for end in TRUTH["constellation-mini"].values()}
    assert len(TRUTH["constellation-mini"]) >= 40
    assert ends == {("completed", None), ("early_stopped", None), ("crashed", "out_of_memory"), ("crashed", "diverged"),
                    ("crashed", "unknown"), ("stopped_by_user", None)}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_run_is_adjudicated_as_it_ended(name: str) -> None:
    """With all that the trainer and the agent left: not one wrong."""
    raw, runs = fetch_all(open_sample(name))
    assert wrong(outcomes(raw, runs), TRUTH[name]) == {}


@pytest.mark.parametrize("name", NAMES)
def test_without_the_trainers_own_word(name: str) -> None:
    """Nothing in the summary and another program's exit code: the log's last line still tells the cause."""
    raw, runs = fetch_all(open_sample(name))
    bare = [
        replace(
            run,
            summary={key: value for key, value in run.summary.items() if not key.startswith("failure/")},
            exit_code=1 if run.exit_code in (81, 82) else run.exit_code,
        )
        for run in runs
    ]
    assert wrong(outcomes(raw, bare), TRUTH[name]) == {}


@pytest.mark.parametrize("name", NAMES)
def test_without_the_agents_word_the_rule_tells(name: str) -> None:
    """As W&B's server would have it, which says of no run that it was stopped: the replay of the rule finds at least
    nine in ten of the stops, and calls no crash a stop."""
    raw, runs = fetch_all(open_sample(name))
    silent = [
        replace(run, stop_requested=None, exit_code=None if run.exit_code == 143 else run.exit_code, log_tail=(),
                state="crashed" if run.exit_code == 143 else run.state,
                summary={key: value for key, value in run.summary.items() if not key.startswith("failure/")})
        for run in runs
    ]  # fmt: skip
    found = outcomes(raw, silent)
    stopped = {run for run, end in TRUTH[name].items() if end[0] == "early_stopped"}
    said = {run for run, end in found.items() if end.label == "early_stopped"}
    assert len(said & stopped) >= 0.9 * len(stopped)
    crashed = {run for run, end in TRUTH[name].items() if end[0] == "crashed" and end[1] != "unknown"}
    assert not said & crashed


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_names_no_machine(name: str) -> None:
    """No host, no user, no path of the machine that it was run on."""
    _, runs = fetch_all(open_sample(name))
    assert all(run.host is None and run.user is None and run.gpu is None for run in runs)
    text = json.dumps([[run.log_tail, dict(run.summary), dict(run.config)] for run in runs])
    assert not re.findall(r"(?:/tmp|/home|/root|/usr|/work)/\S*", text)
