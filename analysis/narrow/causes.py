"""What the causes of crashes ask for: a limit on memory for one model, a clip on gradients."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..levels import Level, group_parameter, levels_of
from ..outcomes.rates import proportion
from ..results.following import Change
from ..types import Cause, Finding, Outcome, Run, Sweep
from ..values import is_number, level

BATCH = re.compile(r"(^|[._/-])(batch|batch_?size|bs|bsz)$|batch_size", re.IGNORECASE)
CLIP = re.compile(r"clip", re.IGNORECASE)
CLIP_NAME, CLIP_VALUE = "grad_clip_norm", 1.0
FEWEST = 3
TRAINER = "aftersweep.training"
"""Named in ``program`` or ``command`` by sweeps of the bundled trainer."""


def clip(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    """A clip on gradients where runs diverged and the sweep has none: a change for the bundled trainer, which knows the
    parameter, and advice for any other program, which may not."""
    if sweep.config is None or any(CLIP.search(p.name) for p in sweep.config.parameters):
        return (), ()
    ended = [run for run in sweep.runs if outcomes[run.id].eligible]
    diverged = [run for run in ended if _by(outcomes[run.id], "diverged")]
    if len(diverged) < FEWEST:
        return (), ()
    words = f"{sweep.config.program} {sweep.config.raw.get('command')}"
    bundled = TRAINER in words
    finding = Finding(
        id="",
        kind="next_clip",
        subject=CLIP_NAME,
        supported=True,
        estimate=proportion(len(diverged), len(ended)),
        n=len(ended),
        method="mid-p Clopper-Pearson interval",
        runs=tuple(run.id for run in diverged),
        facts={"diverged": len(diverged), "value": CLIP_VALUE, "bundled": bundled},
    )
    if not bundled:
        return (), (finding,)
    new = {"value": CLIP_VALUE}
    return (Change(path=("parameters", CLIP_NAME), action="add", old=None, new=new, finding=finding),), ()


def memory(sweep: Sweep, outcomes: Mapping[str, Outcome], limit: float) -> tuple[Finding, ...]:
    """For each model the batch size from which on its runs ran out of memory, where the lower 95 % limit of their share
    is over ``limit`` and smaller batches of it did not: a sweep file cannot say that of one model only."""
    batch = next((name for name in sweep.parameters if BATCH.search(name)), None)
    group = group_parameter(sweep, None)
    if batch is None:
        return ()
    models = levels_of(sweep, group) if group is not None and group != batch else []
    found = [_cap(outcomes, batch, model, limit) for model in models]
    return tuple(finding for finding in found if finding is not None)


def _cap(outcomes: Mapping[str, Outcome], batch: str, model: Level, limit: float) -> Finding | None:
    runs = [run for run in model.runs if outcomes[run.id].eligible and is_number(_size(run, batch))]
    sizes = sorted({_size(run, batch) for run in runs})
    for size in sizes[1:]:
        above, below = ([r for r in runs if (_size(r, batch) >= size) is side] for side in (True, False))
        lost, spared = (_out_of_memory(part, outcomes) for part in (above, below))
        share = proportion(lost, len(above))
        if lost >= FEWEST and share.low is not None and share.low > limit and spared == 0:
            return Finding(
                id="",
                kind="next_memory",
                subject=f"{model.parameter} = {model.label}",
                supported=True,
                estimate=share,
                n=len(runs),
                method="mid-p Clopper-Pearson interval; the smallest batch size from which on it holds",
                runs=tuple(run.id for run in above),
                facts={
                    "batch": batch,
                    "size": size,
                    "lost": lost,
                    "tried": len(above),
                    "below": len(below),
                    "largest_safe": max(_size(run, batch) for run in below),
                },
            )
    return None


def _size(run: Run, batch: str) -> Any:
    return level(run.config.get(batch))


def _out_of_memory(runs: Sequence[Run], outcomes: Mapping[str, Outcome]) -> int:
    return sum(_by(outcomes[run.id], "out_of_memory") for run in runs)


def _by(outcome: Outcome, cause: Cause) -> bool:
    return outcome.label == "crashed" and outcome.cause == cause


def put(config: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """The config with parameters that were added."""
    added = {change.path[1]: change.new for change in changes}
    return {**config, "parameters": {**config["parameters"], **added}} if added else dict(config)
