"""Which values a bayes search took for runs that were recorded as failed, crashed or killed.

W&B's released search (the package ``sweeps`` 0.3.0, bayes_search.py and config/schema.json) fits its model on the best
value of a finished run and, of a failed, crashed or killed one, on the value that ``metric.impute`` names: ``worst``
(the default: the worst value of any run), ``best`` or ``latest`` (its own). A run that Hyperband stopped is recorded
as one of these, so by default the search learns that its settings are the worst there are. The sweep configuration's
documentation does not mention ``impute`` (docs.wandb.ai/guides/sweeps/sweep-config-keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median_low

import numpy as np

from ..lifetimes.hazard import count_range
from ..results.space import Imputed
from ..types import Outcome, Sweep

STATES = ("failed", "crashed", "killed")
STRATEGIES = ("worst", "best", "latest")
DEFAULT = "worst"


def imputed(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Imputed | None:
    """None where the search is not bayes, or no such run has a value of its own."""
    sweep = sweep.judged or sweep
    if sweep.config is None or sweep.config.method != "bayes":
        return None
    with_value = [run for run in sweep.runs if run.best is not None]
    taken = [run for run in with_value if run.state in STATES]
    if not taken:
        return None
    metric = sweep.config.raw.get("metric")
    given = metric.get("impute") if isinstance(metric, Mapping) else None
    declared = given in STRATEGIES  # the package drops any other word
    middle = median_low(sweep.metric.sign * (run.best or 0.0) for run in with_value)  # a mean of two may overflow
    chances = np.array([_stopped(outcomes[run.id]) for run in taken])
    return Imputed(
        strategy=str(given) if declared else DEFAULT,
        declared=declared,
        runs=tuple(run.id for run in taken),
        stopped=sum(outcomes[run.id].label == "early_stopped" for run in taken),
        stopped_between=count_range(chances, chances),
        better=sum(sweep.metric.sign * (run.best or 0.0) > middle for run in taken),
        total=len(with_value),
    )


def _stopped(outcome: Outcome) -> float:
    """The chance that the rule ended the run; of one that looks crashed, what is left to a crash's chance."""
    if outcome.label == "early_stopped":
        return outcome.probability
    return 1.0 - outcome.probability if outcome.label == "crashed" else 0.0
