"""Runs of the parent that a bayes search can start from.

``wandb sweep --prior_run ID`` (``-R``; ``prior_runs`` of ``wandb.sweep``) adds existing runs of the project to a new
sweep (docs.wandb.ai/models/ref/cli/wandb-sweep). Only runs that finished with a value of their own count with it
(``imputed``), and W&B's released search stops at a value that its space does not have (sweeps 0.3.0, params.py,
``value_to_idx``): so only runs that the new space still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import FormatError
from ..findings.common import PROPORTION
from ..outcomes.rates import proportion
from ..sweepfile.config import read_config
from ..sweepfile.domains import read_domain
from ..types import Finding, Outcome, Sweep
from ..values import MISSING


def clean_runs(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of the completed runs, recorded as finished with a value, whose settings the space holds; best first."""
    sweep = sweep.judged or sweep  # the search knows its own metric only
    try:
        domains = [read_domain(parameter) for parameter in read_config(config).swept]
    except FormatError:
        return ()
    runs = [
        run
        for run in sweep.runs
        if run.best is not None and run.state == "finished" and outcomes[run.id].label == "completed"
    ]
    held = [run for run in runs if all(domain.contains(run.config.get(domain.name, MISSING)) for domain in domains)]
    return tuple(run.id for run in sorted(held, key=lambda run: (-sweep.metric.sign * (run.best or 0.0), run.id)))


def prior_advice(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Finding]:
    """Which runs to give to the new sweep; none where it does not learn, or there are none."""
    if config.get("method") != "bayes":
        return []
    clean = clean_runs(sweep, outcomes, config)
    if not clean:
        return []
    return [
        Finding(
            id="",
            kind="search_prior",
            subject="prior runs",
            supported=True,
            estimate=proportion(len(clean), len(sweep.runs)),
            n=len(sweep.runs),
            method=f"completed runs, recorded as finished, whose settings the new space holds; {PROPORTION}",
            caveats=("whether W&B counts prior runs against run_cap is not documented",),
            runs=clean,
            facts={"clean": len(clean), "command": " ".join(["wandb sweep", *(f"-R {i}" for i in clean), "FILE"])},
        )
    ]
