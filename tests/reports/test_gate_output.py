"""What the gate writes: read back by parsers of the formats, and nothing that a sweep brings in is obeyed."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.results.gate import Found, Judgement, Level, Rule, Status, Verdict
from aftersweep.analysis.sweepfile.config import Metric
from aftersweep.analysis.types import Estimate
from aftersweep.reports.console import say, say_error, stderr
from aftersweep.reports.gate_output import MOST_ANNOTATIONS, harmless, to_github, to_json, to_junit, to_text

HOSTILE = (
    "x\n::error::forged",
    "\r::set-output name=a::b",
    "##[group]forged",
    "##vso[task.setvariable]x",
    "%0A::warning::x",
    "\u2028::notice::x",
    "]]><failure/>",
    "\x00\x1b[31m\x9b\ud800\ufffe\u202e",
    "a::::b",
)
COMMAND = re.compile(r"^\s*::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)$")


def verdict(status: Status, level: Level = "error", *, word: str = "r1", name: str = "best", n: int = 1) -> Verdict:
    """A verdict in which ``word`` stands wherever a sweep's own words may."""
    estimate = None if status == "unknown" else Estimate(value=0.5)
    found = Found(
        estimate=estimate, judged=None, accepted=None, n=n, finding="best", why=f"because of {word}",
        values={"run": word, "by run": {word: 0.5, "b": math.nan}, "called": [word, word]}, notes=(f"note of {word}",),
    )  # fmt: skip
    rule = Rule(name=name, limit=0.9, level=level)
    return Verdict(rule=rule, status=status, comparison="at least", unit=word, found=found, finding="F5", notes=(word,))


def judgement(*verdicts: Verdict, word: str = "swp", where: str = "x") -> Judgement:
    return Judgement(sweep=word, metric=Metric(word, "maximize"), running=0, verdicts=verdicts, rules_from=where)


def obeyed(text: str) -> list[tuple[str, str, str]]:
    """What GitHub's runner would obey: lines as .NET's ReadLine parts them, both of its syntaxes.

    Written after ActionCommand.TryParseV2 and TryParse of actions/runner: the one where a line begins, the other
    anywhere in it.
    """
    told = []
    for line in re.split(r"\r\n|\r|\n", text):
        found = COMMAND.match(line)
        if found:
            told.append((found["name"], found["properties"] or "", found["data"]))
        assert "##[" not in line and "##vso[" not in line
    return told


def unescaped(data: str) -> str:
    return data.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")


@pytest.mark.parametrize("word", HOSTILE)
def test_a_sweep_forges_no_command(word: str) -> None:
    """Law: the runner obeys exactly our annotations, whatever the sweep's words; in text it obeys nothing."""
    judged = judgement(verdict("not_met", word=word), verdict("unknown", "warn", word=word), word=word, where=word)
    assert obeyed(to_text(judged)) == []
    told = obeyed(to_github(judged))
    assert [name for name, _, _ in told] == ["error", "warning"]
    for _, properties, data in told:
        assert properties == "title=aftersweep gate%3A best"
        assert "::" not in data and "\n" not in unescaped(data)


@given(st.text(alphabet=st.one_of(st.sampled_from(":#[%\r\n\t\u2028\x85e"), st.characters())))
def test_no_text_is_a_command_or_ends_a_line(word: str) -> None:
    """Law: harmless text is one line that XML can hold and UTF-8 can write, and no command of the old syntax."""
    line = harmless(word)
    assert len(line.splitlines()) <= 1 and "##" not in line
    element = ET.Element("a", b=line)
    assert ET.fromstring(ET.tostring(element, encoding="utf-8")).get("b") == line
    assert obeyed(to_github(judgement(verdict("not_met", word=word), word=word))) != []


