"""Sentences of the section 'outlook'."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import number, p_phrase, percent, plural
from .common import within


def _more_runs(f: Finding) -> str:
    more = f"{f.facts['more']} more runs"
    if f.facts["doubt"] == "grid":
        if not f.facts["grid_left"]:
            return "The grid is complete: more runs of this sweep would only repeat settings that it has tried."
        return (
            f"The grid has {plural(f.facts['grid_left'], 'setting')} that no run has tried; they come in order, so the "
            "runs so far do not say how good they are."
        )
    assert f.estimate is not None
    at_most = "at most " if f.facts["ties"] else ""
    chance = f"{at_most}{percent(f.estimate.value)} ({within(f)})"
    best = f"the best {f.facts['metric']} so far, {number(f.facts['best'])}"
    if f.facts["doubt"] == "bayes":
        return (
            f"A bayes search learns, so {more} are not drawn like the {plural(f.n, 'run')} so far: if they were, the "
            f"chance that one beats {best}, would be {chance}."
        )
    if f.facts["doubt"] == "drift":
        return (
            f"Later runs did not do as earlier ones ({p_phrase('p', f.facts['drift_p'])}), so {more} may not do as "
            f"these: if they did, the chance that one beats {best}, would be {chance}."
        )
    return f"The chance that one of {more} beats {best}, is {chance}, as of {plural(f.n, 'run')} drawn alike."


def _gain(f: Finding) -> str:
    assert f.estimate is not None
    high = number(f.estimate.high, 2)
    low = number(f.estimate.value, 2)
    text = (
        f"{f.facts['more']} more runs {'like these ' if f.facts['doubt'] else ''}are expected to improve the best "
        f"{f.facts['metric']} by at most {high} (95 % certain, by a tail fitted to the best {f.facts['tail']} values; "
        f"its middle estimate is {low}"
    )
    if f.facts["per_hour"] is not None:
        text += (
            f", or {number(f.facts['per_hour'], 2)} and at most {number(f.facts['per_hour_high'], 2)} a run-hour: "
            f"they would take about {plural(round(f.facts['hours'], 1), 'hour')} in all"
        )
    return text + ")."


ADVICE: dict[str, Callable[[Finding], str]] = {}

WORDS: dict[str, Callable[[Finding], str]] = {"more_runs": _more_runs, "more_runs_gain": _gain}

SEARCH: frozenset[str] = frozenset()
"""Advice that changes the search, not how runs are made or read."""
