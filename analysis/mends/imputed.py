"""``metric.impute``: what a bayes search takes runs for that its own rule stopped.

The options are those of W&B's released package (sweeps 0.3.0, config/schema.json and bayes_search.py): ``worst``, the
default, ``best`` and ``latest``. ``latest`` takes a run at its own last value, so a stopped run is worth what it had
come to, and one that diverged is not worth what it was before. But a run that failed without any value then counts as
0 (``failed_val``): for a metric on whose good side 0 lies, such as a loss, it would be the best of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..findings.common import PROPORTION
from ..lifetimes.hazard import count_range
from ..outcomes.rates import proportion
from ..results.following import Change
from ..searched.impute import DEFAULT, STATES, STRATEGIES
from ..types import Finding, Outcome, Sweep
from .stops import rule_of

FEWEST, SHARE = 3, 0.1
"""Good runs counted as the worst, in number and of all with a value, from which it is worth a change."""
QUARTER = 0.25


def impute_finding(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> Finding | None:
    """How many stopped runs of fair value the new search would take for the worst; None where it would not.

    ``facts["zero"]``: runs without a value that ``latest`` would make as good as 0, where that is good.
    """
    sweep = sweep.judged or sweep
    metric = config.get("metric")
    given = metric.get("impute") if isinstance(metric, Mapping) else None
    strategy = given if given in STRATEGIES else DEFAULT
    if config.get("method") != "bayes" or rule_of(config) is None or strategy != "worst":
        return None
    valued = {run.id: sweep.metric.sign * run.best for run in sweep.runs if run.best is not None}
    if not valued:
        return None
    quarter = float(np.quantile(list(valued.values()), QUARTER, method="lower"))
    stopped = [
        run.id
        for run in sweep.runs
        if run.id in valued and run.state in STATES and outcomes[run.id].label == "early_stopped"
    ]
    fair = [run_id for run_id in stopped if valued[run_id] > quarter]
    if len(fair) < FEWEST or len(fair) < SHARE * len(valued):
        return None
    chances = np.array([outcomes[run_id].probability for run_id in fair])
    none = [run.id for run in sweep.runs if run.state in STATES and run.best is None]
    zero_is_good = quarter < 0.0
    return Finding(
        id="",
        kind="search_impute",
        subject="metric.impute",
        supported=not (none and zero_is_good),
        estimate=proportion(len(fair), len(valued)),
        n=len(valued),
        method=f"runs that the rule stopped, recorded as failed, crashed or killed, by their best value; {PROPORTION}",
        caveats=("the rule of W&B's released package (sweeps 0.3.0); the search of its servers may have changed since",)
        + (("a later run that fails before any value would count as 0, which is good here",) if zero_is_good else ()),
        runs=tuple(stopped),
        facts={
            "stopped": len(stopped),
            "fair": len(fair),
            "between": list(count_range(chances, chances)),
            "zero": len(none) if zero_is_good else 0,
            "metric": sweep.metric.name,
        },
    )


def impute_changes(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Change]:
    found = impute_finding(sweep, outcomes, config)
    if found is None or not found.supported:
        return []
    old = config["metric"].get("impute") if isinstance(config.get("metric"), Mapping) else None
    path = ("metric", "impute")
    return [Change(path=path, action="add" if old is None else "set", old=old, new="latest", finding=found)]


def impute_advice(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Finding]:
    """Why ``impute`` stays as it is, where it hurts but a change would hurt more."""
    found = impute_finding(sweep, outcomes, config)
    return [found] if found is not None and not found.supported else []
