"""Several processes on one archive, and processes that are killed.

A kill leaves the operating system running, so these tests show that the order of writes is right, not that the
disk keeps what was flushed to it.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.store import Archive, sweep_key

from .helpers import SWEEP, MemorySource, assert_same_runs, make_run
from .writer import compact_often, harvest_loudly

KEY = sweep_key(SWEEP)
RUNS = 16
KILLS = 50
ARCHIVES = 5


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start in milliseconds, each forked from one server that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.archive.writer"])
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
    whole = _seconds_of_a_harvest(processes, tmp_path)
    cut_off = 0
    for number in range(ARCHIVES):
        root, told = tmp_path / f"root{number}", tmp_path / f"told{number}"
        for version in range(1, KILLS // ARCHIVES + 1):
            worker = processes.Process(target=harvest_loudly, args=(root, told, range(RUNS), version, 0.003))
            worker.start()
            time.sleep(dice.uniform(0.0, whole))
            worker.kill()
            worker.join()
            cut_off += worker.exitcode == -9
            _assert_good(Archive(root), told, version)
        archive = Archive(root)
        last = [make_run(run, version=KILLS) for run in range(RUNS)]
        harvest(MemorySource(last), archive)
        assert_same_runs(archive.load(KEY)[1], last)
        archive.prune(older_than=0)
        assert archive.check(read_data=True) == []
    assert cut_off > KILLS / 2, "most harvests were killed before they had ended"


def _seconds_of_a_harvest(processes: ForkServerContext, tmp_path: Path) -> float:
    args = (tmp_path / "clock", tmp_path / "told", range(RUNS), 1, 0.003)
    for _ in range(2):  # the first one also starts the server
        start = time.monotonic()
        worker = processes.Process(target=harvest_loudly, args=args)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        args = (tmp_path / "clock", tmp_path / "told", range(RUNS), 2, 0.003)
    return time.monotonic() - start


def _assert_good(archive: Archive, told: Path, version: int) -> None:
    """Readable, nothing damaged, each run once and whole, and at least as new as was acknowledged."""
    assert [problem for problem in archive.check(read_data=True) if not problem.harmless] == []
    acknowledged: dict[str, int] = {}
    for line in told.read_text().splitlines() if told.exists() else []:
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
