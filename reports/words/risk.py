"""What carries risk."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import (
    chances,
    p_phrase,
    plural,
    ratio_interval,
)
from .common import listed


def _counts(f: Finding) -> str:
    return (
        f"{chances(f.facts['k_in'])} of {f.facts['n_in']} crashed, of the others "
        f"{chances(f.facts['k_out'])} of {f.facts['n_out']}"
    )


def _risk_factor(f: Finding) -> str:
    if f.facts["family"] == "claim":
        return _claim(f)
    if f.p is None:
        return f"{f.subject}: {_counts(f)}; not enough evidence to test."
    effect = f"{f.estimate.unit} {ratio_interval(f.estimate)}" if f.estimate else ""
    lead = "carries risk" if f.supported else "no risk shown"
    return f"{f.subject}: {lead}: {_counts(f)} ({effect}, {p_phrase('p', f.p)}, {p_phrase('q', f.q)})."


def _claim(f: Finding) -> str:
    facts = f.facts
    if not facts["recorded_n_in"]:
        return f"“{facts['claimed']}” cannot be tested: no run had this setting."
    verdict = "stands" if f.supported else "cannot be tested" if f.p is None else "does not stand"
    recorded = (
        f"by recorded state {facts['recorded_in']} of {facts['recorded_n_in']} against {facts['recorded_out']} of "
        f"{facts['recorded_n_out']} of the others (Fisher's exact test, {p_phrase('p', facts['recorded_p'])})"
    )
    if facts["recorded_n_in"] == 1:
        stopped = f"this one run was {'' if facts['stopped_in'] else 'not '}stopped by the sweep's own rule"
    else:
        verb = "was" if facts["stopped_in"] == 1 else "were"
        stopped = f"{facts['stopped_in']} of these {facts['recorded_n_in']} runs {verb} stopped by the sweep's own rule"
    tested = (
        f"{_counts(f)}, which cannot be tested"
        if f.p is None
        else f"{_counts(f)} ({p_phrase('p', f.p)}, {p_phrase('q', f.q)})"
    )
    return f"“{facts['claimed']}” {verdict}: {recorded}; {stopped}; by outcome {tested}."


def _risk_summary(f: Finding) -> str:
    if not f.facts["levels"]:
        return "No risk factor can be tested: no swept parameter has two levels among the runs."
    if not f.n:
        crashes = f.facts["crashes"]
        return (
            f"No risk factor can be tested: {plural(f.facts['levels'], 'setting')} to tell apart, and "
            f"{chances(crashes)} {'crash' if chances(crashes) == '1' else 'crashes'} (chances summed) that a setting "
            "could have caused."
        )
    if f.supported:
        carry = "carries" if len(f.facts["standing"]) == 1 else "carry"
        return (
            f"Of {plural(f.n, 'setting')} tested, {len(f.facts['standing'])} {carry} a risk of crashing at q ≤ 0.05: "
            f"{listed(f.facts['standing'])}."
        )
    smallest = p_phrase("q", f.q)
    if f.n == 1:
        return f"The one setting tested carries no risk of crashing that the data can show ({smallest})."
    return f"None of {f.n} settings tested carries a risk of crashing that the data can show (smallest {smallest})."


ADVICE: dict[str, Callable[[Finding], str]] = {
    "restrict_level": lambda f: f"Leave out or mend {f.subject}: it carries risk ({p_phrase('q', f.q)}).",
    "keep_levels": lambda _: "Leave no setting out for its crash rate: none has shown a risk (which proves none safe).",
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "risk_factor": _risk_factor,
    "risk_summary": _risk_summary,
}

SEARCH: frozenset[str] = frozenset({"restrict_level", "keep_levels"})
"""Advice that changes the search, not how runs are made or read."""
