"""The gate's rules and baseline as people write them, well and badly."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.gate import RULES
from aftersweep.analysis.results.gate import Accepted, Rule
from aftersweep.reports.gate_baseline import baseline_text, read_baseline
from aftersweep.reports.gate_rules import rules_of

TABLE = """
max-crash-rate = 0.3
best = { value = 45, level = "warn" }
min_runs = 10
max-running = "off"
[HEAD.max-cause]
diverged = 0.1
out-of-memory = { value = 0.05, level = "warn" }
"""


def read(folder: Path, *, causes: tuple[str, ...] = (), warn: tuple[str, ...] = (), off: tuple[str, ...] = (),
         config: Path | None = None, **words: float) -> tuple[dict[str, Rule], str]:  # fmt: skip
    limits = {name.replace("_", "-"): value for name, value in words.items()}
    rules, where = rules_of(limits, causes, warn, off, config, folder)
    return {rule.key: rule for rule in rules}, where


@pytest.mark.parametrize(("name", "head"), [("aftersweep.toml", "gate"), ("pyproject.toml", "tool.aftersweep.gate")])
def test_a_table_means_the_same_in_both_files(name: str, head: str, tmp_path: Path) -> None:
    """Law: a number, a number with a level, or off; - and _ alike; causes by name."""
    (tmp_path / name).write_text(f"[{head}]\n" + TABLE.replace("HEAD", head))
    rules, where = read(tmp_path)
    assert where == name
    told = {key: (rule.limit, rule.level) for key, rule in rules.items() if rule.level != "off"}
    assert told == {
        "max-crash-rate": (0.3, "error"), "best": (45.0, "warn"), "min-runs": (10.0, "error"),
        "max-cause.diverged": (0.1, "error"), "max-cause.out_of_memory": (0.05, "warn"),
    }  # fmt: skip
    assert rules["max-running"].level == "off"


def test_one_file_is_read_and_the_command_line_wins(tmp_path: Path) -> None:
    """Law: aftersweep.toml before pyproject.toml, a file without the table passed over, a word over its line."""
    (tmp_path / "pyproject.toml").write_text("[tool.aftersweep.gate]\nbest = 1\nmin-runs = 3\n")
    (tmp_path / "aftersweep.toml").write_text("[site]\ntitle = 'x'\n")
    assert set(read(tmp_path)[0]) == {"best", "min-runs"}
    (tmp_path / "aftersweep.toml").write_text("[gate]\nbest = { value = 2, level = 'warn' }\nmax-running = 0\n")
    rules, where = read(tmp_path, best=3.0, off=("max-running",), causes=("diverged=0.2",), warn=("max-cause",))
    assert where == "aftersweep.toml and the command line"
    assert (rules["best"].limit, rules["best"].level) == (3.0, "error")
    assert rules["max-running"].level == "off" and rules["max-cause.diverged"].level == "warn"
    other = tmp_path / "other.toml"
    other.write_text("[gate]\nmin-completed = 5\n")
    assert set(read(tmp_path, config=other)[0]) == {"min-completed"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-crashrate = 0.3", "there is no rule 'max-crashrate'. Did you mean 'max-crash-rate'"),
        ("colour = 1", "there is no rule 'colour'. There are: max-crash-rate, max-cause, best"),
        ("max-crash-rate = 30", "max-crash-rate = 30: it must be a share from 0 to 1; 30 % is 0.3"),
        ("max-crash-rate = -0.1", "it must be a share from 0 to 1"),
        ("max-crash-rate = nan", "write a finite number"),
        (f"best = 1{'0' * 400}", "write a finite number"),
        ("max-crash-rate = true", 'write a number, "off", or { value = 0.3'),
        ('max-crash-rate = "0.3"', 'write a number, "off", or { value = 0.3'),
        ("max-crash-rate = { level = 'warn' }", "it has no value"),
        ("max-crash-rate = { value = 1, lvel = 'warn' }", "it has 'lvel'"),
        ("max-crash-rate = { value = 1, level = 'loud' }", "level 'loud' must be one of off, warn, error"),
        ("max-crash-rate = { value = 1, level = [1] }", "must be one of off, warn, error"),
        ("min-runs = 2.5", "it must be a whole number of runs, 0 or more"),
        ("max-cause = 0.3", "max-cause must be a table of causes"),
        ("max-cause = { divergd = 0.3 }", "there is no cause 'divergd'. Did you mean 'diverged'?"),
        ("max-crash-rate =", "aftersweep.toml is not TOML: "),
        ("a = " + "[" * 5000, "aftersweep.toml is not TOML: "),
        ("", "the gate has no rule to judge by"),
        ("max-crash-rate = 'off'", "the gate has no rule to judge by"),
    ],
)
def test_a_bad_table_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    """Law: the line names the file's word, the nearest name or the form to write."""
    (tmp_path / "aftersweep.toml").write_text(f"[gate]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path)
    assert said in str(caught.value)


def test_what_is_no_table_or_no_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "aftersweep.toml"
    path.write_text("gate = 3\n")
    with pytest.raises(UsageError, match=r"gate must be a table, as in \[gate\]"):
        read(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not TOML"):
        read(tmp_path)
    path.write_text("[site]\n")
    with pytest.raises(UsageError, match=r"it has no table \[gate\]"):
        read(tmp_path, config=path)
    with pytest.raises(UsageError, match="there is no such file"):
        read(tmp_path, config=tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"warn": ("max-crashes",)}, "--warn max-crashes: Did you mean"),
        ({"off": ("best",)}, "--off best: it is not given; there are: min-runs"),
        ({"causes": ("diverged",)}, "write CAUSE=SHARE"),
        ({"causes": ("diverged=high",)}, "write CAUSE=SHARE"),
        ({"causes": ("diverged=3",)}, "--max-cause diverged=3: it must be a share from 0 to 1; 3 % is 0.03"),
        ({"causes": ("oom=0.3",)}, "there is no cause 'oom'. There are: out_of_memory, diverged"),
    ],
)
def test_bad_words_are_one_line(words: dict[str, tuple[str, ...]], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        rules_of({"min-runs": 1}, words.get("causes", ()), words.get("warn", ()), words.get("off", ()), None, tmp_path)
    assert said in str(caught.value)


def test_every_limit_is_finite_or_refused(tmp_path: Path) -> None:
    for name in RULES:
        for limit in (math.nan, math.inf, -math.inf):
            with pytest.raises(UsageError, match="write a finite number"):
                rules_of({name: limit}, (), (), (), None, tmp_path)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Law: writing and reading lose nothing; the same judgement gives the same bytes in any order."""
    kept = {
        "max-crash-rate": Accepted(status="not_met", comparison="at most", unit="share", value=1 / 3),
        "best": Accepted(status="unknown", comparison="at least", unit="val/模型", value=None),
    }
    path = tmp_path / "b.json"
    path.write_text(baseline_text(kept, "swp"))
    assert read_baseline(path) == kept
    assert baseline_text(dict(reversed(kept.items())), "swp") == path.read_text()


def entry(**changes: Any) -> str:
    """A baseline of one rule, changed."""
    one = {"status": "not_met", "comparison": "at most", "unit": "share", "value": 0.5}
    return json.dumps({"version": 1, "rules": {"best": {**one, **changes}}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is no baseline of aftersweep"),
        ('{"version": 2, "rules": {}}', "its version is not 1"),
        ('{"version": 1, "rules": {"best": {}}}', "best: it must have a status"),
        (entry(status="met"), "best: it is not what --write-baseline writes"),
        (entry(value=10**400), "best: it is not what --write-baseline writes"),
        (entry(status=[], comparison={}, value="1"), "best: it is not what --write-baseline writes"),
    ],
)
def test_a_bad_baseline_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_baseline(path)
    assert said in str(caught.value) and "--write-baseline" in str(caught.value)
