"""The crash rate if runs that are doing badly crash more often than the others.

The chance that the rule ended a run rests on the hazard while the rule was false. Runs below the threshold may crash
more often: a learning rate that is too high makes a run both bad and unstable. The odds of a crash against a stop are
h (l - d) (``odds``), so a hazard that is ``factor`` times as high multiplies the odds by ``factor``, and no second
adjudication is needed. Only runs for which the replayed rule was true at the end are meant; lag, and the chance that
the controller did not act, are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..types import Outcome, Sweep

FACTOR = 4.0
"""How much more often; the figure that the report shows."""


def rule_was_true(outcome: Outcome) -> bool:
    """Whether the replayed rule was true at the run's end, and may have ended it."""
    inferred = outcome.label == "early_stopped" and outcome.grade == "inferred"
    return not inferred and any(
        piece.kind == "replay" and piece.supports == "early_stopped" for piece in outcome.evidence
    )


def with_riskier_runs(outcomes: Mapping[str, Outcome], factor: float = FACTOR) -> Mapping[str, Outcome]:
    """The outcomes, by id, with the odds of a crash times ``factor`` where the rule was true; labels are kept."""
    return {
        run_id: replace(outcome, crash_probability=_riskier(outcome.crash_probability, factor))
        if rule_was_true(outcome)
        else outcome
        for run_id, outcome in outcomes.items()
    }


def crash_share(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> tuple[float, float] | None:
    """Expected crashes over eligible runs, unknown ones counted as none and as all; None where no run is eligible."""
    eligible = [outcomes[run.id] for run in sweep.runs if outcomes[run.id].eligible]
    if not eligible:
        return None
    low, high = (sum(outcome.crash_probability[end] for outcome in eligible) / len(eligible) for end in (0, 1))
    return low, high


def _riskier(chance: tuple[float, float], factor: float) -> tuple[float, float]:
    low, high = (factor * p / (1.0 + (factor - 1.0) * p) for p in chance)
    return min(low, 1.0), min(high, 1.0)
