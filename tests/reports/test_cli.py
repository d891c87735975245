"""The command line as a user meets it: separate processes, exit codes, one clear line for bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aftersweep.analysis.sources.export import write_export

from ..sources.example import example_sweep

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "AFTERSWEEP"))}


def run(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``aftersweep WORDS`` in a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "aftersweep", *map(str, words)],
        cwd=cwd,
        env={**ENVIRONMENT, "HOME": str(cwd), "AFTERSWEEP_HOME": str(cwd / "archive"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a request that cannot be met."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("aftersweep: ")
    assert len([line for line in lines if line.startswith("aftersweep: ")]) == 1
    return lines[-1]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    sweep, runs = example_sweep()
    path = tmp_path / "sweep.jsonl"
    write_export(sweep, runs, path)
    return path


def test_a_report_of_every_format(export: Path, tmp_path: Path) -> None:
    """The format follows --format, else the name; standard output carries the report alone."""
    for name, start in (("a.html", "<!doctype html>"), ("a.md", "# "), ("a.json", "{")):
        assert run("report", export, "-o", name, "-q", cwd=tmp_path).returncode == 0
        assert (tmp_path / name).read_text().startswith(start)
    out = run("report", export, "--format", "json", "-o", "-", cwd=tmp_path)
    assert json.loads(out.stdout)["schema_version"] == 1
    default = run("report", export, cwd=tmp_path)
    assert default.returncode == 0, default.stderr
    assert "written: aftersweep-ex4mpl3s.html" in default.stderr


def test_several_formats_at_once(export: Path, tmp_path: Path) -> None:
    """One reading of the sweep makes them all, by one name or in one folder; each is said."""
    (tmp_path / "out").mkdir()
    done = run("report", export, "--format", "html,md,json,csv", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {f"aftersweep-ex4mpl3s{end}" for end in (".html", ".md", ".json", "-csv")}
    for name in made:
        assert f"written: out/{name}" in done.stderr
    assert (tmp_path / "out" / "aftersweep-ex4mpl3s-csv" / "runs.csv").read_text().count("\n") == 9
    again = run("report", export, "-f", "md,csv", "-o", "out/page.zip", "-q", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} - made == {"page.md", "page.zip"}


def test_the_markdown_is_as_short_as_it_has_to_be(tmp_path: Path) -> None:
    """A comment's length where nothing is said, --max-chars else, 0 for all; the note says how to have the rest."""
    few = run("report", "4yfw48ad", "-f", "md", "--max-chars", "12000", "-o", "-", "-q", cwd=tmp_path).stdout
    all_ = run("report", "4yfw48ad", "-f", "md", "--max-chars", "0", "-o", "-", "-q", cwd=tmp_path).stdout
    assert len(few) <= 12_000 < len(all_)
    assert "--max-chars 0" in few
    assert "--max-chars" not in all_


def test_without_a_browser_there_is_no_pdf(export: Path, tmp_path: Path) -> None:
    """Said before the sweep is read, with the command that installs one; no other format is written either."""
    (tmp_path / "bin").mkdir()
    result = run("report", export, "--format", "html,pdf", cwd=tmp_path, PATH=str(tmp_path / "bin"))
    assert "apt-get install chromium" in refused(result)
    assert "reading" not in result.stderr
    named = run("report", export, "--pdf", cwd=tmp_path, AFTERSWEEP_BROWSER="./no-browser")
    assert "AFTERSWEEP_BROWSER=./no-browser" in refused(named)
    (tmp_path / "fails").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "fails").chmod(0o755)
    late = run("report", export, "--format", "html,pdf", cwd=tmp_path, AFTERSWEEP_BROWSER=str(tmp_path / "fails"))
    assert "made no PDF (it ended with code 3" in refused(late)
    assert not list(tmp_path.glob("aftersweep-*"))


def test_help_teaches_by_example(tmp_path: Path) -> None:
    """Both helps show commands that can be typed."""
    assert "aftersweep report 4yfw48ad" in run("--help", cwd=tmp_path).stdout
    shown = run("report", "--help", cwd=tmp_path).stdout
    assert "aftersweep report ./wandb --sweep-config sweep.yaml" in shown


def test_the_commands_are_pinned(tmp_path: Path) -> None:
    """A command that goes away breaks users' scripts."""
    shown = run("--help", cwd=tmp_path).stdout
    for command in (
        "report",
        "harvest",
        "ls",
        "show",
        "rm",
        "export",
        "check",
        "prune",
        "next",
        "lineage",
        "gate",
        "schema",
        "site",
    ):
        assert f" {command} " in shown


