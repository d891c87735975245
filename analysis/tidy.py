"""Raw records to a ``Sweep``: which metric, which unit of progress, which runs; what is left out, and why.

Decisions are recorded in the result (``metric_decided_by``, ``excluded``, ``problems``) and printed on the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from .choices import choose_metric, epoch_key, logged_metrics, summary_epoch_key, swept_parameters
from .errors import UsageError, nearest
from .reductions import reduce_history
from .sources.base import RawRun, RawSweep
from .sweepfile.config import Metric, SweepConfig, read_config
from .trials import drop_rewound, group_trials
from .types import Exclusion, Floats, Run, Sweep
from .values import flatten, is_number

BUDGET_KEYS = ("epochs", "max_epochs", "num_epochs", "n_epochs", "num_train_epochs", "total_epochs")
BOOKKEEPING = ("_step", "_timestamp", "_runtime")


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    metric: str | None = None
    goal: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def tidy(raw: RawSweep, raw_runs: Sequence[RawRun], options: Options | None = None) -> Sweep:
    """The sweep as the analyses need it.

    Raises UnknownMetricError for a metric that nobody logged, UsageError for a filter that leaves no run.
    """
    options = options or Options()
    config = read_config(raw.config) if raw.config is not None else None
    chosen, excluded = _filter(raw_runs, options)
    histories = {run.id: drop_rewound(run) for run in chosen}
    metric, decided_by = choose_metric(chosen, histories, config, options.metric, options.goal)
    trials = group_trials(chosen, histories, metric.name)
    members = [trial.lead for trial in trials]
    epoch = epoch_key([histories[run.id] for run in members], metric.name)
    if epoch is None and not any(histories[run.id].num_rows for run in members):
        epoch = summary_epoch_key(members)
    zero_based = epoch is not None and _zero_based(members, histories, epoch)
    long, numeric = _long_history(members, histories, metric, epoch, zero_based)
    reduced = reduce_history(long, metric, numeric)
    runs = tuple(
        _run(trial.lead, trial.members, trial.problems, histories[trial.lead.id], reduced, metric, epoch, zero_based)
        for trial in trials
    )
    runs = tuple(sorted(runs, key=lambda run: (run.created_at if run.created_at is not None else math.inf, run.id)))
    return Sweep(
        id=raw.id,
        runs=runs,
        metric=metric,
        metric_decided_by=decided_by,
        progress_unit="epochs" if epoch is not None else "logged values",
        epoch_key=epoch,
        parameters=swept_parameters(runs, config),
        config=config,
        budget=_budget(runs, config) if epoch is not None else None,
        entity=raw.entity,
        project=raw.project,
        name=raw.name or (config.name if config else None),
        description=raw.description or (config.description if config else None),
        url=raw.url,
        state=raw.state,
        source_kind=raw.source.kind,
        source_target=raw.source.target,
        source_decided_by=raw.source.decided_by,
        notices=raw.source.notices,
        claims=raw.source.claims,
        excluded=tuple(excluded),
        problems=(*raw.problems, *_never_logged(chosen, histories, metric)),
        judged=_judged(raw, members, metric, config),
    )


def _judged(raw: RawSweep, members: Sequence[RawRun], metric: Metric, config: SweepConfig | None) -> Sweep | None:
    """The same runs under the metric that the sweep's stopping rule looked at, where the user asked for another."""
    if config is None or config.metric in (None, metric) or not config.early_terminate:
        return None
    # Each run is a trial already: without its group it cannot be taken for a worker of another.
    return tidy(raw, [replace(run, group=None) for run in members])


def _never_logged(runs: Sequence[RawRun], histories: Mapping[str, pa.Table], metric: Metric) -> tuple[str, ...]:
    known = logged_metrics(runs, histories)
    if not runs or metric.name in known:
        return ()
    return (
        f"no run logged the sweep's metric '{metric.name}', so nothing can be said of results and nothing was there "
        f"for a stopping rule to look at; --metric NAME takes another ({nearest(metric.name, known)})",
    )


