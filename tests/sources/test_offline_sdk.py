"""The offline source over what the real SDK leaves behind; each run is a process of its own, ended for real."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.sources.base import RawRun, RawSweep, fetch_all
from aftersweep.analysis.sources.offline import OfflineSource
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.sweepfile.hyperband import read_hyperband, should_stop

from .conftest import SdkSweep
from .sdk_runs import BANDS, EPOCHS, SWEEP_FILE, SWEEP_ID, TIME_LIMIT, sweep_plans


@pytest.fixture(scope="module")
def whole(sdk_sweep: SdkSweep) -> tuple[RawSweep, dict[str, RawRun]]:
    sweep, runs = fetch_all(OfflineSource(sdk_sweep.folder / "wandb"))
    return sweep, {run.id: run for run in runs}


@pytest.fixture(scope="module")
def runs(whole: tuple[RawSweep, dict[str, RawRun]]) -> dict[str, RawRun]:
    return whole[1]


def values(run: RawRun) -> list[float]:
    return run.history["val_acc"].to_pylist() if "val_acc" in run.history.column_names else []


def test_the_sweep_is_found_whole(
    whole: tuple[RawSweep, dict[str, RawRun]], runs: dict[str, RawRun], sdk_sweep: SdkSweep
) -> None:
    """Law: the only sweep of the folder is taken with all its runs, and its sweep file is found beside the folder."""
    sweep = whole[0]
    assert sweep.id == SWEEP_ID
    assert sweep.config == SWEEP_FILE
    assert sweep.name == SWEEP_FILE["name"]
    assert sweep.source.kind == "offline"
    assert sweep.problems == ("the sweep's configuration was taken from 'sweep.yaml', whose parameters the runs have",)
    assert set(runs) == set(sdk_sweep.labels)
    started = [run.created_at for run in runs.values() if run.created_at is not None]
    assert len(started) == len(runs)
    assert started == sorted(started)


@pytest.mark.parametrize(
    ("run_id", "state", "exit_code", "epochs"),
    [
        ("done0001", "finished", 0, EPOCHS),
        ("nanend05", "finished", 0, EPOCHS),
        ("error006", "failed", 1, 3),
        ("memory07", "failed", 1, 2),
        ("ctrlc008", "failed", 255, 5),
        ("kill7b09", "crashed", None, 0),
        ("killed10", "crashed", None, 7),
        ("timeup11", "crashed", None, 10),
        ("band1x12", "crashed", None, 1),
        ("band4x13", "crashed", None, 4),
    ],
)
def test_how_each_ending_is_recorded(
    runs: dict[str, RawRun], run_id: str, state: str, exit_code: int | None, epochs: int
) -> None:
    """Law: the SDK records an exit where the interpreter ends by itself (255 after Ctrl-C), none after a signal."""
    run = runs[run_id]
    assert (run.state, run.exit_code) == (state, exit_code)
    assert len(values(run)) == epochs
    assert run.stop_requested is None


def test_the_history_is_what_was_logged(runs: dict[str, RawRun]) -> None:
    """Law: every logged value is there with its step and time, NaN as NaN."""
    history = runs["done0001"].history
    assert history.column_names[:3] == ["_step", "_timestamp", "_runtime"]
    assert history["_step"].to_pylist() == list(range(EPOCHS))
    assert history["epoch"].to_pylist() == list(range(1, EPOCHS + 1))
    assert values(runs["done0001"]) == pytest.approx([0.5 + 0.03 * epoch for epoch in range(1, EPOCHS + 1)])
    assert all(math.isnan(value) == (epoch >= 6) for epoch, value in enumerate(values(runs["nanend05"]), start=1))
    assert math.isnan(runs["nanend05"].summary["val_acc"])
    start = runs["done0001"].created_at
    assert start is not None
    for time, runtime in zip(history["_timestamp"].to_pylist(), history["_runtime"].to_pylist(), strict=True):
        assert time == pytest.approx(start + runtime, abs=1.0)


def test_config_and_surroundings(runs: dict[str, RawRun]) -> None:
    """Law: the config is what the run was given, without W&B's own entry; host and system metrics are there."""
    given = {plan.run_id: dict(plan.config) for plans in sweep_plans()[:2] for plan in plans}
    assert {run_id: dict(run.config) for run_id, run in runs.items()} == given
    run = runs["done0001"]
    assert run.host
    assert run.runtime_s is not None
    assert 0 < run.runtime_s < 60
    assert run.heartbeat_at is not None
    assert run.created_at is not None
    assert run.heartbeat_at >= run.created_at
    assert {"system.memory_percent", "system.proc.memory.rssMB"} <= set(run.system.column_names)
    assert run.system["_timestamp"].null_count == 0


