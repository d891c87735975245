"""Sentences of the next sweep, and the comments of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...analysis.types import Finding
from ...analysis.values import show
from ..format import number, p_phrase, percent, plural, share_interval
from .common import listed, within


def spec_words(spec: Any) -> str:
    """What a parameter may be, in a few words: ``64, 128, 256``, ``0.0001 to 0.01``, ``always 0.5``."""
    if not isinstance(spec, Mapping):
        return show(spec)
    if "value" in spec:
        return f"always {show(spec['value'])}"
    if "values" in spec:
        return ", ".join(show(value) for value in spec["values"])
    if "min" in spec and "max" in spec:
        name = str(spec.get("distribution", "uniform"))
        exponents = " (natural exponents)" if name in ("log_uniform", "inv_log_uniform", "q_log_uniform") else ""
        return f"{show(spec['min'])} to {show(spec['max'])}{exponents}"
    return ", ".join(f"{key} {show(value)}" for key, value in spec.items())


def _gate(f: Finding) -> str:
    if not f.facts["tested"]:
        return f"Nothing is narrowed for the sake of {f.subject}: {f.facts['why']}."
    assert f.estimate is not None
    skill = f"{percent(max(f.estimate.value or 0.0, 0.0))} of the spread of {f.subject}"
    at = f" after {plural(f.facts['iteration'], 'logged value')}" if f.facts["iteration"] else ""
    covered = f.facts["covered"]
    told = f"; its 80 % ranges held {share_interval(covered)} of the left-out values" if covered else ""
    if f.supported:
        return (
            f"The settings foretell {skill} of {plural(f.n, 'run')}{at}, each left out in turn "
            f"({p_phrase('p', f.p)}){told}: the space is narrowed by it."
        )
    return (
        f"The settings do not foretell {f.subject}{at} better than chance ({plural(f.n, 'run')}, "
        f"{p_phrase('p', f.p)}): nothing is narrowed for its sake."
    )


def _narrowed(f: Finding) -> str:
    assert f.estimate is not None
    return (
        f"{f.subject}: {spec_words(f.facts['new'])} instead of {spec_words(f.facts['old'])}: a model of "
        f"{plural(f.n, 'run')} gives {percent(f.estimate.value)} that this alone keeps a setting as good as the best, "
        f"and {percent(f.facts['held'])} that all such changes together do."
    )


def _risky(f: Finding) -> str:
    assert f.estimate is not None
    others = [label for label in f.facts["levels"] if label != f.facts["label"]]
    too = f", and {listed(others)} too" if others else ""
    return (
        f"{f.subject} goes{too}: {share_interval(f.estimate)} of its runs would crash by the end of their budget "
        f"({number(f.facts['crashes'])} of {plural(f.facts['runs'], 'run')} did), {percent(f.facts['rest'])} of the "
        f"others ({p_phrase('p', f.p)}); the limit is {percent(f.facts['limit'])}."
    )


def _extended(f: Finding) -> str:
    return (
        f"{f.subject} goes on past its {f.facts['side']} values, to {listed([show(v) for v in f.facts['added']])}: "
        f"{f.facts['k_best']} of the {f.facts['n_best']} best runs lie there, against {f.facts['k_rest']} of the other "
        f"{f.facts['n_rest']} ({p_phrase('q', f.q)})."
    )


def _asked(f: Finding) -> str:
    return f"{f.subject} is always {show(f.facts['value'])}, as asked."


def _clip(f: Finding) -> str:
    how = "is added" if f.facts["bundled"] else "is worth a parameter, if the program has or gets one"
    return (
        f"{f.facts['diverged']} of {plural(f.n, 'run')} diverged ({within(f)}), and no parameter clips gradients: "
        f"{f.subject} of {show(f.facts['value'])} {how}."
    )


def _memory(f: Finding) -> str:
    assert f.estimate is not None
    return (
        f"{f.subject} ran out of memory in {f.facts['lost']} of {plural(f.facts['tried'], 'run')} with "
        f"{f.facts['batch']} of {show(f.facts['size'])} or more ({within(f)}), and in none of "
        f"{plural(f.facts['below'], 'run')} with less: keep it at {show(f.facts['largest_safe'])} or under there. A "
        "sweep file cannot say that of one setting only; split the sweep by it, or let the program do it."
    )


WORDS: dict[str, Callable[[Finding], str]] = {
    "next_gate": _gate,
    "next_narrowed": _narrowed,
    "next_risky": _risky,
    "next_extended": _extended,
    "next_asked": _asked,
    "next_clip": _clip,
    "next_memory": _memory,
}
ADVICE: dict[str, Callable[[Finding], str]] = {}
SEARCH: frozenset[str] = frozenset()


def _narrowed_comment(f: Finding) -> str:
    assert f.estimate is not None
    return f"the best stays with {percent(f.estimate.value)}"


def _risky_comment(f: Finding) -> str:
    rate = f.estimate.value if f.estimate else None
    return f"{f.facts['label']} crashed in {number(f.facts['crashes'])} of {f.facts['runs']}, rate {percent(rate)}"


COMMENTS: dict[str, Callable[[Finding], str]] = {
    "next_narrowed": _narrowed_comment,
    "next_risky": _risky_comment,
    "next_extended": lambda f: f"{f.facts['k_best']} of the {f.facts['n_best']} best runs at the {f.facts['side']} end",
    "next_asked": lambda _: "as asked",
    "next_clip": lambda f: f"{f.facts['diverged']} of {f.n} runs diverged",
}
"""The reason in a few words, for the end of a changed line."""