def _filter(runs: Sequence[RawRun], options: Options) -> tuple[list[RawRun], list[Exclusion]]:
    unknown = [word for word in options.exclude if not any(word in (run.id, run.name) for run in runs)]
    if unknown:
        offer = nearest(unknown[0], [run.id for run in runs], "run")
        raise UsageError(f"--exclude {unknown[0]}: no run has this id or name. {offer}")
    kept: list[RawRun] = []
    excluded: list[Exclusion] = []
    for run in runs:
        reason = None
        if run.id in options.exclude or run.name in options.exclude:
            reason = "excluded by --exclude"
        elif options.tags and not set(options.tags) & set(run.tags):
            reason = f"has none of the tags {', '.join(options.tags)}"
        elif options.groups and run.group not in options.groups:
            reason = f"is in none of the groups {', '.join(options.groups)}"
        if reason is None:
            kept.append(run)
        else:
            excluded.append(Exclusion(run_id=run.id, reason=reason))
    if runs and not kept:
        seen = sorted({tag for run in runs for tag in run.tags} | {run.group for run in runs if run.group})
        raise UsageError(
            f"the filters leave none of the {len(runs)} runs; "
            + (f"tags and groups seen: {', '.join(seen[:12])}" if seen else "no run has a tag or a group")
        )
    return kept, excluded


def _zero_based(runs: Sequence[RawRun], histories: Mapping[str, pa.Table], epoch: str) -> bool:
    """True where epochs are whole numbers counted from 0: then epoch 4 means that five are done.

    Not so where a run went on to the very number that its configuration asks for: there 0 is before the training.
    """
    firsts = []
    for run in runs:
        values = _column(histories[run.id], epoch)
        values = values[np.isfinite(values)]
        if len(values):
            if not np.all(values == np.floor(values)) or values.max() == _asked(flatten(run.config)):
                return False
            firsts.append(values[0])
    return bool(firsts) and min(firsts) == 0


def _asked(config: Mapping[str, Any]) -> float | None:
    """The epochs that one run's configuration asks for."""
    return next((float(config[key]) for key in BUDGET_KEYS if is_number(config.get(key))), None)


def _progress(table: pa.Table, metric: Metric, epoch: str | None, zero_based: bool) -> Floats:
    """[rows]: how far the run had come at each logged row, in the sweep's unit."""
    if epoch is not None and epoch in table.column_names and pa.types.is_floating(table[epoch].type):
        values = table[epoch].to_numpy(zero_copy_only=False).astype(float) + (1.0 if zero_based else 0.0)
        carried = np.fmax.accumulate(np.where(np.isfinite(values), values, np.nan)) if len(values) else values
        return np.where(np.isnan(carried), 0.0, np.maximum(carried, 0.0))
    return np.cumsum(np.isfinite(_column(table, metric.name))).astype(float)


def _column(table: pa.Table, name: str) -> Floats:
    """[rows] float64, NaN where the column is missing, null or not numeric."""
    if name not in table.column_names or not pa.types.is_floating(table[name].type):
        return np.full(table.num_rows, np.nan)
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=float)


def _long_history(
    runs: Sequence[RawRun], histories: Mapping[str, pa.Table], metric: Metric, epoch: str | None, zero_based: bool
) -> tuple[pa.Table, list[str]]:
    """All histories under one another with ``run_id``, ``row`` and ``progress``; and the numeric columns."""
    parts = []
    numeric: dict[str, None] = {}
    for run in runs:
        table = histories[run.id]
        keep = [n for n in table.column_names if n not in BOOKKEEPING and pa.types.is_floating(table[n].type)]
        numeric.update(dict.fromkeys(keep))
        part = table.select(keep)
        part = part.append_column("progress", pa.array(_progress(table, metric, epoch, zero_based)))
        part = part.append_column("row", pa.array(np.arange(table.num_rows)))
        parts.append(part.append_column("run_id", pa.array([run.id] * table.num_rows, pa.string())))
    if not parts:
        return pa.table({"run_id": pa.array([], pa.string())}), []
    return pa.concat_tables(parts, promote_options="default"), [n for n in numeric if n not in ("progress", "row")]


