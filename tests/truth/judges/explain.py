"""Which parameters explain what."""

from __future__ import annotations

from collections.abc import Mapping

from aftersweep.analysis.types import Finding

from .case import Case, Judging, Verdict


def _importance(f: Finding, case: Case) -> Verdict:
    """Something is explained where some parameter matters for the metric; the leading one must."""
    return _explains(f, {p.name for p in case.world.parameters if p.matters})


def _importance_crash(f: Finding, case: Case) -> Verdict:
    """The same for crashes, alone or in a pair."""
    risky = {p.name for p in case.world.parameters if p.risky}
    return _explains(f, risky | set(case.world.pair_names))


def _explains(f: Finding, causes: set[str]) -> Verdict:
    if not f.facts["tested"] or not f.supported:
        return True
    leading = f.facts["leading"]
    return bool(causes) and (leading is None or leading in causes)


JUDGES: Mapping[str, Judging] = {"importance": _importance, "importance_crash": _importance_crash}
