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
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.as_json import document, to_json
from aftersweep.reports.figures import drawings
from aftersweep.reports.format import percent
from aftersweep.reports.hostile import escape_markdown, fenced, visible
from aftersweep.reports.narrate import ADVICE, WORDS, sentence
from aftersweep.reports.render import to_html, to_markdown
from aftersweep.reports.view import MOST_RUNS

from ..factories import HYPERBAND, make_run, make_sweep
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


def test_the_page_needs_no_other_file_and_no_network(result: PostMortem) -> None:
    """No frame, no form, no outside resource; the scripts are in the page."""
    tags = parsed(to_html(result, "0", 0.0))
    assert not {"iframe", "object", "embed", "form", "link", "img"} & set(tags.tags)
    assert "src" not in dict(tags.attributes)
    links = [value or "" for name, value in tags.attributes if name in ("href", "src")]
    assert all(link.startswith(("#", "https://")) for link in links)


def test_hostile_text_stays_text() -> None:
    """Markup, template syntax and direction characters from a sweep reach the page as visible text."""
    result = hostile_result()
    html = to_html(result, "0", 0.0)
    tags = parsed(html)
    assert not re.search(r"<script(?! data-asset=| type=)", html)
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
        "extend_range",
        "fill_gap",
        "keep_architectures",
        "keep_levels",
        "keep_logs",
        "later_first_band",
        "look_at_stuck",
        "lower_range",
        "measure_held_out",
        "mend_host",
        "narrow_range",
        "one_scale",
        "pooled_avoid",
        "pooled_prefer",
        "prefer_level",
        "read_apart",
        "read_by_time",
        "read_stops_as_stops",
        "repeat_best",
        "restrict_level",
        "set_impute",
        "stop_on_nan",
        "try_one_step",
        "try_pairs",
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


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1e-5, "<0.1 %"), (0.025, "2.5 %"), (0.5, "50 %"), (0.9996, ">99.9 %"), (1.0, "100 %")],
)
def test_only_none_is_0_percent_and_only_all_is_100(share: float, text: str) -> None:
    """1 of 5,000 is not 0 %, 4,999 of 5,000 is not 100 %."""
    assert percent(share) == text


def texts_of(result: PostMortem) -> dict[str, str]:
    return {f.kind: sentence(f) for f in result.findings}


def test_one_run_is_told_in_the_singular() -> None:
    """No '1 runs', no 'none of the 1'; nothing is claimed about settings that cannot be compared."""
    run = make_run("a", [0.5], state="crashed", config={"model": "x"})
    result = post_mortem(make_sweep([run], early_terminate=HYPERBAND))
    said = texts_of(result)
    assert said["best"] == "The best val/acc is 0.5, by run a (x), crashed at 1 epoch; the only run with a value."
    assert said["early_stopping"].startswith("The one run recorded as crashed was not stopped by the sweep's own rule")
    assert said["causes"] == "The cause of the one crash cannot be told."
    assert said["risk_summary"] == "No risk factor can be tested: no swept parameter has two levels among the runs."
    for page in (to_html(result, "1", 0.0), to_markdown(result, "1", 0.0)):
        text = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
        assert not re.search(r"\b1 (runs|epochs|crashes|settings|facts)\b|the 1 ", text)


def test_the_cause_of_a_single_crash_is_named() -> None:
    """One crash needs no count and no interval."""
    log = ("Traceback (most recent call last):", "torch.cuda.OutOfMemoryError: CUDA out of memory.")
    run = make_run("a", [0.5], state="failed", exit_code=1, log_tail=log, config={"model": "x"})
    assert texts_of(post_mortem(make_sweep([run])))["causes"] == "The cause of the one crash: out of memory."


def test_no_runs_are_told_as_such() -> None:
    """A sweep that never began has no crash rate and no risk factor, and its pages can be made."""
    result = post_mortem(make_sweep([], parameters={"model": ["a", "b"]}))
    assert texts_of(result)["crash_rate"] == "There are no runs: there is no crash rate."
    assert to_html(result, "1", 0.0)
    assert to_markdown(result, "1", 0.0)


def test_a_shared_best_value_is_said_to_be_shared() -> None:
    """Who is named first among equals is chance."""
    runs = [make_run(f"r{i}", [0.5], config={"model": "xy"[i % 2]}) for i in range(4)]
    assert "is 0.5 (shared with 3 others), by run r0" in texts_of(post_mortem(make_sweep(runs)))["best"]


def test_a_claim_without_enough_crashes_is_neither_upheld_nor_refuted() -> None:
    """Too few crashes to test is no evidence against a claim."""
    runs = [make_run(f"r{i}", [0.5], config={"model": "xy"[i % 2]}) for i in range(8)]
    result = post_mortem(make_sweep(runs, claims=({"text": "x is bad", "where": "model=x"},)))
    (claim,) = [sentence(f) for f in result.findings if f.facts.get("family") == "claim"]
    assert claim.startswith("“x is bad” cannot be tested: ")


@pytest.mark.parametrize("values", [[5e-324, 0.0], [1.7e308, -1.7e308], [1e20, 1e20 + 2e4], [1e-15, 3e-15], [0.0, 0.0]])
def test_any_magnitude_can_be_drawn(values: list[float]) -> None:
    """Finite coordinates, from the smallest number to the largest; the page can be written."""
    runs = [make_run(f"r{i}", values, config={"model": "xy"[i % 2]}) for i in range(4)]
    result = post_mortem(make_sweep(runs))
    drawn = json.dumps([[one.data, one.layout, one.rows] for one in drawings(result).values()], allow_nan=False)
    assert "learning-curves" in to_html(result, "0", 0.0) and drawn


def test_a_long_list_of_runs_is_cut_and_says_so() -> None:
    """An evidence panel links to at most 100 runs and counts the rest: a page of thousands of runs stays small."""
    runs = [make_run(f"r{i:03d}", [0.1, 0.2], config={"a": i % 2}) for i in range(130)]
    html = to_html(post_mortem(make_sweep(runs)), "0", 0.0)
    panel = html[html.index('id="F1"') :].split("</details>")[0]
    assert panel.count('<a class="id"') == MOST_RUNS
    assert "and 30 more, in the JSON report" in panel
