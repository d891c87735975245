"""What carries risk."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Estimate, Finding
from ..format import chances, number, p_phrase, percent, plural, ratio_interval
from .common import listed


def _counts(f: Finding) -> str:
    return (
        f"{chances(f.facts['k_in'])} of {f.facts['n_in']} crashed, of the others "
        f"{chances(f.facts['k_out'])} of {f.facts['n_out']}"
    )


def _effect(f: Finding) -> str:
    """``hazard ratio 2.1 (0.4 to 11), p = 0.31, q = 0.62``; with the interval's level where it is not 95 %."""
    parts = []
    if f.estimate is not None and (f.estimate.low is not None or f.estimate.high is not None):
        level = "" if f.estimate.level == 0.95 else f" at {percent(f.estimate.level)}"
        parts.append(f"{f.estimate.unit} {ratio_interval(f.estimate)}{level}")
    return ", ".join([*parts, p_phrase("p", f.p), p_phrase("q", f.q)])


def _seen(f: Finding) -> str:
    """What the sweep could have found."""
    if f.facts["detectable"] is None:
        return (
            "no effect, however large, would have been found reliably: the crashes are too few, or its levels were not "
            "tried side by side"
        )
    ratio = f.estimate.unit if f.estimate else "ratio"
    return (
        f"an effect of {f.facts['detectable_of']} would have been found in {percent(f.facts['power'])} of such sweeps "
        f"only from {'an' if ratio[0] == 'o' else 'a'} {ratio} of {number(f.facts['detectable'], 2)} on "
        f"({percent(f.facts['detectable_from'])} to {percent(f.facts['detectable_to'])} crashing)"
    )


def _risk_factor(f: Finding) -> str:
    if f.facts["family"] == "claim":
        return _claim(f)
    if f.p is None:
        return f"{f.subject}: not enough evidence to test ({plural_crashes(f.facts['crashes'])} among {f.n} runs)."
    if not f.supported:
        return (
            f"{f.subject}: no risk shown; the largest difference is {f.facts['leading']}: {_counts(f)} "
            f"({_effect(f)}). Here {_seen(f)}."
        )
    if f.facts["raises"]:
        return f"{f.subject} carries risk: {f.facts['leading']}: {_counts(f)} ({_effect(f)}){_adjusted(f)}."
    less = f"{f.facts['leading']} crashes less often"
    return f"{f.subject} makes a difference: {less}: {_counts(f)} ({_effect(f)}){_adjusted(f)}."


def _adjusted(f: Finding) -> str:
    """What is left of it given the other settings, or how many crashes that would take."""
    if f.facts["adjusted_needs"] is not None:
        return f"; too few crashes to adjust for the other settings ({f.facts['adjusted_needs']} would do)"
    if f.facts["adjusted"] is None:
        return ""
    ratio = Estimate(**f.facts["adjusted"])
    given = plural(len(f.facts["adjusted_for"]), "other setting")
    return f"; given {given} {ratio_interval(ratio)}"


def _interaction(f: Finding) -> str:
    pairs = plural(f.facts["tested"], "pair")
    if not f.supported:
        return (
            f"No pair of settings crashes otherwise than its two settings by themselves would have it, as far as the "
            f"data can show ({pairs} of settings tested, exploratory; smallest {p_phrase('q', f.q)})."
        )
    more = "more" if f.facts["more"] else "less"
    return (
        f"{f.subject} together crash {more} often than the two by themselves would have it: {_counts(f)} "
        f"({_effect(f)}; exploratory, one of {pairs} tested)."
    )


def plural_crashes(crashes: float) -> str:
    """``1 crash``, ``2.5 crashes``: chances summed."""
    return f"{chances(crashes)} {'crash' if chances(crashes) == '1' else 'crashes'}"


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
        f"{_counts(f)}, too few to test"
        if f.p is None
        else f"{_counts(f)} ({p_phrase('p', f.p)}, {p_phrase('q', f.q)})"
    )
    return f"“{facts['claimed']}” {verdict}: {recorded}; {stopped}; by outcome {tested}."


def _risk_summary(f: Finding) -> str:
    if not f.facts["parameters"]:
        return "No risk factor can be tested: no swept parameter has two levels among the runs."
    if not f.n:
        return (
            f"No risk factor can be tested: {plural(f.facts['parameters'], 'parameter')} to tell apart, and "
            f"{plural_crashes(f.facts['crashes'])} (chances summed) that a setting could have caused."
        )
    if f.supported:
        raising, lowering = f.facts["raising"], f.facts["lowering"]
        said = [f"a risk is carried by {listed(raising)}"] if raising else []
        said += [f"crashes are rarer with {listed(lowering)}"] if lowering else []
        return f"Of {plural(f.n, 'parameter')} tested, at q ≤ 0.05 {' and '.join(said)}."
    smallest = p_phrase("q", f.q)
    if f.n == 1:
        return f"The one parameter tested carries no risk of crashing that the data can show ({smallest})."
    return f"None of {f.n} parameters tested carries a risk of crashing that the data can show (smallest {smallest})."


def _drift(f: Finding) -> str:
    if not f.supported:
        return (
            f"That the chance of crashing changed in the course of the sweep cannot be shown (largest difference: "
            f"{f.facts['leading']}: {_counts(f)}; {_effect(f)})."
        )
    more = "more" if f.facts["raises"] else "less"
    return (
        f"The chance of crashing changed in the course of the sweep: {f.facts['leading']} crashed {more} often: "
        f"{_counts(f)} ({_effect(f)})."
    )


def _host(f: Finding) -> str:
    if not f.supported:
        return (
            f"No {f.subject} crashes more than the others as far as the data can show (largest difference: "
            f"{f.facts['leading']}: {_counts(f)}; {_effect(f)})."
        )
    more = "more" if f.facts["raises"] else "less"
    return (
        f"The {f.subject} makes a difference: {f.facts['leading']} crashed {more} often: {_counts(f)} ({_effect(f)})."
    )


ADVICE: dict[str, Callable[[Finding], str]] = {
    "restrict_level": lambda f: f"Leave out or mend {f.facts['leading']}: it carries risk ({p_phrase('q', f.q)}).",
    "lower_range": lambda f: (
        f"Lower the upper end of {f.subject}, or mend what fails there: its higher values carry risk "
        f"({p_phrase('q', f.q)})."
    ),
    "narrow_range": lambda f: (
        f"Narrow {f.subject} from both ends, or mend what fails there: the ends carry risk ({p_phrase('q', f.q)})."
    ),
    "keep_levels": lambda _: "Leave no setting out for its crash rate: none has shown a risk (which proves none safe).",
    "mend_host": lambda f: (
        f"Look at {f.facts['leading']} before the next sweep: its runs crash more often ({p_phrase('q', f.q)})."
    ),
    "read_by_time": lambda f: (
        "Ask what changed in the course of the sweep (code, data, machines) before crashes of its two parts are "
        f"added up ({p_phrase('q', f.q)})."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "risk_factor": _risk_factor,
    "risk_summary": _risk_summary,
    "drift": _drift,
    "broken_host": _host,
    "interaction": _interaction,
}

SEARCH: frozenset[str] = frozenset({"restrict_level", "lower_range", "narrow_range", "keep_levels"})
"""Advice that changes the search, not how runs are made or read."""
