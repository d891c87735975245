"""Harvesting: only what has changed, nothing lost on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aftersweep.analysis.archive import harvest as harvest_module
from aftersweep.analysis.archive import upkeep
from aftersweep.analysis.archive.files import Folder
from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.manifest import Batch, Delta, State, StoredRun
from aftersweep.analysis.archive.source import ArchiveSource
from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.errors import ArchiveError, NetworkError
from aftersweep.analysis.sources.base import RawRun, SourceInfo

from .helpers import SWEEP, MemorySource, assert_same_runs, make_run

RUNS = [make_run(number) for number in range(7)]


class BreakingSource(MemorySource):
    """Raises ``error`` after ``after`` runs."""

    def __init__(self, runs: Sequence[RawRun], after: int, error: BaseException) -> None:
        super().__init__(runs)
        self.after, self.error = after, error

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        yield from super().fetch(ids[: self.after])
        raise self.error


def test_a_harvest_is_idempotent(tmp_path: Path) -> None:
    """Law: harvesting what has not changed reads no run, writes nothing and changes nothing."""
    archive = Archive(tmp_path)
    first = harvest(MemorySource(RUNS), archive, batch_runs=3)
    assert (first.fetched, first.unchanged, first.vanished, first.total, first.commits) == (7, 0, 0, 7, 4)
    files = sorted(tmp_path.rglob("*"))
    source = MemorySource(RUNS)
    again = harvest(source, Archive(tmp_path))
    assert (again.fetched, again.unchanged, again.vanished, again.total, again.commits) == (0, 7, 0, 7, 0)
    assert source.fetched == []
    assert sorted(tmp_path.rglob("*")) == files
    assert_same_runs(archive.load(first.key)[1], RUNS)


def test_only_changed_new_and_running_runs_are_fetched(tmp_path: Path) -> None:
    """Law: a run is fetched if its fingerprint changed, it is new, or it was not final; and no other is."""
    runs = [*RUNS[:3], make_run(3, state="running"), *RUNS[4:6]]
    archive = Archive(tmp_path)
    harvest(MemorySource(runs), archive)
    runs[1] = make_run(1, version=2)
    runs.append(RUNS[6])
    source = MemorySource(runs)
    result = harvest(source, archive)
    assert source.fetched == ["run001", "run003", "run006"]
    assert (result.fetched, result.unchanged) == (3, 4)
    assert_same_runs(archive.load(result.key)[1], runs)


def test_a_running_run_is_never_final(tmp_path: Path) -> None:
    """Law: an unchanged running run is looked at each time, and costs no commit."""
    source = MemorySource([make_run(0, state="running")])
    archive = Archive(tmp_path)
    assert [harvest(source, archive).commits for _ in range(3)] == [2, 0, 0]
    assert source.fetched == ["run000"] * 3


def test_runs_that_vanish_are_kept_and_say_so(tmp_path: Path) -> None:
    """Law: a run that its source deleted stays in the archive, marked; if it comes back the mark goes."""
    archive = Archive(tmp_path)
    harvest(MemorySource(RUNS), archive)
    less = harvest(MemorySource(RUNS[1:]), archive)
    assert (less.vanished, less.total, less.commits) == (1, 6, 1)
    gone, *others = archive.load(less.key)[1]
    assert_same_runs([replace(gone, problems=()), *others], RUNS)
    assert "no longer at its source since" in gone.problems[0]
    assert archive.ls()[0].vanished == 1
    assert harvest(MemorySource(RUNS[1:]), archive).commits == 0
    back = MemorySource(RUNS)
    assert harvest(back, archive).vanished == 0
    assert back.fetched == []
    assert_same_runs(archive.load(less.key)[1], RUNS)


def test_a_run_that_vanishes_while_we_read_is_kept(tmp_path: Path) -> None:
    """Law: a run that was listed and then gone keeps its archived content, marked; a new one is simply not there."""
    archive = Archive(tmp_path)
    harvest(MemorySource(RUNS[:2]), archive)
    source = MemorySource([make_run(0, version=1), RUNS[1], RUNS[2], RUNS[3]])
    source.vanish_on_fetch = {"run000", "run002"}
    result = harvest(source, archive)
    assert (result.fetched, result.vanished, result.total) == (1, 1, 4)
    sweep, runs = archive.load(result.key)
    assert [(run.id, bool(run.problems)) for run in runs] == [("run000", True), ("run001", False), ("run003", False)]
    assert runs[0].summary == {"version": 0}
    assert sweep.problems == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NetworkError("no answer")])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_what_came_before_an_interruption_is_kept(tmp_path: Path, error: BaseException, after: int) -> None:
    """Law: Ctrl-C and errors commit what has come and go on up; the next harvest fetches only the rest."""
    archive = Archive(tmp_path)
    with pytest.raises(type(error)):
        harvest(BreakingSource(RUNS, after, error), archive, batch_runs=3)
    found = archive.ls()
    assert [item.runs for item in found] == ([after] if after else [])
    if found:
        sweep, runs = Archive(tmp_path).load(found[0].key)
        assert_same_runs(runs, RUNS[:after])
        assert f"holds {after} runs of the 7 that the source listed" in sweep.problems[0]
        assert not found[0].complete
    source = MemorySource(RUNS)
    key = harvest(source, archive).key
    assert source.fetched == [run.id for run in RUNS[after:]]
    assert archive.load(key)[0].problems == ()
    assert_same_runs(archive.load(key)[1], RUNS)


def test_ctrl_c_in_the_middle_of_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: Ctrl-C while the state is being brought up to date loses nothing and doubles nothing."""
    archive = Archive(tmp_path)
    real, calls = State.apply, []

    def interrupted(self: State, delta: Delta, version: int, digest: str) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(self, delta, version, digest)

    monkeypatch.setattr(State, "apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        harvest(MemorySource(RUNS), archive, batch_runs=2)
    assert [item.runs for item in archive.ls()] == [4], "the interrupted commit stands, and so does what had come"
    harvest(MemorySource(RUNS), archive)
    assert_same_runs(archive.load(archive.ls()[0].key)[1], RUNS)


def test_batches_end_by_time(tmp_path: Path) -> None:
    """Law: a slow source is committed as it comes, whatever the size of a batch."""
    result = harvest(MemorySource(RUNS[:3], pause_s=0.02), Archive(tmp_path), batch_runs=50, batch_seconds=0.0)
    assert result.commits == 4


def test_batches_end_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: long histories do not pile up in memory."""
    monkeypatch.setattr(harvest_module, "BATCH_BYTES", 1)
    assert harvest(MemorySource(RUNS[:3]), Archive(tmp_path)).commits == 4


def test_small_batches_are_merged_on_the_way(tmp_path: Path) -> None:
    """Law: however many commits a harvest takes, few batches stand at its end."""
    runs = [make_run(number) for number in range(100)]
    archive = Archive(tmp_path)
    key = harvest(MemorySource(runs), archive, batch_runs=1).key
    archive.prune(key, older_than=0)
    assert len(archive.data(key).names()) <= 3 * harvest_module.COMPACT_AT
    assert_same_runs(archive.load(key)[1], runs)


def test_merging_costs_in_proportion_to_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a run is rewritten at most once for each size of batch, not once for every few commits."""
    written: list[int] = []
    real = upkeep.write_batch

    def counted(data: Folder, runs: Sequence[RawRun], entries: Mapping[str, StoredRun]) -> Batch:
        written.append(len(runs))
        return real(data, runs, entries)

    monkeypatch.setattr(upkeep, "write_batch", counted)
    monkeypatch.setattr(harvest_module, "COMPACT_AT", 4)
    harvest(MemorySource([make_run(number) for number in range(120)]), Archive(tmp_path), batch_runs=1)
    assert 100 <= sum(written) <= 3 * 120, "4, 16 and 64 runs in a batch"


def test_progress_is_told(tmp_path: Path) -> None:
    """Law: progress counts the runs to fetch, one by one, up to their number."""
    told: list[tuple[int, int | None]] = []
    harvest(MemorySource(RUNS), Archive(tmp_path), progress=lambda done, total, _: told.append((done, total)))
    assert told == [(n, 7) for n in range(1, 8)]


def test_a_sweep_without_runs_is_archived(tmp_path: Path) -> None:
    """Law: an empty sweep is a sweep."""
    archive = Archive(tmp_path)
    key = harvest(MemorySource([]), archive).key
    assert archive.load(key)[1] == []
    assert archive.ls()[0].complete


def test_the_sweep_itself_is_kept_up_to_date(tmp_path: Path) -> None:
    """Law: a changed name or configuration reaches the archive without any run being read."""
    archive = Archive(tmp_path)
    harvest(MemorySource(RUNS), archive)
    source = MemorySource(RUNS, replace(SWEEP, name="new", config={"lr": math.nan}))
    assert [harvest(source, archive).commits for _ in range(2)] == [1, 0]
    assert source.fetched == []
    assert archive.ls()[0].name == "new"


def test_sources_are_not_mixed(tmp_path: Path) -> None:
    """Law: what another kind of source says of the same sweep does not silently replace the archived runs."""
    archive = Archive(tmp_path)
    key = harvest(MemorySource(RUNS), archive).key
    offline = replace(SWEEP, source=SourceInfo(kind="offline", target="./wandb"))
    with pytest.raises(ArchiveError, match=r"lab/vision/sw33p is archived from the source 'server'.*'offline'"):
        harvest(MemorySource(RUNS[:1], offline), archive)
    assert len(archive.load(key)[1]) == 7


def test_an_archive_can_be_harvested(tmp_path: Path) -> None:
    """Law: a sweep copied from one archive into another equals the first and remembers where it came from."""
    first, second = Archive(tmp_path / "a"), Archive(tmp_path / "b")
    key = harvest(MemorySource(RUNS), first).key
    copied = harvest(ArchiveSource(first, key), second)
    assert copied.key == key
    assert_same_runs(second.load(key)[1], RUNS)
    assert second.load(key)[0].source.original_kind == "server"
