"""Words that no command can do anything with, and the options that commands share."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.sources.export import write_export
from aftersweep.reports import output

from ..loopback import KEY, LoopbackServer
from ..sources.example import CONFIG, ENTITY, PROJECT, SWEEP_ID, example_sweep
from ..sources.wandb_writer import records_of, run_folder, write_records
from .test_cli import ENVIRONMENT, refused, run

WHOLE = f"{ENTITY}/{PROJECT}/{SWEEP_ID}"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_export(*example_sweep(), tmp_path / "sweep.jsonl")
    return tmp_path / "sweep.jsonl"


@pytest.fixture
def two_sweeps(tmp_path: Path) -> Path:
    """A folder with three runs of one sweep and five of another."""
    for number, run_ in enumerate(example_sweep()[1]):
        records = records_of(run_)
        records[0].run.sweep_id = "aaaa1111" if number < 3 else "bbbb2222"
        write_records(run_folder(tmp_path / "several" / "wandb", run_.id), records)
    return tmp_path / "several"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report",), "`aftersweep report --help`"),
        (("raport",), "No such command 'raport'"),
        (("report", "a", "--metrik", "b"), "--metrik"),
        (("export", "4yfw48ad"), "'--output'"),
        (("prune", "--days", "soon"), "'--days'"),
        (("harvest", "a", "b"), "`aftersweep harvest --help`"),
        (("report", "./wnadb"), "there is no file or folder './wnadb'"),
        (("report", "runs.csv"), "there is no file or folder 'runs.csv'"),
        (("report", "sweep"), "the name of an export ends in .csv"),
        (("report", "abc123"), "'abc123': no path, archived sweep or sample has this name"),
        (("report", "4yfw48ad", "--sweep", "x"), "--sweep goes with a folder or an export"),
        (("report", "4yfw48ad", "--all-runs"), "--all-runs goes with a folder"),
        (("report", "4yfw48ad", "--sweep-config", "a.yaml"), "--sweep-config goes with"),
        (("report", "4yfw48ad", "--column", "lr=param"), "--column goes with"),
        (("report", "sweep.jsonl", "--all-runs"), "choose a sweep with --sweep"),
        (("report", "several", "--column", "lr=param"), "--column goes with a table"),
        (("report", "4yfw48ad", "-o", "page.docx"), "end the name in .html, .md, .json, .pdf"),
        (("export", "4yfw48ad", "-o", "sweep.jsonl"), "--force"),
        (("export", "several", "-o", "x.jsonl"), "aaaa1111 (3 runs), bbbb2222 (5 runs)"),
    ],
)
def test_words_that_mean_nothing_get_one_line(
    words: tuple[str, ...], said: str, export: Path, two_sweeps: Path, tmp_path: Path
) -> None:
    """Law: exit code 2 and one line that names the word and the next step; options are never passed over in silence."""
    assert export.parent == two_sweeps.parent == tmp_path
    (tmp_path / "sweep").write_text(export.read_text())
    assert said in refused(run(*words, cwd=tmp_path))


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    """Law: ``aftersweep`` alone teaches, without a word of error."""
    done = run(cwd=tmp_path)
    assert "aftersweep report ./wandb" in done.stdout
    assert "aftersweep: " not in done.stderr


def test_an_export_takes_the_options_of_a_report(two_sweeps: Path, tmp_path: Path) -> None:
    """Law: what ``report`` can read ``export`` can write: one of several sweeps, with the file of its rule."""
    (tmp_path / "rule.yaml").write_text(yaml.safe_dump(dict(CONFIG)))
    words = ("--sweep", "bbbb2222", "--sweep-config", tmp_path / "rule.yaml")
    done = run("export", two_sweeps, *words, "-o", "b.jsonl", "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run("report", two_sweeps, *words, "-o", "a.json", "-q", cwd=tmp_path).returncode == 0
    assert run("report", "b.jsonl", "-o", "b.json", "-q", cwd=tmp_path).returncode == 0
    one, other = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert one["sweep"]["id"] == "bbbb2222"
    assert (one["runs"], one["findings"]) == (other["runs"], other["findings"])


def test_a_harvest_takes_columns(tmp_path: Path) -> None:
    """Law: the roles of a table's columns are set for ``harvest`` as for ``report``."""
    (tmp_path / "t.csv").write_text("Name,Status of it,lr,val_loss\na,finished,0.1,0.5\nb,crashed,0.2,0.7\n")
    assert "--column" in refused(run("harvest", "t.csv", cwd=tmp_path))
    done = run("harvest", "t.csv", "--column", "Status of it=state", cwd=tmp_path)
    assert "2 runs: 2 read" in done.stderr


def test_a_folder_that_cannot_be_written_is_seen_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: the place of the page is looked at first, the default one too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path)
    with pytest.raises(UsageError, match="-o - for standard output"):
        output.check_writable(None)
    output.check_writable(Path("-"))


def test_lists_in_a_pipe_have_a_line_for_each_sweep(export: Path, tmp_path: Path) -> None:
    """Law: ``aftersweep ls | grep`` finds a sweep on one line, however long its name is."""
    assert run("harvest", export, "-q", cwd=tmp_path).returncode == 0
    listed = run("ls", cwd=tmp_path, COLUMNS="40").stdout.splitlines()
    assert len(listed) == 2
    assert WHOLE in listed[1]


