"""Whether a sentence is true: one judge for each kind of finding, one module for each section of the page.

A judge answers True (right), False (wrong) or None (nothing in the simulated world decides it). What counts as wrong:

- a sentence with intervals, where any of them misses its truth;
- a count or a name, where it is not so (a count with an interval only where the true count lies outside it);
- "carries risk", "makes a difference", "changed", where the true effect is none or has the other sign;
- "cannot be told apart", "no risk shown" are never wrong; the interval beside them is measured by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from aftersweep.analysis.types import Finding

from . import best, ends, explain, following, pooling, risk, search, space
from .case import Case, Judging, Verdict

__all__ = ["JUDGES", "Case", "Verdict", "verdict"]


def verdict(finding: Finding, case: Case) -> Verdict:
    """Whether the finding's sentence is true. KeyError for a kind without a judge: nobody may add one unjudged."""
    return JUDGES[finding.kind](finding, case)


def _recommendation(f: Finding, case: Case) -> Verdict:
    """A recommendation is as right as what it rests on; that nothing was repeated can be seen."""
    if f.facts["advice"] == "repeat_best":
        return case.most_alike() == 1
    verdicts = [verdict(case.result.finding(i), case) for i in f.facts["rests_on"]]
    return False if False in verdicts else None if None in verdicts else True


JUDGES: Mapping[str, Judging] = {
    **ends.JUDGES,
    **risk.JUDGES,
    **best.JUDGES,
    **explain.JUDGES,
    **space.JUDGES,
    **pooling.JUDGES,
    **following.JUDGES,
    **search.JUDGES,
    "recommendation": _recommendation,
}
