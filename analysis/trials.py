"""W&B runs to trials: rewound steps are dropped, data-parallel workers are counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .sources.base import RawRun
from .values import flatten

RANK_KEYS = ("rank", "local_rank", "global_rank", "node_rank", "device", "gpu", "process_index")
START_WINDOW_S = 600.0
"""Workers of one trial start within this many seconds of one another."""


@dataclass(frozen=True)
class Trial:
    """One draw from the search space: the W&B run that stands for it, and all runs that it was."""

    lead: RawRun
    members: tuple[str, ...]
    problems: tuple[str, ...] = ()


def drop_rewound(run: RawRun) -> pa.Table:
    """The run's history without the rows that a later rewind or restart replaced.

    W&B counts steps upwards; where ``_step`` goes back to s, the rows from s on that came before are void
    (W&B, "Rewind a run"): the later ones are the run.
    """
    table = run.history
    if table.num_rows < 2 or table["_step"].null_count:
        return table
    steps = table["_step"].to_numpy()
    lowest_later = np.minimum.accumulate(steps[::-1])[::-1]
    keep = np.append(steps[:-1] < lowest_later[1:], True)
    return table if keep.all() else table.filter(pa.array(keep))


def group_trials(runs: Sequence[RawRun], histories: Mapping[str, pa.Table], metric: str) -> list[Trial]:
    """Runs to trials, in the order of ``runs``.

    Data-parallel workers share a group and, ranks apart, a config, and start together; the one with most values
    of the metric stands for all.
    """
    buckets: dict[tuple[str, str], list[RawRun]] = {}
    trials: list[Trial] = []
    for run in runs:
        if run.group is None or run.created_at is None:
            trials.append(Trial(run, (run.id,)))
            continue
        config = {k: v for k, v in flatten(run.config).items() if k.rsplit(".", 1)[-1] not in RANK_KEYS}
        buckets.setdefault((run.group, repr(sorted(config.items(), key=lambda item: item[0]))), []).append(run)
    for bucket in buckets.values():
        trials.extend(_split_by_start(bucket, histories, metric))
    position = {run.id: i for i, run in enumerate(runs)}
    return sorted(trials, key=lambda trial: position[trial.lead.id])


def _split_by_start(bucket: list[RawRun], histories: Mapping[str, pa.Table], metric: str) -> list[Trial]:
    bucket = sorted(bucket, key=lambda run: (run.created_at or 0.0, run.id))
    parts: list[list[RawRun]] = []
    for run in bucket:
        if parts and (run.created_at or 0.0) - (parts[-1][0].created_at or 0.0) <= START_WINDOW_S:
            parts[-1].append(run)
        else:
            parts.append([run])
    trials = []
    for part in parts:
        lead = max(part, key=lambda run: (_values(histories[run.id], metric), run.job_type != "worker"))
        note: tuple[str, ...] = ()
        if len(part) > 1:
            states = ", ".join(f"{run.id} {run.state}" for run in part)
            note = (f"{len(part)} W&B runs are one data-parallel trial and count once ({states})",)
        trials.append(Trial(lead, tuple(run.id for run in part), note))
    return trials


def _values(table: pa.Table, metric: str) -> int:
    return table.num_rows - table[metric].null_count if metric in table.column_names else 0
