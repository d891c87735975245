"""The pages across sweeps, from lines: what they show, and that all text in them is text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from aftersweep.reports.site.lines import QUESTIONS, Level, Line, Said
from aftersweep.reports.site.pages import QUESTION_WORDS, Site, cross_pages, index_page
from aftersweep.reports.site.pools import Pool
from aftersweep.reports.site.rows import rate_words

from ..test_render import HOSTILE, parsed
from .lines import START, make_line, rate

DAY = 86_400.0


def level(label: str, runs: int = 5, **changed: Any) -> Level:
    made: Any = {"label": label, "runs": runs, "completed": 3, "early_stopped": 1, "rate": rate(), "best": 0.8}
    return {**made, **changed}


def said(kind: str, text: str, finding: str = "F3", subject: str = "host") -> Said:
    return {"id": finding, "kind": kind, "subject": subject, "text": text}


def site(*lines: Line, **changed: Any) -> Site:
    named = {f"k{i}": line for i, line in enumerate(lines)}
    values: dict[str, Any] = {
        "title": "Sweeps",
        "version": "1",
        "lines": named,
        "places": {key: f"lab/vision/{key}" for key in named},
        "unread": (),
        "pools": (),
        "changes": (),
        "newest": START,
    }
    return Site(**(values | changed))


def text_of(page: bytes) -> str:
    """What a reader sees, blanks made one."""
    return " ".join(
        re.sub(r"<[^>]+>", " ", page.decode().replace("<wbr>", "")).replace("\N{NO-BREAK SPACE}", " ").split()
    )


def test_questions_are_findings_counted() -> None:
    """Sweeps of one question are counted once each; each links to the finding on the sweep's page."""
    two = [said("broken_host", "Host n7 is bad.", "F4"), said("broken_host", "Agent x is bad.", "F5")]
    page = index_page(site(make_line("a", said=two), make_line("b", said=two[:1]), make_line("c")))
    assert "2 sweeps with a bad host" in text_of(page)
    assert b'href="sweeps/lab/vision/k0/index.html#F5"' in page
    assert "Open questions" not in text_of(index_page(site(make_line("c"))))
    assert set(QUESTION_WORDS) == set(QUESTIONS)


def test_the_index_says_what_each_sweep_came_to() -> None:
    gated = make_line("a", name="first", gate={"status": "not_met", "words": "not met"}, began=START)
    page = text_of(
        index_page(site(gated, make_line("b", began=START + DAY, best=None, curve=[], rate=rate(eligible=0))))
    )
    assert "first a lab/vision 2023-11-14 10 0.9 val/acc" in page
    assert "20 % (10 % to 30 %)" in page
    assert "not met" in page
    assert page.index("2023-11-15") < page.index("2023-11-14 10")


def test_a_rate_is_a_range_where_ends_are_unknown() -> None:
    assert rate_words(rate(0.2)) == "20 % (10 % to 30 %)"
    assert rate_words(rate(0.2, 0.5)) == "20 % to 50 % (10 % to 60 %)"
    assert rate_words(rate(eligible=0)) == "–"


def test_charts_over_time_are_of_one_project_and_metric() -> None:
    """Two sweeps or more make a chart; other metrics are not mixed in."""
    lines = [make_line("a"), make_line("b", began=START + DAY), make_line("c", metric="loss", best=0.1)]
    page = index_page(site(*lines)).decode()
    assert page.count('class="curves time"') == 2
    assert "Best val/acc of 2 sweeps, 2023-11-14 to 2023-11-15" in page
    assert page.count('<circle cx="') == 3 + 4  # the sparks, and two charts of two sweeps


def test_an_architecture_has_a_page_over_sweeps() -> None:
    """Of every sweep that tells its architectures apart by that parameter, the newest first."""
    old = make_line("a", group_by="model", parameters={"model": [level("vit", 4)], "lr": [level("0.1")]})
    new = make_line("b", group_by="arch", parameters={"arch": [level("vit", 7)]}, began=START + DAY)
    pages = cross_pages(site(old, new))
    assert {"architectures/vit.html", "parameters/model.html", "parameters/arch.html", "parameters/lr.html"} <= set(
        pages
    )
    shown = text_of(pages["architectures/vit.html"])
    assert "in 2 sweeps" in shown
    assert shown.index("arch 2023-11-15 7") < shown.index("model 2023-11-14 4")


