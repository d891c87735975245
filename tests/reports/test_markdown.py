"""The Markdown report as renderers read it: CommonMark with GitHub's tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from markdown_it import MarkdownIt

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.render import to_markdown

from ..factories import make_sweep
from ..sources.example import example_sweep
from .test_render import HOSTILE, hostile_result

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
OURS = TABLE | {"h1", "h2", "h3", "p", "ul", "ol", "li", "strong", "blockquote", "pre", "code"}
GITHUB_COMMENT = 60_000
"""Characters; GitHub takes 65,536 in an issue or a comment."""

RESULTS: dict[str, Callable[[], PostMortem]] = {
    "sample": lambda: post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad")))),
    "example": lambda: post_mortem(tidy(*example_sweep())),
    "hostile": hostile_result,
    "empty": lambda: post_mortem(make_sweep([])),
}


@pytest.fixture(scope="module", params=sorted(RESULTS))
def markdown(request: pytest.FixtureRequest) -> str:
    return to_markdown(RESULTS[request.param](), "0", 0.0)


def html(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


def tables(markdown: str) -> list[list[int]]:
    """Cells a row of each table: bars that no backslash stands before, outside of code blocks."""
    found: list[list[int]] = []
    inside = False
    for line in re.sub(r"^(`{3,}).*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE).splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            found[-1].append(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1)
        inside = line.startswith("|")
    return found


def test_every_row_has_the_cells_of_its_table(markdown: str) -> None:
    """GitHub drops cells beyond the header's and makes no table where header and rule differ."""
    for rows in tables(markdown):
        assert len(rows) > 2, "a table without rows"
        assert len(set(rows)) == 1, rows


def test_a_renderer_sees_every_table_and_only_our_markup(markdown: str) -> None:
    """As many tables come out as went in; no name, note or log line becomes markup of its own."""
    page = html(markdown)
    assert page.count("<table>") == len(tables(markdown))
    assert set(re.findall(r"<([a-z0-9]+)", page)) <= OURS


def test_no_heading_is_followed_by_nothing(markdown: str) -> None:
    """A section that has nothing to show says so."""
    levels = re.findall(r"<h([123])>[^<]*(?:<[^h/][^<]*)*</h\1>\s*(?=<h([123])>)", html(markdown))
    assert [(a, b) for a, b in levels if b <= a] == []


def test_hostile_names_are_read_as_they_are() -> None:
    """Every escape is undone by the renderer: the text that is seen is the text that was given."""
    page = unescape(re.sub(r"<[^>]+>", "", html(to_markdown(hostile_result(), "0", 0.0))))
    assert HOSTILE.replace("\u202e", "\ufffd").replace("\x07", "\ufffd") in page


def test_the_sample_shows_no_backslash_and_fits_a_comment() -> None:
    """The report can be pasted into an issue as it is."""
    text = to_markdown(RESULTS["sample"](), "0", 0.0)
    assert len(text) < GITHUB_COMMENT
    assert "\\" not in html(text)
