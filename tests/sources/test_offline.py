"""The offline source over trees that are made for the case: which sweep, which state, which file, which error."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from aftersweep.analysis.errors import FormatError, SourceError, UsageError
from aftersweep.analysis.sources.base import RawRun, RawSweep, fetch_all
from aftersweep.analysis.sources.offline import OfflineSource
from aftersweep.analysis.sources.offline_runs import state_of

from .conformance import assert_conforms
from .example import CONFIG, example_sweep
from .wandb_writer import (
    NOW,
    environment_record,
    exit_record,
    history_record,
    output_record,
    preempting_record,
    records_of,
    run_folder,
    stats_record,
    summary_record,
    write_early_kill,
    write_records,
    write_run,
)


def read(root: Path, **options: Any) -> tuple[RawSweep, dict[str, RawRun]]:
    sweep, runs = fetch_all(OfflineSource(root, clock=lambda: NOW, **options))
    return sweep, {run.id: run for run in runs}


def test_conforms_to_the_suite_of_all_sources(tmp_path: Path) -> None:
    """Law: the example sweep, written as records, comes back; only what no offline file can hold is lost."""
    sweep, runs = example_sweep()
    for run in runs:
        ended = {"finished": [exit_record(0)], "failed": [exit_record(1)], "killed": [exit_record(255)]}
        path = write_records(run_folder(tmp_path, run.id), [*records_of(run), *ended.get(run.state, [])])
        age = 10 if run.state == "running" else 3600
        os.utime(path, (NOW - age, NOW - age))
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(dict(CONFIG)))
    states = {"killed": "failed"}  # the file says Ctrl-C; only a server says killed
    expected = [replace(run, state=states.get(run.state, run.state), runtime_s=run.runtime_s or 0.0) for run in runs]
    lost = ("entity", "project", "sweep_state", "agent", "exit_code", "stop_requested", "history_rows_expected")
    source = OfflineSource(tmp_path, sweep_config=file, clock=lambda: NOW)
    assert_conforms(source, sweep, expected, lost=lost)


@pytest.mark.parametrize(
    ("exit_code", "preempting", "live", "state"),
    [
        (0, False, False, "finished"),
        (0, True, True, "finished"),
        (1, False, True, "failed"),
        (255, False, False, "failed"),
        (1, True, False, "preempted"),
        (None, False, False, "crashed"),
        (None, False, True, "running"),
        (None, True, False, "preempted"),
        (None, True, True, "preempting"),
    ],
)
def test_state(exit_code: int | None, preempting: bool, live: bool, state: str) -> None:
    """Law: a state is W&B's, from exit record, preemption mark and age alone."""
    assert state_of(exit_code, preempting=preempting, live=live) == state


@pytest.mark.parametrize(("age", "state"), [(299, "running"), (301, "crashed"), (-60, "running"), (-9999, "crashed")])
def test_a_file_that_changed_lately_is_a_running_run(tmp_path: Path, age: float, state: str) -> None:
    """Law: without an exit record the age of the file decides, and only a run that cannot change is final."""
    write_run(tmp_path, "a", history_record({"_step": 0, "acc": 1.0}), age=age)
    assert read(tmp_path)[1]["a"].state == state
    (stub,) = OfflineSource(tmp_path, clock=lambda: NOW).list_runs()
    assert stub.final == (state == "crashed")


def test_an_exit_record_makes_a_fresh_run_final(tmp_path: Path) -> None:
    """Law: a run that has ended is final, however fresh its file is."""
    write_run(tmp_path, "a", exit_record(0), age=1)
    (stub,) = OfflineSource(tmp_path, clock=lambda: NOW).list_runs()
    assert stub.final
    assert read(tmp_path)[1]["a"].state == "finished"


def test_a_preempting_run(tmp_path: Path) -> None:
    """Law: mark_preempting is read from its record."""
    write_run(tmp_path, "a", preempting_record())
    assert read(tmp_path)[1]["a"].state == "preempted"


def test_the_fingerprint_changes_with_file_and_state(tmp_path: Path) -> None:
    """Law: a run's fingerprint changes when its file grows and when it is given up; otherwise it stays."""

    def mark(now: float) -> str:
        (stub,) = OfflineSource(tmp_path, clock=lambda: now).list_runs()
        return stub.fingerprint

    path = write_run(tmp_path, "a", age=10)
    first = mark(NOW)
    assert mark(NOW + 1) == first
    assert mark(NOW + 3600) != first, "it was running, and now it is crashed"
    write_run(tmp_path, "a", history_record({"_step": 0, "acc": 1.0}), age=10)
    assert mark(NOW) != first
    assert path.exists()


