"""Grid, random or bayes by the size of the space against the budget; and the cap on the number of runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..results.following import Change
from ..sweepfile.config import read_config
from ..types import Estimate, Finding, Outcome, Sweep
from .prior import clean_runs

FEW = 10
"""Clean results below which a search that learns has nothing to start from."""
METHODS = ("grid", "random", "bayes")


def method_changes(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    config: Mapping[str, Any],
    *,
    size: float,
    budget: int | None,
    asked: str | None,
) -> list[Change]:
    """The method, where there is a reason to change it.

    Raises UsageError where a grid is asked for and the space has a range.
    """
    old = config.get("method")
    runs = budget or len(sweep.runs)
    swept = read_config(config).swept
    values = all(parameter.values is not None and "probabilities" not in parameter.spec for parameter in swept)
    if asked == "grid" and not values:
        raise UsageError(
            "--method grid: the new space has a range or chances of levels, which no grid goes through; ask for random"
        )
    if "scheduler" in config or (old not in METHODS and old is not None and asked is None):
        return []
    clean = clean_runs(sweep, outcomes, config)
    new, why = (asked, "asked") if asked else _chosen(old, values=values, size=size, runs=runs, clean=len(clean))
    if new is None or new == old:
        return []
    left = (1.0 - 1.0 / size) ** runs if math.isfinite(size) else None
    if why == "small":
        estimate = Estimate(value=left, unit="share")
    elif why == "large":
        estimate = Estimate(value=max(0.0, 1.0 - runs / size), unit="share")
    else:
        estimate = None
    finding = Finding(
        id="",
        kind="search_method",
        subject="method",
        supported=True,
        estimate=estimate,
        n=len(sweep.runs),
        method="size of the new space against the number of runs",
        runs=clean or tuple(run.id for run in sweep.runs),
        facts={
            "old": old,
            "new": new,
            "why": why,
            "size": size if math.isfinite(size) else None,
            "budget": runs,
            "clean": len(clean),
        },
    )
    return [Change(path=("method",), action="set" if old else "add", old=old, new=new, finding=finding)]


def _chosen(old: Any, *, values: bool, size: float, runs: int, clean: int) -> tuple[str | None, str]:
    """The method and the key of its reason; None where the old one stays. ``values``: no parameter is a range."""
    if values and 1 <= size <= runs and old != "grid":
        return "grid", "small"
    learned = "bayes" if clean >= FEW else "random"
    if old == "grid" and not values:
        return learned, "range"
    if old == "grid" and 0 < runs < size < math.inf:
        return learned, "large"  # in order: a grid that is cut short never comes to its last combinations
    return ("random", "missing") if old is None else (None, "")


def cap_changes(sweep: Sweep, config: Mapping[str, Any], *, size: float, budget: int | None) -> list[Change]:
    """``run_cap``: the budget, or as many runs as the parent had; no more than a grid has configurations.

    config: with its method as it will be.
    """
    old = config.get("run_cap")
    given = old if isinstance(old, int) and not isinstance(old, bool) and old > 0 else None
    wanted = budget or given or len(sweep.runs)
    grid = config.get("method") == "grid" and math.isfinite(size)
    cap = int(min(wanted, max(size, 1))) if grid else wanted
    if not cap or cap == old:
        return []
    finding = Finding(
        id="",
        kind="search_run_cap",
        subject="run_cap",
        supported=True,
        estimate=Estimate(value=float(cap), unit=""),
        n=len(sweep.runs),
        method="the number of runs asked for, else that of the parent; of a grid no more than its configurations",
        runs=tuple(run.id for run in sweep.runs),
        facts={"cap": cap, "budget": budget, "size": int(size) if grid else None, "parent": len(sweep.runs)},
    )
    return [Change(path=("run_cap",), action="add" if old is None else "set", old=old, new=cap, finding=finding)]
