"""Manifests: numbered, exclusive, chained, with checkpoints; damaged and newer ones are told apart."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from aftersweep.analysis.archive.files import Folder, StoredFile
from aftersweep.analysis.archive.log import Log, manifest_name
from aftersweep.analysis.archive.manifest import Batch, Cursor, Delta, State, StoredRun, read_manifest, write_manifest
from aftersweep.analysis.errors import ArchiveError, DamagedArchiveError, NewerArchiveError

from .helpers import SWEEP, flip


def make_batch(name: str, *run_ids: str, read_at: float = 0.0) -> Batch:
    file = StoredFile(sha256=name, bytes=10, rows=len(run_ids))
    run = StoredRun(content=name, fingerprint="f", final=True, read_at=read_at, created_at=None, position=0)
    return Batch(files={"runs": file, "history": file, "system": file}, runs=dict.fromkeys(run_ids, run))


def make_log(path: Path, commits: int) -> Log:
    log = Log(Folder(path))
    log.folder.make()
    for number in range(commits):
        log.publish(lambda _, n=number: Delta(sweep=SWEEP, add=(make_batch(f"b{n}", f"r{n}", f"r{n + 1}"),)))
    return log


def seen(state: State) -> tuple[object, ...]:
    return state.version, state.digest, state.sweep, state.batches, state.live, state.vanished, state.cursor


def test_a_manifest_reads_back_equal() -> None:
    """Law: read(write(delta)) is the delta."""
    delta = Delta(
        sweep=replace(SWEEP, config=None),
        add=(make_batch("b", "r1", "é\ud800"),),
        remove=("old",),
        vanished={"r1": 3.5, "r2": None},
        cursor=Cursor(listed=2, complete=True, read_at=1.5),
    )
    manifest = read_manifest(write_manifest(delta, 7, "parent", 0.0), "x")
    assert (manifest.delta, manifest.version, manifest.parent) == (delta, 7, "parent")


@pytest.mark.parametrize("commits", [1, 9, 10, 35])
def test_a_checkpoint_says_what_the_manifests_say(tmp_path: Path, commits: int) -> None:
    """Law: the state read from the start, from a checkpoint, and kept while writing, is one state."""
    written = make_log(tmp_path, commits).refresh()
    checkpoints = list(tmp_path.glob("*.checkpoint.json"))
    assert bool(checkpoints) == (commits >= 10)
    assert seen(Log(Folder(tmp_path)).refresh()) == seen(written)
    for path in checkpoints:
        path.unlink()
    assert seen(Log(Folder(tmp_path)).refresh()) == seen(written)


def test_checkpoints_stay_in_proportion_to_the_list(tmp_path: Path) -> None:
    """Law: all checkpoints together hold at most a few times as many entries as the last one, not the square."""
    make_log(tmp_path, 300)
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.checkpoint.json"))]
    assert sum(sizes) < 4 * sizes[-1]


def test_a_damaged_checkpoint_is_done_without(tmp_path: Path) -> None:
    """Law: what a checkpoint held can be read from the manifests before it."""
    written = make_log(tmp_path, 12).refresh()
    flip(tmp_path / manifest_name(10, checkpoint=True), 300)
    assert seen(Log(Folder(tmp_path)).refresh()) == seen(written)


def test_the_loser_of_a_race_works_out_its_changes_anew(tmp_path: Path) -> None:
    """Law: of writers that start from one version none is lost, and each sees what was committed before it."""
    make_log(tmp_path, 1)
    barrier = threading.Barrier(4)
    versions: list[int] = []

    def write(number: int) -> None:
        log = Log(Folder(tmp_path))
        log.refresh()
        barrier.wait()

        def build(state: State) -> Delta:
            versions.append(state.version)
            return Delta(add=(make_batch(f"w{number}", f"w{number}"),))

        assert log.publish(build)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = Log(Folder(tmp_path)).refresh()
    assert state.version == 5
    assert {"w0", "w1", "w2", "w3"} <= set(state.live)
    assert {1, 2, 3, 4} <= set(versions)


def test_a_race_that_cannot_be_won_ends_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a writer that always loses gives up with one clear line."""
    log = make_log(tmp_path, 1)
    monkeypatch.setattr(Folder, "create", lambda *_: False)
    with pytest.raises(ArchiveError, match=r"other writers kept .* busy for 0 s; run the same command again"):
        log.publish(lambda _: Delta(vanished={"r0": 1.0}), deadline_s=0.05)


