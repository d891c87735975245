"""What ended the runs."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import (
    CAUSE_WORDS,
    percent,
    plural,
)
from .common import listed, of_the, within


def _crash_rate(f: Finding) -> str:
    if not f.facts["total"]:
        return "There are no runs: there is no crash rate."
    if not f.supported:
        none = "The one run has not" if f.facts["total"] == 1 else f"None of the {f.facts['total']} runs has"
        return f"{none} started and ended: there is no crash rate."
    low, high = percent(f.facts["low"]), percent(f.facts["high"])
    rate = low if low == high else f"between {low} and {high}"
    return (
        f"The crash rate is {rate} of {plural(f.n, 'run')} that started and ended ({within(f)}); "
        f"recorded as crashed or failed are {f.facts['recorded']} of {f.facts['total']} "
        f"({percent(f.facts['recorded'] / f.facts['total'])})."
    )


def _early_stopping(f: Finding) -> str:
    stopped = f.facts["stopped"]
    if not stopped:
        none = "The one" if f.n == 1 else "None of the"
        verb = "was not" if f.n == 1 else "was"
        return f"{none} {_recorded(f)} {verb} stopped by the sweep's own rule ({_rule(f)}; {within(f)})."
    if f.n == 1:
        sure = "probably did not crash: it was" if f.facts["inferred"] else "did not crash: it was"
        return f"The one {_recorded(f)} {sure} the sweep's own early stop ({_rule(f)}; {within(f)})."
    if stopped * 2 > f.n:
        return f"Most of the {_recorded(f)} did not crash: {_stopped(f)} ({_rule(f)}; {within(f)})."
    return f"Of the {_recorded(f)}, {_stopped(f)} ({_rule(f)}; {within(f)})."


def _stopped(f: Finding) -> str:
    """``36 were the sweep's own early stops``; those that only their end speaks for come after, as probable."""
    inferred = f.facts["inferred"]
    sure = f.facts["stopped"] - inferred
    plain, its = (_early_stops(count) for count in (sure, inferred))
    if not inferred:
        return f"{sure} {plain}"
    if not sure:
        return f"{inferred} probably {its}"
    more = "was, by when it ended" if inferred == 1 else "were, by when they ended"
    return f"{sure} {plain}, and {inferred} more probably {more}"


def _early_stops(count: int) -> str:
    return "was the sweep's own early stop" if count == 1 else "were the sweep's own early stops"


def _recorded(f: Finding) -> str:
    """``41 runs recorded as crashed``, ``42 runs recorded as crashed (41) or failed (1)``; of one run no number."""
    states = {state: count for state, count in f.facts["states"].items() if count}
    if len(states) == 1:
        return f"{'run' if f.n == 1 else plural(f.n, 'run')} recorded as {next(iter(states))}"
    return f"{f.n} runs recorded as " + " or ".join(f"{state} ({count})" for state, count in states.items())


def _rule(f: Finding) -> str:
    bands = f.facts["bands"]
    return f"Hyperband, {'band' if len(bands) == 1 else 'bands'} {_bands(f)}"


def _bands(f: Finding) -> str:
    bands, more = f.facts["bands"], f.facts["more_bands"]
    return ", ".join(str(band) for band in bands) + ", …" if more else listed(bands)


def _ends_at_bands(f: Finding) -> str:
    return (
        f"{of_the(f.facts['near'], f.n, 'recorded crash', 'recorded crashes')} ended on one of the rule's bands "
        f"({_bands(f)}) or one logged value after it ({within(f)})."
    )


def _warmup(f: Finding) -> str:
    if not f.facts["stopped"]:
        none = "did not stop it" if f.n == 1 else "stopped none of them"
        return (
            f"{plural(f.n, 'run')} warmed up past the rule's first band ({f.facts['band']}) by {f.subject}; "
            f"the rule {none} there ({within(f)})."
        )
    which = "it there, before its" if f.n == 1 else f"{f.facts['stopped']} of them there, before their"
    return (
        f"The rule's first band ({f.facts['band']}) lies inside the warm-up of {plural(f.n, 'run')} ({f.subject}), "
        f"and the rule stopped {which} learning rate was reached ({within(f)})."
    )


