"""``report --watch``: the page follows the sweep, is whole at every moment, and stops with it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wandb

from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.errors import ForbiddenError, NetworkError
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.resolve import Request
from aftersweep.analysis.tidy import Options
from aftersweep.reports import watch as module
from aftersweep.reports.formats import choose
from aftersweep.reports.job import Job
from aftersweep.reports.watch import GOING, QUIET_S, Watch, has_ended

from ..factories import START, make_run, make_sweep
from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from ..sources.serving import isolate
from ..sources.wandb_writer import exit_record, history_record, run_folder, run_record, write_records
from .test_cli import ENVIRONMENT, refused, run

REFRESH = '<meta http-equiv="refresh" content="60">'
Steps = list[Callable[[], object]]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    wandb.teardown()  # the client keeps the settings that it once read


class Days:
    """Sleep and clock of a test: each sleep does the next step, and nobody waits."""

    def __init__(self, steps: Steps) -> None:
        self.steps, self.slept, self.later = steps, list[float](), 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.steps.pop(0)()

    def clock(self) -> float:
        return time.time() + self.later

    def pass_by(self, seconds: float) -> None:
        self.later += seconds


def interrupt() -> None:
    raise KeyboardInterrupt


def watched(word: str, days: Days, tmp_path: Path, **options: Any) -> Watch:
    job = Job(requests=[Request(word=word, all_runs=options.pop("all_runs", False))], options=Options())
    wanted = choose(options.pop("format", None), False, options.pop("output", tmp_path / "page.html"))
    archive = Archive(tmp_path / "archive")
    return Watch(job, archive, wanted, **{"sleep": days.sleep, "clock": days.clock, **options})


def log(folder: Path, run_id: str, epochs: int, *, ended: bool = False) -> None:
    """What an offline run has written after so many epochs."""
    start = time.time() - 250.0
    rows = [
        history_record({"_step": i, "_timestamp": start + 60.0 * i, "_runtime": 60.0 * i, "val/acc": 0.1 * i})
        for i in range(1, epochs + 1)
    ]
    first = run_record(run_id, {"lr": 0.1}, start=start)
    write_records(run_folder(folder, run_id), [first, *rows, *([exit_record(0)] if ended else [])])


def listed(path: Path) -> int:
    (count,) = re.findall(r"· (\d+) runs? ·", path.read_text())
    return int(count)


def test_a_folder_that_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: every reading that found something new has its page and its line, one that did not has neither; the page
    loads itself again while the sweep may go on, and no more when it has ended."""
    folder, page = tmp_path / "wandb", tmp_path / "page.html"
    log(folder, "run1", 2)
    seen: list[tuple[int, bool, bool]] = []
    stamps: list[int] = []

    def look() -> None:
        text = page.read_text()
        seen.append((listed(page), REFRESH in text, "Provisional: " in text))
        stamps.append(page.stat().st_mtime_ns)

    def more() -> None:
        look()
        log(folder, "run1", 4, ended=True)
        log(folder, "run2", 1)

    def end() -> None:
        look()
        log(folder, "run2", 3, ended=True)

    days = Days([more, look, end, look, lambda: days.pass_by(2 * QUIET_S)])
    watched("wandb", days, tmp_path, all_runs=True).run()
    look()
    assert seen == [(1, True, True), (2, True, True), (2, True, True), (2, True, False), (2, False, False)]
    assert stamps[1] == stamps[2], "nothing was new, and the page was written again"
    assert days.slept == [60.0] * 5
    said = capsys.readouterr().err
    lines = re.findall(r"^\d\d:\d\d:\d\d (.*)$", said, re.MULTILINE)
    assert [re.findall(r"^(\d) runs?, (\d) running, (\d+) values", line)[0] for line in lines] == [
        ("1", "1", "2"),
        ("2", "1", "5"),
        ("2", "0", "7"),
    ]
    assert said.rstrip().endswith("the sweep has ended: the page stays as it is")
    assert sorted(path.name for path in tmp_path.glob("*page*")) == ["page.html"]


def test_a_server_whose_sweep_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law: it ends when the server says that the sweep has and no run runs, not when only one of them does; by its bare
    id too, which names an archived sweep after the first reading."""
    sweep, runs = example_sweep()
    with LoopbackServer(replace(sweep, state="RUNNING"), runs) as server:
        for name, value in (("BASE_URL", server.url), ("API_KEY", KEY), ("ENTITY", ENTITY), ("PROJECT", PROJECT)):
            monkeypatch.setenv(f"WANDB_{name}", value)

        def last_run_ends() -> None:
            server.runs = [*runs[:-1], replace(runs[-1], state="finished")]

        def sweep_ends() -> None:
            server.sweep = sweep

        days = Days([last_run_ends, sweep_ends])
        watched(SWEEP_ID, days, tmp_path, format="html,md,json", output=tmp_path / "page").run()
    assert len(days.slept) == 2
    assert REFRESH not in (tmp_path / "page.html").read_text()
    assert "1 of 8" not in (tmp_path / "page.md").read_text().split("##")[0]
    assert '"provisional": false' in (tmp_path / "page.json").read_text()
    assert "the sweep has ended" in capsys.readouterr().err


def test_without_an_answer_it_asks_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law: waits double up to ten minutes; one line says why; the page stays; then all goes on. Any other error ends
    the watch, and the page renews itself no more."""
    log(tmp_path / "wandb", "run1", 2)
    troubles: list[Exception] = [NetworkError("host: no answer.") for _ in range(5)]
    real = module.read_resolved

    def read(*words: Any, **options: Any) -> Any:
        if days.slept and troubles:
            raise troubles.pop(0)
        return real(*words, **options)

    monkeypatch.setattr(module, "read_resolved", read)
    page = tmp_path / "page.html"
    days = Days([lambda: None] * 6 + [lambda: troubles.append(ForbiddenError("the key opens it no more"))])
    with pytest.raises(ForbiddenError, match="no more"):
        watched("wandb", days, tmp_path, all_runs=True).run()
    assert days.slept == [60.0, 60.0, 120.0, 240.0, 480.0, 600.0, 60.0]
    assert capsys.readouterr().err.count("host: no answer. The page stays as it is meanwhile") == 1
    assert listed(page) == 1
    assert REFRESH not in page.read_text()


