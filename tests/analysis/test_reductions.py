"""Reductions of history: DuckDB's answers are numpy's, on the values that engines disagree about."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.reductions import reduce_history
from aftersweep.analysis.sweepfile.config import Metric

VALUES = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0]), st.floats(-5, 5))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), VALUES), max_size=25), st.sampled_from(["maximize", "minimize"]))
def test_reductions_are_those_of_numpy(rows: list[tuple[str, float | None]], goal: str) -> None:
    """Counts, best, its first row and the first bad progress, with NaN, infinities, null, ties and -0."""
    metric = Metric("m", "maximize" if goal == "maximize" else "minimize")
    ids = [run for run, _ in rows]
    position = [ids[:i].count(run) for i, run in enumerate(ids)]
    table = pa.table(
        {
            "run_id": pa.array(ids, pa.string()),
            "row": pa.array(position, pa.int64()),
            "progress": pa.array([float(p + 1) for p in position], pa.float64()),
            "m": pa.array([v for _, v in rows], pa.float64()),
        }
    )
    reduced = reduce_history(table, metric, ["m"])
    assert set(reduced) == set(ids)
    for run in set(ids):
        values = [v for i, v in rows if i == run]
        finite = [v for v in values if v is not None and math.isfinite(v)]
        bad = [i + 1.0 for i, v in enumerate(values) if v is not None and not math.isfinite(v)]
        best = (max if goal == "maximize" else min)(finite, default=None)
        found = reduced[run]
        assert found["rows"] == len(values)
        assert found["last_progress"] == len(values)
        assert (found["finite_values"] or 0) == len(finite)
        assert found["best"] == best
        assert found["best_row"] == (None if best is None else values.index(best))
        assert found["nonfinite:m"] == min(bad, default=None)


def test_a_metric_that_nobody_logged_reduces_to_what_there_is() -> None:
    """Rows and progress are still counted."""
    table = pa.table({"run_id": ["a", "a"], "row": [0, 1], "progress": [1.0, 2.0], "x": [1.0, np.nan]})
    reduced = reduce_history(table, Metric("m", "maximize"), ["x"])
    assert (reduced["a"]["rows"], reduced["a"]["nonfinite:x"]) == (2, 2.0)
    assert "best" not in reduced["a"]


@pytest.mark.parametrize("numeric", [[], ["m"]])
def test_no_history_reduces_to_nothing(numeric: list[str]) -> None:
    """An empty sweep needs no engine."""
    assert reduce_history(pa.table({"run_id": pa.array([], pa.string())}), Metric("m", "minimize"), numeric) == {}
