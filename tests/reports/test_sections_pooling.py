"""The page of several sweeps: the section is there, whole, and nothing speaks that is not a finding."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from aftersweep.analysis.pooling import pool
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.types import Run, Sweep
from aftersweep.reports.as_json import to_json
from aftersweep.reports.narrate import sentence
from aftersweep.reports.render import to_html, to_markdown

from ..across.sweeps import several
from ..factories import make_sweep
from .test_markdown import tables


def recorded(sweep: Sweep, crashed: set[str]) -> Sweep:
    """The runs with the states that W&B would have kept of their ends."""

    def one(run: Run) -> Run:
        if run.id in crashed:
            return replace(run, state="failed", exit_code=1)
        return replace(run, state="finished", exit_code=0)

    return replace(sweep, runs=tuple(map(one, sweep.runs)))


def pooled_page(seed: int, *, ratio: float = 1.0, gain: float = 0.0, runs: int = 40, count: int = 3) -> PostMortem:
    sweeps, outcomes = several(seed, [{}] * count, runs=runs, ratio=ratio, gain=gain, rule=False, hazard=0.02)
    crashed = {run_id for run_id, end in outcomes.items() if end.label == "crashed"}
    return post_mortem(pool([recorded(sweep, crashed) for sweep in sweeps]))


@pytest.fixture(scope="module")
def found() -> PostMortem:
    return pooled_page(1, ratio=9.0, gain=0.15)


def texts(result: PostMortem, kind: str) -> list[str]:
    return [sentence(f) for f in result.findings if f.kind == kind]


def test_what_stands_is_said_with_each_sweeps_share(found: PostMortem) -> None:
    """A crash risk and a better level: the mean with its interval, q, and every sweep by name."""
    said = texts(found, "pooled_level")
    risk = next(text for text in said if "crashes" in text)
    assert re.match(r"Over 3 sweeps, depth = 2 crashes more often than the other settings of its own sweep: ", risk)
    assert re.search(r"odds ratio \d[\d.]* \(\d", risk)
    better = next(text for text in said if "does better" in text)
    assert "a difference in val/acc of 0.1" in better
    for text in said:
        assert all(f" in {name}" in text for name in "ABC")
        assert "q < 0.0" in text or "q = 0.0" in text
    advice = [f for f in found.findings if f.kind == "recommendation" and f.facts["advice"].startswith("pooled")]
    assert {f.facts["advice"] for f in advice} == {"pooled_avoid", "pooled_prefer"}


def test_the_section_is_on_both_pages(found: PostMortem) -> None:
    """Tables with every sweep and level, a link from the contents; sections of a single sweep are gone, not empty."""
    html, markdown = to_html(found, "0", 0.0), to_markdown(found, "0", 0.0)
    section = re.search(r'<section aria-labelledby="pooled">.*?</section>', html, re.DOTALL)
    assert section is not None
    assert section.group().count("<table>") == 3
    assert 'href="#pooled"' in html
    assert "of each sweep its own" in html
    for gone in ('id="ranking"', 'id="importance"'):
        assert gone not in html
    part = markdown.split("## The Sweeps Together")[1].split("\n## ")[0]
    for name in "ABC":
        assert re.search(rf"^\| {name} \| 40 \|", part, re.MULTILINE)
    assert re.search(r"^\| depth = 2 \| \d", part, re.MULTILINE)
    assert all(len(set(rows)) == 1 for rows in tables(markdown))
    assert part.count("\n\n| Setting |") == 2
    assert not re.search(r"^\|.*\n[^|\n]", part, re.MULTILINE)  # GitHub would take the next line into the table
    assert "None" not in part
    assert "nan" not in part
    for text in texts(found, "pooled_level"):
        assert text.split(" q ")[0] in part


def test_the_json_report_has_everything(found: PostMortem) -> None:
    page = json.loads(to_json(found, "0"))
    pooled = page["results"]["pooled"]
    assert page["sweep"]["parts"] == ["A", "B", "C"]
    assert {level["question"] for level in pooled["levels"]} == {"crash", "metric"}
    assert all(len(level["sweeps"]) == 3 for level in pooled["levels"])
    assert page["results"]["importance"] is None


def test_where_nothing_stands_one_sentence_says_so() -> None:
    """Neither a claim nor silence, and no advice from it."""
    result = pooled_page(3, runs=12, count=2)
    (said,) = texts(result, "pooled_level")
    assert re.match(r"Of \d+ comparisons? of a level with the rest over 2 sweeps, none stands \(the nearest: ", said)
    assert not [f for f in result.findings if str(f.facts.get("advice")).startswith("pooled")]


def test_many_sweeps_share_a_row() -> None:
    """Seven sweeps: five have a column, a sentence gives the range."""
    result = pooled_page(4, ratio=12.0, runs=20, count=7)
    html = to_html(result, "0", 0.0)
    assert "2 more sweeps are in the JSON report" in html
    assert any(
        re.search(r"with the help of the others, from [\d.]+ to [\d.∞]+\.", t) for t in texts(result, "pooled_level")
    )


def test_empty_sweeps_make_a_page() -> None:
    """Nothing to compare: the page says so, in HTML and in Markdown, without an empty table."""
    result = post_mortem(pool([make_sweep(id="a"), make_sweep(id="b")]))
    (said,) = texts(result, "pooled_level")
    assert said.startswith("No level can be compared over the 2 sweeps")
    section = to_html(result, "0", 0.0).split('aria-labelledby="pooled"')[1].split("</section>")[0]
    assert section.count("<table>") == 1
    assert "<tbody></tbody>" not in section
    assert said in to_markdown(result, "0", 0.0)


def test_hostile_names_stay_text() -> None:
    """Ids and levels from a server: no markup of theirs on the page, long ones cut."""
    sweeps, outcomes = several(5, [{}, {}], runs=20, rule=False)
    crashed = {run_id for run_id, end in outcomes.items() if end.label == "crashed"}
    hostile = "<script>alert(1)</script>" + "x" * 200
    named = [
        replace(
            recorded(s, crashed),
            id=f"{hostile}{i}",
            parameters={**s.parameters, "model": (hostile, "b")},
            runs=tuple(
                replace(r, config={**r.config, "model": hostile if r.config["model"] == "a" else "b"})
                for r in recorded(s, crashed).runs
            ),
        )
        for i, s in enumerate(sweeps)
    ]
    html = to_html(post_mortem(pool(named)), "0", 0.0)
    assert not re.search(r"<script(?! data-asset=| type=)", html)
