"""The archive as its users see it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aftersweep.analysis.archive.batches import mergeable
from aftersweep.analysis.archive.files import Folder
from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.log import Log, manifest_name
from aftersweep.analysis.archive.manifest import Cursor
from aftersweep.analysis.archive.source import ArchiveSource
from aftersweep.analysis.archive.store import Archive, Fetched, default_root, sweep_key
from aftersweep.analysis.errors import ArchiveError, DamagedArchiveError, NewerArchiveError, UnknownSweepError
from aftersweep.analysis.sources.base import RawRun, RawSweep, RunStub, SourceInfo
from tests.sources.conformance import assert_conforms
from tests.sources.example import example_sweep

from .helpers import SWEEP, MemorySource, assert_same_runs, flip, make_run

RUNS = [make_run(number) for number in range(6)]
KEY = sweep_key(SWEEP)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Six runs in three batches."""
    archive = Archive(tmp_path)
    harvest(MemorySource(RUNS), archive, batch_runs=2)
    return archive


def named(entity: str | None, project: str | None, sweep_id: str, target: str = "t") -> RawSweep:
    return RawSweep(id=sweep_id, entity=entity, project=project, source=SourceInfo(kind="export", target=target))


def data_files(archive: Archive) -> list[Path]:
    return sorted((archive.root / "sweeps" / KEY / "data").iterdir())


def test_the_archive_is_a_source_like_any_other(tmp_path: Path) -> None:
    """Law: a sweep read from the archive equals the sweep that was harvested."""
    sweep, runs = example_sweep()
    key = harvest(MemorySource(runs, sweep), Archive(tmp_path)).key
    assert_conforms(ArchiveSource(Archive(tmp_path), key), sweep, runs, time_tolerance_s=0.0)
    assert_same_runs(Archive(tmp_path).load(key)[1], runs)


def test_the_digest_changes_with_the_sweep(archive: Archive) -> None:
    """Law: equal while nothing changes, whoever asks; another one after a commit."""
    before = archive.digest(KEY)
    assert before == Archive(archive.root).digest(KEY) != ""
    harvest(MemorySource(RUNS), archive)
    assert archive.digest(KEY) == before
    harvest(MemorySource([*RUNS, make_run(6)]), archive)
    assert archive.digest(KEY) != before


def test_where_a_sweep_came_from_is_kept(tmp_path: Path) -> None:
    """Law: notices and claims survive, the kind becomes ``archive`` and the first kind is remembered."""
    source = SourceInfo(kind="sample", target="4yfw48ad", notices=("A reconstruction.",), claims=({"text": "x"},))
    archive = Archive(tmp_path)
    key = harvest(MemorySource(RUNS, replace(SWEEP, source=source)), archive).key
    got = ArchiveSource(archive, key, decided_by="you said so").sweep().source
    assert (got.kind, got.original_kind, got.decided_by) == ("archive", "sample", "you said so")
    assert (got.notices, got.claims) == (source.notices, source.claims)
    assert "4yfw48ad" in got.target
    assert archive.ls()[0].source_kind == "sample"


def test_ls_and_find(archive: Archive) -> None:
    """Law: a sweep is found by its id, its three parts or its key, and by nothing else."""
    harvest(MemorySource(RUNS[:1], named("Lab", "vision", "sw33p")), archive)
    first, second = archive.ls()
    assert (first.label, first.runs, first.complete) == ("Lab/vision/sw33p", 1, True)
    assert (second.label, second.runs, second.source_kind) == ("lab/vision/sw33p", 6, "server")
    assert second.bytes == sum(path.stat().st_size for path in data_files(archive))
    assert [item.key for item in archive.find("sw33p")] == [first.key, second.key]
    assert [item.key for item in archive.find("lab/vision/sw33p")] == [KEY]
    assert [item.key for item in archive.find(KEY)] == [KEY]
    assert archive.find("sw33") == archive.find("vision/sw33p") == archive.find("") == []


def test_a_folder_that_does_not_exist_is_an_empty_archive(tmp_path: Path) -> None:
    """Law: reading makes nothing."""
    archive = Archive(tmp_path / "none")
    assert (archive.ls(), archive.find("x"), archive.check(), archive.prune()) == ([], [], [], [])
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("e", "p", "abc"), ("e", "p", "ABC")),
        (("e", "p", "caf\u00e9"), ("e", "p", "cafe\u0301")),
        (("e", "p", "a"), ("e", "p", "\u0430")),
        (("e/p", None, "x"), ("e", "p", "x")),
        (("e", "p", "../../etc"), ("e", "p", "..//../etc")),
        (("e", "p", "x" * 5000 + "1"), ("e", "p", "x" * 5000 + "2")),
        (("e", "p", "con"), ("e", "p", "con.")),
        (("e", "p", "\ud800"), ("e", "p", "\udfff")),
    ],
)
def test_look_alikes_have_folders_of_their_own(
    tmp_path: Path, one: tuple[str, str | None, str], other: tuple[str, str | None, str]
) -> None:
    """Law: different sweeps never share a folder, also where case does not count, and no id leaves the archive."""
    archive = Archive(tmp_path / "root")
    for number, parts in enumerate((one, other)):
        harvest(MemorySource([make_run(number)], named(*parts)), archive)
    folders = [path.name for path in (tmp_path / "root" / "sweeps").iterdir()]
    assert len({name.casefold() for name in folders}) == 2
    assert all(name.isascii() and len(name) < 80 and "/" not in name for name in folders)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    for number, parts in enumerate((one, other)):
        assert [run.id for run in archive.load(sweep_key(named(*parts)))[1]] == [f"run{number:03d}"]


