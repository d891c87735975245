"""Which runs of a tree are the sweep, and which sweep file is theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aftersweep.analysis.errors import FormatError, UnknownSweepError, UsageError
from aftersweep.analysis.sources.base import RawRun, RawSweep, fetch_all
from aftersweep.analysis.sources.offline import OfflineSource

from .wandb_writer import NOW, write_early_kill, write_run

SWEEP: dict[str, Any] = {"method": "grid", "parameters": {"lr": {"values": [0.1, 0.01]}, "depth": {"value": 3}}}


def read(root: Path, **options: Any) -> tuple[RawSweep, dict[str, RawRun]]:
    sweep, runs = fetch_all(OfflineSource(root, clock=lambda: NOW, **options))
    return sweep, {run.id: run for run in runs}


def test_several_sweeps_are_listed(tmp_path: Path) -> None:
    """Law: of several sweeps none is guessed: the choices are named, and --sweep takes one by id or path."""
    write_run(tmp_path, "a", sweep_id="s1")
    write_run(tmp_path, "b", sweep_id="s2")
    write_run(tmp_path, "c", sweep_id="s2")
    with pytest.raises(UnknownSweepError, match=r"2 sweeps: s1 \(1 run\), s2 \(2 runs\); choose one with --sweep ID"):
        read(tmp_path)
    with pytest.raises(UnknownSweepError, match=r"no sweep 's9' in .* There are: s1"):
        read(tmp_path, sweep="s9")
    assert set(read(tmp_path, sweep="s2")[1]) == {"b", "c"}
    assert set(read(tmp_path, sweep="me/project/s1")[1]) == {"a"}
    with pytest.raises(UsageError, match="exclude each other"):
        read(tmp_path, sweep="s1", all_runs=True)


def test_all_runs_are_one_set(tmp_path: Path) -> None:
    """Law: --all-runs takes every run, with or without a sweep, under a safe name; equal ids stay apart."""
    root = tmp_path / "my runs; rm -rf" / "wandb"
    write_run(root, "a", sweep_id="s1")
    write_run(root, "b", sweep_id=None)
    write_run(root, "a", sweep_id="s2", stamp="20260131_171500", start=1.77e9 + 5)
    sweep, runs = read(root, all_runs=True)
    assert sweep.id == "my-runs-rm--rf"
    assert set(runs) == {"a-s1", "a-s2", "b"}
    assert {run.sweep_id for run in runs.values()} == {"s1", "s2", None}


def test_no_sweep_at_all(tmp_path: Path) -> None:
    """Law: runs without a sweep are refused with the way out."""
    write_run(tmp_path, "a", sweep_id=None)
    with pytest.raises(UnknownSweepError, match="belongs to one; --all-runs takes them"):
        read(tmp_path)


def test_runs_outside_of_the_sweep_are_counted(tmp_path: Path) -> None:
    """Law: a run that is left out is said to be."""
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", sweep_id=None)
    write_early_kill(tmp_path, "c", "{'other': 1}")
    sweep, runs = read(tmp_path)
    assert set(runs) == {"a"}
    assert any("because they belong to no sweep: 1;" in problem for problem in sweep.problems)
    assert any("none fits (1): c" in problem for problem in sweep.problems)


def test_silent_runs_go_to_the_only_sweep_that_fits(tmp_path: Path) -> None:
    """Law: a run that says nothing is attached by its parameters, never where two sweeps would fit."""
    write_run(tmp_path, "a", sweep_id="s1")
    write_run(tmp_path, "b", sweep_id="s2", config={"lr": 0.1, "width": 8})
    write_early_kill(tmp_path, "c", "{'lr': 0.01, 'depth': 3}")
    write_early_kill(tmp_path, "d", "{'lr': 0.01, 'depth': 3, 'width': 8}")
    _, runs = read(tmp_path, sweep="s1")
    assert set(runs) == {"a", "c"}
    assert (runs["c"].sweep_id, runs["c"].sweep_id_inferred) == ("s1", True)


def test_a_value_that_the_sweep_never_gives_does_not_fit(tmp_path: Path) -> None:
    """Law: with a sweep file, a run at another level than the declared ones is not attached."""
    write_run(tmp_path, "a")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    write_early_kill(tmp_path, "c", "{'lr': 0.01, 'depth': 3}")
    write_early_kill(tmp_path, "d", "{'lr': 0.5, 'depth': 3}")
    assert set(read(tmp_path)[1]) == {"a", "c"}


def test_which_sweep_file_is_taken(tmp_path: Path) -> None:
    """Law: a real sweep file that fits is taken and named; of two different ones none; without one that is said."""
    root = tmp_path / "wandb"
    write_run(root, "a")
    sweep, _ = read(root)
    assert sweep.config is None
    assert any("no sweep file that fits the runs was found" in problem for problem in sweep.problems)
    (tmp_path / "sweep_b.yml").write_text(yaml.safe_dump({**SWEEP, "parameters": {"other": {"values": [1, 2]}}}))
    (tmp_path / "sweep_c.yml").write_text("{")
    (root / "sweep-s1").mkdir()
    (root / "sweep-s1" / "config-a.yaml").write_text("lr:\n  value: 0.1\n")
    assert read(root)[0].config is None
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    sweep, _ = read(root)
    assert sweep.config == SWEEP
    assert any("'sweep.yaml', whose parameters the runs have" in problem for problem in sweep.problems)
    (root / "sweep2.yaml").write_text(yaml.safe_dump({**SWEEP, "method": "bayes"}))
    sweep, _ = read(root)
    assert sweep.config is None
    assert any("several different sweep files fit" in problem for problem in sweep.problems)
    assert read(root, sweep_config=tmp_path / "sweep.yaml")[0].config == SWEEP


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, UsageError, "cannot be read"),
        ("a: 1", FormatError, "is no sweep file; it must have 'method' and 'parameters'"),
        ("[1, 2]", FormatError, "holds no YAML mapping"),
        ("{", FormatError, "cannot be read as YAML"),
        ("!!python/object/apply:os.system ['true']", FormatError, "cannot be read as YAML"),
        ("method: grid\nparameters: {lr: 3}", FormatError, "parameter 'lr'"),
        ("x" * 2_000_000, FormatError, "larger than 1 MiB"),
    ],
)
def test_a_named_sweep_file_must_be_one(tmp_path: Path, text: str | None, error: type[Exception], message: str) -> None:
    """Law: the sweep file that the user names is read or refused with its name, never passed over."""
    write_run(tmp_path / "wandb", "a")
    path = tmp_path / "my.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=message):
        read(tmp_path / "wandb", sweep_config=path)


def test_a_named_sweep_file_that_does_not_fit_is_said(tmp_path: Path) -> None:
    """Law: the user's word counts, but a sweep file that the runs contradict is named as a problem."""
    write_run(tmp_path / "wandb", "a", config={"other": 1})
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(SWEEP))
    sweep, _ = read(tmp_path / "wandb", sweep_config=path)
    assert sweep.config == SWEEP
    assert any("1 of 1 runs do not have the parameters" in problem for problem in sweep.problems)
