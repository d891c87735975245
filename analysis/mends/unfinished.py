"""What the next sweep cannot know yet: runs that still run, parameters that no run logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..outcomes.rates import proportion
from ..types import Estimate, Finding, Outcome, Sweep


def running_advice(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> list[Finding]:
    """Where runs still run: what is decided now is decided without them."""
    running = [run.id for run in sweep.runs if outcomes[run.id].label == "running"]
    if not running:
        return []
    return [
        Finding(
            id="",
            kind="search_running",
            subject=sweep.id,
            supported=True,
            estimate=proportion(len(running), len(sweep.runs)),
            n=len(sweep.runs),
            method="outcomes of all runs; mid-p Clopper-Pearson interval",
            runs=tuple(running),
            facts={"running": len(running)},
        )
    ]


def unlogged_advice(sweep: Sweep, names: Sequence[str]) -> list[Finding]:
    """Parameters of the sweep file (``names``) that not one run has: nothing can be known of them."""
    logged = {name for run in sweep.runs for name in run.config}
    missing = [name for name in names if name not in logged] if sweep.runs else []
    if not missing:
        return []
    return [
        Finding(
            id="",
            kind="search_unlogged",
            subject=", ".join(missing),
            supported=True,
            estimate=Estimate(value=float(len(missing)), unit="parameters"),
            n=len(sweep.runs),
            method="names in the configurations of all runs",
            runs=tuple(run.id for run in sweep.runs),
            facts={"names": missing, "of": len(names)},
        )
    ]
