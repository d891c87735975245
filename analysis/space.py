"""What the search space left out, and what the search did with it."""

from __future__ import annotations

from collections.abc import Mapping

from .results.space import Space
from .searched.coverage import gaps, pairs, unseen
from .searched.edges import edges
from .searched.impute import imputed
from .searched.narrowing import narrowing
from .types import Outcome, Sweep

BAYES = "a bayes search did not draw its settings at random: an association, not a cause"


def space(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Space | None:
    """Edges, coverage and, of a bayes sweep, what it gave up; None for a sweep without parameters or runs."""
    if not sweep.parameters or not sweep.runs:
        return None
    method = sweep.config.method if sweep.config else None
    return Space(
        n=len(sweep.runs),
        method=method,
        edges=edges(sweep),
        unseen=unseen(sweep),
        pairs=pairs(sweep),
        gaps=gaps(sweep),
        narrowed=narrowing(sweep, sweep.runs) if method == "bayes" else (),
        imputed=imputed(sweep, outcomes),
        caveats=(BAYES,) if method == "bayes" else (),
    )
