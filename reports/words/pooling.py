"""What several sweeps say together."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import interval, number, p_phrase, percent, plural, ratio_interval
from .common import listed

MOST_NAMED = 4
"""Sweeps that a sentence gives one by one."""


def _mean(f: Finding) -> str:
    """``hazard ratio 3.1 (1.4 to 7)``, ``val/acc 0.03 (0.01 to 0.05) higher``; the level where it is not 95 %."""
    estimate = f.estimate
    assert estimate is not None and estimate.value is not None  # the findings of this kind always have one
    level = "" if estimate.level == 0.95 else f" at {percent(estimate.level)}"
    if f.facts["question"] == "crash":
        return f"{estimate.unit} {ratio_interval(estimate)}{level}"
    return f"a difference in {estimate.unit} of {number(estimate.value, 2)} ({interval(estimate, _two)}){level}"


def _two(value: float | None) -> str:
    return number(value, 2)


def _by_sweep(f: Finding, key: str) -> str:
    shown = f.facts["by_sweep"]
    if len(shown) > MOST_NAMED:
        values = [item[key] for item in shown if item[key] is not None]
        return f"from {number(min(values), 2)} to {number(max(values), 2)}"
    return listed([f"{'∞' if item[key] is None else number(item[key], 2)} in {item['sweep']}" for item in shown])


def _at(f: Finding) -> str:
    at = f.facts["iteration"]
    return "" if at is None or f.facts["question"] == "crash" else f", within {plural(at, 'logged value')}"


def _level(f: Finding) -> str:
    if not f.supported:
        return _none(f)
    sweeps = plural(f.facts["sweeps"], "sweep")
    if f.facts["question"] == "crash":
        does = f"crashes {'more' if f.facts['worse'] else 'less'} often than"
    else:
        does = f"does {'worse' if f.facts['worse'] else 'better'} than"
    return (
        f"Over {sweeps}, {f.subject} {does} the other settings of its own sweep{_at(f)}: in the mean of such sweeps "
        f"{_mean(f)}, {p_phrase('q', f.q)}; with the help of the others, {_by_sweep(f, 'shrunk')}."
    )


def _none(f: Finding) -> str:
    if not f.facts["tested"]:
        return (
            f"No level can be compared over the {plural(f.facts['of'], 'sweep')}: none has three runs on both sides in "
            "two of them."
        )
    question = "crashes" if f.facts["question"] == "crash" else "the metric"
    return (
        f"Of {plural(f.facts['tested'], 'comparison')} of a level with the rest over {plural(f.facts['of'], 'sweep')}, "
        f"none stands (the nearest: {f.facts['leading']} for {question}, {_mean(f)}, {p_phrase('q', f.q)})."
    )


def _differ(f: Finding) -> str:
    about = "crashes" if f.facts["question"] == "crash" else f.facts["metric"]
    return (
        f"The sweeps disagree about {f.subject} and {about} ({_by_sweep(f, 'own')} by themselves; "
        f"{p_phrase('q', f.q)}): their mean says little of any one of them."
    )


ADVICE: dict[str, Callable[[Finding], str]] = {
    "pooled_avoid": lambda f: (
        f"Leave out or mend {f.subject}: over {plural(f.facts['sweeps'], 'sweep')} it "
        f"{'crashes more often' if f.facts['question'] == 'crash' else 'does worse'} ({p_phrase('q', f.q)})."
    ),
    "pooled_prefer": lambda f: (
        f"Give more runs to {f.subject}: over {plural(f.facts['sweeps'], 'sweep')} it does better "
        f"({p_phrase('q', f.q)})."
    ),
    "read_apart": lambda f: (
        f"Ask what the sweeps did differently with {f.subject} before it is judged by all of them together "
        f"({p_phrase('q', f.q)})."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "pooled_level": _level,
    "pooled_heterogeneity": _differ,
}

SEARCH: frozenset[str] = frozenset({"pooled_avoid", "pooled_prefer"})
"""Advice that changes the search, not how runs are made or read."""
