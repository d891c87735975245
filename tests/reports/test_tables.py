"""The tables and their CSV files: whole, read back as they were, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.csv_files import NAMES, csv_files, harmless, original, to_csv, zipped
from aftersweep.reports.tables import TABLES, Table, tables

from ..factories import make_run, make_sweep
from .test_render import HOSTILE, hostile_result
from .test_shorten import together

FORMULAS = ("=1+1", "+SUM(A1)", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''@x", "=cmd|' /C calc'!A0")


@pytest.fixture(scope="module")
def sample() -> PostMortem:
    return post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad"))))


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


def read_back(cell: str, value: Any) -> Any:
    """A cell as the value that it was."""
    if isinstance(value, bool):
        return {"true": True, "false": False}[cell]
    if isinstance(value, (int, float)):
        return type(value)(cell) if cell else math.nan
    return original(cell) if value is not None else {"": None}[cell]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(FORMULAS),
    st.text(alphabet="=+-@\t\r\n'\",;|0aé\u202e\x00"),
)


@given(st.lists(st.tuples(values, values, values), max_size=8))
@example([("-1", "+1e-05", "-1e5x"), (-1, -0.5, 1e-300), ("'", "", '"')])
def test_what_is_read_back_is_what_was_written(written: list[tuple[Any, ...]]) -> None:
    """Law: header and every value of every row, to the last bit of a number and the last character of a text."""
    columns = ("=a", "b,\r\n", 'c"')
    found = rows(to_csv(Table(columns, tuple(written))))
    assert [original(cell) for cell in found[0]] == list(columns)
    assert len(found) == 1 + len(written)
    for cells, row in zip(found[1:], written, strict=True):
        back = tuple(read_back(cell, value) for cell, value in zip(cells, row, strict=True))
        assert [repr(one) for one in back] == [repr(one) for one in row]


@given(st.one_of(st.text(), st.sampled_from(FORMULAS)))
def test_no_cell_of_text_begins_a_formula(text: str) -> None:
    """Law: what begins with = + - @, tab or a line's end has an apostrophe before it, unless it is a number."""
    cell = harmless(text)
    assert not cell.startswith(("=", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert not cell.startswith(("+", "-")) or math.isfinite(float(cell)) or cell.strip("+-0123456789.eE") == ""
    assert original(cell) == text


def test_numbers_keep_their_sign() -> None:
    """A negative number is a number, whether it came as one or as text."""
    assert rows(to_csv(Table(("a",), ((-1.5,), ("-1.5",), ("+2e-5",), ("-",)))))[1:] == [
        ["-1.5"],
        ["-1.5"],
        ["+2e-5"],
        ["'-"],
    ]


@pytest.mark.parametrize("of", ["sample", "hostile", "empty", "together"])
def test_every_table_is_there_with_its_header(of: str, sample: PostMortem) -> None:
    """Whatever the sweep, the same files with the same columns; every row has as many cells."""
    made = {
        "sample": lambda: sample,
        "hostile": hostile_result,
        "empty": lambda: post_mortem(make_sweep([])),
        "together": lambda: together()[0],
    }
    result = made[of]()
    files = csv_files(result)
    assert tuple(files) == NAMES
    for name, data in files.items():
        assert data.endswith(b"\r\n")
        found = rows(data)
        fixed = TABLES[name.removesuffix(".csv")][0]
        if name == "runs.csv":
            assert [original(cell) for cell in found[0][len(fixed) - 1 :]] == [
                f"config.{p}" for p in result.sweep.parameters
            ]
            fixed = fixed[:-1]
        assert tuple(found[0][: len(fixed)]) == fixed
        assert {len(row) for row in found} == {len(found[0])}
        assert len(set(found[0])) == len(found[0])


def test_pandas_reads_what_the_report_says(sample: PostMortem) -> None:
    """A library reads the same runs, findings and importance, with numbers as numbers."""
    files = {name: pd.read_csv(io.BytesIO(data)) for name, data in csv_files(sample).items()}
    runs = files["runs.csv"].set_index("id")
    assert list(runs.index) == [run.id for run in sample.sweep.runs]
    for run in sample.sweep.runs:
        assert runs.loc[run.id, "outcome"] == sample.outcomes[run.id].label
        best = math.nan if run.best is None else run.best
        assert runs.loc[run.id, "best"] == pytest.approx(best, nan_ok=True, rel=1e-14)
        assert runs.loc[run.id, "config.batch_size"] == run.config["batch_size"]
    assert list(files["findings.csv"]["id"]) == [finding.id for finding in sample.findings]
    assert len(files["finding_runs.csv"]) == sum(len(finding.runs) for finding in sample.findings)
    assert set(files["risk.csv"]["family"]) == {"parameter", "circumstance", "claim"} | (
        {"pair"} if sample.pairs.shown else set()
    )
    assert list(files["architectures.csv"]["level"]) == [row.label for row in sample.groups]
    assert files["outcomes.csv"]["runs"].sum() == len(sample.sweep.runs)


def test_several_sweeps_have_a_row_each() -> None:
    """Each sweep by itself, each run under its own, each level in each sweep; and the gate's rules."""
    result = together()[0]
    found = tables(result)
    assert [row[0] for row in found["sweeps"].rows] == [part.id for part in result.sweep.parts]
    of = {run.id: part.id for part in result.sweep.parts for run in part.runs}
    assert [(row[0], row[2]) for row in found["runs"].rows] == [(run.id, of[run.id]) for run in result.sweep.runs]
    assert result.pooled is not None
    assert len(found["pooled"].rows) == sum(len(level.sweeps) for level in result.pooled.levels) > 0
    assert [row[:2] for row in found["gate"].rows] == [("max-crash-rate", "error")]


def test_hostile_text_is_read_back_from_its_table() -> None:
    """Names with markup, control characters and half a character come back as they are, the last as its escape."""
    result = hostile_result()
    found = rows(csv_files(result)["runs.csv"])
    assert [original(row[0]) for row in found[1:]] == [f"r{i}{HOSTILE}" for i in range(12)]
    half = post_mortem(make_sweep([make_run("a", [1.0], config={"x": "=\ud800"})]))
    assert rows(csv_files(half)["runs.csv"])[1][-1] == "'=\\ud800"


def test_values_of_the_configuration_are_told_apart() -> None:
    """Nothing, null, lists and booleans each have a form of their own."""
    runs = [
        make_run(f"r{i}", [1.0], config=config)
        for i, config in enumerate([{}, {"x": None}, {"x": [1, "a"]}, {"x": True}])
    ]
    table = tables(post_mortem(make_sweep(runs, parameters={"x": (None, True)})))["runs"]
    assert [row[-1] for row in table.rows] == [None, "null", '[1, "a"]', True]


def test_the_same_tables_make_the_same_archive(sample: PostMortem) -> None:
    """A zip holds the files of the folder, byte for byte, and is the same each time."""
    files = csv_files(sample)
    data = zipped(files)
    assert data == zipped(csv_files(replace(sample)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_the_docs_name_every_table() -> None:
    """docs/csv.md has a row for each file, in the same order."""
    page = (Path(__file__).parents[2] / "docs" / "csv.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+\.csv)`", page, re.MULTILINE)) == NAMES