def test_values_of_every_kind(tmp_path: Path) -> None:
    """Law: NaN, infinities, text, nested keys, huge integers and removals arrive as they were meant."""
    write_run(
        tmp_path,
        "a",
        environment_record(gpu_type="NVIDIA H100", username="ada"),
        history_record(
            {"_step": 0, "a": float("nan"), "b": float("-inf"), "c": 10**400, "d": "x", "_timestamp": "soon"}
        ),
        history_record({"_step": 10**30, "a": 1.0}),
        summary_record({"best": 1, "n.x": 1, "n.y": 2}),
        summary_record({"n.x": float("inf")}, remove=["best", "n.y", "n.z", "q.z"]),
        stats_record(1.77e9 + 5, {"gpu.0.memory": 91.5}),
        output_record("broken"),
        exit_record(0, runtime=9),
        display_name="ünï",
        notes="n",
    )
    run = read(tmp_path)[1]["a"]
    row = run.history.to_pylist()[0]
    assert str(row["a"]) == "nan"
    assert (row["b"], row["c"], row["d"], row["_timestamp"]) == (float("-inf"), float("inf"), '"x"', None)
    assert run.history["_step"].to_pylist() == [0, 2**63 - 1]
    assert run.summary == {"n": {"x": float("inf")}}
    assert run.system["system.gpu.0.memory"].to_pylist() == [91.5]
    assert (run.system["_runtime"].to_pylist(), run.system["_step"].to_pylist()) == ([5.0], [None])
    assert (run.gpu, run.user, run.name, run.notes, run.runtime_s) == ("NVIDIA H100", "ada", "ünï", "n", 9.0)
    assert run.log_tail == ("broken",)


def test_bad_paths(tmp_path: Path) -> None:
    """Law: a path that does not exist and a folder without runs are two clear errors."""
    with pytest.raises(UsageError, match="there is no file or folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"holds no \.wandb file at any depth"):
        read(tmp_path)


def test_a_bad_file_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    """Law: a file that is no `.wandb` is an error when it is named or alone, and a problem among good ones."""
    bad = run_folder(tmp_path, "bad")
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"PK not wandb")
    for path in (tmp_path, bad):
        with pytest.raises(FormatError, match=r"'run-bad\.wandb' is not a \.wandb file"):
            read(path)
    write_run(tmp_path, "a")
    sweep, runs = read(tmp_path)
    assert set(runs) == {"a"}
    assert any("run-bad.wandb" in problem for problem in sweep.problems)


def test_links_are_followed_once(tmp_path: Path) -> None:
    """Law: links to folders, loops included, give each file once, under its real folder's name."""
    path = write_early_kill(tmp_path / "elsewhere", "k")
    write_run(tmp_path / "wandb", "a")
    (tmp_path / "wandb" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "wandb" / "latest-run").symlink_to(path.parent)
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "wandb")
    (tmp_path / "wandb" / "gone.wandb").symlink_to(tmp_path / "nothing")
    _, runs = read(tmp_path / "wandb")
    assert set(runs) == {"a", "k"}
    assert runs["k"].created_at is not None


def test_resumed_runs_and_copies(tmp_path: Path) -> None:
    """Law: files with one id are joined in time order and the last one decides; a copy counts once."""
    row = history_record({"_step": 0, "_runtime": 3.0, "acc": 0.1})
    write_run(tmp_path, "a", row, exit_record(1), start=1.77e9, config={"lr": 0.1, "depth": 3, "x": 1})
    write_run(tmp_path, "a", row, row, exit_record(0), stamp="20260131_171500", start=1.77e9 + 600)
    write_run(tmp_path / "backup", "a", row, start=1.77e9)
    run = read(tmp_path)[1]["a"]
    assert (run.state, run.exit_code, run.created_at, run.runtime_s) == ("finished", 0, 1.77e9, 6.0)
    assert run.history["_step"].to_pylist() == [0, 0, 0]
    assert run.config == {"lr": 0.1, "depth": 3, "x": 1}
    assert any("resumed: 2 files" in problem for problem in run.problems)
    assert any("left out: 1" in problem for problem in run.problems)


def test_a_resumed_run_is_not_counted_twice(tmp_path: Path) -> None:
    """Law: where a resumed file goes on from an earlier runtime, only what it adds is added."""
    write_run(tmp_path, "a", exit_record(1, runtime=100))
    more = history_record({"_step": 9, "_runtime": 130.0, "acc": 0.1})
    write_run(tmp_path, "a", more, exit_record(0, 130), stamp="20260131_171500", start=1.77e9 + 600, runtime=100)
    assert read(tmp_path)[1]["a"].runtime_s == 130.0


