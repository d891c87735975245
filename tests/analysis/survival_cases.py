"""Sweeps by the ends of their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aftersweep.analysis.results.survival import Survival
from aftersweep.analysis.survival import survival
from aftersweep.analysis.types import Outcome, OutcomeLabel, Sweep

from ..factories import HYPERBAND, make_run, make_sweep

BANDS = (2, 6)


def ended(label: OutcomeLabel, chance: float = 1.0) -> Outcome:
    """A run that ended so; what is left of a stop's chance is a crash."""
    crash = {"crashed": chance, "early_stopped": 1.0 - chance}.get(label, 0.0)
    return Outcome(
        label=label,
        grade="inferred",
        cause="unknown" if label == "crashed" else None,
        probability=chance,
        crash_probability=(0.0, 1.0) if label == "unknown" else (crash, crash),
    )


def sweep_of(ends: Sequence[tuple[int, Outcome]], **fields: Any) -> tuple[Sweep, dict[str, Outcome]]:
    """Runs by the number of values that they logged."""
    runs = [make_run(f"r{i}", [0.5] * length) for i, (length, _) in enumerate(ends)]
    fields = {"early_terminate": HYPERBAND, "budget": 20.0} | fields
    return make_sweep(runs, **fields), {f"r{i}": outcome for i, (_, outcome) in enumerate(ends)}


def judge(*ends: tuple[int, Outcome], **fields: Any) -> Survival:
    found = survival(*sweep_of(ends, **fields), BANDS)
    assert found is not None
    return found