@pytest.mark.parametrize(
    ("run_id", "line"),
    [
        ("done0001", "training complete"),
        ("error006", "ValueError: expected 10 labels, got 12"),
        ("ctrlc008", "KeyboardInterrupt"),
        ("timeup11", TIME_LIMIT),
        ("killed10", "epoch 7: val_acc 0.7100"),
        ("band4x13", "epoch 4: val_acc 0.4700"),
    ],
)
def test_the_last_line_is_kept(runs: dict[str, RawRun], run_id: str, line: str) -> None:
    """Law: the console's last line is the last one that the process wrote, to whichever stream."""
    assert runs[run_id].log_tail[-1] == line


def test_a_traceback_is_kept_whole(runs: dict[str, RawRun]) -> None:
    """Law: a traceback stands in the tail line by line, with the lines before it."""
    tail = runs["memory07"].log_tail
    assert "Traceback (most recent call last):" in tail
    assert tail[-1].startswith("RuntimeError: CUDA out of memory. Tried to allocate")
    assert "epoch 2: val_acc 0.5600" in tail


def test_a_run_killed_before_the_first_write(runs: dict[str, RawRun]) -> None:
    """Law: of seven bytes and the files beside them we know config, start and log; the sweep is inferred, and said."""
    run = runs["kill7b09"]
    assert run.sweep_id == SWEEP_ID
    assert run.sweep_id_inferred
    assert run.history.num_rows == 0
    assert run.runtime_s is None
    other = runs["killed10"].created_at
    assert run.created_at == pytest.approx(other, abs=30)
    assert any("before the SDK first wrote" in problem and "logs/debug.log" in problem for problem in run.problems)
    assert any("fit only sweep swp0ffln" in problem for problem in run.problems)
    assert [other.id for other in runs.values() if other.sweep_id_inferred] == ["kill7b09"]


