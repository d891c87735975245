"""Which results were best."""

from __future__ import annotations

from collections.abc import Mapping

from ..results.tables import BestResult
from ..types import Outcome, Sweep
from ..values import MISSING, level


def best_results(
    sweep: Sweep, outcomes: Mapping[str, Outcome], group_by: str | None, most: int = 6
) -> tuple[BestResult, ...]:
    """The runs with the best finite values, best first; ties by id."""
    runs = [run for run in sweep.runs if run.best is not None]
    runs.sort(key=lambda run: (-sweep.metric.sign * (run.best or 0.0), run.id))
    return tuple(
        BestResult(
            run=run,
            outcome=outcomes[run.id],
            level=level(run.config.get(group_by, MISSING)) if group_by else None,
            value=run.best if run.best is not None else float("nan"),
            companions=run.companions,
        )
        for run in runs[:most]
    )
