"""Sweeps whose curves say when good runs can be told: early, only late, or the wrong way round at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.types import Floats, Run, Sweep

from ..factories import HYPERBAND, START, make_run, make_sweep

EPOCHS = 20
Curve = Callable[[float, Floats], Floats]
"""A run's values at epochs [n], given how good it is, 0 to 1."""


def early(good: float, at: Floats) -> Floats:
    """Good runs lead from the first value on."""
    return np.asarray(0.2 + 0.6 * good * (1 - np.exp(-0.5 * at)) / (1 - np.exp(-10.0)), dtype=float)


def slow(good: float, at: Floats) -> Floats:
    """The better the end, the slower the start; the curves cross at about epoch 7."""
    start, end = 0.45 - 0.3 * good, 0.6 + 0.6 * good
    return np.asarray(start + (end - start) * at / EPOCHS, dtype=float)


def late(good: float, at: Floats) -> Floats:
    """Nothing shows before epoch 6; from then on all of it does."""
    return np.asarray(0.5 + 0.3 * good * np.clip(at - 6, 0, 2) / 2, dtype=float)


def sweep_of(
    curve: Curve, n: int = 120, *, noise: float = 0.01, seed: int = 1, raw: Mapping[str, Any] | None = None, **more: Any
) -> Sweep:
    """``n`` runs that all came to their end, under a rule at 2 and 6 that nobody carried out."""
    rng = np.random.default_rng(seed)
    at = np.arange(1.0, EPOCHS + 1)
    runs = [
        make_run(
            f"r{i:03d}",
            curve(float(rng.uniform()), at) + noise * rng.standard_normal(EPOCHS),
            start=START + 100.0 * i,
            config={"lr": 10.0 ** -(i % 4), "model": "abc"[i % 3]},
        )
        for i in range(n)
    ]
    return with_file(make_sweep(runs, early_terminate=HYPERBAND), raw or {}, **more)


def with_file(sweep: Sweep, changed: Mapping[str, Any], **fields: Any) -> Sweep:
    """The sweep with other keys in its file; None takes one away."""
    old = dict(sweep.config.raw) if sweep.config else {}
    raw = {key: value for key, value in {**old, **changed}.items() if value is not None}
    return replace(sweep, config=read_config(raw), **fields)


def stopped(run: Run) -> Run:
    """Cut after its second value, as the rule's controller does."""
    return make_run(run.id, run.metric[:2], state="crashed", start=run.created_at or START, config=run.config)
