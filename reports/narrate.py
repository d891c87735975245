"""Findings to sentences. Nothing is computed here: a sentence holds what its finding holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..analysis.types import Finding
from ..analysis.values import show
from .format import (
    CAUSE_WORDS,
    OUTCOME_WORDS,
    chances,
    interval,
    number,
    p_phrase,
    percent,
    plural,
    ratio_interval,
)


def sentence(finding: Finding) -> str:
    """The finding in words, plain text. KeyError for a kind that has no words: a bug."""
    return WORDS[finding.kind](finding)


def _listed(items: Sequence[object]) -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _interval(finding: Finding) -> str:
    assert finding.estimate is not None  # the kinds below always have one
    return f"{100 * finding.estimate.level:.0f} % interval {interval(finding.estimate, percent)}"


def _crash_rate(f: Finding) -> str:
    if not f.facts["total"]:
        return "There are no runs: there is no crash rate."
    if not f.supported:
        none = "The one run has not" if f.facts["total"] == 1 else f"None of the {f.facts['total']} runs has"
        return f"{none} started and ended: there is no crash rate."
    low, high = percent(f.facts["low"]), percent(f.facts["high"])
    rate = low if low == high else f"between {low} and {high}"
    return (
        f"The crash rate is {rate} of {plural(f.n, 'run')} that started and ended ({_interval(f)}); "
        f"recorded as crashed or failed are {f.facts['recorded']} of {f.facts['total']} "
        f"({percent(f.facts['recorded'] / f.facts['total'])})."
    )


def _early_stopping(f: Finding) -> str:
    stopped = f.facts["stopped"]
    if not stopped:
        none = "The one" if f.n == 1 else "None of the"
        verb = "was not" if f.n == 1 else "was"
        return f"{none} {_recorded(f)} {verb} stopped by the sweep's own rule ({_rule(f)}; {_interval(f)})."
    if f.n == 1:
        return f"The one {_recorded(f)} did not crash: it was the sweep's own early stop ({_rule(f)}; {_interval(f)})."
    verb = "were the sweep's own early stops" if stopped != 1 else "was the sweep's own early stop"
    if stopped * 2 > f.n:
        return f"Most of the {_recorded(f)} did not crash: {stopped} {verb} ({_rule(f)}; {_interval(f)})."
    return f"Of the {_recorded(f)}, {stopped} {verb} ({_rule(f)}; {_interval(f)})."


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
    return ", ".join(str(band) for band in bands) + ", …" if more else _listed(bands)


def _of_the(k: int, n: int, word: str, many: str | None = None) -> str:
    """``3 of the 41 crashes``; of one: ``The one crash``, ``Not the one crash``."""
    if n == 1:
        return f"{'The' if k else 'Not the'} one {word}"
    return f"{k} of the {plural(n, word, many)}"


def _ends_at_bands(f: Finding) -> str:
    return (
        f"{_of_the(f.facts['near'], f.n, 'recorded crash', 'recorded crashes')} ended on one of the rule's bands "
        f"({_bands(f)}) or one logged value after it ({_interval(f)})."
    )


def _warmup(f: Finding) -> str:
    if not f.facts["stopped"]:
        none = "did not stop it" if f.n == 1 else "stopped none of them"
        return (
            f"{plural(f.n, 'run')} warmed up past the rule's first band ({f.facts['band']}) by {f.subject}; "
            f"the rule {none} there ({_interval(f)})."
        )
    which = "it there, before its" if f.n == 1 else f"{f.facts['stopped']} of them there, before their"
    return (
        f"The rule's first band ({f.facts['band']}) lies inside the warm-up of {plural(f.n, 'run')} ({f.subject}), "
        f"and the rule stopped {which} learning rate was reached ({_interval(f)})."
    )


def _causes(f: Finding) -> str:
    if not f.supported:
        if f.n == 1:
            return "The cause of the one crash cannot be told."
        return f"The cause of none of the {f.n} crashes can be told (share with a known cause: {_interval(f)})."
    if f.n == 1:
        return f"The cause of the one crash: {CAUSE_WORDS[next(iter(f.facts['causes']))]}."
    named = [f"{count} {CAUSE_WORDS[cause]}" for cause, count in f.facts["causes"].items()]
    return f"Of {plural(f.n, 'crash', 'crashes')}: {_listed(named)} (share with a known cause: {_interval(f)})."


def _best(f: Finding) -> str:
    assert f.estimate is not None and f.estimate.value is not None
    level = f" ({show(f.facts['level'])})" if f.facts["level"] is not None else ""
    ended = {"unknown": "whose end is unknown,", "never_started": "counted as never started,"}.get(
        f.facts["outcome"], OUTCOME_WORDS[f.facts["outcome"]]
    )
    ties = f.facts["ties"]
    shared = f" (shared with {plural(ties, 'other')})" if ties else ""
    among = "the only run with a value" if f.n == 1 else f"the best of {f.n} runs with a value"
    return (
        f"The best {f.estimate.unit} is {number(f.estimate.value)}{shared}, by run {f.subject}{level}, {ended} "
        f"at {plural(f.facts['progress'], f.facts['unit'].removesuffix('s'))}; {among}."
    )


def _comparison(f: Finding) -> str:
    when = plural(f.facts["iteration"], "logged value")
    if not f.supported:
        return (
            f"After {when} the levels of {f.subject} cannot be told apart by {_unit(f)} "
            f"({f.n} runs, {p_phrase('p', f.p)})."
        )
    return (
        f"After {when} {f.subject} makes a difference ({f.n} runs, {p_phrase('p', f.p)}): {f.facts['best']} has the "
        f"best median {_unit(f)}, {number(f.estimate.value if f.estimate else None)} over "
        f"{plural(f.facts['best_n'], 'run')}."
    )


def _unit(f: Finding) -> str:
    return f.estimate.unit if f.estimate else "the metric"


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
            f"{_listed(f.facts['standing'])}."
        )
    smallest = p_phrase("q", f.q)
    if f.n == 1:
        return f"The one setting tested carries no risk of crashing that the data can show ({smallest})."
    return f"None of {f.n} settings tested carries a risk of crashing that the data can show (smallest {smallest})."


def _silent(f: Finding) -> str:
    return (
        f"{_of_the(f.facts['bad'], f.n, 'completed run')} finished although a metric was NaN or infinite "
        f"({_listed(f.facts['metrics']) if f.facts['metrics'] else 'in the summary'}; {_interval(f)})."
    )


def _unknown(f: Finding) -> str:
    verb = "has" if f.facts["unknown"] == 1 else "have"
    return f"{f.facts['unknown']} of {plural(f.n, 'run')} {verb} an outcome that nothing decides ({_interval(f)})."


def _recommendation(f: Finding) -> str:
    return ADVICE[f.facts["advice"]](f) + f" [{_listed(f.facts['rests_on'])}]"


def _stops(f: Finding) -> str:
    stopped = f.facts["stopped"]
    return "the early stop as a stop: it says" if stopped == 1 else f"the {stopped} early stops as stops: they say"


ADVICE: dict[str, Callable[[Finding], str]] = {
    "read_stops_as_stops": lambda f: f"Count {_stops(f)} that a run fell behind, not that it broke.",
    "later_first_band": lambda f: (
        f"Move the first band past the warm-up, or shorten {f.subject}: {plural(f.facts['stopped'], 'run')} "
        f"{'was' if f.facts['stopped'] == 1 else 'were'} stopped at {f.facts['band']}, still warming up."
    ),
    "restrict_level": lambda f: f"Leave out or mend {f.subject}: it carries risk ({p_phrase('q', f.q)}).",
    "keep_levels": lambda _: "Leave no setting out for its crash rate: none has shown a risk (which proves none safe).",
    "repeat_best": lambda f: (
        f"Repeat the configuration of {f.subject} with other seeds before it is trusted: no configuration was "
        f"repeated, so nobody knows how much of its lead is luck."
    ),
    "prefer_level": lambda f: (
        f"Spend more of the next runs on {f.subject} = {f.facts['best']}: it led after "
        f"{plural(f.facts['iteration'], 'logged value')} ({p_phrase('p', f.p)})."
    ),
    "keep_architectures": lambda f: (
        f"Keep all levels of {f.subject}: at equal progress they cannot be told apart ({p_phrase('p', f.p)})."
    ),
    "keep_logs": lambda f: (
        f"Keep console logs and exit codes: {f.n - f.facts['known']} of {plural(f.n, 'crash', 'crashes')} "
        f"{'has' if f.n - f.facts['known'] == 1 else 'have'} no cause that can be read."
    ),
    "stop_on_nan": lambda _: (
        "Let a run fail as soon as a metric that has to be finite is not: these ran on, and count as completed."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "crash_rate": _crash_rate,
    "early_stopping": _early_stopping,
    "ends_at_bands": _ends_at_bands,
    "warmup_judged": _warmup,
    "causes": _causes,
    "best": _best,
    "comparison": _comparison,
    "risk_factor": _risk_factor,
    "risk_summary": _risk_summary,
    "silent_failure": _silent,
    "unknown_outcomes": _unknown,
    "recommendation": _recommendation,
}