def _causes(f: Finding) -> str:
    known = f"share with a known cause: {within(f)}"
    if not f.supported:
        if f.n == 1:
            return f"The cause of the one crash{_between(f)} cannot be told."
        return f"The cause of none of the {f.n} crashes{_between(f)} can be told ({known})."
    if f.n == 1:
        return f"The cause of the one crash{_between(f)}: {CAUSE_WORDS[next(iter(f.facts['causes']))]}."
    named = [f"{count} {CAUSE_WORDS[cause]}" for cause, count in f.facts["causes"].items()]
    return f"Of {plural(f.n, 'crash', 'crashes')}{_between(f)}: {listed(named)} ({known})."


def _between(f: Finding) -> str:
    """How many there may have been, where the ends of some runs are in doubt."""
    low, high = f.facts["between"]
    return "" if low == high == f.n else f" ({low} to {high} by the runs' chances)"


_SILENCES = {
    "not_finite": "logged NaN or infinity",
    "constant": "logged the same value throughout",
    "never_improved": "never got better than the first value",
}


def _silent(f: Finding) -> str:
    told = []
    for kind, count in f.facts["kinds"].items():
        if count:
            names = f.facts["metrics"] if kind == "not_finite" else [f.facts["metric"]]
            where = f" ({listed(names)})" if names else " (in the summary)"
            told.append((count, f"{_SILENCES[kind]}{where}"))
    who = of_the(f.facts["bad"], f.n, "completed run")
    what = told[0][1] if len(told) == 1 else listed([f"{count} {text}" for count, text in told])
    return f"{who} failed silently: {what} ({within(f)})."


def _unknown(f: Finding) -> str:
    verb = "has" if f.facts["unknown"] == 1 else "have"
    return f"{f.facts['unknown']} of {plural(f.n, 'run')} {verb} an outcome that nothing decides ({within(f)})."


def _still_running(f: Finding) -> str:
    running = f.facts["running"]
    when = "when the sweep was read"
    if not running:
        return (
            f"None of {plural(f.n, 'run')} was running {when}, but W&B lists the sweep as running: what is said here "
            "may change with the runs to come."
        )
    return (
        f"{running} of {plural(f.n, 'run')} {'was' if running == 1 else 'were'} still running {when}: what is said "
        f"here may change until {'it has' if running == 1 else 'they have'} ended."
    )


def _stops(f: Finding) -> str:
    stopped = f.facts["stopped"]
    return "the early stop as a stop: it says" if stopped == 1 else f"the {stopped} early stops as stops: they say"


ADVICE: dict[str, Callable[[Finding], str]] = {
    "read_stops_as_stops": lambda f: f"Count {_stops(f)} that a run fell behind, not that it broke.",
    "later_first_band": lambda f: (
        f"Move the first band past the warm-up, or shorten {f.subject}: {plural(f.facts['stopped'], 'run')} "
        f"{'was' if f.facts['stopped'] == 1 else 'were'} stopped at {f.facts['band']}, still warming up."
    ),
    "keep_logs": lambda f: (
        f"Keep console logs and exit codes: {f.n - f.facts['known']} of {plural(f.n, 'crash', 'crashes')}{_between(f)} "
        f"{'has' if f.n - f.facts['known'] == 1 else 'have'} no cause that can be read."
    ),
    "stop_on_nan": lambda _: (
        "Let a run fail as soon as a metric that has to be finite is not: these ran on, and count as completed."
    ),
    "look_at_stuck": lambda f: (
        f"Look at {'the run' if f.facts['bad'] == 1 else 'the runs'} whose {f.facts['metric']} never got better: "
        f"{'it' if f.facts['bad'] == 1 else 'they'} used up a whole budget and count as completed."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "crash_rate": _crash_rate,
    "early_stopping": _early_stopping,
    "ends_at_bands": _ends_at_bands,
    "warmup_judged": _warmup,
    "causes": _causes,
    "silent_failure": _silent,
    "unknown_outcomes": _unknown,
    "still_running": _still_running,
}

SEARCH: frozenset[str] = frozenset({"later_first_band"})
"""Advice that changes the search, not how runs are made or read."""