def test_nameless_exports_are_told_apart_by_place() -> None:
    """Law: sweeps without entity and project are one only if they were read at one place."""
    assert sweep_key(named(None, None, "runs", "a.csv")) != sweep_key(named(None, None, "runs", "b.csv"))
    assert sweep_key(named("e", "p", "runs", "a.csv")) == sweep_key(named("e", "p", "runs", "b.csv"))


@pytest.mark.parametrize("key", ["", "..", "../x", "/etc", "unknown", "x-" + "0" * 32])
def test_a_key_is_never_a_path(archive: Archive, key: str) -> None:
    """Law: what is not the key of an archived sweep is refused, and nothing outside is touched."""
    for use in (archive.load, archive.rm, archive.prune, archive.compact):
        with pytest.raises(UnknownSweepError, match=r"no sweep '.*' in the archive"):
            use(key)
    assert len(archive.ls()) == 1


def test_rm_removes_one_sweep(archive: Archive) -> None:
    """Law: rm takes the sweep away whole and leaves the others; it can be harvested anew."""
    other = named("e", "p", "other")
    harvest(MemorySource(RUNS[:1], other), archive)
    archive.rm(KEY)
    assert [item.id for item in archive.ls()] == ["other"]
    assert harvest(MemorySource(RUNS), archive).fetched == 6


def test_a_younger_reading_is_not_replaced_by_an_older_one(archive: Archive) -> None:
    """Law: whoever commits last, the run that was read last stands."""
    old = Fetched(stub=RunStub(id="run000", fingerprint="old", final=True), run=make_run(0, version=5))
    assert not archive.commit(SWEEP, [old], cursor=Cursor(listed=6, complete=False, read_at=1.0))
    assert_same_runs(archive.load(KEY)[1], RUNS)


def test_compaction_changes_nothing_that_can_be_read(archive: Archive) -> None:
    """Law: before and after compaction the same runs are read; prune then removes the merged files."""
    changed = [make_run(0, version=1), *RUNS[1:]]
    harvest(MemorySource(changed), archive, batch_runs=2)
    before = archive.ls()
    assert archive.compact(KEY) >= 3
    state = Log(Folder(archive.root / "sweeps" / KEY / "manifests")).refresh()
    assert (len(state.batches), mergeable(state)) == (1, [])
    assert archive.compact(KEY) == 0
    for opened in (archive, Archive(archive.root)):
        assert_same_runs(opened.load(KEY)[1], changed)
    assert archive.prune(older_than=0)
    assert len(data_files(archive)) == 3
    assert archive.check(read_data=True) == []
    assert_same_runs(Archive(archive.root).load(KEY)[1], changed)
    assert [replace(item, bytes=0) for item in archive.ls()] == [replace(item, bytes=0) for item in before]


