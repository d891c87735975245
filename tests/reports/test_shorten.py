"""The Markdown under a limit: the law that it fits, and that what is left is a whole report."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.gate import judge
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.gate import Rule
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.formats import COMMENT, SHORTEST
from aftersweep.reports.hostile import escape_markdown
from aftersweep.reports.narrate import sentence
from aftersweep.reports.render import to_markdown
from aftersweep.reports.shorten import GONE, SECTIONS, shorten

from ..factories import HYPERBAND, curve, make_run, make_sweep
from .test_markdown import OURS, html, tables
from .test_render import HEADINGS, HOSTILE, hostile_result
from .test_sections_pooling import pooled_page

NOTE = "> **Note:** Shortened to "


@cache
def sample() -> tuple[PostMortem, str]:
    result = post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad"))))
    return result, to_markdown(result, "0", 0.0)


@cache
def hostile() -> tuple[PostMortem, str]:
    result = hostile_result()
    return result, to_markdown(result, "0", 0.0)


@cache
def large() -> tuple[PostMortem, str]:
    """2,000 runs by 30 parameters, names with markup and bars in them."""
    random = np.random.default_rng(1)
    names = [f"p{i:02d}|*x*_{'y' * (3 * i)}" for i in range(30)]
    runs = []
    for i in range(2_000):
        config = {name: f"level|{random.integers(3 + place)}" for place, name in enumerate(names)}
        length = int(random.integers(1, 21))
        values = curve(random.normal(40, 3), length)
        crashed = length < 20 and random.random() < (0.5 if config[names[3]].endswith("1") else 0.2)
        runs.append(make_run(f"run{i}", values, state="crashed" if crashed else "finished", config=config))
    result = post_mortem(make_sweep(runs, early_terminate=HYPERBAND))
    return result, to_markdown(result, "0", 0.0)


@cache
def together() -> tuple[PostMortem, str]:
    """Three sweeps pooled, under rules of the gate."""
    result = pooled_page(1, ratio=9.0, gain=0.15)
    judged = replace(result, gate=judge(result, [Rule(name="max-crash-rate", limit=0.3)], {}, rules_from="here"))
    return judged, to_markdown(judged, "0", 0.0)


REPORTS = {"sample": sample, "hostile": hostile, "large": large, "together": together}
reports = st.sampled_from(sorted(REPORTS))


def headings(markdown: str) -> list[str]:
    outside = re.sub(r"^(`{3,}).*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return [line for line in outside.splitlines() if re.match("##? |### ", line)]


def check(of: str, limit: int) -> str:
    """All laws at once; the shortened text."""
    result, whole = REPORTS[of]()
    text = shorten(result, whole, limit)
    if len(whole) <= limit or limit == 0:
        assert text == whole
        return text
    assert len(text) <= limit
    for rows in tables(text):
        assert len(rows) > 2, "a table without rows"
        assert len(set(rows)) == 1, rows
    page = html(text)
    assert page.count("<table>") == len(tables(text))
    assert set(re.findall(r"<([a-z0-9]+)", page)) <= OURS
    fixed = {f"{marks} {name}" for marks in ("##", "###") for name in (*SECTIONS, *HEADINGS)}
    assert [line for line in headings(text) if line in fixed] == [line for line in headings(whole) if line in fixed]
    empty = re.findall(r"<h([123])>[^<]*(?:<[^h/][^<]*)*</h\1>\s*(?=<h([123])>)", page)
    assert [(a, b) for a, b in empty if b <= a] == []
    assert sum(line.startswith(NOTE) for line in text.splitlines()) == 1
    left = iter(whole.splitlines())
    ours = [line for line in text.splitlines() if line != GONE and not line.startswith(NOTE) and line.strip()]
    assert all(line in left for line in ours), "a line that is none of the whole report's, or out of its order"
    return text


@settings(deadline=None, max_examples=12)
@given(reports, st.integers(SHORTEST, 2 * COMMENT))
def test_every_limit_is_kept(of: str, limit: int) -> None:
    """Law: under the limit; every line is one of the whole report's in its order; tables whole, headings all there."""
    check(of, limit)


@pytest.mark.parametrize("of", sorted(REPORTS))
@pytest.mark.parametrize("limit", [0, SHORTEST, 20_000, COMMENT])
def test_the_limits_that_matter(of: str, limit: int) -> None:
    """The least that is taken, a comment's, and none."""
    check(of, limit)


def test_a_large_sweep_fits_a_comment_and_keeps_what_matters() -> None:
    """2,000 runs by 30 parameters: all findings of the first screen and all key findings are there, tables are not."""
    result, whole = large()
    assert len(whole) > COMMENT
    text = check("large", COMMENT)
    assert len(text) > 0.9 * COMMENT, "more was left out than needed to be"
    assert len(text.encode()) < 1 << 20
    for finding in result.findings:
        if finding.kind in ("early_stopping", "crash_rate", "best", "risk_summary"):
            assert escape_markdown(sentence(finding)) in text
    key = re.search(r"## Key Findings\n(.*?)\n## ", whole, re.DOTALL)
    assert key is not None
    assert key[0] in text
    assert "--max-chars 0" in text


def test_rows_of_risky_parameters_are_the_last_to_go() -> None:
    """In tables over all parameters those stay whose levels matter most for crashes, in the table's own order."""
    result, _ = large()
    text = check("large", 100_000)
    rows = re.findall(r"^\| (p\d\d)", text[text.index("## Hyperparameter Patterns") :].split("\n## ")[0], re.MULTILINE)
    first = [item.parameter[:3] for item in result.parameter_risks]
    assert 1 < len(set(rows)) < len(first)
    assert set(rows) == set(first[: len(set(rows))])
    assert rows == sorted(rows)


def test_the_least_limit_holds_the_longest_title() -> None:
    """A title as long as the page bears, every letter escaped, and as many long notices: still under the limit."""
    runs = [make_run(f"r{i}", [0.5, 0.6], config={"x" * 3_000: i % 3, HOSTILE: "*" * 9_000}) for i in range(9)]
    sweep = make_sweep(runs, name="*" * 9_000, id="i*" * 5_000, notices=("_" * 9_000,) * 40, description="#" * 9_000)
    result = post_mortem(sweep)
    whole = to_markdown(result, "0", 0.0)
    assert len(shorten(result, whole, SHORTEST)) <= SHORTEST < len(whole)


def test_the_order_knows_every_section() -> None:
    """A section that is new to the page has to be given its rank, and none is ranked that there is not."""
    folder = files("aftersweep.reports") / "templates"
    texts = [(folder / "report.md.j2").read_text("utf-8")]
    texts += [one.read_text("utf-8") for one in (folder / "sections").iterdir() if one.name.endswith(".md.j2")]
    found = [name for text in texts for name in re.findall(r"^###? (.*)$", text, re.MULTILINE) if "{{" not in name]
    assert sorted(found) == sorted(name for name in SECTIONS if name)