@pytest.mark.parametrize("word", HOSTILE)
def test_standard_error_forges_nothing_either(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: the service reads standard error as well; no message of ours carries a command."""
    with stderr.capture() as kept:
        say(word.encode("utf-8", "replace").decode())
        say_error(word.encode("utf-8", "replace").decode())
    assert not [line for line in kept.get().splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("bad", "shown"), [(0, 0), (9, 9), (10, 10), (11, 10), (40, 10)])
def test_annotations_are_ten_at_most_errors_first(bad: int, shown: int) -> None:
    """Law: no more than GitHub shows; what is left out is counted, and is never an error while a warning is shown."""
    verdicts = [verdict("not_met", "warn") for _ in range(bad)]
    if bad:
        verdicts[-1] = verdict("unknown")
    told = obeyed(to_github(judgement(verdict("met"), verdict("accepted"), *verdicts)))
    assert len(told) == shown <= MOST_ANNOTATIONS
    assert [name for name, _, _ in told[:1]] == ["error"] * (bad > 0)
    if bad > MOST_ANNOTATIONS:
        assert f"{bad - 9} more rules" in told[-1][2]


@pytest.mark.parametrize("word", HOSTILE)
def test_junit_is_what_its_readers_take(word: str) -> None:
    """Law: well-formed; the counts are those of the cases; only attributes and children that the formats know.

    Elements and attributes: Jenkins' junit-10.xsd, which GitLab reads too.
    """
    statuses: tuple[Status, ...] = ("met", "not_met", "unknown", "accepted", "off")
    verdicts = [verdict(status, word=word) for status in statuses]
    verdicts += [verdict("not_met", "warn", word=word), replace(verdicts[-1], found=None)]
    written = to_junit(judgement(*verdicts, word=word))
    root = ET.fromstring(written.encode("utf-8"))
    (suite,) = root
    cases = list(suite)
    kinds = [child.tag for case in cases for child in case]
    assert kinds == ["system-out", "failure", "error", "skipped", "skipped", "system-out", "skipped"]
    assert root.tag == "testsuites" and suite.tag == "testsuite" and {case.tag for case in cases} == {"testcase"}
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "1", "errors": "1", "skipped": "3"
    }  # fmt: skip
    assert set(root.attrib) <= {"name", "time", "tests", "failures", "errors"}
    assert all(set(case.attrib) == {"classname", "name", "time"} for case in cases)
    assert all(set(child.attrib) <= {"message", "type"} for case in cases for child in case)
    assert not [c for c in written if c not in "\n" and not c.isprintable()]


def test_json_is_finite_and_whole() -> None:
    """Law: a standard JSON reader takes it; NaN is null; every verdict says what was expected and what was found."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    judged = judgement(
        verdict("not_met"), verdict("unknown"), replace(verdict("off", "off"), found=None), where="aftersweep.toml"
    )
    whole = json.loads(to_json(judged, "1.2"), parse_constant=refuse)
    assert (whole["verdict"], whole["exit_code"], whole["rules_from"]) == ("not_met", 1, "aftersweep.toml")
    first, second, third = whole["rules"]
    assert first["expected"] == {"comparison": "at least", "limit": 0.9, "unit": "r1"}
    assert first["found"]["value"] == 0.5 and first["values"]["by run"] == {"r1": 0.5, "b": None}
    assert second["found"] is None and second["why"] == "because of r1"
    assert third["status"] == "off" and third["values"] == {}


@pytest.mark.parametrize(("found", "limit"), [(0.3000001, 0.3), (0.30004, 0.3), (1e-9, 0.0), (0.99999999, 1.0)])
def test_a_number_never_looks_like_the_limit_that_it_misses(found: float, limit: float) -> None:
    """Law: what differs is written differently, in percent and plain."""
    for name in ("max-crash-rate", "best"):
        one = verdict("not_met", name=name, word="share")
        assert one.found is not None
        one = replace(
            one, rule=replace(one.rule, limit=limit), found=replace(one.found, estimate=Estimate(value=found))
        )
        line = to_text(judgement(one)).splitlines()[0]
        said = re.search(r"at least ([^,]+), found ([^;]+);", line)
        assert said is not None and said[1] != said[2]


def test_quiet_text_says_only_what_is_bad() -> None:
    assert to_text(judgement(verdict("met"), verdict("accepted")), only_bad=True) == ""
    told = to_text(judgement(verdict("met"), verdict("not_met")), only_bad=True)
    assert told.startswith("NOT MET best: expected r1 of at least 0.9, found 0.5; rests on 1 run [F5]\n")
    assert told.splitlines()[-1] == "gate of swp: not met (1 met, 1 not met; rules from x)"