def test_the_rule_stops_exactly_the_runs_that_were_stopped(runs: dict[str, RawRun]) -> None:
    """Law: the fixture is true. At no moment does the sweep's rule stop another run than the two, at their bands."""
    config = read_config(SWEEP_FILE)
    rule = read_hyperband(config.early_terminate)
    assert rule is not None
    assert rule.bands == BANDS
    finite = {run_id: [v for v in values(run) if math.isfinite(v)] for run_id, run in runs.items()}
    first = [plan.run_id for plan in sweep_plans()[0]]
    for run_id in first:
        for length in range(1, len(finite[run_id]) + 1):
            others = [finite[other] for other in first if other != run_id]
            assert not should_stop(finite[run_id][:length], [*others, finite[run_id][:length]], rule, 1)
    for run_id, band in zip(("band1x12", "band4x13"), BANDS, strict=True):
        assert len(finite[run_id]) == band
        stopped = [should_stop(finite[run_id][:n], list(finite.values()), rule, 1) for n in range(1, band + 1)]
        assert stopped == [False] * (band - 1) + [True]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_to_a_real_file_is_survived_and_said(
    sdk_sweep: SdkSweep, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Law: a real file, cut and changed anywhere behind its header, is still its run: rows are lost, none is made up,
    what was lost is said, and a run whose exit record is gone is crashed."""
    name = data.draw(st.sampled_from(["done0001", "error006", "killed10"]))
    original = sdk_sweep.file(name)
    damaged = bytearray(original.read_bytes()[: data.draw(st.integers(7, original.stat().st_size))])
    for _ in range(data.draw(st.integers(0, 2)) if len(damaged) > 7 else 0):
        damaged[data.draw(st.integers(7, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / original.parent.name / original.name
    path.parent.mkdir()
    path.write_bytes(damaged)
    (sound,) = fetch_all(OfflineSource(original, all_runs=True, live_s=0))[1]
    (run,) = fetch_all(OfflineSource(path, all_runs=True, live_s=0))[1]
    assert run.id == name
    rows = [row for row in sound.history.to_pylist() if row["_step"] in set(run.history["_step"].to_pylist())]
    assert run.history.num_rows == len(rows)
    assert all(run.history[key].to_pylist() == [row[key] for row in rows] for key in run.history.column_names)
    assert (run.state, run.exit_code) in ((sound.state, sound.exit_code), ("crashed", None))
    assert run.problems or bytes(damaged) == original.read_bytes()[: len(damaged)], "a loss that nobody mentions"


def test_a_killed_run_keeps_what_was_written(sdk_extras: tuple[Path, dict[str, int]]) -> None:
    """Law: SIGKILL costs what the SDK had not yet written: the rows before are all there, and the loss is said."""
    _, found = fetch_all(OfflineSource(sdk_extras[0]))
    run = {one.id: one for one in found}["manyrows"]
    assert run.state == "crashed"
    assert run.history["_step"].to_pylist() == list(range(run.history.num_rows))
    assert EPOCHS < run.history.num_rows <= EPOCHS + 2000  # all of them where the machine was slower than the SDK
    assert values(run)[:EPOCHS] == pytest.approx([0.5 + 0.03 * epoch for epoch in range(1, EPOCHS + 1)])


def test_an_agents_parameter_file_names_the_sweep(sdk_extras: tuple[Path, dict[str, int]]) -> None:
    """Law: where a W&B agent wrote the parameters down, a file of seven bytes has its sweep without inference."""
    _, found = fetch_all(OfflineSource(sdk_extras[0]))
    run = {one.id: one for one in found}["agent7by"]
    assert run.history.num_rows == 0
    assert (run.sweep_id, run.sweep_id_inferred) == (SWEEP_ID, False)
    assert run.config == dict(sweep_plans()[0][0].config)
    assert any("the agent's parameter file and logs/debug.log" in problem for problem in run.problems)


def test_an_exit_status_is_kept(sdk_extras: tuple[Path, dict[str, int]]) -> None:
    """Law: sys.exit(n) is recorded as n; group and tags are kept."""
    folder, codes = sdk_extras
    _, found = fetch_all(OfflineSource(folder))
    run = {one.id: one for one in found}["status03"]
    assert codes["status03"] == run.exit_code == 3
    assert (run.state, run.group, run.tags) == ("failed", "g", ("a",))


def test_a_resumed_run_is_one_run(sdk_extras: tuple[Path, dict[str, int]]) -> None:
    """Law: two files with one id are one run in time order; it ended as the second did, and the repeat is said."""
    folder, codes = sdk_extras
    assert (codes["resumed1"], codes["resumed1/2"]) == (1, 0)
    _, found = fetch_all(OfflineSource(folder))
    (run,) = [one for one in found if one.id == "resumed1"]
    assert (run.state, run.exit_code) == ("finished", 0)
    assert run.history["epoch"].to_pylist() == [*range(1, 5), *range(1, EPOCHS + 1)]
    times = run.history["_timestamp"].to_pylist()
    assert times == sorted(times)
    assert "ValueError: expected 10 labels, got 12" in run.log_tail
    assert run.log_tail[-1] == "training complete"
    assert any("resumed: 2 files" in problem for problem in run.problems)
