"""Phrases that sentences share."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.types import Finding
from ..format import interval, percent, plural


def listed(items: Sequence[object]) -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def within(finding: Finding) -> str:
    assert finding.estimate is not None  # the kinds below always have one
    return f"{100 * finding.estimate.level:.0f} % interval {interval(finding.estimate, percent)}"


def of_the(k: int, n: int, word: str, many: str | None = None) -> str:
    """``3 of the 41 crashes``; of one: ``The one crash``, ``Not the one crash``."""
    if n == 1:
        return f"{'The' if k else 'Not the'} one {word}"
    return f"{k} of the {plural(n, word, many)}"
