"""Sentences about what a parent sweep foretold."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding
from ..format import estimate_words, number, percent, plural, share_interval


def _best(f: Finding) -> str:
    held = "inside that range" if f.facts["inside"] else "outside that range"
    return (
        f"The parent sweep {f.subject} foretold a best {f.facts['metric']} of {estimate_words(f.estimate)} in "
        f"{plural(f.facts['expected_runs'], 'run')}: it came to {number(f.facts['best'])} in {plural(f.n, 'run')}, "
        f"{held}."
    )


def _crashes(f: Finding) -> str:
    assert f.estimate is not None
    low, high = f.facts["crashed"]
    crashed = percent(low) if low == high else f"{percent(low)} to {percent(high)}"
    between = " to ".join(percent(end) for end in f.facts["between"])
    held = "inside" if f.facts["inside"] else "outside"
    return (
        f"The parent sweep {f.subject} foretold a crash rate of {share_interval(f.estimate)}, so {between} of "
        f"{plural(f.n, 'run')}: {crashed} crashed, {held} that range."
    )


WORDS: dict[str, Callable[[Finding], str]] = {"lineage_best": _best, "lineage_crashes": _crashes}
ADVICE: dict[str, Callable[[Finding], str]] = {}
SEARCH: frozenset[str] = frozenset()