def test_every_change_of_a_manifest_is_seen(tmp_path: Path) -> None:
    """Law: a manifest with a changed bit, or cut short anywhere, is reported and never half believed."""
    make_log(tmp_path, 1)
    path = tmp_path / manifest_name(1)
    whole = path.read_bytes()
    dice = random.Random(3)
    for _ in range(200):
        flip(path, dice.randrange(len(whole)), dice.randrange(8))
        with pytest.raises((DamagedArchiveError, NewerArchiveError)):
            Log(Folder(tmp_path)).refresh()
        path.write_bytes(whole[: dice.randrange(len(whole) - 1)])
        with pytest.raises(DamagedArchiveError, match=r"the manifest '.*0001.json' is damaged: it is cut off"):
            Log(Folder(tmp_path)).refresh()
        path.write_bytes(whole)
    assert Log(Folder(tmp_path)).refresh().version == 1


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    """Law: a gap in the numbers is damage, not an older state."""
    make_log(tmp_path, 3)
    (tmp_path / manifest_name(2)).unlink()
    with pytest.raises(DamagedArchiveError, match=r"the manifest '.*0002.json' is missing"):
        Log(Folder(tmp_path)).refresh()


def test_histories_are_not_mixed(tmp_path: Path) -> None:
    """Law: a log that has seen one history notices that its place was taken by another."""
    log = make_log(tmp_path / "a", 2)
    make_log(tmp_path / "b", 1)
    other = Log(Folder(tmp_path / "b"))
    other.publish(lambda _: Delta(add=(make_batch("x", "x"),)))
    other.publish(lambda _: Delta(add=(make_batch("y", "y"),)))
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "b").rename(tmp_path / "a")
    assert set(log.refresh().live) == {"r0", "r1", "x", "y"}
    (tmp_path / "a" / manifest_name(2)).unlink()
    (tmp_path / "old" / manifest_name(2)).rename(tmp_path / "a" / manifest_name(2))
    with pytest.raises(DamagedArchiveError, match="does not follow the one before it"):
        Log(Folder(tmp_path / "a")).refresh()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Law: an archive from a later version is named as such, whatever else its manifest holds."""
    make_log(tmp_path, 1)
    path = tmp_path / manifest_name(1)
    content = json.loads(path.read_bytes().splitlines()[0])
    path.write_text(json.dumps({"format_version": content["format_version"] + 1, "all": "new"}))
    with pytest.raises(NewerArchiveError, match=r"has format 2, written by a later version of aftersweep.*upgrade"):
        Log(Folder(tmp_path)).refresh()


def test_newer_tables_are_refused(tmp_path: Path) -> None:
    """Law: so are tables that an older reader would misread."""
    log = make_log(tmp_path, 1)
    later = Delta(add=(replace(make_batch("n", "n"), schema_version=99),))
    log.folder.create(manifest_name(2), write_manifest(later, 2, log.refresh().digest, 0.0))
    with pytest.raises(NewerArchiveError, match="later version"):
        Log(Folder(tmp_path)).refresh()


def test_a_run_stands_in_the_batch_that_named_it_last() -> None:
    """Law: a batch that takes a run over leaves the others where they are; an emptied batch can go."""
    state = State()
    state.apply(Delta(add=(make_batch("a", "1", "2"), make_batch("b", "3"))), 1, "d1")
    assert state.emptied_by(["3"], "c") == ("b",)
    assert state.emptied_by(["3"], "b") == ()
    state.apply(Delta(add=(make_batch("c", "2", "3"),), remove=("b",)), 2, "d2")
    assert state.live == {"1": "a", "2": "c", "3": "c"}
    assert {name: set(batch.runs) for name, batch in state.batches.items()} == {"a": {"1"}, "c": {"2", "3"}}
    state.apply(Delta(add=(make_batch("a", "2"),)), 3, "d3")
    assert set(state.batches["a"].runs) == {"1", "2"}, "a batch of the same content is the same batch"
