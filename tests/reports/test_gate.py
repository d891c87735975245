"""``aftersweep gate`` as a CI job runs it: a separate process, judged by its exit code and by what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from aftersweep.analysis.sources.export import write_export
from aftersweep.reports import cli, gate_command

from ..sources.example import example_sweep
from .test_cli import ENVIRONMENT, refused, run

SAMPLE = ("gate", "4yfw48ad", "--source", "sample")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Six runs ended, two of them crashed for causes that the logs name; one still runs."""
    path = tmp_path / "sweep.jsonl"
    write_export(*example_sweep(), path)
    return path


def test_the_bundled_sample_meets_what_the_recorded_states_would_not(tmp_path: Path) -> None:
    """84 % are recorded as crashed, and the gate at 30 % is met: most were the rule's own stops."""
    done = run(*SAMPLE, "--max-crash-rate", "0.3", "--min-best", "45", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("met max-crash-rate: expected at most 30 %, found 4.72 % (95 % interval 0.8")
    assert "    of them recorded as crashed or failed: 42" in done.stdout
    assert "met min-best: expected val_combined_accuracy of at least 45, found 48.65;" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("gate of 4yfw48ad: met (2 met; rules from the command line)")


def test_the_files_and_the_exit_code_say_the_same(export: Path, tmp_path: Path) -> None:
    """Law: one run of the gate leaves text, JSON, JUnit and annotations that agree; a bad best value is exit code 1."""
    (tmp_path / "aftersweep.toml").write_text(
        '[gate]\nmax-crash-rate = { value = 0.01, level = "warn" }\nbest = 0.999\nmin-runs = 2\n'
    )
    done = run("gate", export, "--format", "github", "-o", "g.json", "-o", "g.xml", "-o", "g.txt", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    told = json.loads((tmp_path / "g.json").read_text())
    assert (told["verdict"], told["exit_code"], told["rules_from"]) == ("not_met", 1, "aftersweep.toml")
    statuses = {rule["rule"]: rule["status"] for rule in told["rules"]}
    assert statuses == {"max-crash-rate": "not_met", "best": "not_met", "min-runs": "met"}
    suite = ET.parse(tmp_path / "g.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    text = (tmp_path / "g.txt").read_text()
    assert done.stdout.startswith(text)
    annotations = done.stdout.removeprefix(text).splitlines()
    assert annotations[0].startswith("::error title=aftersweep gate%3A best::NOT MET best: expected val/accuracy of at")
    assert annotations[1].startswith("::warning title=aftersweep gate%3A max-crash-rate::NOT MET (a warning)")
    assert len(annotations) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "aftersweep.toml", "g.json", "g.txt", "g.xml", "sweep.jsonl"
    ]  # fmt: skip


def test_what_cannot_be_known_is_a_code_of_its_own(export: Path, tmp_path: Path) -> None:
    """So few crashes that no parameter could be called: 3, with the reason; as a warning it fails nothing."""
    words = ("gate", export, "--max-risk-factors", "0")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "CANNOT BE KNOWN max-risk-factors: expected at most 0 parameters, but too few runs or crash" in done.stdout
    quiet = run(*words, "--min-runs", "2", "--warn", "max-risk-factors", "-q", cwd=tmp_path)
    assert quiet.returncode == 0 and quiet.stderr == ""
    assert quiet.stdout.startswith("CANNOT BE KNOWN (a warning) max-risk-factors")


def test_a_committed_baseline_fails_only_what_is_new(export: Path, tmp_path: Path) -> None:
    """Law: written, it accepts all; read with another rule that is not met, that rule alone fails."""
    words = ("gate", export, "--best", "0.999", "--baseline", "b.json")
    refused(run(*words, cwd=tmp_path))
    written = run(*words, "--write-baseline", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    assert "written: b.json (accepted: 1 of 1 rules)" in written.stderr
    again = run(*words, "--min-runs", "100", cwd=tmp_path)
    assert again.returncode == 1
    assert "accepted by the baseline best" in again.stdout and "NOT MET min-runs" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the gate has no rule to judge by; give one, as in --max-crash-rate 0.3"),
        (("--max-crash-rate", "30"), "--max-crash-rate 30: it must be a share from 0 to 1; 30 % is 0.3"),
        (("--max-crash-rate", "x"), "--max-crash-rate"),
        (("--max-crashrate", "0.3"), "--max-crashrate"),
        (("--best", "1", "--format", "xml"), "--format xml: it must be one of text, json, junit, github"),
        (("--best", "1", "-o", "gate.html"), "-o gate.html: end the name in .txt, .json, .xml"),
        (("--best", "1", "-o", "no/gate.xml"), "does not exist"),
        (("--best", "1", "--write-baseline"), "--write-baseline needs the file's name"),
        (("--best", "1", "--baseline", "none.json"), "--baseline none.json: there is no such file"),
        (("--max-best", "1"), "max-best is for a metric to be minimised"),
    ],
)
def test_a_gate_that_cannot_run_is_code_2(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Law: one line, nothing left behind, and never the code of a verdict."""
    assert said in refused(run(*SAMPLE, *words, cwd=tmp_path))
    assert [path.name for path in tmp_path.iterdir() if path.name != "archive"] == []


def test_a_fault_of_ours_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: a bug in the gate is a tool error (2), as 1 would read as a sweep that is not good enough."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gate_command, "_post_mortem", broken)
    monkeypatch.setattr(sys, "argv", ["aftersweep", *SAMPLE, "--best", "1"])
    monkeypatch.delenv("AFTERSWEEP_DEBUG", raising=False)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "a fault of aftersweep itself" in capsys.readouterr().err


def test_a_reader_that_has_gone_does_not_change_the_verdict(export: Path, tmp_path: Path) -> None:
    """``aftersweep gate ... | true`` under pipefail still fails for the sweep."""
    command = f"{sys.executable} -m aftersweep gate {export} --best 0.999 -q | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**ENVIRONMENT, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ""


def test_the_help_teaches(tmp_path: Path) -> None:
    shown = run("gate", "--help", cwd=tmp_path, COLUMNS="200").stdout
    assert "0 met, 1 not met, 2 the gate could not be run, 3 cannot be known" in shown
    assert "aftersweep gate 4yfw48ad --max-crash-rate 0.3 --min-best 45" in shown
    assert "[tool.aftersweep.gate]" in shown and "max-cause = { diverged = 0.1 }" in shown
