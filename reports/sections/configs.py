"""Configurations that the page shows whole: the best run's, and the best completed one of each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from ...analysis.results.postmortem import PostMortem
from ...analysis.types import Run
from ...analysis.values import show
from .. import format as fmt


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration with the run that had it; ``title`` is its level of the group-by parameter."""

    title: str
    run: Run
    value: str
    ended: str
    yaml: str


def top_configuration(result: PostMortem) -> Config | None:
    """The best run's configuration, however the run ended; None where no run has a value."""
    if not result.best:
        return None
    best = result.best[0]
    return Config(
        title="" if best.level is None else show(best.level),
        run=best.run,
        value=fmt.number(best.value),
        ended=fmt.outcome_words(best.outcome.label, best.outcome.cause),
        yaml=_yaml(best.run, list(result.sweep.parameters)),
    )


def configurations(result: PostMortem) -> list[Config]:
    """The best completed run of each level; where none completed, the level has no configuration to show."""
    found = []
    for row in result.groups:
        ids = set(row.runs)
        runs = [r for r in result.sweep.runs if r.id in ids and r.best is not None]
        runs = [r for r in runs if result.outcomes[r.id].label == "completed"]
        if runs:
            top = max(runs, key=lambda run: (result.metric.sign * (run.best or 0.0), run.id))
            ended = result.outcomes[top.id]
            found.append(
                Config(
                    title=row.label,
                    run=top,
                    value=fmt.number(top.best),
                    ended=fmt.outcome_words(ended.label, ended.cause),
                    yaml=_yaml(top, list(result.sweep.parameters)),
                )
            )
    found.sort(key=lambda item: -result.metric.sign * (item.run.best or 0.0))
    return found


def _yaml(run: Run, names: Sequence[str]) -> str:
    """The run's swept parameters as YAML."""
    values = {name: run.config[name] for name in names if name in run.config}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False).rstrip()
