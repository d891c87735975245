"""What goes wrong around a sweep: disks, dead agents, shells in between, programs mended, folders of others."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.errors import FormatError, UsageError
from aftersweep.training.agent import journal as journals
from aftersweep.training.agent import trial as trials
from aftersweep.training.agent.journal import Journal, Trial
from aftersweep.training.agent.leftovers import end_leftovers
from aftersweep.training.agent.plan import alone
from aftersweep.training.agent.trial import HISTORY, LocalProcess, Rows, Task

from .sweeps_of import entries, run, write_sweep


def until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(out: Path) -> list[Path]:
    """Processes whose history lies under ``out``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{HISTORY}={out}".encode() in (folder / "environ").read_bytes():
                found.append(folder)
        except OSError:
            continue
    return found


def test_a_full_disk_ends_the_agent_before_a_trial_starts(tmp_path: Path) -> None:
    """One line that names the journal and the cause; no trial has begun."""
    out = tmp_path / "out"
    (out / "wandb").mkdir(parents=True)
    (out / "wandb" / "aftersweep-agent.jsonl").symlink_to("/dev/full")
    with pytest.raises(UsageError, match=r"aftersweep-agent.jsonl' cannot be written: No space left on device; once"):
        run(write_sweep(tmp_path, {"curve": {"value": "1"}}), out)
    assert not list((out / "logs").iterdir())


