"""A sweep that still runs: every format says so at its top, by a finding; one that has ended says nothing of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.as_json import to_json
from aftersweep.reports.narrate import sentence
from aftersweep.reports.render import to_html, to_markdown
from aftersweep.reports.shorten import shorten
from aftersweep.reports.tables import tables

from ..factories import make_run, make_sweep
from ..sources.example import example_sweep


def going(running: int, ended: int, **fields: object) -> PostMortem:
    runs = [
        make_run(f"g{i}", [0.1, 0.2], state="running" if i < running else "finished") for i in range(running + ended)
    ]
    return post_mortem(replace(make_sweep(runs), **fields))


def said(result: PostMortem) -> list[str]:
    return [sentence(finding) for finding in result.findings if finding.kind == "still_running"]


@pytest.mark.parametrize(
    ("running", "ended", "words"),
    [(1, 0, "1 of 1 run was still running"), (1, 3, "1 of 4 runs was still"), (3, 2, "3 of 5 runs were still")],
)
def test_the_finding_counts_the_runs_that_still_run(running: int, ended: int, words: str) -> None:
    """Law: its runs are those whose outcome is running, its estimate is their number."""
    result = going(running, ended)
    (finding,) = [finding for finding in result.findings if finding.kind == "still_running"]
    assert finding.runs == tuple(id for id, outcome in result.outcomes.items() if outcome.label == "running")
    assert finding.estimate is not None
    assert finding.estimate.value == running == result.status.outcomes["running"]
    assert words in sentence(finding)


def test_a_sweep_between_two_runs_is_provisional_too() -> None:
    """W&B lists it as running, though no run is: the sentence says both. An ended sweep has no such finding."""
    (between,) = said(going(0, 3, state="RUNNING"))
    assert "None of 3 runs was running" in between
    assert "lists the sweep as running" in between
    for state in ("FINISHED", "CANCELED", None):
        assert not said(going(0, 3, state=state))


def test_every_format_says_it_at_its_top() -> None:
    """Before the first finding of the headline, and in the page's title; a shortened Markdown keeps it."""
    result = post_mortem(tidy(*example_sweep()))
    (text,) = said(result)
    html, markdown = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0)
    assert "<title>Provisional: " in html
    assert 0 < html.index("<strong>Provisional.</strong>") < html.index(text) < html.index('<main id="content">')
    assert f"> **Provisional:** {text}" in markdown.split("\n- ")[0]
    assert f"> **Provisional:** {text}" in shorten(result, markdown, 10_000)
    assert json.loads(to_json(result, "0"))["provisional"] is True
    table = tables(result)["sweeps"]
    assert dict(zip(table.columns, table.rows[0], strict=True))["running"] == 1


def test_an_ended_sweep_says_nothing_of_it() -> None:
    """No label, no title, no field that is true."""
    result = going(0, 4)
    assert "rovisional" not in to_html(result, "0", 0.0).partition("<script")[0]
    assert "rovisional" not in to_markdown(result, "0", 0.0)
    assert json.loads(to_json(result, "0"))["provisional"] is False