def test_what_the_first_reading_raises_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there at the start is an error of the request, not a trouble on the way."""
    log(tmp_path / "wandb", "run1", 1)

    def read(*_words: Any, **_options: Any) -> Any:
        raise NetworkError("no answer")

    monkeypatch.setattr(module, "read_resolved", read)
    with pytest.raises(NetworkError):
        watched("wandb", Days([]), tmp_path, all_runs=True).run()
    assert not (tmp_path / "page.html").exists()


def test_ctrl_c_leaves_a_whole_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: while it waits, Ctrl-C ends it without an error; the page is whole and loads itself no more."""
    log(tmp_path / "wandb", "run1", 2)
    watched("wandb", Days([interrupt]), tmp_path, all_runs=True).run()
    text = (tmp_path / "page.html").read_text()
    assert text.rstrip().endswith("</html>")
    assert REFRESH not in text
    assert "Provisional: " in text
    assert "no longer watched" in capsys.readouterr().err


def test_the_command_ends_well_by_ctrl_c(tmp_path: Path) -> None:
    """As a user does it: exit code 0, no traceback, nothing half-written beside the page."""
    log(tmp_path / "wandb", "run1", 2)
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "aftersweep", "report", "wandb", "--all-runs", "-o", "page.html", "--watch"]
    environment = {**ENVIRONMENT, "HOME": str(tmp_path), "AFTERSWEEP_HOME": str(tmp_path / "archive")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while "1 running" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert REFRESH in page.read_text()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        assert process.wait(timeout=60) == 0, said
    assert "Traceback" not in said
    assert REFRESH not in page.read_text()
    assert not list(tmp_path.glob(".aftersweep-*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("4yfw48ad", "--watch"), "'4yfw48ad' is a bundled sample, which does not change by itself"),
        (("sweep.csv", "--watch"), "is an export"),
        (("wandb", "--all-runs", "--watch", "--every", "9"), "--every 9: at least 10 seconds"),
        (("wandb", "--all-runs", "--watch", "--every", "nan"), "at least 10 seconds"),
        (("wandb", "--all-runs", "--every", "30"), "give --watch too"),
        (("wandb", "--all-runs", "--watch", "-o", "-"), "name a file"),
        (("nowhere", "--source", "archive", "--watch"), "no archived sweep 'nowhere'"),
    ],
)
def test_what_cannot_be_watched_is_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """One line that says why and what to do; nothing is written."""
    log(tmp_path / "wandb", "run1", 1)
    (tmp_path / "sweep.csv").write_text("Name,State,lr,val_loss\na,finished,0.1,0.5\n")
    assert said in refused(run("report", *words, cwd=tmp_path))
    assert not list(tmp_path.glob("*.html"))


def test_an_archived_copy_is_not_watched_when_it_is_asked_for(tmp_path: Path) -> None:
    """--source archive with --watch: what is archived does not change by itself."""
    (tmp_path / "sweep.csv").write_text("Name,State,lr,val_loss\na,finished,0.1,0.5\nb,finished,0.2,0.4\n")
    assert run("harvest", "sweep.csv", "-q", cwd=tmp_path).returncode == 0
    (name,) = [item.id for item in Archive(tmp_path / "archive").ls()]
    line = refused(run("report", name, "--source", "archive", "--watch", cwd=tmp_path))
    assert "is an archived sweep, which does not change" in line


def test_when_a_sweep_has_ended() -> None:
    """Law: never with a run that runs; a server's by its state, a folder's after five quiet minutes."""
    run_ended = START + 2 * 60.0 + 1.0

    def ended(now: float, runs: str, state: str | None, kind: str) -> bool:
        sweep = make_sweep([make_run("r", [0.1, 0.2], state=runs)], source_kind=kind)
        return has_ended(post_mortem(replace(sweep, state=state)), now)

    assert not ended(run_ended + 1e6, "running", "FINISHED", "server")
    assert not ended(run_ended + 1e6, "running", None, "offline")
    assert not any(ended(run_ended + 1e6, "finished", state, "server") for state in GOING)
    assert all(ended(run_ended, "finished", state, "server") for state in ("FINISHED", "CANCELED", "STOPPED", None))
    assert not ended(run_ended + QUIET_S - 1, "finished", None, "offline")
    assert ended(run_ended + QUIET_S + 1, "finished", None, "offline")