def _run(
    raw: RawRun,
    members: tuple[str, ...],
    problems: tuple[str, ...],
    table: pa.Table,
    reduced: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    epoch: str | None,
    zero_based: bool,
) -> Run:
    row = reduced.get(raw.id, {})
    logged = _logged(table, metric.name)
    progress = _progress(table, metric, epoch, zero_based)
    nonfinite = {
        key.removeprefix("nonfinite:"): float(value)
        for key, value in row.items()
        if key.startswith("nonfinite:") and value is not None
    }
    best_row = row.get("best_row")
    run = Run(
        id=raw.id,
        name=raw.name or raw.id,
        state=raw.state,
        config=flatten(raw.config),
        summary=dict(raw.summary),
        created_at=raw.created_at,
        ended_at=raw.heartbeat_at,
        runtime_s=raw.runtime_s,
        host=raw.host,
        gpu=raw.gpu,
        agent=raw.agent,
        group=raw.group,
        tags=raw.tags,
        exit_code=raw.exit_code,
        stop_requested=raw.stop_requested,
        log_tail=raw.log_tail,
        metric=_column(table, metric.name)[logged],
        metric_time=_column(table, "_timestamp")[logged],
        metric_progress=progress[logged],
        history_rows=table.num_rows,
        progress=float(row.get("last_progress") or 0.0),
        best=row.get("best"),
        best_progress=None if best_row is None else float(progress[int(best_row)]),
        companions={} if best_row is None else _companions(table, int(best_row), metric, epoch),
        nonfinite=nonfinite,
        summary_nonfinite=tuple(sorted(k for k, v in raw.summary.items() if _is_nonfinite(v))),
        gpu_memory_peak=_peak(raw.system, "system.gpu.", ".memoryAllocated"),
        host_memory_peak=_peak(raw.system, "system.memory", ""),
        members=members,
        problems=(*raw.problems, *_missing_rows(raw), *problems),
    )
    return run if table.num_rows else _from_summary(run, metric, epoch, zero_based)


def _logged(table: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """[rows]: True where the metric was logged at all, NaN included."""
    if name not in table.column_names or not pa.types.is_floating(table[name].type):
        return np.zeros(table.num_rows, dtype=bool)
    return np.asarray(table[name].is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _from_summary(run: Run, metric: Metric, epoch: str | None, zero_based: bool) -> Run:
    """A run without history (an export, a lost file): what its summary says of progress and value."""
    value = run.summary.get(metric.name)
    best = float(value) if is_number(value) and math.isfinite(value) else None
    reached = run.summary.get(epoch) if epoch else None
    progress = float(reached) + (1.0 if zero_based else 0.0) if is_number(reached) and math.isfinite(reached) else 0.0
    return replace(run, best=best, best_progress=progress if best is not None else None, progress=max(progress, 0.0))


def _companions(table: pa.Table, row: int, metric: Metric, epoch: str | None) -> dict[str, float]:
    """The other finite metrics at the row of the best value."""
    found = {}
    for name in table.column_names:
        if name in BOOKKEEPING or name in (metric.name, epoch) or not pa.types.is_floating(table[name].type):
            continue
        value = table[name][row].as_py()
        if value is not None and math.isfinite(value):
            found[name] = float(value)
    return found


def _peak(system: pa.Table, prefix: str, suffix: str) -> float | None:
    """The highest percentage in the matching system columns, as a share."""
    peaks = []
    for name in system.column_names:
        whole = name.startswith(prefix) and name.endswith(suffix) if suffix else name in (prefix, f"{prefix}_percent")
        if whole and pa.types.is_floating(system[name].type):
            values = system[name].drop_null().to_numpy()
            values = values[np.isfinite(values)]
            if len(values):
                peaks.append(float(values.max()) / 100.0)
    return max(peaks) if peaks else None


def _missing_rows(raw: RawRun) -> tuple[str, ...]:
    expected = raw.history_rows_expected
    if expected is None or raw.history.num_rows >= expected:
        return ()
    return (f"{raw.history.num_rows} of {expected} rows of its history could be read",)


def _budget(runs: Sequence[Run], config: SweepConfig | None) -> float | None:
    """The number of epochs that the configuration asks for; the largest where runs differ."""
    for key in BUDGET_KEYS:
        values = [run.config.get(key) for run in runs]
        parameter = config.parameter(key) if config else None
        if parameter is not None and parameter.values:
            values.extend(parameter.values)
        numbers = [float(v) for v in values if is_number(v) and math.isfinite(v) and v > 0]
        if numbers:
            return max(numbers)
    return None


def _is_nonfinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
