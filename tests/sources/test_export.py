"""Our own exports, and JSON lines that others wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftersweep.analysis.errors import AftersweepError, FormatError, UsageError
from aftersweep.analysis.sources.base import RawRun, RawSweep, SourceInfo, empty_history, fetch_all, history_table
from aftersweep.analysis.sources.export import ExportSource, write_export
from aftersweep.analysis.sources.export_cells import (
    read_cell,
    read_text,
    write_cell,
    write_text,
)
from aftersweep.analysis.sources.sample import SampleSource

from .conformance import assert_conforms, assert_same_json
from .example import SWEEP_ID, example_sweep

NOT_IN_A_TABLE = (
    *("entity", "project", "sweep_name", "description", "sweep_state", "sweep_created_at", "sweep_config"),
    *("history", "history_rows_expected", "system", "log_tail"),
)


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


# Our own export


def test_our_export_is_lossless(tmp_path: Path) -> None:
    """Law: what is exported reads back whole: NaN, infinities, histories, system metrics, logs, hostile names."""
    sweep, runs = example_sweep()
    write_export(sweep, runs, tmp_path / "whole.jsonl")
    assert_conforms(ExportSource(tmp_path / "whole.jsonl"), sweep, runs)


def test_an_export_says_where_it_came_from(tmp_path: Path) -> None:
    """Law: the source of a sweep read back is the file; the first source, its notices and claims stay known."""
    sweep, runs = fetch_all(SampleSource())
    write_export(sweep, runs, tmp_path / "s.jsonl")
    again, runs_again = fetch_all(ExportSource(tmp_path / "s.jsonl"))
    info = SourceInfo(
        kind="export",
        target=str(tmp_path / "s.jsonl"),
        original_kind="sample",
        notices=sweep.source.notices,
        claims=sweep.source.claims,
    )
    assert again == replace(sweep, source=info)
    assert runs_again == runs


def test_a_table_keeps_all_but_histories(tmp_path: Path) -> None:
    """Law: our flat table reads back as the same runs, without histories, logs and the sweep's configuration."""
    sweep, runs = example_sweep()
    write_export(sweep, runs, tmp_path / "flat.csv")
    source = ExportSource(tmp_path / "flat.csv")
    assert_conforms(source, replace(sweep, name=None), runs, lost=NOT_IN_A_TABLE)
    assert fetch_all(source)[0].id == SWEEP_ID


def test_tables_hold_no_formulas(tmp_path: Path) -> None:
    """Law: no cell of our table begins as a formula does, whatever a run is called."""
    run = RawRun(id="-1+1", name="=cmd()", state="finished", notes="@x", config={"a": "+1+cmd"}, summary={"b": -1.5})
    write_export(example_sweep()[0], [run], tmp_path / "t.csv")
    row = (tmp_path / "t.csv").read_text("utf-8").splitlines()[1]
    assert "-1.5" in row
    assert not any(cell.startswith(("=", "+", "@", "-1+")) for cell in row.split(","))
    assert fetch_all(ExportSource(tmp_path / "t.csv"))[1] == [run]


def test_an_export_is_not_overwritten(tmp_path: Path) -> None:
    """Law: an existing file stays as it was unless force is given; nothing else is left behind."""
    sweep, runs = example_sweep()
    path = _file(tmp_path, "x.jsonl", "mine")
    with pytest.raises(UsageError, match=r"x\.jsonl exists; .* --force"):
        write_export(sweep, runs, path)
    assert path.read_text() == "mine"
    write_export(sweep, runs, path, force=True)
    assert len(fetch_all(ExportSource(path))[1]) == len(runs)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.jsonl"]


def test_file_systems_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where a file cannot be linked it is renamed, and nothing else is left behind."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    sweep, runs = example_sweep()
    write_export(sweep, runs, tmp_path / "x.jsonl")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.jsonl"]
    assert len(fetch_all(ExportSource(tmp_path / "x.jsonl"))[1]) == len(runs)


def test_a_failing_export_leaves_nothing(tmp_path: Path) -> None:
    """Law: a file is written whole or not at all."""

    def runs() -> Iterator[RawRun]:
        yield example_sweep()[1][0]
        raise UsageError("the source broke")

    with pytest.raises(UsageError, match="the source broke"):
        write_export(example_sweep()[0], runs(), tmp_path / "x.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"), [("x.txt", "ends in .jsonl"), ("no/x.jsonl", "no such folder"), (".", "ends in")]
)
def test_exports_have_known_endings(tmp_path: Path, name: str, words: str) -> None:
    """Law: a target that cannot be written is refused with the reason."""
    with pytest.raises(UsageError, match=words):
        write_export(*example_sweep(), tmp_path / name)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    text=st.text(min_size=1),
    config=st.dictionaries(st.text(), JSON_VALUES, max_size=3),
    values=st.lists(st.none() | st.floats(), min_size=1, max_size=4),
)
def test_any_run_survives(tmp_path: Path, text: str, config: dict[str, object], values: list[float | None]) -> None:
    """Law: any text, config and values of a metric survive our export."""
    history = history_table([{"_step": i, "m": v} for i, v in enumerate(values)])
    run = RawRun(id=text, name=text, state="killed", config=config, notes=text, tags=(text,), history=history)
    sweep = RawSweep(id="s", source=SourceInfo(kind="sample", target="t"), name=text)
    write_export(sweep, [run], tmp_path / "p.jsonl", force=True)
    again, (found,) = fetch_all(ExportSource(tmp_path / "p.jsonl"))
    assert again.name == text
    assert (found.id, found.name, found.notes, found.tags) == (text, text, text, (text,))
    assert_same_json(found.config, config, "config")
    assert found.history.schema == history.schema
    assert_same_json(found.history.to_pylist(), history.to_pylist(), "history")


