"""What an agent kept of a run whose `.wandb` file says nothing: its output and its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.sources.base import RawRun, fetch_all
from aftersweep.analysis.sources.datastore import HEADER
from aftersweep.analysis.sources.offline import OfflineSource
from aftersweep.analysis.sources.offline_journal import JOURNAL_NAME

ROWS = '{"score": 1.0, "_step": 7}\n{"score": NaN}\nno row\n[1]\n{"score": 3.0}\n{"score": 4.'


def agent_folder(folder: Path, run_id: str = "kill7b09", *, rows: str | None = ROWS, log: str | None = None) -> Path:
    """A folder as the agent leaves it, with one run that was killed before the client first wrote."""
    run = folder / "wandb" / "offline-run-20260131_161500-kill7b09"
    run.mkdir(parents=True)
    (run / "run-kill7b09.wandb").write_bytes(HEADER)
    line = {"run_id": run_id, "sweep_id": "s1", "started_at": 1.77e9, "ended_at": 1.77e9 + 9, "signal": 9}
    (folder / "wandb" / JOURNAL_NAME).write_text(json.dumps(line) + "\n")
    for kind, ending, text in (("history", ".jsonl", rows), ("logs", ".txt", log)):
        (folder / kind).mkdir()
        if text is not None:
            (folder / kind / f"kill7b09{ending}").write_text(text)
    return folder / "wandb"


def the_run(path: Path, **more: Any) -> RawRun:
    _, runs = fetch_all(OfflineSource(path, **more))
    return next(run for run in runs if run.sweep_id == "s1")


def test_its_rows_and_its_last_words_are_the_runs(tmp_path: Path) -> None:
    """Numbered from 0, without what is no row; the page is told where they come from."""
    run = the_run(agent_folder(tmp_path, log="Traceback\n\x1b[31mImportError: no module\x1b[0m\n\n"))
    assert run.history.column("_step").to_pylist() == [0, 1, 2]
    assert [str(value) for value in run.history.column("score").to_pylist()] == ["1.0", "nan", "3.0"]
    assert set(run.history.column_names) == {"_step", "_timestamp", "_runtime", "score"}
    assert run.history.column("_timestamp").null_count == 3
    assert run.log_tail == ("Traceback", "ImportError: no module")
    assert "no row had been written to its .wandb file: they were taken from the agent's, without their times" in (
        run.problems
    )


def test_what_the_client_wrote_counts_first(tmp_path: Path) -> None:
    """A console log beside the `.wandb` file is taken, and no word of the agent's rows where there are none."""
    wandb = agent_folder(tmp_path, rows=None, log="the agent's")
    files = wandb / "offline-run-20260131_161500-kill7b09" / "files"
    files.mkdir()
    (files / "output.log").write_text("the client's\n")
    run = the_run(wandb)
    assert run.log_tail == ("the client's",)
    assert run.history.num_rows == 0
    assert not any("agent's, without" in problem for problem in run.problems)


@pytest.mark.parametrize("run_id", ["../history/kill7b09", "kill7b09\0", "k" * 65, "a/b", ".."])
def test_an_id_is_no_path(tmp_path: Path, run_id: str) -> None:
    """Ids of a journal that are no plain names lead to no file."""
    run = the_run(agent_folder(tmp_path, run_id, log="secret"))
    assert (run.history.num_rows, run.log_tail) == (0, ())


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A log that is a link to another file is not shown."""
    wandb = agent_folder(tmp_path / "out", rows=None)
    (tmp_path / "other.txt").write_text("secret")
    (tmp_path / "out" / "logs" / "kill7b09.txt").symlink_to(tmp_path / "other.txt")
    assert the_run(wandb).log_tail == ()
