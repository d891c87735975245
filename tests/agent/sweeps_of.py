"""Sweep files and runs of the agent for its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from aftersweep.analysis.sources.offline_journal import JournalEntry, read_journals
from aftersweep.training.agent.loop import AgentResult, run_agent
from aftersweep.training.agent.plan import Plan, read_sweep

PROGRAM = Path(__file__).with_name("program.py")


def write_sweep(folder: Path, parameters: dict[str, Any], **more: Any) -> Path:
    """A sweep file in ``folder``: a grid over ``score`` unless ``more`` says otherwise."""
    raw = {"program": str(PROGRAM), "method": "grid", "metric": {"name": "score", "goal": "maximize"},
           "parameters": parameters} | more  # fmt: skip
    path = folder / "given.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


def plan_of(folder: Path, parameters: dict[str, Any], sweep_id: str = "sweep001", **more: Any) -> Plan:
    """Its plan, with an id that is the same in every run of the tests: proposals follow from it."""
    sweep = read_sweep(write_sweep(folder, parameters, **more))
    return Plan(sweep.config, sweep.domains, sweep.rule, sweep_id, folder / "out")


def run(path: Path, out: Path, **more: Any) -> AgentResult:
    return run_agent(path, out=out, **{"look_every": 0.02, **more})


def entries(out: Path) -> dict[str, JournalEntry]:
    """The journal, as the room that makes reports reads it."""
    found, bad = read_journals([out / "wandb" / "aftersweep-agent.jsonl"])
    assert bad == []
    return found
