"""Findings to sentences, and recommendations: the words of all sections (``words/``) brought together."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping

from ..analysis.types import Finding
from .words import best, ends, following, importance, lineage, outlook, pooling, ranking, risk, search, space, survival
from .words.common import listed

_SECTIONS = (best, ends, following, importance, lineage, outlook, pooling, ranking, risk, search, space, survival)

ADVICE: Mapping[str, Callable[[Finding], str]] = ChainMap(*(section.ADVICE for section in _SECTIONS))
WORDS: Mapping[str, Callable[[Finding], str]] = ChainMap(
    {"recommendation": lambda f: ADVICE[f.facts["advice"]](f) + f" [{listed(f.facts['rests_on'])}]"},
    *(section.WORDS for section in _SECTIONS),
)
COMMENTS: Mapping[str, Callable[[Finding], str]] = ChainMap(following.COMMENTS, search.COMMENTS)
"""The reason of a change in a few words, for the end of a changed line of a sweep file."""
SEARCH: frozenset[str] = frozenset().union(*(section.SEARCH for section in _SECTIONS))


def sentence(finding: Finding) -> str:
    """The finding in words, plain text. KeyError for a kind that has no words: a bug."""
    return WORDS[finding.kind](finding)
