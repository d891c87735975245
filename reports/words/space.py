"""Sentences of the section 'space'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...analysis.types import Finding
from ...analysis.values import show
from ..format import number, p_phrase, percent, plural
from ..hostile import short
from .common import listed, within

MOST_NAMED = 5


def _setting(name: str, value: Any) -> str:
    return f"{name} = {short(show(value))}"


def _end(f: Finding) -> str:
    low, high = f.facts["low"], f.facts["high"]
    at = show(low) if low == high else f"{number(low)} to {number(high)}"
    return f"the {f.facts['side']} end of {f.subject} ({at})"


def _edge(f: Finding) -> str:
    facts = f.facts
    counts = (
        f"{facts['k_best']} of the {facts['n_best']} best runs lie there, of the others {facts['k_rest']} of "
        f"{facts['n_rest']}"
    )
    by = f"by {facts['metric']}" + (f" at {plural(facts['iteration'], 'logged value')}" if facts["iteration"] else "")
    tests = f"{p_phrase('p', f.p)}, {p_phrase('q', f.q)}"
    if f.supported:
        return f"The best runs {by} crowd at {_end(f)}: {counts} ({within(f)} of the best; {tests})."
    return (
        f"At no end of any range do the best runs {by} crowd more than chance could make them; the nearest to it is "
        f"{_end(f)}: {counts} ({tests})."
    )


def _some(items: Sequence[str]) -> str:
    if len(items) <= MOST_NAMED:
        return listed(items)
    return f"{', '.join(items[:MOST_NAMED])} and {len(items) - MOST_NAMED} more"


def _unseen(f: Finding) -> str:
    levels = f.facts["levels"]
    said = [
        _setting(name, value) + ("" if chance is None else f" (missed with chance {percent(chance)})")
        for name, value, chance in levels
    ]
    verb = "was" if len(levels) == 1 else "were"
    return f"{plural(len(levels), 'declared level')} {verb} never tried: {_some(said)}."


def _pairs(f: Finding) -> str:
    facts = f.facts
    tried = f"{facts['tried']} of {plural(facts['cells'], 'pair')} of levels were tried"
    if not facts["enough"]:
        return f"{tried}; there are too few runs to expect any pair as often as 3 times."
    if not facts["missed"]:
        return f"{tried}, among them all {facts['enough']} that were to be expected 3 times or more."
    first = " with ".join(_setting(name, value) for name, value in facts["first"])
    verdict = "chance alone does not explain it" if f.supported else "chance alone can explain it"
    return (
        f"{tried}. Of {facts['enough']} that were to be expected 3 times or more, {facts['missed']} never came, where "
        f"chance leaves out about {number(round(facts['by_chance'], 1))}; the least likely of them: {first} "
        f"({number(facts['expected'], 2)} times expected; {verdict}, {p_phrase('q', f.q)})."
    )


def _between(f: Finding) -> str:
    low, high = f.facts["low"], f.facts["high"]
    if low is None and high is None:
        return "anywhere"
    if low is None:
        return f"below {number(high)}"
    return f"above {number(low)}" if high is None else f"between {number(low)} and {number(high)}"


def _gap(f: Finding) -> str:
    part = f"{f.subject} {_between(f)}, {percent(f.facts['share'])} of its declared distribution"
    if f.supported and f.p is not None:
        tests = f"{p_phrase('p', f.p)}, {p_phrase('q', f.q)}, {plural(f.n, 'run')}"
        return f"No run tried {part}: more than random draws leave out by chance ({tests})."
    by_chance = "" if f.p is None else f"; random draws leave one as large in {percent(f.p)} of searches"
    return f"The largest part of a declared range that no run tried: {part} ({plural(f.n, 'run')}{by_chance})."


def _narrowed(f: Finding) -> str:
    first, second = number(f.facts["first"], 2), number(f.facts["second"], 2)
    change = f"it used {f.subject} as if it had {second} of {f.facts['parts']} parts, in the first half {first}"
    tests = f"{p_phrase('p', f.p)}, {p_phrase('q', f.q)}, {plural(f.n, 'run')}"
    if f.supported:
        left = f.facts["left"]
        gone = f"; not tried any more: {_some([short(name) for name in left])}" if left else ""
        return f"The bayes search narrowed {f.subject}: in the second half of its runs {change} ({tests}){gone}."
    return (
        f"That the bayes search narrowed any parameter cannot be shown; the nearest to it: in the second half of its "
        f"runs {change} ({tests})."
    )


_VALUE = {
    "worst": "the worst value of any run",
    "best": "the best value of its own",
    "latest": "the latest value of its own",
}


def _impute(f: Finding) -> str:
    facts = f.facts
    set_to = f"metric.impute: {facts['strategy']}" + ("" if facts["declared"] else ", the default")
    low, high = facts["stopped_between"]
    doubt = "" if low == high == facts["stopped"] else f" ({low} to {high} by their chances)"
    stopped = f", {facts['stopped']}{doubt} of them stopped by the sweep's own rule" if facts["stopped"] else ""
    one = facts["runs"] == 1
    said = (
        f"{facts['runs']} of {plural(f.n, 'run')} with a value ({within(f)}) {'is' if one else 'are'} recorded as "
        f"failed, crashed or killed{stopped}: W&B's released bayes search counts {'it' if one else 'them'} with "
        f"{_VALUE[facts['strategy']]} ({set_to})"
    )
    if facts["strategy"] != "worst":
        return f"{said}."
    return f"{said}; {facts['better']} of them had a better {facts['metric']} than the median of these runs."


ADVICE: dict[str, Callable[[Finding], str]] = {
    "extend_range": lambda f: (
        f"Extend {f.subject} beyond its {f.facts['side']} end, where it can be: the best runs crowd there "
        f"({p_phrase('q', f.q)})."
    ),
    "try_pairs": lambda f: (
        "Ask what keeps "
        + " and ".join(_setting(name, value) for name, value in f.facts["first"])
        + f" apart, and try them together if nothing has to ({p_phrase('q', f.q)})."
    ),
    "fill_gap": lambda f: f"Try {f.subject} {_between(f)}: no run did ({p_phrase('q', f.q)}).",
    "set_impute": lambda f: (
        "Set metric.impute to best or latest: the runs that the rule stopped counted as the worst of all "
        f"({plural(f.facts['stopped'], 'run')}, as far as is known)."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "space_edge": _edge,
    "space_unseen": _unseen,
    "space_pairs": _pairs,
    "space_gap": _gap,
    "space_narrowed": _narrowed,
    "space_impute": _impute,
}

SEARCH: frozenset[str] = frozenset({"extend_range", "try_pairs", "fill_gap", "set_impute"})
"""Advice that changes the search, not how runs are made or read."""
