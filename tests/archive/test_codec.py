"""Runs and sweeps to tables and back."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.archive.codec import (
    FIELDS,
    content_hash,
    decode,
    dump,
    encode,
    sweep_from_json,
    sweep_to_json,
)
from aftersweep.analysis.archive.files import from_parquet, to_parquet
from aftersweep.analysis.errors import InvariantError
from aftersweep.analysis.sources.base import RawRun, RawSweep, SourceInfo

from .helpers import JSON, TEXT, assert_same_runs, batches, make_run


@settings(max_examples=100, deadline=None)
@given(batches())
def test_runs_read_back_equal_the_runs_written(runs: list[RawRun]) -> None:
    """Law: decode(read(write(encode(runs)))) equals runs, and so do their content hashes."""
    tables = {kind: from_parquet(to_parquet(table)) for kind, table in encode(runs).items()}
    back = list(decode(tables))
    assert_same_runs(back, runs)
    assert [content_hash(run) for run in back] == [content_hash(run) for run in runs]


def test_every_field_of_a_run_is_stored() -> None:
    """Law: a field added to RawRun must be given a column."""
    assert set(FIELDS) == {field.name for field in fields(RawRun)}


@settings(max_examples=50, deadline=None)
@given(
    TEXT,
    st.none() | TEXT,
    st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
)
def test_sweeps_read_back_equal_the_sweeps_written(
    sweep_id: str, text: str | None, config: dict[str, object] | None, claims: list[dict[str, str]]
) -> None:
    """Law: everything about a sweep survives, its notices and claims included."""
    source = SourceInfo(kind="sample", target="x", notices=(text or "",), claims=tuple(claims))
    sweep = RawSweep(id=sweep_id, source=source, name=text, config=config, problems=("p",), created_at=1.5)
    assert repr(sweep_from_json(sweep_to_json(sweep))) == repr(sweep)


def test_unknown_given_are_passed_over() -> None:
    """Law: columns and fields that a later version adds do no harm to this one."""
    tables = encode([make_run(1)])
    tables["runs"] = tables["runs"].append_column("later", pa.array(["?"]))
    assert_same_runs(list(decode(tables)), [make_run(1)])
    sweep = RawSweep(id="s", source=SourceInfo(kind="server", target="t"))
    assert sweep_from_json({**sweep_to_json(sweep), "later": 1}) == sweep


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"a": 1.0}},
        {"config": {"a": True}},
        {"exit_code": 0},
        {"stop_requested": False},
        {"history": pa.table({"_step": pa.array([0], pa.int64()), "x": [math.nan]})},
        {"history": pa.table({"_step": pa.array([0], pa.int64()), "x": pa.array([0.0])})},
        {"history": pa.table({"_step": pa.array([0], pa.int64()), "x": pa.array([-0.0])})},
        {"history": pa.table({"_step": pa.array([0], pa.int64()), "y": pa.array([None], pa.float64())})},
        {"history": pa.table({"_step": pa.array([0], pa.int64()), "x": pa.array([None], pa.string())})},
    ],
)
def test_the_content_hash_tells_runs_apart(change: dict[str, object]) -> None:
    """Law: runs that differ in one value, null or NaN or sign or type, have different hashes."""
    null = pa.table({"_step": pa.array([0], pa.int64()), "x": pa.array([None], pa.float64())})
    given_ = {"config": {"a": 1}, "history": null}
    assert content_hash(make_run(1, **(given_ | change))) != content_hash(make_run(1, **given_))


def test_how_a_table_is_chunked_does_not_matter() -> None:
    """Law: the content hash sees values, not how Arrow holds them."""
    run = make_run(1, rows=4)
    chunked = pa.concat_tables([run.history.slice(0, 1), run.history.slice(1)])
    assert content_hash(replace(run, history=chunked)) == content_hash(run)


def test_a_column_that_appears_twice_is_refused() -> None:
    """Law: a history in which one name means two columns is a bug, and named as one."""
    doubled = pa.table([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    with pytest.raises(InvariantError, match="run run001: a column of its history appears twice"):
        encode([make_run(1, history=doubled)])


def test_json_is_one_line_of_ascii() -> None:
    """Law: whatever the text, the stored JSON cannot break a line or an encoding."""
    assert dump({"a\n": "é\ud800\u2028", "n": math.nan}) == '{"a\\n":"\\u00e9\\ud800\\u2028","n":NaN}'