def test_the_archive_keeps_what_was_harvested(export: Path, tmp_path: Path) -> None:
    """Harvest, list, show, report by id without the source, export again, remove."""
    assert json.loads(run("harvest", export, "--json", "-q", cwd=tmp_path).stdout)["fetched"] == 8
    assert json.loads(run("harvest", export, "--json", "-q", cwd=tmp_path).stdout)["total"] == 8
    export.unlink()
    listed = json.loads(run("ls", "--json", cwd=tmp_path).stdout)
    assert [item["id"] for item in listed] == ["ex4mpl3s"]
    assert len(json.loads(run("show", "ex4mpl3s", "--json", cwd=tmp_path).stdout)["runs"]) == 8
    report = run("report", "ex4mpl3s", "-f", "json", "-o", "-", cwd=tmp_path)
    assert json.loads(report.stdout)["sweep"]["source"]["kind"] == "archive"
    assert "(an archived sweep of that id)" in report.stderr
    assert run("export", "ex4mpl3s", "-o", "again.jsonl", cwd=tmp_path).returncode == 0
    assert "--force" in refused(run("export", "ex4mpl3s", "-o", "again.jsonl", cwd=tmp_path))
    assert run("check", "--read-data", cwd=tmp_path).returncode == 0
    assert run("rm", "ex4mpl3s", "--yes", cwd=tmp_path).returncode == 0
    assert json.loads(run("ls", "--json", cwd=tmp_path).stdout) == []
    assert run("prune", "--days", "0", cwd=tmp_path).returncode == 0


def test_a_damaged_archive_fails_the_check(export: Path, tmp_path: Path) -> None:
    """One changed byte in a stored file: exit code 2 and the file named."""
    assert run("harvest", export, "-q", cwd=tmp_path).returncode == 0
    stored = max((tmp_path / "archive").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 0xFF
    stored.chmod(0o644)
    stored.write_bytes(bytes(data))
    result = run("check", "--read-data", cwd=tmp_path)
    assert result.returncode == 2
    assert stored.name[:12] in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "nowhere/here/abc123"), "WANDB_API_KEY"),
        (("report", "abc123"), "WANDB_API_KEY"),
        (("report", "abc123", "--source", "archive"), "no archived sweep 'abc123'"),
        (("report", "abc123", "--source", "sample"), "4yfw48ad"),
        (("report", "abc123", "--source", "cloud"), "path, server, archive, sample"),
        (("report", "./nothing", "--source", "path"), "no such file or folder"),
        (("report", "empty"), "empty"),
        (("report", "not.wandb"), "not.wandb"),
        (("report", "nostate.csv"), "state"),
        (("report", "../../etc/passwd/x"), ".."),
        (("report", ""), "no sweep was named"),
        (("show", "abc123"), "no archived sweep 'abc123'"),
        (("report", "sweep.jsonl", "--metric", "val/acuracy"), "Did you mean 'val/accuracy'"),
        (("report", "sweep.jsonl", "--goal", "up"), "minimize or maximize"),
        (("report", "sweep.jsonl", "--group-by", "archh"), "Did you mean 'arch'"),
        (("report", "sweep.jsonl", "--claim", "arch=vgg"), "its levels are"),
        (("report", "sweep.jsonl", "--format", "docx"), "html, md, json, pdf, csv"),
        (("report", "sweep.jsonl", "--format", "html,md", "-o", "-"), "standard output takes one format"),
        (("report", "sweep.jsonl", "--pdf", "-o", "a.html"), "the name says html"),
        (("report", "sweep.jsonl", "--format", "csv", "-o", "full"), "something else (thesis.tex)"),
        (("report", "sweep.jsonl", "--format", "md", "--max-chars", "100"), "at least 10000, or 0"),
        (("report", "sweep.jsonl", "-o", "no/such/folder/a.html"), "does not exist"),
        (("report", "sweep.jsonl", "-o", "empty"), "it is a folder"),
        (("report", "sweep.jsonl", "--column", "x"), "NAME=ROLE"),
        (("report", "sweep.jsonl", "--tag", "nope"), "leave none of the 8 runs"),
    ],
)
def test_bad_input_gets_one_clear_line(words: tuple[str, ...], said: str, export: Path, tmp_path: Path) -> None:
    """The value, the choices or the next step; exit code 2; nothing half-written."""
    assert export.name == "sweep.jsonl"
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years")
    (tmp_path / "not.wandb").write_bytes(b"this is no wandb file at all")
    (tmp_path / "nostate.csv").write_text("Name,lr,val_loss\na,0.1,0.5\n")
    before = {path.name for path in tmp_path.iterdir()}
    assert said in refused(run(*words, cwd=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} - {"archive"} == before - {"archive"}


def test_an_archive_of_a_newer_version_is_refused(export: Path, tmp_path: Path) -> None:
    """The message says to upgrade; nothing is touched."""
    assert run("harvest", export, "-q", cwd=tmp_path).returncode == 0
    for manifest in (tmp_path / "archive").rglob("*.json"):
        text = manifest.read_text().replace('"format_version": 1', '"format_version": 99')
        manifest.chmod(0o644)
        manifest.write_text(text.replace('"format_version":1', '"format_version":99'))
    assert "newer" in refused(run("report", "ex4mpl3s", cwd=tmp_path)).casefold()


def test_a_closed_pipe_is_no_fault(export: Path, tmp_path: Path) -> None:
    """``aftersweep ... | head -1`` ends quietly."""
    command = f"{sys.executable} -m aftersweep report {export} -f json -o - -q | head -1"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**ENVIRONMENT, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert result.stdout.strip() == "{"
    assert "Traceback" not in result.stderr
