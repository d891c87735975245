"""How fast a site is built: 200 simulated sweeps in an archive, beside as many single reports: ``make bench-site``.

Times the whole build, the build again with nothing changed, and with one sweep changed; then the same sweeps as single
reports, one after another, as ``aftersweep report`` makes them but in one process that has loaded everything (as
commands of their own each would load it again). Beside the seconds on the clock stand those of the processors: on a
machine that others use, half of the latter is what two free cores would take. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reports.site.archived import Told, put

WORLDS = ("nothing, Hyperband", "bad host", "one of 5, Hyperband", "unequal metric", "NaN at the end")
PROJECTS = 5


def sweeps(count: int, runs: int) -> list[Told]:
    """Sweeps of five projects, from ``runs`` - 15 to ``runs`` + 15 runs, no two of them alike."""
    return [
        Told(
            id=f"{k:08x}",
            project=f"project-{k % PROJECTS}",
            name=f"search {k}",
            world=WORLDS[k // PROJECTS % len(WORLDS)],
            runs=runs - 15 + 10 * (k % 4),
            seed=k,
            day=float(k),
        )
        for k in range(count)
    ]


class Clock:
    """Seconds on the clock, and of the processors, of what is done inside."""

    def __enter__(self) -> Clock:
        self.began, self.before = time.perf_counter(), self._processors()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.began
        self.processors = self._processors() - self.before

    @staticmethod
    def _processors() -> float:
        of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in of)

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s on the clock, {self.processors:8.1f} s of processors"


def command(archive: Path, folder: Path, jobs: Sequence[str]) -> Clock:
    """``aftersweep site build``, its start and its imports included."""
    words = [sys.executable, "-m", "aftersweep", "site", "build", "-q", "-o", str(folder), "--archive", str(archive)]
    with Clock() as clock:
        subprocess.run([*words, *jobs], check=True)
    return clock


def reports(archive: Path, folder: Path, most: int) -> Clock:
    """Single reports, one after another."""
    from aftersweep.analysis.archive.store import Archive
    from aftersweep.analysis.postmortem import post_mortem
    from aftersweep.analysis.tidy import tidy
    from aftersweep.reports.render import to_html

    opened = Archive(archive)
    keys = opened.keys()[:most]
    folder.mkdir()
    with Clock() as clock:
        for key in keys:
            page = to_html(post_mortem(tidy(*opened.load(key))), "0", 0.0)
            (folder / f"{key}.html").write_text(page, encoding="utf-8")
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=35, help="runs of a sweep, in the mean")
    parser.add_argument("--jobs", help="processes of the build; default: one a core")
    parser.add_argument("--reports", type=int, help="single reports to time; default: all")
    asked = parser.parse_args()
    jobs = ["--jobs", asked.jobs] if asked.jobs else []
    with tempfile.TemporaryDirectory(prefix="bench-site-") as name:
        work = Path(name)
        told = sweeps(asked.sweeps, asked.runs)
        put(work / "archive", *told)
        print(f"{len(told)} sweeps of {min(t.runs for t in told)} to {max(t.runs for t in told)} runs", flush=True)
        whole = command(work / "archive", work / "public", jobs)
        size = sum(path.stat().st_size for path in (work / "public").rglob("*") if path.is_file())
        print(f"whole build        {whole}, {size / 1e6:.0f} MB", flush=True)
        print(f"nothing changed    {command(work / 'archive', work / 'public', jobs)}", flush=True)
        put(work / "archive", replace(told[0], runs=told[0].runs + 1))
        print(f"one sweep changed  {command(work / 'archive', work / 'public', jobs)}", flush=True)
        shutil.rmtree(work / "public")
        count = min(asked.reports or len(told), len(told))
        single = reports(work / "archive", work / "single", count)
        print(f"{count:3} single reports {single}")
        share = whole.seconds / len(told) * count / single.seconds
        print(f"the site takes {share:.2f} of the time of as many single reports")


if __name__ == "__main__":
    main()