def pool(**changed: Any) -> Pool:
    effect = {
        "question": "crash",
        "parameter": "model",
        "label": "vit",
        "sweeps": 2,
        "mean": [3.0, 1.5, 6.0],
        "level": 0.95,
        "unit": "hazard ratio",
        "q": 0.01,
        "spread": 1.2,
        "called": True,
    }
    finding = said("pooled_level", "Over 2 sweeps, model = vit crashes more.", subject="model = vit")
    made: Any = {
        "project": "lab/vision",
        "metric": "val/acc",
        "members": ["k0", "k1"],
        "left_out": 0,
        "effects": [effect, {**effect, "label": "resnet", "mean": [0.5, 0.2, None]}],
        "said": {"model": [finding], "": [said("pooled_level", "None of the others.")]},
        "problem": None,
    }
    return {**made, **changed}


def test_pooled_estimates_stand_where_the_finding_is_about() -> None:
    """On a parameter's page all of its levels, on an architecture's its own; a sentence only with its finding."""
    lines = [make_line(name, group_by="model", parameters={"model": [level("vit"), level("resnet")]}) for name in "ab"]
    pages = cross_pages(site(*lines, pools=[pool()]))
    of_parameter, of_vit, of_resnet = (
        text_of(pages[name])
        for name in ("parameters/model.html", "architectures/vit.html", "architectures/resnet.html")
    )
    assert "Over 2 sweeps, model = vit crashes more." in of_parameter
    assert "Over 2 sweeps, model = vit crashes more." in of_vit
    assert "crashes more" not in of_resnet
    assert "3 (1.5 to 6)" in of_vit
    assert "3 (1.5 to 6)" not in of_resnet
    assert "crashes (hazard ratio)" in of_resnet


def test_the_page_that_compares_carries_words_not_numbers_to_work_out() -> None:
    page = cross_pages(site(make_line("a"), make_line("b", outcomes={"crashed": 1, "completed": 3})))["compare.html"]
    found = re.search(r'id="comparable">(.*?)</script>', page.decode(), re.DOTALL)
    assert found
    sweeps = {sweep["id"]: sweep for sweep in json.loads(found[1])}
    assert sweeps["lab/vision/k1"]["outcomes"][0][:4] == ["crashed", "crashed", 1, "25 %"]
    assert ["Adjudicated crash rate", "20 % (10 % to 30 %)"] in sweeps["lab/vision/k0"]["facts"]
    assert "needs JavaScript" in text_of(page)
    assert b'href="sweeps/lab/vision/k0/index.html"' in page


@pytest.mark.parametrize("text", [HOSTILE, "</script><script>hit()</script>", "x" * 10_000, "\ud800"])
def test_hostile_text_stays_text(text: str) -> None:
    """In names, labels, levels, parameters, sentences: no element, no handler, no address of it."""
    line = make_line(
        text,
        label=text,
        name=text,
        project=text,
        metric=text,
        rule=text,
        gate={"status": "met", "words": text},
        parent=text,
        said=[said("broken_host", text), said("lineage_best", text)],
        group_by=text,
        parameters={text: [level(text)]},
        spaces={text: text},
        risks={text: [said("risk_factor", text)]},
    )
    change: Any = {
        "at": None,
        "label": text,
        "what": "new",
        "runs": [None, 1],
        "best": [None, 1.0],
        "crash": [None, 0.1],
    }
    made = site(line, make_line("b"), title=text, unread=[(text, text)], changes=[change])
    pages = {**cross_pages(made), "index.html": index_page(made)}
    for name, page in pages.items():
        html = page.decode()
        tags = parsed(html)
        assert not re.search(r"<script(?! src=\"(?:\.\./)?assets/| type=\"application/json)", html), name
        assert not [key for key, _ in tags.attributes if key.startswith("on")]
        links = [value or "" for key, value in tags.attributes if key in ("href", "src")]
        assert not [link for link in links if link.startswith(("javascript", "/", "http"))]
        assert "\u202e" not in html