def test_one_id_twice_in_the_archive_has_a_way_out(tmp_path: Path) -> None:
    """Law: of two sweeps with one id the message gives a name for each, and each name works."""
    sweep, runs = example_sweep()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for run_ in runs[:3]:
            write_records(run_folder(tmp_path / name / "wandb", run_.id), records_of(run_))
        assert run("harvest", name, "-q", cwd=tmp_path).returncode == 0
    said = refused(run("report", sweep.id, cwd=tmp_path))
    names = [word for word in said.split() if word.startswith(f"{sweep.id}-")]
    assert len(set(names)) == 2
    for name in names:
        assert run("report", name, "-q", "-o", "a.html", cwd=tmp_path).returncode == 0
        assert run("show", name, cwd=tmp_path).returncode == 0


def test_one_folder_is_one_sweep_wherever_it_is_harvested_from(two_sweeps: Path, tmp_path: Path) -> None:
    """Law: the archive knows a folder by its whole path, not by what it was called from where we stood."""
    for cwd, word in ((tmp_path, "several"), (two_sweeps, "."), (two_sweeps, two_sweeps)):
        assert (
            run("harvest", word, "--sweep", "aaaa1111", "-q", cwd=cwd, AFTERSWEEP_HOME=str(tmp_path / "a")).returncode
            == 0
        )
    listed = run("ls", "--json", cwd=tmp_path, AFTERSWEEP_HOME=str(tmp_path / "a"))
    assert len(json.loads(listed.stdout)) == 1


def test_folders_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    """Law: all runs of ``a/train`` and all runs of ``b/train`` are two sets, though both have the SDK's own project."""
    runs = example_sweep()[1]
    for name, members in (("a", runs[:3]), ("b", runs[3:])):
        for run_ in members:
            records = records_of(run_)
            records[0].run.project = "uncategorized"
            write_records(run_folder(tmp_path / name / "train" / "wandb", run_.id), records)
        done = run("harvest", "train", "--all-runs", "-q", cwd=tmp_path / name, AFTERSWEEP_HOME=str(tmp_path / "x"))
        assert done.returncode == 0, done.stderr
    listed = json.loads(run("ls", "--json", cwd=tmp_path, AFTERSWEEP_HOME=str(tmp_path / "x")).stdout)
    assert sorted((item["id"], item["runs"], item["vanished"]) for item in listed) == [("train", 3, 0), ("train", 5, 0)]


def test_a_damaged_sweep_can_be_removed(export: Path, tmp_path: Path) -> None:
    """Law: what cannot be read is still listed, and goes away by its id; without a yes nothing does."""
    assert run("harvest", export, "-q", cwd=tmp_path).returncode == 0
    for manifest in (tmp_path / "archive").rglob("*.json"):
        manifest.chmod(0o644)
        manifest.write_text("{")
    assert "damaged" in refused(run("show", SWEEP_ID, cwd=tmp_path))
    assert "--yes" in refused(run("rm", SWEEP_ID, cwd=tmp_path))
    assert run("rm", SWEEP_ID, "--yes", cwd=tmp_path).returncode == 0
    assert json.loads(run("ls", "--json", cwd=tmp_path).stdout) == []


def test_ctrl_c_leaves_a_good_archive_and_says_so(tmp_path: Path) -> None:
    """Law: exit code 130, one line, and the next harvest goes on."""
    with LoopbackServer(*example_sweep(), latency_s=0.5) as server:
        login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "HOME": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-m", "aftersweep", "harvest", WHOLE], cwd=tmp_path, text=True, stderr=subprocess.PIPE,
            env={**ENVIRONMENT, **login, "AFTERSWEEP_HOME": str(tmp_path / "archive")},
        )  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline().startswith("harvesting server")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "interrupted" in said
        assert run("check", "--read-data", cwd=tmp_path).returncode == 0
        server.latency_s = 0.0
        assert "8 runs" in run("harvest", WHOLE, cwd=tmp_path, **login).stderr
        again = run("harvest", SWEEP_ID, cwd=tmp_path, **login)
        assert "an archived sweep of that id" in again.stderr, "a bare id is harvested again from where it came"
        assert again.returncode == 0


@pytest.mark.parametrize(("name", "value"), [("WANDB_BASE_URL", "wat"), ("WANDB_HTTP_TIMEOUT", "soon")])
def test_settings_that_the_client_refuses_are_named(name: str, value: str, tmp_path: Path) -> None:
    """Law: a variable that wandb's own settings refuse is the user's to mend, and no fault of ours."""
    said = refused(run("report", WHOLE, cwd=tmp_path, WANDB_API_KEY=KEY, **{name: value}))
    assert "settings cannot be used" in said
    assert "WANDB_" in said


def test_a_cause_that_no_setting_answers_for_counts_only_when_asked(tmp_path: Path) -> None:
    """--count-cause takes one of three words, and names them for another."""
    said = refused(run("report", "4yfw48ad", "--source", "sample", "--count-cause", "diverged", cwd=tmp_path))
    assert "it must be one of code_error, infrastructure, preempted" in said
