"""Several sweeps on one command line: three exports, one page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.sources.export import write_export

from ..sources.example import example_sweep
from .test_cli import refused, run


def three_exports(folder: Path, **third: Any) -> list[str]:
    """``aaa.jsonl``, ``bbb.jsonl``, ``ccc.jsonl``: the example under other ids; ``third``: of the last."""
    names = []
    for i, name in enumerate(("aaa", "bbb", "ccc")):
        sweep, runs = example_sweep()
        changed = third if name == "ccc" else {}
        made = [replace(r, id=f"{name}{r.id}", created_at=(r.created_at or 0.0) + 1e5 * i, sweep_id=name) for r in runs]
        write_export(replace(sweep, id=name, **changed), made, folder / f"{name}.jsonl")
        names.append(f"{name}.jsonl")
    return names


def test_several_sweeps_make_one_page(tmp_path: Path) -> None:
    """Law: all runs of all sweeps, each read aloud, in a file that is named after them; the order is of no account."""
    names = three_exports(tmp_path)
    done = run("report", *names, "-f", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reading export") == 3
    assert "written: aftersweep-aaa+bbb+ccc.json" in done.stderr
    page = json.loads((tmp_path / "aftersweep-aaa+bbb+ccc.json").read_text())
    assert page["sweep"]["parts"] == ["aaa", "bbb", "ccc"]
    assert len(page["runs"]) == 24
    assert [item["id"] for item in page["results"]["pooled"]["sweeps"]] == ["aaa", "bbb", "ccc"]
    turned = run("report", *reversed(names), "-f", "json", "-o", "-", "-q", cwd=tmp_path)
    again = json.loads(turned.stdout)
    assert again["findings"] == page["findings"]


def test_a_claim_and_an_exclusion_are_about_the_pooled_sweep(tmp_path: Path) -> None:
    """Law: a run that is left out need be in one of the sweeps only; a claim is held against the runs of all."""
    names = three_exports(tmp_path)
    words = ("--exclude", "bbba0run001", "--claim", "arch=vit_b", "-f", "json", "-o", "-", "-q")
    page = json.loads(run("report", *names, *words, cwd=tmp_path).stdout)
    assert [item["id"] for item in page["sweep"]["excluded"]] == ["bbba0run001"]
    (claim,) = [f for f in page["findings"] if f["facts"].get("family") == "claim"]
    assert {run_id[:3] for run_id in claim["runs"]} == {"aaa", "bbb", "ccc"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sweep", "x"), "--sweep is about one sweep, and 3 are named"),
        (("--sweep-config", "s.yaml"), "aftersweep harvest SWEEP --sweep-config"),
        (("--column", "lr=param"), "--column is about one sweep"),
        (("--all-runs",), "--all-runs is about one sweep"),
        (("--exclude", "nobody"), "no run has this id or name"),
        (("aaa.jsonl",), "aaa is named twice"),
        (("nowhere.csv",), "there is no file or folder 'nowhere.csv'"),
    ],
)
def test_what_cannot_be_pooled_gets_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Law: exit code 2, one line that names the word and the next step."""
    assert said in refused(run("report", *three_exports(tmp_path), *words, cwd=tmp_path))


def test_sweeps_of_different_projects_are_refused(tmp_path: Path) -> None:
    """Law: both projects are named."""
    line = refused(run("report", *three_exports(tmp_path, project="elsewhere"), cwd=tmp_path))
    assert "ccc is of elsewhere" in line
    assert "of one project" in line
