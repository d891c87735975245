"""``aftersweep-train agent``: a sweep file, run without a server."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ...analysis.errors import AftersweepError
from .journal import Trial
from .plan import Plan

Refusal = AftersweepError
"""What the agent raises where it cannot do what it was asked."""


def agent(
    sweep_file: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", show_default=False, help="W&B's sweep file.")],
    out: Annotated[Path, typer.Option(help="Folder of the sweep; the same folder goes on with it.")] = Path("sweep"),
    count: Annotated[int | None, typer.Option(min=1, help="Trials in all. Default: run_cap, or a whole grid.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trials side by side.")] = 1,
    look_every: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks at running trials.")] = 1.0,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster, or 'local'; --out must be a folder that all share.")
    ] = None,
    gpus_per_trial: Annotated[float, typer.Option(min=0, help="GPUs that a trial asks Ray for.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trials as JSON for programs.")] = False,
) -> None:
    """Run a sweep file without a server.

    Samples as W&B does (grid, random; bayes by optuna), stops runs by the file's own Hyperband rule, and starts each
    trial as a process of its own with the official client in offline mode. `aftersweep report OUT/wandb` reads what it
    leaves. Kill it at any time: the same command goes on.

    Examples:

        aftersweep-train agent next.yaml --count 40 --jobs 2 --out runs

        aftersweep report runs/wandb
    """
    from ...analysis.errors import UsageError
    from .loop import run_agent

    if count is None and _endless(sweep_file):
        raise UsageError("give --count N: the sweep file has no run_cap, and its method never ends by itself")
    start = None
    if ray is not None:
        from .ray_trials import starter

        start = starter(ray, gpus_per_trial, _note)
    more = {} if start is None else {"start": start}
    result = run_agent(
        sweep_file, out=out, count=count, jobs=jobs, look_every=look_every, tell=_tell, note=_note, **more
    )
    if as_json:
        trials = [asdict(trial) for trial in result.trials]
        print(json.dumps({"sweep_id": result.sweep_id, "out": str(result.out), "why": result.why, "trials": trials}))
    else:
        print(f"sweep {result.sweep_id}: {len(result.trials)} trials in {out}; next: aftersweep report {out / 'wandb'}")
    if result.why == "interrupted":
        raise typer.Exit(130)
    if result.why == "failing":
        raise UsageError(f"the first trials all failed without a value; see {out / 'logs'} for what they said")


def _endless(sweep_file: Path) -> bool:
    """True for random and bayes without a run_cap; a file that cannot be read is told later, in full."""
    import yaml

    try:
        raw = yaml.safe_load(sweep_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(raw, dict) and raw.get("method") != "grid" and raw.get("run_cap") is None


def _note(words: str) -> None:
    print(f"aftersweep-train: {words}", file=sys.stderr, flush=True)


def _tell(what: str, trial: Trial, plan: Plan) -> None:
    """A line on standard error for each start and end."""
    words = ", ".join(f"{one.name} {trial.parameters[one.name]}" for one in plan.config.swept)
    if what == "started":
        said = f"started with {words:.200}"
    else:
        how = f"signal {trial.signal}" if trial.signal is not None else f"exit {trial.exit_status}"
        if trial.stop_requested:
            how += ", stopped"
        best = f", {len(trial.values)} values, last {trial.values[-1]:.4g}" if trial.values else ", no value"
        seconds = (trial.ended_at or 0) - (trial.started_at or 0)
        said = f"ended with {how} after {seconds:.0f} s{best}"
    print(f"trial {trial.proposal + 1} ({trial.run_id}): {said}", file=sys.stderr, flush=True)
