"""History to one row a run, as Ibis expressions: written once, run by DuckDB (or another engine) on any size.

A value is *finite* where it is neither null, NaN nor infinite; engines disagree on ``isinf`` and on whether NaN
is null, so this is decided by comparison alone, in ``finite``. Ties take the smallest row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pyarrow as pa

from .sweepfile.config import Metric


def finite(column: Any) -> Any:
    """True where the column holds a finite number."""
    return column.notnull() & ~column.isnan() & (column < float("inf")) & (column > float("-inf"))


def reduction(history: Any, metric: Metric, numeric: Sequence[str]) -> Any:
    """The expression: one row a run.

    history: a table with ``run_id``, ``row`` (0, 1, ... in logged order), ``progress`` (float64) and the metric
    columns. Output: ``run_id``, ``rows``, ``finite_values`` (of the metric), ``last_progress``, ``best``,
    ``best_row`` and, for each column of ``numeric``, ``nonfinite:COLUMN``: the progress at which it was first NaN
    or infinite (null where it never was).
    """
    columns: dict[str, Any] = {
        "rows": history.count(),
        "last_progress": history.progress.max(where=finite(history.progress)),
    }
    for name in numeric:
        bad = history[name].notnull() & ~finite(history[name])
        columns[f"nonfinite:{name}"] = history.progress.min(where=bad)
    if metric.name in history.columns:
        value = history[metric.name]
        good = finite(value)
        columns["finite_values"] = good.sum()
        columns["best"] = value.max(where=good) if metric.goal == "maximize" else value.min(where=good)
    per_run = history.group_by("run_id").aggregate(**columns)
    if metric.name not in history.columns:
        return per_run
    joined = history.join(per_run.select("run_id", "best"), "run_id")
    best_row = (
        joined.filter(joined[metric.name] == joined.best).group_by("run_id").aggregate(best_row=lambda t: t.row.min())
    )
    return per_run.left_join(best_row, "run_id").drop("run_id_right")


def reduce_history(history: pa.Table, metric: Metric, numeric: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """``reduction`` run by DuckDB: run id to its row, each a mapping of the columns listed there."""
    if history.num_rows == 0:
        return {}
    connection = ibis.duckdb.connect()
    try:
        result = connection.to_pyarrow(reduction(ibis.memtable(history), metric, numeric))
    finally:
        connection.disconnect()
    return {row["run_id"]: row for row in result.to_pylist()}
