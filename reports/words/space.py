"""Sentences of the section 'space'."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.types import Finding

ADVICE: dict[str, Callable[[Finding], str]] = {}

WORDS: dict[str, Callable[[Finding], str]] = {}

SEARCH: frozenset[str] = frozenset()
"""Advice that changes the search, not how runs are made or read."""
