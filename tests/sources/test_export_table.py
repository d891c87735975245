"""The tables of runs that W&B exports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from aftersweep.analysis.errors import FormatError, UnknownSweepError, UsageError
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.export import ExportSource, write_export
from aftersweep.analysis.sources.export_cells import read_duration, read_time
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import Options, tidy

WANDB_TABLE = """\
"Name","State","Notes","User","Tags","Created","Runtime","Sweep","arch","batch_size","lr","val/accuracy","train_loss",\
"epoch","gamma2"
"sunny-sweep-1","finished","","ada","a, b","2025-07-03T12:00:00.000Z","3600","abc123","resnet50","64","0.001","0.91",\
"0.2","15","0.1"
"dark-sweep-2","crashed","-","ada","","2025-07-03T12:30:00.000Z","1h 2m 3s","abc123","swin_tiny","128","1e-4","NaN",\
"Infinity","2","0.2"
"calm-sweep-3","failed","x","ada","","2025-07-03T13:00:00.000Z","5","abc123","vit_b","64","0.001","","","","0.3"
"""


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def test_wandbs_table_is_read_by_rule(tmp_path: Path) -> None:
    """Law: W&B's own columns, parameters and metrics are told apart, and each guess is said."""
    source = ExportSource(_file(tmp_path, "runs.csv", WANDB_TABLE))
    sweep, runs = fetch_all(source)
    assert sweep.id == "abc123"
    assert [run.id for run in runs] == ["sunny-sweep-1", "dark-sweep-2", "calm-sweep-3"]
    assert runs[0].config == {"arch": "resnet50", "batch_size": 64, "lr": 0.001, "gamma2": 0.1}
    assert runs[0].summary == {"val/accuracy": 0.91, "train_loss": 0.2, "epoch": 15}
    assert runs[0].tags == ("a", "b")
    assert (runs[0].created_at, runs[0].runtime_s) == (1751544000.0, 3600.0)
    assert runs[1].runtime_s == 3723.0
    assert math.isnan(runs[1].summary["val/accuracy"])
    assert runs[1].summary["train_loss"] == math.inf
    assert runs[2].summary == {}
    said = " ".join(sweep.problems)
    for words in ("they hold text, or true and false: 'arch'", "named like settings: 'batch_size', 'lr'"):
        assert words in said
    assert "named like metrics: 'val/accuracy', 'train_loss', 'epoch'" in said
    assert "parameters: they have a value for every run: 'gamma2'. Change it with --column NAME=ROLE." in said
    assert set(sweep.problems) <= set(source.decisions)


def test_a_table_makes_a_sweep(tmp_path: Path) -> None:
    """Law: the value of the metric comes from the summary where a source has no history."""
    sweep = tidy(*fetch_all(ExportSource(_file(tmp_path, "runs.csv", WANDB_TABLE))), Options(metric="val/accuracy"))
    assert [run.best for run in sweep.runs] == [0.91, None, None]
    assert set(sweep.parameters) == {"arch", "batch_size", "lr", "gamma2"}


def test_columns_can_be_set(tmp_path: Path) -> None:
    """Law: what the user says of a column wins, and needs no word of apology."""
    asked = {"gamma2": "metric", "epoch": "ignore", "arch": "group"}
    sweep, runs = fetch_all(ExportSource(_file(tmp_path, "runs.csv", WANDB_TABLE), columns=asked))
    assert runs[0].summary == {"val/accuracy": 0.91, "train_loss": 0.2, "gamma2": 0.1}
    assert runs[0].group == "resnet50"
    assert "gamma2" not in " ".join(sweep.problems)


