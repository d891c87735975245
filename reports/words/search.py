"""Sentences of what is mended of the search itself, and the comments of its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...analysis.types import Estimate, Finding
from ...analysis.values import show
from ..format import number, percent, plural, share_interval
from ..hostile import short
from .common import listed, within

MOST_NAMED = 5


def _warmup(f: Finding) -> str:
    facts = f.facts
    stopped = f"the rule stopped {facts['stopped']} of them there" if facts["stopped"] else "it stopped none of them"
    return (
        f"The first band of the stopping rule ({facts['old']}) lies inside the warm-up of {plural(f.n, 'run')} "
        f"({f.subject}), and {stopped} ({within(f)}); in the new space it lasts up to {show(facts['longest'])} epochs, "
        f"so bands begin at {facts['new']} logged values."
    )


def _bands(f: Finding) -> str:
    facts = f.facts
    stays = "so the rule stays as it is"
    if facts.get("moved"):
        stays = f"so nothing but the warm-up moves its first band, to {facts['moved']}"
    if f.estimate is None or f.estimate.value is None:
        return (
            f"Whether the stopping rule costs good runs cannot be told, {stays}: {plural(facts['completed'], 'run')} "
            f"came to the end, and at least {facts['least']}, with values that vary, are needed."
        )
    of_seen = plural(facts["seen_good"], "good run")
    seen = f"of the {of_seen} that were seen to the end it was true for {facts['seen_lost']}, a lower bound"
    said = (
        f"A rule with bands at {listed(facts['bands'][:6])} stops {_ninety(facts['stopped'])} of the runs that would "
        f"end in the best fifth, and {share_interval(f.estimate)} of them only because their values at the bands "
        f"mislead it, by a model of all histories (90 % intervals, each run judged once; {seen}"
        f"{_correlation(facts['correlation'])})"
    )
    if facts["after"]:
        return f"{said}; with the first band at {facts['new']} it would be misled about {_ninety(facts['after'])}."
    if f.supported:
        return f"{said}; of no later band is it known to be under 10 %, {stays}."
    return f"{said}; that is not known to be more than 10 %, {stays}."


def _ninety(three: Sequence[float]) -> str:
    value, low, high = three
    return share_interval(Estimate(value=value, low=low, high=high, level=0.9))


def _correlation(rho: Estimate | None) -> str:
    if rho is None:
        return ""
    return f"; rank correlation of their values at the first band with the final ones {number(rho.value, 2)}"


def _strict(f: Finding) -> str:
    if not f.n:
        return (
            "The sweep does not say strict, which W&B's package takes as true and its documentation as false; no run "
            "came to a band."
        )
    how = "none" if not f.facts["differ"] else str(f.facts["differ"])
    return (
        "The sweep does not say strict, which W&B's package takes as true and its documentation as false: by all "
        f"logged values the two judge {how} of {plural(f.n, 'run')} otherwise at the last band "
        f"({within(f)})."
    )


def _impute(f: Finding) -> str:
    facts = f.facts
    low, high = facts["between"]
    doubt = "" if low == high == facts["fair"] else f"; {low} to {high} by their chances"
    said = (
        f"{facts['fair']} of {plural(f.n, 'run')} with a value ({within(f)}{doubt}) were stopped by the rule with a "
        f"better {facts['metric']} than the worst quarter, and W&B's released bayes search counts them as the worst of "
        "all"
    )
    if f.supported:
        return f"{said}: metric.impute latest takes them at their own last value."
    return (
        f"{said}; yet metric.impute stays, as any other would count {plural(facts['zero'], 'run')} that ended without "
        "a value as 0, which is good here."
    )


def _method(f: Finding) -> str:
    facts = f.facts
    old, new = show(facts["old"]), facts["new"]
    if facts["why"] == "asked":
        return f"The method is {new}, as asked."
    runs, size = plural(facts["budget"], "run"), facts["size"]
    if facts["why"] == "small":
        assert f.estimate is not None
        return (
            f"The new space has {plural(size, 'configuration')} and the budget is {runs}: a grid tries each of them, "
            f"where random draws would leave out {percent(f.estimate.value)} on average."
        )
    start = f"; {facts['clean']} clean results are there to start from" if new == "bayes" else ""
    if facts["why"] == "large":
        assert f.estimate is not None
        return (
            f"The new space has {plural(size, 'configuration')} and the budget is {runs}: a grid, which goes through "
            f"them in order, would not come to the last {percent(f.estimate.value)}, so the method is {new}{start}."
        )
    if facts["why"] == "range":
        return f"The new space has a range, which no grid can go through, so the method is {new}{start}."
    return f"The sweep names no method, which W&B asks for (found: {old}): it is {new}."


def _run_cap(f: Finding) -> str:
    facts = f.facts
    cap = plural(facts["cap"], "run")
    if facts["size"] == facts["cap"]:
        return f"The new sweep ends after {cap}, as many as its grid has configurations."
    if facts["budget"]:
        return f"The new sweep ends after {cap}, as asked."
    return f"The new sweep ends after {cap}, as many as this one had."


def _epochs(f: Finding) -> str:
    facts = f.facts
    if facts["more"]:
        return (
            f"{facts['late']} of {plural(f.n, 'completed run')} ({within(f)}) had the best {facts['metric']} in the "
            f"last tenth, still rising by more than a tenth of their spread over the last fifth: {f.subject} goes from "
            f"{show(facts['old'])} to {show(facts['new'])}."
        )
    return (
        f"All {plural(f.n, 'completed run')} had the best {facts['metric']} in the first {percent(facts['latest'])} "
        f"(share of runs with it in the second half: {within(f)}): {f.subject} goes from {show(facts['old'])} to "
        f"{show(facts['new'])}."
    )


def _prior(f: Finding) -> str:
    options = " ".join(f"-R {short(run)}" for run in f.runs[:MOST_NAMED])
    left = len(f.runs) - MOST_NAMED
    more = f" ... FILE (best first; {left} more in the evidence)" if left > 0 else " FILE"
    return (
        f"{f.facts['clean']} of {plural(f.n, 'run')} completed with a value, and the new space holds their settings: "
        f"give them to the new bayes search with wandb sweep {options}{more}."
    )


def _repeats(f: Finding) -> str:
    assert f.estimate is not None
    seed = f"another {f.facts['seed']}" if f.facts["seed"] else "another seed"
    return (
        f"Run the three best completed runs again with {seed} ({listed([short(run) for run in f.runs])}): no "
        f"configuration of the {plural(f.n, 'completed run')} was repeated, so nobody knows whether the "
        f"{number(f.estimate.value)} between the first and the third in {f.subject} is more than chance."
    )


def _running(f: Finding) -> str:
    runs = plural(f.facts["running"], "run")
    return (
        f"{runs} of {f.n} still {'runs' if f.facts['running'] == 1 else 'run'} ({within(f)}): what is said of the next "
        "sweep is said without what they will show; ask again when they have ended."
    )


def _unlogged(f: Finding) -> str:
    names = [short(name) for name in f.facts["names"]]
    what = "parameter" if len(names) == 1 else "parameters"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (
        f"None of {plural(f.n, 'run')} logged the {what} {listed(names[:MOST_NAMED])}{more} of the sweep file: nothing "
        "can be known of what is not logged, so it stays as it is."
    )


WORDS: dict[str, Callable[[Finding], str]] = {
    "search_warmup": _warmup,
    "search_bands": _bands,
    "search_strict": _strict,
    "search_impute": _impute,
    "search_method": _method,
    "search_run_cap": _run_cap,
    "search_epochs": _epochs,
    "search_prior": _prior,
    "search_repeats": _repeats,
    "search_running": _running,
    "search_unlogged": _unlogged,
}
ADVICE: dict[str, Callable[[Finding], str]] = {}
SEARCH: frozenset[str] = frozenset()

_WHY = {
    "asked": "as asked",
    "small": "the budget covers every configuration",
    "large": "the budget does not cover the grid",
    "range": "the space has a range",
    "missing": "W&B asks for one",
}


def _cap_comment(f: Finding) -> str:
    if f.facts["size"] == f.facts["cap"]:
        return "as many as the grid has configurations"
    return "as asked" if f.facts["budget"] else "as many as the parent had"


def _epochs_comment(f: Finding) -> str:
    if f.facts["more"]:
        return f"{f.facts['late']} of {plural(f.n, 'run')} had their best in the last tenth"
    return f"all {plural(f.n, 'run')} had their best in the first {percent(f.facts['latest'])}"


def _bands_comment(f: Finding) -> str:
    value = f.facts["after"][0] if f.facts["after"] else None
    before = percent(f.estimate.value if f.estimate else None)
    return f"a first band at {f.facts['bands'][0]} is misled about {before} of the good runs, this {percent(value)}"


COMMENTS: dict[str, Callable[[Finding], str]] = {
    "search_warmup": lambda f: f"past the longest warm-up, {show(f.facts['longest'])} epochs",
    "search_bands": _bands_comment,
    "search_strict": lambda _: "what W&B's package does where it is not said",
    "search_impute": lambda f: f"else {f.facts['fair']} stopped runs of fair value count as the worst",
    "search_method": lambda f: _WHY[f.facts["why"]],
    "search_run_cap": _cap_comment,
    "search_epochs": _epochs_comment,
}
"""The reason in a few words, for the end of a changed line."""
