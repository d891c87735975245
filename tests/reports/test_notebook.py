"""``aftersweep.load`` in a notebook and in a script: the page in a frame of its own, every result as a DataFrame."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import wandb
from nbclient import NotebookClient
from pandas.testing import assert_frame_equal

import aftersweep
from aftersweep.analysis.errors import AftersweepError, CredentialsError, UnknownSweepError, UsageError
from aftersweep.analysis.sources.export import write_export
from aftersweep.reports.csv_files import csv_files
from aftersweep.reports.notebook import LoadedSweep
from aftersweep.reports.tables import TABLES

from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from ..sources.serving import isolate

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)
    monkeypatch.setenv("AFTERSWEEP_HOME", str(tmp_path / "archive"))
    monkeypatch.chdir(tmp_path)
    wandb.teardown()  # the client keeps the settings that it once read


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.jsonl"
    write_export(*example_sweep(), path)
    return path


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedSweep]:
    yield aftersweep.load("4yfw48ad", archive=tmp_path_factory.mktemp("archive"))


class Frames(HTMLParser):
    """The elements of what a notebook would show, with their attributes as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_import_is_cheap() -> None:
    """`import aftersweep` loads no module of another package, and of ours only itself; `load` is there all the same."""
    script = (
        "import sys; before = set(sys.modules); import aftersweep; new = set(sys.modules) - before;"
        "ours = {name for name in new if name.startswith('aftersweep')};"
        "print({name.split('.')[0] for name in new - ours} <= set(sys.stdlib_module_names), sorted(ours),"
        "'load' in dir(aftersweep), aftersweep.load.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "['aftersweep']", "True", "load"]


def test_what_is_not_there_is_refused() -> None:
    """A misspelt name raises AttributeError, as of any module: ``hasattr`` works."""
    assert hasattr(aftersweep, "load")
    assert not hasattr(aftersweep, "lode")


def test_the_page_is_shown_in_a_frame_of_its_own(sample: LoadedSweep) -> None:
    """Law: a browser reads from the frame's attribute the very page that a file would hold, and nothing else beside."""
    page = sample.report(height=321)
    ((tag, attributes),) = Frames(page._repr_html_()).found
    assert tag == "iframe"
    assert attributes["srcdoc"] == page.html
    assert attributes["height"] == "321"
    sandbox = (attributes["sandbox"] or "").split()
    assert "allow-scripts" in sandbox
    assert "allow-same-origin" not in sandbox
    assert page.html.startswith("<!doctype html>")
    assert "4yfw48ad" in repr(page)
    with pytest.raises(UsageError, match="height=0"):
        sample.report(height=0)


def test_every_table_is_a_frame(sample: LoadedSweep) -> None:
    """Law: there is a property for each table of the report, with its columns, and its rows are those of the CSV."""
    files = csv_files(sample.result)
    for name in TABLES:
        frame = getattr(sample, name)
        rows = list(csv.reader(io.StringIO(files[f"{name}.csv"].decode("utf-8"))))
        assert list(frame.columns) == rows[0]
        assert len(frame) == len(rows) - 1
        assert getattr(type(sample), name).__doc__


def test_the_frames_say_what_the_result_says(sample: LoadedSweep) -> None:
    """Numbers are numbers, times are times, outcomes and sentences are the report's own."""
    result, runs = sample.result, sample.runs.set_index("id")
    assert runs["outcome"].value_counts().to_dict() == {k: n for k, n in result.status.outcomes.items() if n}
    assert runs["best"].max() == max(run.best for run in result.sweep.runs if run.best is not None)
    assert runs["created_at"].dt.tz is not None
    assert set(sample.findings["id"]) == {finding.id for finding in result.findings}
    assert (sample.risk["parameter_q"] < 0.05).sum() >= 0  # compares, though some have none
    assert sample.pooled.empty


def test_the_history_has_every_logged_value(export: Path) -> None:
    """Law: by run, the values are those that the run logged, NaN too, in order, at its progress and times."""
    sweep = aftersweep.load(export)
    history = sweep.history
    assert list(history.columns) == ["run", "progress", "time", "value"]
    assert len(history) == sum(run.metric.size for run in sweep.result.sweep.runs)
    for run in sweep.result.sweep.runs:
        rows = history[history["run"] == run.id]
        np.testing.assert_array_equal(rows["value"].to_numpy(), run.metric)
        np.testing.assert_array_equal(rows["progress"].to_numpy(), run.metric_progress)
        seconds = (rows["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        np.testing.assert_allclose(seconds, run.metric_time, rtol=0, atol=1e-6)
    assert history["value"].isna().any()


def test_a_frame_is_the_users_own(sample: LoadedSweep) -> None:
    """Law: what the user does to a frame changes no later one."""
    first = sample.runs
    first["best"] = 0.0
    assert sample.runs["best"].max() > 0
    values = sample.history
    values["value"] = 0.0
    assert sample.history["value"].max() > 0


def test_what_it_is(sample: LoadedSweep) -> None:
    """The object says which sweep it holds and what one can do with it; a hostile name stays on its line, visible."""
    said = repr(sample)
    assert "4yfw48ad" in said
    assert ".report()" in said
    assert all(name in said for name in (*TABLES, "history"))
    sweep = replace(sample.result.sweep, name="a\n\u202eb\x07")
    said = repr(LoadedSweep(replace(sample.result, sweep=sweep)))
    assert not {"\u202e", "\x07", "\n"} & set(said)


def test_save_tells_the_format_by_the_name(sample: LoadedSweep, tmp_path: Path) -> None:
    """As -o of the command line does; a name that says nothing we write is refused and nothing is left behind."""
    assert sample.save(tmp_path / "a.html") == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    sample.save("a.md", max_chars=12_000)
    assert len((tmp_path / "a.md").read_text()) <= 12_000
    sample.save("tables", format="csv")
    assert (tmp_path / "tables" / "runs.csv").exists()
    before = set(tmp_path.iterdir())
    for target, said in (("a.docx", "a.docx"), ("no/such/a.html", "does not exist"), ("-", "name a file")):
        with pytest.raises(UsageError, match=said):
            sample.save(target)
    assert set(tmp_path.iterdir()) == before


def test_options_are_those_of_the_command_line(export: Path) -> None:
    """Metric, goal, claims and left-out runs reach the analysis; a single word does for a list of one."""
    sweep = aftersweep.load(
        export, metric="val/loss", goal="minimize", exclude="a0run004", claims=["arch=vit_b"], group_by="arch"
    )
    assert sweep.result.metric.name == "val/loss"
    assert "a0run004" not in set(sweep.runs["id"])
    assert (sweep.risk["family"] == "claim").sum() == 1
    assert set(sweep.architectures["parameter"]) == {"arch"}


def test_a_server_is_read_by_entity_and_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bare id with both goes to the server, into the archive folder that was named."""
    with LoopbackServer(*example_sweep()) as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        sweep = aftersweep.load(SWEEP_ID, entity=ENTITY, project=PROJECT, archive=tmp_path / "mine")
    assert len(sweep.runs) == 8
    again = aftersweep.load(SWEEP_ID, source="archive", archive=tmp_path / "mine")
    assert_frame_equal(again.runs, sweep.runs)


@pytest.mark.parametrize(
    ("words", "options", "kind", "said"),
    [
        ("abc123", {"source": "archive"}, UnknownSweepError, "no archived sweep 'abc123'"),
        ("abc123", {"source": "cloud"}, UsageError, "path, server, archive, sample"),
        ("nowhere/here/abc123", {}, CredentialsError, "WANDB_API_KEY"),
        ("abc123", {"entity": "me"}, UsageError, "entity without project"),
        ("abc123", {"project": "mine"}, UsageError, "project without entity"),
        ("me/mine/abc123", {"entity": "me", "project": "mine"}, UsageError, "has slashes"),
        ("", {}, UsageError, "no sweep was named"),
        ("4yfw48ad", {"metric": "val_combined_acuracy"}, AftersweepError, "Did you mean 'val_combined_accuracy'"),
        (("4yfw48ad", "4yfw48ad"), {"all_runs": True}, UsageError, "--all-runs is about one sweep"),
    ],
)
def test_errors_are_the_products_own(words: str, options: dict[str, object], kind: type[Exception], said: str) -> None:
    """Law: bad input raises the error that the command line would print, with the same words."""
    with pytest.raises(kind, match=said):
        aftersweep.load(words, **options)  # type: ignore[arg-type]


def test_a_real_notebook_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: run by Jupyter's own kernel, a cell that ends in the page displays its frame; DataFrames are tables."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [
        "import aftersweep\nsweep = aftersweep.load('4yfw48ad')\nsweep",
        "sweep.report(height=500)",
        "sweep.findings[['id', 'text']].head(3)",
        "try:\n    aftersweep.load('abc123', source='sample')\nexcept Exception as error:\n    print(error)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell["outputs"][-1] for cell in book.cells]
    assert shown[0]["data"]["text/plain"].startswith("<aftersweep: sweep 4yfw48ad")
    assert "text/html" not in shown[0]["data"]
    ((tag, attributes),) = Frames(shown[1]["data"]["text/html"]).found
    assert (tag, attributes["height"]) == ("iframe", "500")
    assert (attributes["srcdoc"] or "").startswith("<!doctype html>")
    assert "<table" in shown[2]["data"]["text/html"]
    assert "no bundled sample 'abc123'; there is 4yfw48ad" in shown[3]["text"]
    assert not [output for cell in book.cells for output in cell["outputs"] if output["output_type"] == "error"]
