"""The page as text: hostile names stay text, every section is there, nothing is said without a finding."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results import PostMortem
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.as_json import document, to_json
from aftersweep.reports.hostile import escape_markdown, fenced, visible
from aftersweep.reports.narrate import ADVICE, WORDS, sentence
from aftersweep.reports.render import to_html, to_markdown

from ..factories import make_run, make_sweep
from ..sources.example import example_sweep

HOSTILE = "<script>window.hit=1</script>{{7*7}}{% x %}|`*_[a](javascript:alert(1))\u202e\x07"
HEADINGS = (
    "Sweep Overview",
    "Run Status Summary",
    "Best Achieved Results",
    "Architecture Stability Analysis",
    "Configuration Distribution",
    "Hyperparameter Patterns",
    "Crash Pattern Analysis",
    "Crash Causes",
    "Crash Distribution by Progress",
    "Risk Factors",
    "Successful Configuration Patterns",
    "Key Findings",
    "Recommendations",
    "Future Sweep Suggestions",
)


@pytest.fixture(scope="module")
def result() -> PostMortem:
    return post_mortem(tidy(*example_sweep()))


def hostile_result() -> PostMortem:
    runs = [
        make_run(
            f"r{i}{HOSTILE}",
            [0.1, 0.2],
            state="crashed" if i % 2 else "finished",
            config={HOSTILE: f"{HOSTILE}{i % 3}", "model": HOSTILE},
            log_tail=(HOSTILE, "x" * 10_000),
            host=HOSTILE,
            problems=(HOSTILE,),
        )
        for i in range(12)
    ]
    sweep = make_sweep(runs, name=HOSTILE, description=HOSTILE, notices=(HOSTILE,), url=f"javascript:{HOSTILE}")
    return post_mortem(replace(sweep, problems=(HOSTILE,)))


class Tags(HTMLParser):
    """The tags and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_the_markdown_has_the_headings_of_the_source_report(result: PostMortem) -> None:
    """Every section that such pages have stands in ours, in their order."""
    text = to_markdown(result, "0", 0.0)
    found = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    assert [heading for heading in found if heading in HEADINGS] == list(HEADINGS)


def test_all_findings_are_in_all_formats(result: PostMortem) -> None:
    """A finding's sentence is the same in the JSON, and each of its pages' sentences has an evidence panel."""
    whole = document(result, "0")
    assert [f["text"] for f in whole["findings"]] == [sentence(f) for f in result.findings]
    html = to_html(result, "0", 0.0)
    ids = set(re.findall(r'<div class="finding[^"]*" id="([A-Z]\d+)">', html))
    assert ids == {finding.id for finding in result.findings}


def test_the_page_needs_no_script_and_no_network(result: PostMortem) -> None:
    """No script, no frame, no form, no outside resource."""
    tags = parsed(to_html(result, "0", 0.0))
    assert not {"script", "iframe", "object", "embed", "form", "link", "img"} & set(tags.tags)
    links = [value or "" for name, value in tags.attributes if name in ("href", "src")]
    assert all(link.startswith(("#", "https://")) for link in links)


def test_hostile_text_stays_text() -> None:
    """Markup, template syntax and direction characters from a sweep reach the page as visible text."""
    result = hostile_result()
    html = to_html(result, "0", 0.0)
    tags = parsed(html)
    assert "script" not in tags.tags
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert not [value for name, value in tags.attributes if name == "href" and value and "javascript" in value[:11]]
    assert "{{7*7}}" in html
    assert "\u202e" not in html
    assert "x" * 3_000 not in html
    markdown = to_markdown(result, "0", 0.0)
    assert "<script>" not in re.sub(r"(`{3,}).*?\1", "", markdown, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)\]\(javascript:", re.sub(r"(`{3,}).*?\1", "", markdown, flags=re.DOTALL))
    assert json.loads(to_json(result, "0"))["runs"][0]["id"].startswith("r0<script>")


def test_the_same_result_gives_the_same_bytes(result: PostMortem) -> None:
    """Pages can be compared and cached."""
    assert to_html(result, "0", 0.0) == to_html(post_mortem(tidy(*example_sweep())), "0", 0.0)


def test_the_json_is_the_documented_interface(result: PostMortem) -> None:
    """The fields that other programs read, by name; numbers that JSON cannot write are null."""
    whole = json.loads(to_json(result, "0"), parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert whole["schema_version"] == 1
    assert {"id", "name", "state", "outcome", "cause", "grade", "progress", "best", "evidence"} <= set(whole["runs"][0])
    assert {"low", "high"} <= set(whole["crash_rate"])
    fields = {"id", "kind", "subject", "supported", "estimate", "n", "p", "q", "method", "caveats", "runs", "text"}
    assert all(fields <= set(finding) for finding in whole["findings"])
    assert {"value", "low", "high", "level"} <= set(whole["findings"][0]["estimate"])
    assert any(finding["kind"] == "risk_factor" for finding in whole["findings"])


def test_every_kind_of_finding_and_advice_has_words(result: PostMortem) -> None:
    """No kind is made that cannot be said (the rest of the kinds are pinned here by name)."""
    assert {finding.kind for finding in result.findings} <= set(WORDS)
    assert set(ADVICE) == {
        "read_stops_as_stops",
        "later_first_band",
        "restrict_level",
        "keep_levels",
        "repeat_best",
        "prefer_level",
        "keep_architectures",
        "keep_logs",
        "stop_on_nan",
    }


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_markdown_escapes_any_text(text: str) -> None:
    """Whatever the text, it stays on one line and opens no cell, tag, code or link."""
    shown = escape_markdown(text)
    assert "\n" not in shown
    bare = re.sub(r"\\.", "", shown)
    assert not set(bare) & set("|<>`*_[]")
    assert visible(text) == visible(visible(text)) or len(text) > 2_000


@given(st.text())
def test_a_fence_is_longer_than_any_in_its_text(text: str) -> None:
    """Text cannot close its own code block."""
    block = str(fenced(text))
    fence = block.split("\n", 1)[0]
    inside = block.split("\n", 1)[1].rsplit("\n", 1)[0]
    assert fence not in inside


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_sweeps_give_a_page(n: int) -> None:
    """No runs, one run, two runs: a page that says what can be known."""
    result = post_mortem(make_sweep([make_run(f"r{i}", [0.1 * i], config={"a": i}) for i in range(n)]))
    assert "Sweep Overview" in to_markdown(result, "0", 0.0)
    assert "</html>" in to_html(result, "0", 0.0)
