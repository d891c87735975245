"""The verdict of the gate on the page: the same as the gate's own, and nothing where nobody asked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.gate import judge
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.export import write_export
from aftersweep.analysis.tidy import Options, tidy
from aftersweep.reports.gate_output import to_json
from aftersweep.reports.gate_rules import rules_of
from aftersweep.reports.gate_verdict import rules_asked, with_verdict
from aftersweep.reports.output import rendered

from ..sources.example import example_sweep
from ..truth.sentences import NO_STATEMENT
from .test_cli import refused, run
from .test_gate_output import HOSTILE

RULES = """\
[gate]
max-crash-rate = 0.9
best = { value = 1000, level = "warn" }
min-runs = 10000
max-running = "off"
"""


@pytest.fixture(scope="module")
def result() -> PostMortem:
    return post_mortem(tidy(*example_sweep(), Options()))


def pages(result: PostMortem, folder: Path, config: Path | None = None) -> dict[str, str]:
    """The report in each format, held against the rules of the folder or of the file named."""
    judged = with_verdict(result, rules_asked(config, folder, ["one"]))
    return {name: rendered(judged, name) for name in ("html", "md", "json")}


def rows(markdown: str) -> list[list[str]]:
    """The cells of the table below the heading Gate, read as a renderer reads them."""
    section = markdown.partition("\n## Gate\n")[2].partition("\n## ")[0]
    tokens = MarkdownIt("commonmark").enable("table").parse(section)
    assert {t.type for t in tokens if t.level == 0} == {"table_open", "table_close"}  # a table and nothing else
    inline = [t.children or [] for t in tokens if t.type == "inline"]
    assert {c.type for cell in inline for c in cell} <= {"text", "text_special", "strong_open", "strong_close"}
    cells = ["".join(c.content for c in cell) for cell in inline]
    assert len(cells) % 6 == 0
    return [cells[i : i + 6] for i in range(6, len(cells), 6)]


@pytest.mark.parametrize(
    ("name", "text"),
    [("aftersweep.toml", RULES), ("pyproject.toml", RULES.replace("[gate]", "[tool.aftersweep.gate]"))],
)
def test_the_page_says_what_the_gate_says(result: PostMortem, tmp_path: Path, name: str, text: str) -> None:
    """Law: rules in the working folder put the gate's own verdict, rule by rule, into every format."""
    (tmp_path / name).write_text(text)
    rules, where = rules_of({}, (), (), (), None, tmp_path)
    told = json.loads(to_json(judge(result, rules, rules_from=where), "1"))
    page = pages(result, tmp_path)
    assert (told["exit_code"], told["rules_from"]) == (1, name)
    assert json.loads(page["json"])["gate"] == {
        key: told[key] for key in ("verdict", "exit_code", "still_running", "rules_from", "rules")
    }
    assert [rule["status"] for rule in told["rules"]] == ["met", "not_met", "not_met", "off"]
    shown = rows(page["md"])
    assert shown[0][:2] == ["All rules", "not met; provisional, 1 run still running"]
    assert [row[0] for row in shown[1:]] == [rule["rule"] for rule in told["rules"]]
    words = {"met": "met", "not_met": "not met", "off": "off"}
    for row, rule in zip(shown[1:], told["rules"], strict=True):
        assert row[1] == words[rule["status"]] + (" (a warning)" if rule["level"] == "warn" else "")
        if rule["found"]:
            assert row[2] in rule["text"] and row[3] in rule["text"] and row[4] == str(rule["n"])
            assert all(value in row[5] for value in rule["values"])
    assert '<h2 id="gate">Gate</h2>' in page["html"] and f"Rules from {name}" in page["html"]