@given(value=st.none() | st.booleans() | st.integers(-(10**200), 10**200) | st.floats() | st.text())
def test_cells_read_back(value: object) -> None:
    """Law: a metric's cell reads back as the value that was written, of the same kind."""
    assert_same_json(read_cell(write_cell(value, metric=True), metric=True), value, "cell")


@given(text=st.text(min_size=1))
def test_texts_read_back(text: str) -> None:
    """Law: text reads back as it was, and cannot be a formula."""
    assert read_text(write_text(text)) == text
    assert not write_text(text).startswith(("=", "+", "-", "@"))


# JSON lines of others


def test_foreign_lines_are_read(tmp_path: Path) -> None:
    """Law: one run a line is enough; W&B's words for NaN become numbers in metrics and stay text in a config."""
    lines: list[dict[str, object]] = [
        {
            "id": "b",
            "state": "crashed",
            "created_at": "2025-07-03T13:00:00Z",
            "config": {"x": "NaN", "_wandb": {}},
            "summary": {"loss": "NaN"},
            "history": [{"loss": 1}, {"loss": "Infinity", "_timestamp": 5.0}],
            "sweep": {"id": "s9"},
        },
        {"id": "a", "name": "first", "state": "Finished", "created_at": 1751540000},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    sweep, runs = fetch_all(ExportSource(_file(tmp_path, "r.jsonl", text)))
    assert sweep.id == "s9"
    assert [run.id for run in runs] == ["b"], "of a file with one sweep its runs are taken"
    assert runs[0].config == {"x": "NaN"}
    assert math.isnan(runs[0].summary["loss"])
    assert runs[0].history["loss"].to_pylist() == [1.0, math.inf]
    assert runs[0].history["_step"].to_pylist() == [0, 1]
    bare = [{**line, "sweep": None} for line in lines]
    for name, content in (("list.json", json.dumps(bare)), ("o.json", json.dumps({"runs": bare}))):
        sweep, runs = fetch_all(ExportSource(_file(tmp_path, name, content)))
        assert [run.id for run in runs] == ["a", "b"], "oldest first"
        assert runs[0].state == "finished"
        assert runs[0].history == empty_history()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ('{"id": "a", "state": "failed"}\n{oops\n', "line 2: not JSON"),
        ('{"id": "a", "state": "failed"}\n[1]\n', "line 2: a list where a run is expected"),
        ('{"id": "a", "loss": 1}\n', "line 1: the run has no 'state'; it has id, loss"),
        ('{"id": "a", "state": "done"}\n', "line 1: the state 'done' is not one of"),
        ('{"state": "failed"}\n', "line 1: the run has neither 'id' nor 'name'"),
        ('{"id": "a", "state": "failed", "config": 3}\n', "line 1: 'config' is a int"),
        ('{"id": "a", "state": "failed", "history": [3]}\n', "line 1: 'history' must be a list of logged rows"),
        ('{"id": "a", "state": "failed", "history": [{"_step": "x"}]}\n', "'_step' of row 1"),
        ('{"id": "a", "state": "failed", "created": "x"}\n', "'created_at' is 'x'; give a time"),
        ('{"id": "a", "state": "failed"}\n{"id": "a", "state": "failed"}\n', "line 2: a second run with the id 'a'"),
        (b'{"id": "a", "state": "failed"}\n\xff\n', "line 2: byte 0xff is not UTF-8"),
        ('{"aftersweep_export": 2, "sweep": {}}\n', "an export of version 2; this aftersweep reads version 1"),
        ('{"aftersweep_export": 1, "sweep": {}}\n', "the header of the export is damaged"),
        ('{"aftersweep_export": 1, "sweep": {"id": "s", "source": {"kind": "k", "target": "t"}}}\n', "holds no run"),
        ("[" * 100_000 + "\n", "line 1: not JSON"),
    ],
)
def test_bad_lines_are_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    """Law: each fault is one line that names the file and the line."""
    with pytest.raises(FormatError) as caught:
        fetch_all(ExportSource(_file(tmp_path, "bad.jsonl", text)))
    assert words in str(caught.value)
    assert "bad.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(data=st.data())
def test_damage_is_an_error_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    """Law: an export with a byte changed or cut off raises an error of ours or reads; never anything else."""
    whole = tmp_path / "whole.jsonl"
    if not whole.exists():
        sweep, runs = example_sweep()
        write_export(sweep, runs[2:5], whole)
    content = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), place]))
    damaged = _file(tmp_path, "damaged.jsonl", bytes(content[:cut]))
    try:
        fetch_all(ExportSource(damaged))
    except AftersweepError as error:
        assert "\n" not in str(error)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Law: a file that is no export, a missing one, and columns for a file without columns each say so."""
    with pytest.raises(UsageError, match=r"must be one of \.csv, \.tsv, \.jsonl"):
        ExportSource(tmp_path / "runs.xlsx")
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        fetch_all(ExportSource(tmp_path / "none.csv"))
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        fetch_all(ExportSource(tmp_path / "none.jsonl"))
    with pytest.raises(UsageError, match="--column is for tables"):
        ExportSource(tmp_path / "x.jsonl", columns={"a": "param"})