def test_loops_are_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a folder that links lead back to is looked through once."""
    write_run(tmp_path, "a")
    (tmp_path / "loop").symlink_to(tmp_path)
    seen: list[str] = []
    walk = os.walk

    def counted(*args: Any, **options: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        for item in walk(*args, **options):
            seen.append(item[0])
            yield item

    monkeypatch.setattr(os, "walk", counted)
    assert set(read(tmp_path)[1]) == {"a"}
    assert len(seen) == 3, "the root, the run's folder and the link"


def write_journal(root: Path, lines: Sequence[Any]) -> None:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (root / "aftersweep-agent.jsonl").write_text(text)


def test_an_agents_journal_says_more(tmp_path: Path) -> None:
    """Law: the journal fills in what the file cannot say: sweep, parameters, end, signal, stop; inference ends."""
    write_run(tmp_path, "a")
    write_early_kill(tmp_path, "k", "not a literal")
    entry = {"run_id": "k", "sweep_id": "s1", "parameters": {"lr": 0.01}, "started_at": 1.77e9 + 1}
    end = {"run_id": "k", "ended_at": 1.77e9 + 60, "exit_status": None, "signal": 15, "stop_requested": True}
    never = {"run_id": "n", "sweep_id": "s1", "parameters": {"lr": 0.1}, "started_at": 1.77e9, "exit_status": 1}
    write_journal(tmp_path, [entry, "not json\n", end, never, {"run_id": 3}, "\n"])
    sweep, runs = read(tmp_path)
    assert set(runs) == {"a", "k", "n"}
    run = runs["k"]
    assert (run.sweep_id, run.sweep_id_inferred, run.stop_requested) == ("s1", False, True)
    assert (run.state, run.exit_code, run.heartbeat_at, run.config) == ("crashed", 143, 1.77e9 + 60, {"lr": 0.01})
    assert any("ended by SIGTERM" in problem for problem in run.problems)
    assert (runs["n"].state, runs["n"].exit_code, runs["n"].config) == ("crashed", 1, {"lr": 0.1})
    assert any("journal only" in problem for problem in runs["n"].problems)
    assert any("left out: 2" in problem for problem in sweep.problems)


def test_a_run_that_the_journal_saw_end_is_not_running(tmp_path: Path) -> None:
    """Law: the journal's end outweighs a fresh file."""
    write_run(tmp_path, "a", age=5)
    assert read(tmp_path)[1]["a"].state == "running"
    write_journal(tmp_path, [{"run_id": "a", "signal": 9}])
    run = read(tmp_path)[1]["a"]
    assert (run.state, run.exit_code) == ("crashed", 137)


def test_a_run_that_vanishes_is_left_out(tmp_path: Path) -> None:
    """Law: a file that is removed, or replaced by something else, while we read is left out; the others are read."""
    gone, replaced = write_run(tmp_path, "a"), write_run(tmp_path, "b")
    write_run(tmp_path, "c")
    source = OfflineSource(tmp_path)
    ids = [stub.id for stub in source.list_runs()]
    gone.unlink()
    replaced.write_bytes(b"something else")
    assert [run.id for run in source.fetch(ids)] == ["c"]


def test_one_file_can_be_named(tmp_path: Path) -> None:
    """Law: a `.wandb` file is a tree of one run."""
    path = write_run(tmp_path, "a")
    write_run(tmp_path, "b")
    assert set(read(path)[1]) == {"a"}


def test_a_file_without_its_run_record_is_still_a_run(tmp_path: Path) -> None:
    """Law: where the first block is damaged, the later rows are kept and the loss is said."""
    rows = [history_record({"_step": step, "acc": 0.5, "pad": "x" * 900}) for step in range(120)]
    write_run(tmp_path, "a")
    path = write_run(tmp_path, "d", *rows)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    os.utime(path, (NOW - 3600, NOW - 3600))
    run = read(tmp_path, all_runs=True)[1]["d"]
    steps = run.history["_step"].to_pylist()
    assert steps == list(range(steps[0], 120))
    assert steps[0] > 0
    assert any(f"at least {steps[0] + 1} records" in problem for problem in run.problems)
    assert any("(it was lost)" in problem for problem in run.problems)
    assert list(OfflineSource(tmp_path, all_runs=True).fetch(["zz"])) == []
