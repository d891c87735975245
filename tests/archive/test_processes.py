"""Several processes on one archive, and processes that are killed.

A kill leaves the operating system running, so these tests show that the order of writes is right, not that the
disk keeps what was flushed to it.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.store import Archive, sweep_key

from .helpers import SWEEP, MemorySource, assert_same_runs, make_run
from .writer import compact_often, harvest_loudly, harvest_until

KEY = sweep_key(SWEEP)
RUNS = 16
KILLS = 50
ARCHIVES = 5


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start in milliseconds, each forked from one server that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pandas", "tests.archive.writer"])  # pyarrow imports pandas when it may
    return context


def test_two_writers_lose_nothing(processes: ForkServerContext, tmp_path: Path) -> None:
    """Law: two harvests and a compaction of one sweep at one time leave every run of both, once."""
    root, told = tmp_path / "root", tmp_path / "told"
    halves = (list(range(0, 24)), list(range(16, 40)))
    workers = [processes.Process(target=harvest_loudly, args=(root, told, half, 0, 0.002)) for half in halves]
    workers.append(processes.Process(target=compact_often, args=(root, KEY, 30)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    archive = Archive(root)
    runs = archive.runs(KEY)
    unmarked = [make_run(number) for number in range(40)]
    assert [run.id for run in runs] == [run.id for run in unmarked]
    assert [run.summary for run in runs] == [run.summary for run in unmarked]
    assert [problem for problem in archive.check(read_data=True) if not problem.harmless] == []
    harvest(MemorySource(unmarked), archive)
    assert_same_runs(archive.runs(KEY), unmarked)


@pytest.mark.slow
def test_killed_harvests_leave_a_good_archive(processes: ForkServerContext, tmp_path: Path) -> None:
    """Law: kill -9 at any moment of a harvest leaves an archive that can be read, with no run twice and none lost
    whose commit had returned; the next harvest completes it."""
    dice = random.Random(20240501)
    whole = max(_killed_after(processes, tmp_path / "clock", version, None)[1] for version in (1, 2))
    for number in range(ARCHIVES):
        root = tmp_path / f"root{number}"
        kills = version = 0
        while kills < KILLS // ARCHIVES:  # a harvest that ended before its kill does not count
            version += 1
            killed, _ = _killed_after(processes, root, version, dice.uniform(0.0, whole))
            kills += killed
            _assert_good(root, version)
        _assert_completed(root)


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_a_kill_before_each_step(processes: ForkServerContext, tmp_path: Path, first: bool) -> None:
    """Law: the same for a kill before each single change that a harvest makes to the file system, compaction
    included, whether it is the sweep's first harvest or a later one."""
    before = tmp_path / "before"
    before.mkdir()
    if not first:
        harvest(MemorySource([make_run(run) for run in range(4)]), Archive(before), batch_runs=2)
    step, ended = 0, False
    while not ended:
        root = tmp_path / f"root{step}"
        shutil.copytree(before, root)
        worker = processes.Process(target=harvest_until, args=(root, _told(root), range(4), 1, step))
        worker.start()
        worker.join()
        ended = worker.exitcode == 0
        _assert_good(root, 1)
        if step % 8 == 0:
            _assert_completed(root)
        step += 1
    assert step > 40


def _told(root: Path) -> Path:
    return root.with_suffix(".told")


def _killed_after(processes: ForkServerContext, root: Path, version: int, seconds: float | None) -> tuple[bool, float]:
    """A harvest killed so many seconds after its beginning: whether the kill came before its end, and its seconds."""
    receiver, sender = processes.Pipe(duplex=False)
    worker = processes.Process(target=harvest_loudly, args=(root, _told(root), range(RUNS), version, 0.003, sender))
    worker.start()
    assert receiver.poll(60)
    start = time.monotonic()
    worker.join(seconds)
    worker.kill()
    worker.join()
    for end in (receiver, sender):
        end.close()
    assert worker.exitcode in (0, -9)
    return worker.exitcode == -9, time.monotonic() - start


def _assert_good(root: Path, version: int) -> None:
    """Readable, nothing damaged, each run once and whole, and at least as new as was acknowledged."""
    archive = Archive(root)
    assert [problem for problem in archive.check(read_data=True) if not problem.harmless] == []
    acknowledged: dict[str, int] = {}
    for line in _told(root).read_text().splitlines() if _told(root).exists() else []:
        run_id, number = line.split()
        acknowledged[run_id] = max(int(number), acknowledged.get(run_id, 0))
    runs = archive.load(KEY)[1] if archive.ls() else []
    found = {run.id: run for run in runs}
    assert len(found) == len(runs)
    assert acknowledged.keys() <= found.keys()
    for run_id, run in found.items():
        number = int(run.summary["version"])
        assert acknowledged.get(run_id, 0) <= number <= version
        assert_same_runs([run], [make_run(int(run_id.removeprefix("run")), version=number)])


def _assert_completed(root: Path) -> None:
    """The next harvest completes the archive, and prune leaves nothing but what it needs."""
    archive = Archive(root)
    last = [make_run(run, version=10_000) for run in range(RUNS)]
    harvest(MemorySource(last), archive)
    sweep, runs = archive.load(KEY)
    assert sweep.problems == ()
    assert_same_runs(runs, last)
    archive.prune(older_than=0)
    assert archive.check(read_data=True) == []
