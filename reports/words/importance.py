"""Sentences of the section 'importance'."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import number, p_phrase, percent, plural
from .common import listed, within


def _target(f: Finding) -> str:
    if f.kind == "importance":
        at = f.facts["iteration"]
        return f"the best {f.facts['metric']} by {plural(at, 'logged value')}" if at else f.facts["metric"]
    return "which runs crashed" + (", given how far each came" if f.facts["by_progress"] else "")


def _fit(f: Finding) -> str:
    value, low, high = f.facts["r2"]
    return (
        f"out-of-bag R² {number(value, 2)}, 95 % interval {number(low, 2)} to {number(high, 2)}, "
        f"{p_phrase('p', f.p)}, {plural(f.n, 'run')}"
    )


def _importance(f: Finding) -> str:
    facts = f.facts
    if not facts["tested"]:
        return f"Which parameters explain {_target(f)}: not enough evidence to say ({facts['why']})."
    if not f.supported:
        return f"That the swept parameters explain {_target(f)} cannot be shown ({_fit(f)}): none is ranked."
    explained = f"The swept parameters explain some of {_target(f)} ({_fit(f)})"
    if facts["leading"] is not None and f.estimate is not None:
        other = "" if facts["agreed"] else "; PED-ANOVA, which asks what sets the best fifth apart, has another first"
        if f.kind == "importance_crash" and other:
            other = "; PED-ANOVA has another first"
        return (
            f"{explained}, {facts['leading']} more than any other: {percent(f.estimate.value)} of the fit by fANOVA "
            f"({within(f)}){other}."
        )
    first = [f"{name} in {percent(share)}" for name, share in facts["first"].items()]
    which = f" (most often first in random halves of the runs: {listed(first)})" if first else ""
    return f"{explained}; which parameter explains most cannot be told{which}."


ADVICE: dict[str, Callable[[Finding], str]] = {}

WORDS: dict[str, Callable[[Finding], str]] = {"importance": _importance, "importance_crash": _importance}

SEARCH: frozenset[str] = frozenset()
"""Advice that changes the search, not how runs are made or read."""