def test_the_command_reads_the_folder_it_runs_in(tmp_path: Path) -> None:
    """The report of the command line and the gate's exit code agree; --gate-config names another file."""
    write_export(*example_sweep(), tmp_path / "sweep.jsonl")
    (tmp_path / "aftersweep.toml").write_text(RULES)
    (tmp_path / "mine.toml").write_text("[gate]\nmin-runs = 1\n")
    words = ("report", "sweep.jsonl", "-q", "-f", "json", "-o", "-")
    here, named = run(*words, cwd=tmp_path), run(*words, "--gate-config", "mine.toml", cwd=tmp_path)
    assert (here.returncode, named.returncode) == (0, 0), here.stderr + named.stderr
    gate = run("gate", "sweep.jsonl", "-q", cwd=tmp_path)
    assert json.loads(here.stdout)["gate"]["exit_code"] == gate.returncode == 1
    assert json.loads(named.stdout)["gate"]["verdict"] == "met"
    told = refused(run("report", "gone.jsonl", "--gate-config", "gone.toml", "-o", "page.html", cwd=tmp_path))
    assert told.startswith("aftersweep: --gate-config gone.toml: ")  # before any sweep is looked for
    assert not (tmp_path / "page.html").exists()


def test_the_section_states_nothing_outside_its_table(result: PostMortem, tmp_path: Path) -> None:
    """Law: no line of the section is a sentence about the data that is no finding's (tests/truth)."""
    (tmp_path / "aftersweep.toml").write_text(RULES)
    text = pages(result, tmp_path)["md"].partition("\n## Gate\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines and all(any(p.search(line) for p in NO_STATEMENT) for line in lines)


def test_without_rules_the_page_has_no_gate(result: PostMortem, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    page = pages(result, tmp_path)
    assert json.loads(page["json"])["gate"] is None
    assert "## Gate" not in page["md"] and 'id="gate"' not in page["html"]


def test_a_rule_against_the_goal_is_refused_where_it_was_asked_for(result: PostMortem, tmp_path: Path) -> None:
    """Law: in a named file it is refused; one of the folder, which nobody asked of this sweep, cannot be known."""
    (tmp_path / "aftersweep.toml").write_text("[gate]\nmin-best = 1000\nmax-best = 1\n")
    shown = rows(pages(result, tmp_path)["md"])
    assert [row[1] for row in shown[1:]] == ["not met", "cannot be known"]
    assert "max-best is for a metric to be minimised" in shown[2][5]
    with pytest.raises(UsageError, match="max-best is for a metric to be minimised"):
        pages(result, tmp_path, tmp_path / "aftersweep.toml")


def test_all_rules_off_are_no_verdict(result: PostMortem, tmp_path: Path) -> None:
    (tmp_path / "aftersweep.toml").write_text('[gate]\nbest = "off"\n')
    assert [row[1] for row in rows(pages(result, tmp_path)["md"])] == ["off", "off"]


def test_rules_are_for_one_sweep(tmp_path: Path) -> None:
    """Several sweeps on one page: the folder's rules are left out, a named file is refused."""
    (tmp_path / "aftersweep.toml").write_text(RULES)
    assert rules_asked(None, tmp_path, ["a"]) is not None
    assert rules_asked(None, tmp_path, ["a", "b"]) is None
    with pytest.raises(UsageError, match="rules are for one sweep, and 2 are given"):
        rules_asked(tmp_path / "aftersweep.toml", tmp_path, ["a", "b"])


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_name_stays_in_its_cell(result: PostMortem, tmp_path: Path, word: str) -> None:
    """Law: a metric or a sweep may be called anything; in the section it is text, and forges no command."""
    (tmp_path / "aftersweep.toml").write_text("[gate]\nbest = 1\nmin-runs = 10000\n")
    named = replace(result, metric=replace(result.metric, name=word), sweep=replace(result.sweep, id=word or "x"))
    judged = with_verdict(named, rules_asked(None, tmp_path, ["one"]))
    text = rendered(judged, "md")
    section = text.partition("\n## Gate\n")[2].partition("\n## ")[0]
    assert [row[0] for row in rows(text)] == ["All rules", "best", "min-runs"]
    assert not re.search(r"^\s*::|##\[", section, flags=re.MULTILINE)
    html = rendered(judged, "html").partition('<h2 id="gate">')[2].partition("</section>")[0]
    ours = "div table caption span strong thead tbody tr th td details summary ul li a"
    assert set(re.findall(r"<(\w+)", html)) <= set(ours.split())
