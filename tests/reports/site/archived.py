"""Simulated sweeps in an archive, as a harvest would have put them there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.sources.base import RawRun, RawSweep, SourceInfo, history_table
from aftersweep.analysis.types import Run
from tests.archive.helpers import MemorySource
from tests.truth.scenarios import scenario
from tests.truth.simulator import simulate

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an archived sweep is called, and what it is drawn from."""

    id: str
    project: str | None = "vision"
    entity: str | None = "lab"
    name: str | None = None
    description: str | None = None
    world: str = "nothing, Hyperband"
    runs: int = 12
    seed: int = 0
    day: float = 0.0
    """When it began, in days after the first."""
    swept: Mapping[str, str] = field(default_factory=dict)
    """Parameters besides: a level of each, and the other one is the same with ``!``."""


def put(root: Path, *sweeps: Told) -> Archive:
    """The sweeps, harvested into the archive at ``root``."""
    archive = Archive(root)
    for told in sweeps:
        raw, runs = raw_of(told)
        harvest(MemorySource(runs, raw), archive)
    return archive


def raw_of(told: Told) -> tuple[RawSweep, list[RawRun]]:
    """What a server would say of the sweep."""
    sweep = simulate(scenario(told.world, told.runs), told.runs, (told.seed, 7)).sweep
    assert sweep.config is not None
    config = dict(sweep.config.raw)
    config["parameters"] = config["parameters"] | {n: {"values": [v, f"{v}!"]} for n, v in told.swept.items()}
    if told.description:
        config["description"] = told.description
    raw = RawSweep(
        id=told.id,
        entity=told.entity,
        project=told.project,
        name=told.name,
        description=told.description,
        source=SourceInfo(kind="server", target=f"https://wandb.test/{told.entity}/{told.project}/{told.id}"),
        config=config,
    )
    return raw, [_run(run, told, i) for i, run in enumerate(sweep.runs)]


def _run(run: Run, told: Told, number: int) -> RawRun:
    later = DAY * told.day
    rows = [
        {"_step": i, "_timestamp": float(at) + later, "epoch": i + 1, "val/acc": float(value)}
        for i, (value, at) in enumerate(zip(run.metric, run.metric_time, strict=True))
    ]
    return RawRun(
        id=f"{told.id[:8]}-{run.id}",
        name=run.name,
        state=run.state,
        config={**run.config, **{name: level + "!" * (number % 2) for name, level in told.swept.items()}},
        summary={"val/acc": float(run.metric[-1])} if run.metric.size else {},
        created_at=None if run.created_at is None else run.created_at + later,
        heartbeat_at=None if run.ended_at is None else run.ended_at + later,
        runtime_s=run.runtime_s,
        host=run.host,
        agent=run.agent,
        sweep_id=told.id,
        exit_code=run.exit_code,
        history=history_table(rows),
        log_tail=run.log_tail,
    )
