"""Runs to repeat before the best is believed, where the sweep repeated none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ranking.repeats import SEED_NAME, repeats
from ..results.ranking import Ranking
from ..sweepfile.config import read_config
from ..types import Estimate, Finding, Outcome, Sweep

TOP = 3


def repeat_advice(
    sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any], ranking: Ranking | None = None
) -> list[Finding]:
    """The three best configurations to run again, where no configuration completed twice."""
    if ranking is not None and ranking.noise.df:
        return []
    groups = repeats(sweep, outcomes)
    if len(groups) < TOP or any(len(group) > 1 for group in groups):
        return []
    runs = sorted((group[0] for group in groups), key=lambda run: (-sweep.metric.sign * (run.best or 0.0), run.id))
    top = runs[:TOP]
    constants = [p.name for p in read_config(config).parameters if not p.swept]
    seed = next((name for name in constants if SEED_NAME.search(name.casefold())), None)
    gap = abs((top[0].best or 0.0) / 2 - (top[-1].best or 0.0) / 2) * 2
    return [
        Finding(
            id="",
            kind="search_repeats",
            subject=sweep.metric.name,
            supported=True,
            estimate=Estimate(value=gap, unit=sweep.metric.name),
            n=len(runs),
            method="completed runs with a value, by configuration (all swept parameters but a seed)",
            runs=tuple(run.id for run in top),
            facts={"seed": seed, "values": [run.best for run in top]},
        )
    ]
