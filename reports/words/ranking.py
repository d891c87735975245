"""Sentences of the section 'ranking'."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...analysis.types import Finding
from ..format import interval, number, percent, plural
from .common import listed

MOST_NAMED = 4


def _best_chance(f: Finding) -> str:
    chances = f.facts["chances"]
    if not chances:
        return f"Which {f.subject} is the best at equal progress cannot be told: too few runs have comparable values."
    best, chance = chances[0]
    at = f"by the mean best {f.facts['metric']} within {plural(f.facts['iteration'], 'logged value')} ({f.n} runs)"
    named = listed([f"{name} {percent(share)}" for name, share in chances[1:MOST_NAMED]])
    more = len(chances) - MOST_NAMED
    others = f"; {named}{f'; {more} more less' if more > 0 else ''}"
    if f.supported:
        return f"{best} is the best {f.subject} {at}, with a chance of {percent(chance)}{others}."
    which = f"Which {f.subject} is the best {at} is not settled"
    likely = f"{best} with a chance of {percent(chance)}{others}"
    if f.facts["adaptive"]:
        return f"{which}, as a bayes search does not try all levels alike; were they tried alike: {likely}."
    return f"{which}: {likely}."


def _best_of_tries(f: Finding) -> str:
    assert f.estimate is not None
    k = plural(f.facts["k"], "try", "tries")
    lost = f.facts["lost"]
    counted = f", crashed and empty ones counted ({lost} of {f.n})" if lost else ""
    if f.estimate.value is None or math.isinf(f.estimate.value):
        return f"In {k}{counted}, every {f.subject} is more likely than not to give no result."
    value = f"{number(f.estimate.value)} (95 % band {interval(f.estimate)})"
    if f.supported:
        return (
            f"In {k}{counted}, {f.facts['best']} gets the best {f.facts['metric']} of all levels of {f.subject}: in "
            f"the median {value}, beyond the bands of the others."
        )
    lead = "several lead alike with" if f.facts["tied"] else f"{f.facts['best']} leads with"
    some = f"; only {listed(f.facts['apart'][:MOST_NAMED])} can be told apart from it" if f.facts["apart"] else ""
    return (
        f"In {k}{counted}, the levels of {f.subject} cannot all be told apart by the best {f.facts['metric']}: "
        f"{lead} a median of {value}{some}."
    )


def _winners_curse(f: Finding) -> str:
    assert f.estimate is not None
    return (
        f"Repeated, the configuration of {f.subject}, picked as the best of {plural(f.n, 'completed run')} for its "
        f"{number(f.facts['value'])}, is expected to give a {f.facts['metric']} of {number(f.estimate.value)} "
        f"(95 % interval {interval(f.estimate)})."
    )


def _seed_noise(f: Finding) -> str:
    if f.supported:
        assert f.estimate is not None
        across = "other seeds" if f.facts["seed"] else "repeats"
        return (
            f"Between {across} of one configuration {f.subject} differs by a standard deviation of "
            f"{number(f.estimate.value, 3)} (95 % interval {interval(f.estimate, lambda v: number(v, 3))}; {f.n} runs "
            f"of {plural(f.facts['configurations'], 'configuration')})."
        )
    if f.facts["agree"]:
        return (
            f"The {f.n} repeats of {plural(f.facts['configurations'], 'configuration')} gave the same {f.subject} "
            "each: they say nothing about seed noise."
        )
    done = f.facts["completed"]
    none = "No run completed" if not done else "No configuration ran to its end twice"
    return (
        f"{none}: the seed noise of {f.subject} is not known, so the best value cannot be freed of its luck; "
        f"{f.facts['asked']} runs of one configuration would tell it to within a factor of "
        f"{number(f.facts['bound'], 2)}."
    )


def _last_value(f: Finding) -> str:
    assert f.estimate is not None
    worse = f.facts["worse"]
    text = f"The best run, {f.subject}, ended at {number(f.estimate.value)} after its best of {number(f.facts['best'])}"
    if f.facts["leader"] != f.subject:
        text += f"; by last values {f.facts['leader']} leads with {number(f.facts['leader_last'])}"
    if not worse:
        return text + "."
    if f.n == 1:
        return text + "."
    ends, whose = ("ends", "its") if worse == 1 else ("end", "their")
    return f"{text}; {worse} of {f.n} runs {ends} more than {number(f.facts['threshold'], 2)} behind {whose} best."


def _held_out(f: Finding) -> str:
    assert f.estimate is not None
    metric, held = f.facts["metric"], f.facts["held"]
    if f.facts["selected"]:
        return (
            f"Runs were selected by {metric}, named as held out: the best value, {number(f.facts['best'])}, was picked "
            "by what should only have measured it."
        )
    if held is None:
        return (
            f"No metric that is named as held out was logged: the best {metric}, {number(f.facts['best'])}, was picked "
            "by the data that it is measured on."
        )
    if f.estimate.value is None:
        return f"The best run by {metric}, {f.subject}, has no value of the held-out {held}."
    return f"The best run by {metric}, {f.subject}, has a held-out {held} of {number(f.estimate.value)}."


ADVICE: dict[str, Callable[[Finding], str]] = {
    "measure_held_out": lambda f: (
        f"Measure {f.subject} on test data that nothing was chosen by before its {f.facts['metric']} is reported."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "best_chance": _best_chance,
    "best_of_tries": _best_of_tries,
    "winners_curse": _winners_curse,
    "seed_noise": _seed_noise,
    "last_value": _last_value,
    "held_out": _held_out,
}

SEARCH: frozenset[str] = frozenset()
"""Advice that changes the search, not how runs are made or read."""