def test_a_reader_survives_compaction_and_prune(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a reader whose files are merged and pruned under it reads the merged ones."""
    writer = Archive(archive.root)
    real, calls = archive.data, []

    def data(key: str) -> object:
        if not calls:
            calls.append(key)
            writer.compact(key)
            writer.prune(key, older_than=0)
        return real(key)

    archive.stubs(KEY)
    monkeypatch.setattr(archive, "data", data)
    assert_same_runs(archive.runs(KEY), RUNS)
    assert calls == [KEY]


def test_prune_removes_only_what_no_manifest_names(archive: Archive) -> None:
    """Law: prune takes old loose files and unfinished ones, and no other; young ones stay."""
    kept = data_files(archive)
    folder = kept[0].parent
    loose = [folder / f"{'0' * 64}.parquet", folder / ".tmp-x", folder.parent / "manifests" / ".tmp-y"]
    for path in loose:
        path.write_bytes(b"x")
    os.utime(loose[0], (1.0, 1.0))
    assert sorted(p.kind for p in archive.check()) == ["temporary", "temporary", "unreferenced"]
    assert all(problem.harmless for problem in archive.check())
    assert archive.prune() == loose[:1]
    assert archive.prune(KEY, older_than=0) == loose[1:]
    assert data_files(archive) == kept
    assert_same_runs(archive.load(KEY)[1], RUNS)


def test_a_flipped_bit_is_found(archive: Archive) -> None:
    """Law: a changed data file is never read as runs, and ``check`` says which it is and what to do."""
    for path in data_files(archive):
        flip(path, path.stat().st_size // 2)
        assert archive.check() == [], "without reading, the size is all there is to see"
        [problem] = archive.check(read_data=True)
        assert (problem.kind, problem.path, problem.harmless) == ("damaged", path, False)
        with pytest.raises(DamagedArchiveError, match=path.name):
            Archive(archive.root).load(KEY)
        flip(path, path.stat().st_size // 2)
    assert archive.check(read_data=True) == []


def test_lost_files_are_found_and_fetched_again(archive: Archive) -> None:
    """Law: the runs of a missing or shortened file are fetched by the next harvest, and only those."""
    first, second, *_ = data_files(archive)
    first.unlink()
    second.write_bytes(b"short")
    assert {(p.kind, p.path) for p in archive.check()} == {("missing", first), ("damaged", second)}
    source = MemorySource(RUNS)
    harvest(source, archive)
    assert 2 <= len(source.fetched) <= 4
    assert [p for p in archive.check(read_data=True) if not p.harmless] == []
    assert_same_runs(archive.load(KEY)[1], RUNS)


def test_a_damaged_manifest_is_one_clear_line(archive: Archive) -> None:
    """Law: a damaged sweep is listed with its problem, cannot be read, and does not hide the others."""
    harvest(MemorySource(RUNS[:1], named("e", "p", "other")), archive)
    path = archive.root / "sweeps" / KEY / "manifests" / manifest_name(2)
    path.write_bytes(path.read_bytes()[:100])
    opened = Archive(archive.root)
    assert [(item.id, item.problem is None) for item in opened.ls()] == [("other", True), ("sw33p", False)]
    for read in (lambda: opened.load(KEY), lambda: opened.find("lab/vision/sw33p"), lambda: opened.prune(KEY)):
        with pytest.raises(DamagedArchiveError, match=r"0002.json' is damaged: it is cut off or altered"):
            read()
    assert [(p.kind, p.path) for p in opened.check()] == [("manifest", path)]
    assert opened.find("other")[0].runs == 1


def test_a_newer_archive_is_refused(archive: Archive) -> None:
    """Law: what a later version wrote is named as such by every way in, and never changed."""
    path = archive.root / "sweeps" / KEY / "manifests" / manifest_name(5)
    path.write_bytes(b'{"format_version":2}\n')
    opened = Archive(archive.root)
    for use in (
        lambda: opened.load(KEY),
        lambda: opened.find("sw33p"),
        lambda: opened.prune(KEY),
        lambda: opened.compact(KEY),
        lambda: harvest(MemorySource(RUNS), opened),
    ):
        with pytest.raises(NewerArchiveError, match="written by a later version of aftersweep"):
            use()
    assert [p.kind for p in opened.check()] == ["newer"]


def test_a_full_disk_leaves_a_good_archive(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where the disk is full at any write of a harvest, the archive stays as it was or gains whole batches."""
    changed = [make_run(number, version=1) for number in range(6)]
    real = os.fsync
    for room in range(20):
        left = [room]

        def fsync(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(ArchiveError, match="No space left on device; free some space"):
            harvest(MemorySource([replace(run, notes=str(room)) for run in changed]), archive, batch_runs=2)
        monkeypatch.setattr(os, "fsync", real)
        opened = Archive(archive.root)
        assert [run.id for run in opened.load(KEY)[1]] == [run.id for run in RUNS]
        assert [p for p in opened.check(read_data=True) if not p.harmless] == []
    harvest(MemorySource(changed), archive)
    assert_same_runs(archive.load(KEY)[1], changed)


def test_the_root_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Law: AFTERSWEEP_HOME decides; without it the platform's data folder does."""
    monkeypatch.setenv("AFTERSWEEP_HOME", str(tmp_path))
    assert default_root() == Archive().root == tmp_path
    monkeypatch.delenv("AFTERSWEEP_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root().is_relative_to(tmp_path)
    assert default_root().name == "aftersweep"


def test_runs_are_in_the_sources_order(tmp_path: Path) -> None:
    """Law: oldest first; runs without a time stand as the source listed them."""
    runs: list[RawRun] = [make_run(n, created_at=None) for n in (3, 1, 2)]
    archive = Archive(tmp_path)
    key = harvest(MemorySource(runs), archive, batch_runs=1).key
    archive.compact(key)
    assert [run.id for run in Archive(tmp_path).load(key)[1]] == ["run003", "run001", "run002"]
