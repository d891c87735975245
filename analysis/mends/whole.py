"""All mends of the search, in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import FormatError
from ..results.following import Change
from ..results.ranking import Ranking
from ..sweepfile.config import read_config
from ..types import Finding, Outcome, Sweep
from .changed import apply
from .imputed import impute_advice, impute_changes
from .length import length_changes
from .method import cap_changes, method_changes
from .prior import prior_advice
from .repeated import repeat_advice
from .stops import stop_advice, stop_changes
from .unfinished import running_advice, unlogged_advice


def mends(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    size: float | None,
    budget: int | None,
    config: Mapping[str, Any],
    method: str | None = None,
) -> tuple[Change, ...]:
    """The changes of the search itself, for the sweep file ``config`` with the new space.

    size: configurations of that space, infinite with a range, None where it is not known; budget: runs asked for;
    method: as asked for, which no reason of ours overrides. Empty for a pooled sweep, and where the configuration is
    not known. Raises UsageError for a method that the space does not allow.
    """
    if sweep.parts or sweep.config is None or not _readable(config):
        return ()
    sizes = float("inf") if size is None else float(size)
    changes = method_changes(sweep, outcomes, config, size=sizes, budget=budget, asked=method)
    after = apply(config, changes)
    changes += impute_changes(sweep, outcomes, after)
    changes += stop_changes(sweep, outcomes, after)
    changes += length_changes(sweep, outcomes, after)
    changes += cap_changes(sweep, after, size=sizes, budget=budget)
    return tuple(changes)


def advice(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    config: Mapping[str, Any],
    ranking: Ranking | None = None,
) -> tuple[Finding, ...]:
    """What a sweep file cannot say: prior runs, runs to repeat, what the stopping rule costs, what cannot be known yet.

    config: the new sweep file, mended; ranking: what is known of repeats already.
    """
    if sweep.parts or sweep.config is None or not _readable(config):
        return ()
    return (
        *stop_advice(sweep, outcomes, config),
        *impute_advice(sweep, outcomes, config),
        *prior_advice(sweep, outcomes, config),
        *repeat_advice(sweep, outcomes, config, ranking),
        *running_advice(sweep, outcomes),
        *unlogged_advice(sweep, [parameter.name for parameter in sweep.config.swept]),
    )


def _readable(config: Mapping[str, Any]) -> bool:
    try:
        read_config(config)
    except FormatError:
        return False
    return True
