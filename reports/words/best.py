"""Best results and architectures."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ...analysis.values import show
from ..format import (
    OUTCOME_WORDS,
    number,
    p_phrase,
    plural,
)
from .common import within


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


def _mixed_scale(f: Finding) -> str:
    return (
        f"{f.subject} seems to be logged as a fraction by {plural(f.facts['fractions'], 'run')} and in percent by "
        f"{f.facts['percents']} (the largest of the first {number(f.facts['largest'])}, the smallest of the second "
        f"{number(f.facts['smallest'])}): whatever compares these values compares unlike with unlike ({within(f)})."
    )


ADVICE: dict[str, Callable[[Finding], str]] = {
    "one_scale": lambda f: (
        f"Log {f.subject} in one unit in all runs, and read no ranking of this sweep until its {f.facts['fractions']} "
        "runs in fractions are mended."
    ),
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
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "best": _best,
    "mixed_scale": _mixed_scale,
    "comparison": _comparison,
}

SEARCH: frozenset[str] = frozenset({"repeat_best", "prefer_level", "keep_architectures"})
"""Advice that changes the search, not how runs are made or read."""