def test_the_sweep_file_settles_columns(tmp_path: Path) -> None:
    """Law: parameters and the metric of a given sweep configuration are no guesses."""
    config = {
        "method": "random",
        "metric": {"name": "train_loss"},
        "parameters": {"epoch": {"values": [2, 15]}, "arch": {"values": ["a"]}},
    }
    given_file = _file(tmp_path, "sweep.yaml", json.dumps(config))
    sweep, runs = fetch_all(ExportSource(_file(tmp_path, "r.csv", WANDB_TABLE), sweep_config=given_file))
    assert sweep.config == config
    assert runs[0].config["epoch"] == 15
    assert "'arch'" not in " ".join(sweep.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("Name,State\n", "no rows"),
        (
            "Name,lr,loss\na,1,2\n",
            "no column with the runs' states; set it with --column NAME=state. It has Name, lr, loss",
        ),
        ("Name,State\na,finished\nb,finished,3\n", "line 3: 3 cells under a header of 2"),
        ("Name,State\na,finished\nb\n", "line 3: 1 cells under a header of 2"),
        ("Name,State\na,done\n", "line 2: the state 'done' is not one of pending, running"),
        ("Name,State\na,\n", "line 2: there is no state"),
        ("ID,State\na,failed\na,failed\n", "line 3: a second run with the id 'a'"),
        ("Name,State,Created\na,failed,yesterday\n", "line 2: 'yesterday' is no creation time"),
        ("Name,State,Runtime\na,failed,long\n", "line 2: 'long' is no runtime"),
        ("Name,State,Exit Code\na,failed,x\n", "line 2: 'x' is no exit code"),
        ('Name,State\n"a"b,failed\n', "line 2: not a CSV file"),
        (b"Name,State\na,failed\n\xff\xfe,failed\n", "line 3: byte 0xff is not UTF-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    """Law: each fault of a table is one line that names the file and the place."""
    with pytest.raises(FormatError) as caught:
        fetch_all(ExportSource(_file(tmp_path, "bad.csv", text)))
    assert words in str(caught.value)
    assert "bad.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"Lr": "param"}, "no such column. .*'lr'|no such column. .*lr"),
        ({"lr": "colour"}, "must be one of param, metric"),
    ],
)
def test_bad_roles_are_refused(tmp_path: Path, asked: dict[str, str], words: str) -> None:
    """Law: a column or a role that does not exist is named, with those that do."""
    with pytest.raises(UsageError, match=words):
        fetch_all(ExportSource(_file(tmp_path, "runs.csv", WANDB_TABLE), columns=asked))


def test_one_of_several_sweeps_is_chosen(tmp_path: Path) -> None:
    """Law: of several sweeps in one file none is taken unasked; the choices are listed."""
    path = _file(tmp_path, "two.csv", "Name,State,Sweep\na,failed,s1\nb,failed,s2\nc,failed,s2\nd,failed,\n")
    with pytest.raises(UsageError, match=r"2 sweeps: s1 \(1 runs\), s2 \(2 runs\); choose one with --sweep"):
        fetch_all(ExportSource(path))
    sweep, runs = fetch_all(ExportSource(path, sweep="s2"))
    assert (sweep.id, [run.name for run in runs]) == ("s2", ["b", "c"])
    with pytest.raises(UnknownSweepError, match=r"no run .* is of sweep 's3'"):
        fetch_all(ExportSource(path, sweep="s3"))


def test_names_that_repeat_stay_apart(tmp_path: Path) -> None:
    """Law: without ids two runs of one name are two runs, and the second says so."""
    _, runs = fetch_all(ExportSource(_file(tmp_path, "t.csv", "Name,State\na,failed\na,killed\n")))
    assert [run.id for run in runs] == ["a", "a#2"]
    assert "another run is also called 'a'" in runs[1].problems[0]


def test_other_delimiters_and_marks(tmp_path: Path) -> None:
    """Law: a byte order mark, semicolons and tabs make no difference."""
    table = "Name,State,lr\na,failed,0.5\n"
    want = fetch_all(ExportSource(_file(tmp_path, "a.csv", table)))[1]
    for name, text in (
        ("b.csv", "\ufeff" + table),
        ("c.csv", table.replace(",", ";")),
        ("d.tsv", table.replace(",", "\t")),
    ):
        assert fetch_all(ExportSource(_file(tmp_path, name, text)))[1] == want


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("1h 2m 3s", 3723.0), ("2d", 172800.0), ("soon", None), ("", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    """Law: seconds, or days to seconds as W&B shows them; nothing else."""
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["2025-07-03T12:00:00Z", "2025-07-03T14:00:00+02:00", "2025-07-03 12:00:00", "1751544000", "1751544000000"]
)
def test_times(text: str) -> None:
    """Law: zones are honoured, no zone is UTC, and large numbers are milliseconds."""
    assert read_time(text) == 1751544000.0


def test_decimal_commas_are_numbers_where_they_can_be_nothing_else(tmp_path: Path) -> None:
    """Law: a table parted by semicolons whose numbers have commas is the same table; one with points is left alone."""
    header = "Name;State;Tags;lr;val_loss\n"
    (tmp_path / "comma.csv").write_text(header + "a;finished;x, y;0,001;1,5e-3\nb;crashed;;0,01;NaN\n")
    source = ExportSource(tmp_path / "comma.csv")
    first, second = fetch_all(source)[1]
    assert (first.config, first.summary, first.tags) == ({"lr": 0.001}, {"val_loss": 0.0015}, ("x", "y"))
    assert second.config == {"lr": 0.01}
    assert any("0,5" in sentence for sentence in source.sweep().problems)
    (tmp_path / "point.csv").write_text(header + "a;finished;;1,2;0.5\nb;crashed;;3,4;0.7\n")
    source = ExportSource(tmp_path / "point.csv")
    assert fetch_all(source)[1][0].config == {"lr": "1,2"}
    assert not any("0,5" in sentence for sentence in source.sweep().problems)


def test_a_table_of_a_reconstruction_says_so(tmp_path: Path) -> None:
    """Law: what every page of a sweep must say at its top is kept by every export, a flat table too."""
    sweep, runs = fetch_all(SampleSource())
    write_export(sweep, runs, tmp_path / "sample.csv")
    again, runs_again = fetch_all(ExportSource(tmp_path / "sample.csv"))
    assert sweep.source.notices
    assert again.source.notices == (" ".join(sweep.source.notices),)
    assert [run.config for run in runs_again] == [run.config for run in runs]
