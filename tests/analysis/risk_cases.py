"""Small cases for the tests of risk: configurations, ends and certain outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftersweep.analysis.risk.cases import Cases
from aftersweep.analysis.risk.draws import Board, board
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import START, make_run, make_sweep

CRASHED = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))
COMPLETED = Outcome(label="completed", grade="observed")
STOPPED = Outcome(label="early_stopped", grade="replayed")


def sweep_of(
    configs: Sequence[Mapping[str, Any]],
    ends: Sequence[int],
    method: str = "random",
    lags: Sequence[float] | None = None,
    **fields: Any,
) -> Sweep:
    """One run for each configuration, started a minute after the other, that logged a value each epoch to its end."""
    runs = [
        make_run(
            f"r{i:04d}",
            [0.5] * max(end, 1),
            config=config,
            start=START + 60 * i,
            lag_s=30.0 if lags is None else lags[i],
            progress=float(end),
            **{name: values[i] for name, values in fields.items()},
        )
        for i, (config, end) in enumerate(zip(configs, ends, strict=True))
    ]
    return make_sweep(runs, method=method)


def cases_of(until: Sequence[float], crash: Sequence[float], block: int | None = None) -> Cases:
    """Cases without runs, for what only looks at the arrays."""
    at = np.asarray(until, dtype=float)
    return Cases((), at, np.asarray(crash, dtype=float), np.zeros(len(at), dtype=np.int64), True, block, False)


def board_of(until: NDArray[np.float64], crash: NDArray[np.float64], block: int | None = None) -> Board:
    return board(cases_of(list(until), list(crash), block))


def exponential_sweep(
    rng: np.random.Generator,
    configs: Sequence[Mapping[str, Any]],
    hazards: NDArray[np.float64],
    stops: NDArray[np.int64],
    method: str = "random",
    **fields: Any,
) -> tuple[Sweep, dict[str, Outcome]]:
    """Runs with these crash hazards an epoch, each stopped by the rule at ``stops`` (20: it completes)."""
    crash_at = rng.geometric(hazards) - 1
    crashed = crash_at < stops
    lags = [float(v) for v in np.where(crashed, rng.uniform(1, 59, len(stops)), 0.5)]
    sweep = sweep_of(configs, [int(v) for v in np.minimum(crash_at, stops)], method, lags, **fields)
    ends = [CRASHED if c else COMPLETED if s >= 20 else STOPPED for c, s in zip(crashed, stops, strict=True)]
    return sweep, {run.id: end for run, end in zip(sweep.runs, ends, strict=True)}