def test_a_disk_that_fills_later_leaves_no_trial_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent cannot write down the end of its first trial: the second one is ended too, and one line says why."""
    out, written, write = tmp_path / "out", [], journals.os.write

    def fill(handle: int, data: bytes) -> int:
        written.append(data)
        if len(written) <= 2:
            return write(handle, data)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journals.os, "write", fill)
    path = write_sweep(tmp_path, {"curve": {"value": "1"}, "end": {"values": [0, "wait"]}})
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        run(path, out, jobs=2)
    assert alive(out) == []
    assert len(written) > 2
    assert len((out / "wandb" / "aftersweep-agent.jsonl").read_bytes().splitlines()) == 2


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that the disk takes only in part leaves the journal as it was; so does a line that a kill cut off."""
    journal, path = Journal(tmp_path / "j"), tmp_path / "j"
    journal.write("s", Trial("one", 0, {}))
    before, write, calls = path.read_bytes(), os.write, []

    def half(handle: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[: len(data) // 2])

    with monkeypatch.context() as changed:
        changed.setattr(journals.os, "write", half)
        with pytest.raises(UsageError, match="No space left"):
            journal.write("s", Trial("two", 1, {}))
    assert path.read_bytes() == before
    with path.open("ab") as stream:
        stream.write(b'{"run_id": "cut')
    journal.close()
    journal = Journal(path)
    journal.write("s", Trial("three", 1, {}))
    journal.close()
    assert [json.loads(line)["run_id"] for line in path.read_text().splitlines()] == ["one", "three"]


def test_what_outlived_its_agent_is_ended(tmp_path: Path) -> None:
    """A process that does not listen to SIGTERM is killed after the grace, one of another sweep is left alone."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    mine, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    command = [sys.executable, "-c", deaf]
    with (
        subprocess.Popen(command, env={**os.environ, HISTORY: str(mine)}, stdout=subprocess.PIPE) as first,
        subprocess.Popen(command, env={**os.environ, HISTORY: str(other)}, stdout=subprocess.PIPE) as second,
    ):
        for one in (first, second):
            assert one.stdout is not None
            one.stdout.readline()
        assert end_leftovers([mine], grace_s=0.2) == 1
        assert first.wait(10) == -signal.SIGKILL
        assert second.poll() is None
        second.kill()
    assert end_leftovers([]) == 0


def test_a_shell_between_agent_and_program(tmp_path: Path) -> None:
    """kill -9 of the agent ends the shell that it started, and the next agent what the shell had started."""
    command = ["/bin/sh", "-c", '"$0" "$@"; true', "${interpreter}", "${program}", "${args}"]
    path = write_sweep(tmp_path, {"curve": {"value": "1"}, "end": {"value": "wait"}}, command=command)
    out = tmp_path / "out"
    words = [sys.executable, "-m", "aftersweep.training", "agent", str(path), "--out", str(out)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as child:
        until(lambda: len(list((out / "history").glob("*"))) == 1)
        child.kill()
    until(lambda: len(alive(out)) == 1)
    (lost,) = entries(out)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child:
        until(lambda: len(list((out / "history").glob("*"))) == 2)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "lost with their agent: 1, and 1 processes that were left of them were ended" in said
    assert alive(out) == []
    assert entries(out)[lost].stop_requested


def test_a_stop_waits_for_what_the_shell_started(tmp_path: Path) -> None:
    """The shell ends at SIGTERM at once; the trial has ended when its program has written its last row."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "history").mkdir()
    code = (
        "import os, signal, sys, time\n"
        f"path = os.environ['{HISTORY}']\n"
        "def end(*_):\n"
        "    time.sleep(0.5); open(path, 'a').write('{\"score\": 2.0}\\n'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open(path, 'a').write('{\"score\": 1.0}\\n')\n"
        "time.sleep(60)\n"
    )
    command = ("/bin/sh", "-c", '"$0" -c "$1"; true', sys.executable, code)
    process = LocalProcess(Task("r1", "s1", str(tmp_path), command, {}, str(tmp_path)))
    seen: list[float] = []
    until(lambda: seen.extend(process.values("score")) or seen)
    process.stop()
    until(process.ended)
    assert process.ended() == (None, signal.SIGTERM)
    assert [*seen, *process.values("score")] == [1.0, 2.0]


def test_a_log_keeps_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that prints without end: its log stays small and ends with what was printed last."""
    monkeypatch.setattr(trials, "LARGEST_LOG", 100_000)
    monkeypatch.setattr(trials, "KEPT_LOG", 1_000)
    for name in ("logs", "history"):
        (tmp_path / name).mkdir()
    code = (
        "import sys, time\nfor n in range(60):\n  print(f'{n:05d} ' * 2000, flush=True); time.sleep(0.01)\nprint('end')"
    )
    process = LocalProcess(Task("r1", "s1", str(tmp_path), (sys.executable, "-c", code), {}, str(tmp_path)))
    log = tmp_path / "logs" / "r1.txt"
    sizes = []
    while process.ended() is None:
        process.values("score")
        sizes.append(log.stat().st_size)
        time.sleep(0.01)
    text = log.read_bytes()
    assert max(sizes) < 400_000
    assert len(text) < 300_000
    assert text.endswith(b"00059 \nend\n")
    assert b"\0" not in text


def test_a_mended_program_is_run_again(tmp_path: Path) -> None:
    """An agent that gave up because nothing ran does not give up at once when it is started again."""
    program = tmp_path / "train.py"
    program.write_text("import sys; sys.exit(1)\n")
    path = write_sweep(tmp_path, {"n": {"values": list(range(7))}}, program=str(program))
    assert run(path, tmp_path / "out").why == "failing"
    program.write_text("")
    result = run(path, tmp_path / "out")
    assert (result.why, [trial.exit_status for trial in result.trials]) == ("grid", [1] * 5 + [0] * 2)


def test_what_an_interrupt_ended_is_run_again(tmp_path: Path) -> None:
    """Ctrl-C in the first of two trials: the next agent runs both, and the journal keeps all three."""
    path = write_sweep(tmp_path, {"curve": {"values": ["1", "2"]}, "wait": {"value": 0.5}})
    out = tmp_path / "out"

    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    first = run(path, out, tell=interrupt)
    assert (first.why, first.trials) == ("interrupted", [])
    second = run(path, out)
    assert (second.why, [trial.parameters["curve"] for trial in second.trials]) == ("grid", ["1", "2"])
    assert [(entry.exit_status, entry.stop_requested) for entry in entries(out).values()] == [
        (None, True), (0, False), (0, False)
    ]  # fmt: skip


def test_a_trial_that_the_rule_stopped_stays_stopped(tmp_path: Path) -> None:
    """Its agent died while it waited for the end: the next one does not run the proposal again."""
    early = {"type": "hyperband", "min_iter": 1, "eta": 2}
    path, out = write_sweep(tmp_path, {"curve": {"values": ["1", "2"]}}, early_terminate=early), tmp_path / "out"
    run(path, out, count=1)
    sweep_id = json.loads((out / "agent.json").read_text())["sweep_id"]
    journal = Journal(out / "wandb" / "aftersweep-agent.jsonl")
    journal.write(sweep_id, Trial("halfway1", 1, {"curve": "2"}, started_at=1e9, stop_requested=True))
    journal.close()
    result = run(path, out)
    assert [trial.run_id for trial in result.trials][1:] == ["halfway1"]
    assert entries(out)["halfway1"].ended


def test_a_folder_with_other_things_in_it(tmp_path: Path) -> None:
    """A sweep file of the user's own beside it is not written over; the kept copy lies with the runs."""
    own = tmp_path / "out" / "sweep.yaml"
    own.parent.mkdir()
    own.write_text("mine")
    result = run(write_sweep(tmp_path, {"curve": {"value": "1"}}), tmp_path / "out")
    assert own.read_text() == "mine"
    kept = tmp_path / "out" / "wandb" / f"sweep-{result.sweep_id}" / "sweep.yaml"
    assert kept.read_text() == (tmp_path / "given.yaml").read_text()


def test_who_comes_second_changes_nothing(tmp_path: Path) -> None:
    """Refused by the lock before it makes an id: two agents started together have one sweep."""
    path, out = write_sweep(tmp_path, {"curve": {"value": "1"}}), tmp_path / "out"
    with alone(out), pytest.raises(UsageError, match="another agent is at work in"):
        run(path, out)
    assert [file.name for file in out.iterdir()] == ["agent.lock"]


@pytest.mark.parametrize(("change", "said"), [
    ({"parameters": {"day": {"values": ["2026-01-31", 1]}}}, None),
    ({"parameters": {"day": {"value": date(2026, 1, 31)}}}, "2026-01-31, which YAML reads as a date"),
    ({"program": "nowhere/train.py"}, "the program 'nowhere/train.py' is not in"),
    ({"program": "some.module", "command": ["${interpreter}", "-m", "${program}"]}, "failing"),
])  # fmt: skip
def test_what_no_program_could_be_given(tmp_path: Path, change: dict[str, Any], said: str | None) -> None:
    """Dates and missing scripts are refused with nothing written; text that looks like a date and modules are not."""
    given = {"parameters": {"n": {"values": [1, 2, 3, 4, 5, 6]}}, **change}
    path, out = write_sweep(tmp_path, **given), tmp_path / "out"
    if said in (None, "failing"):
        assert run(path, out).why == (said or "grid")
        return
    with pytest.raises(FormatError, match=said):
        run(path, out)
    assert not out.exists()


def test_the_clients_file_is_read_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.wandb` file that nobody wrote to is not parsed again at each look."""
    folder = tmp_path / "offline-run-20260131_161500-r1"
    folder.mkdir()
    (folder / "run-r1.wandb").write_bytes(b":W&B\xe1\xbe\x00")
    from aftersweep.analysis.sources import offline_records

    read, calls = offline_records.read_recording, []
    monkeypatch.setattr(offline_records, "read_recording", lambda path: calls.append(path) or read(path))
    rows = Rows(tmp_path / "none.jsonl", tmp_path, "r1")
    assert [rows.new("score") for _ in range(3)] == [[], [], []]
    assert len(calls) == 1
