"""Rows of the section 'gate': the rules that the sweep was held against, and the verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...analysis.results.gate import Judgement, Status, Verdict
from ...analysis.results.postmortem import PostMortem
from .. import format as fmt
from ..gate_output import details, expected_words, found_words, harmless

WORDS: Mapping[Status, str] = {
    "met": "met",
    "not_met": "not met",
    "unknown": "cannot be known",
    "accepted": "accepted by the baseline",
    "off": "off",
}


def gate_section(result: PostMortem) -> dict[str, Any] | None:
    """What the templates of this section use; None where the sweep was held against nothing."""
    judged = result.gate
    if judged is None:
        return None
    return {
        "status": judged.status,
        "verdict": _overall(judged),
        "rules_from": harmless(judged.rules_from),
        "rows": [_row(verdict) for verdict in judged.verdicts],
    }


def _overall(judged: Judgement) -> str:
    """The verdict on the whole sweep; nothing is judged where every rule is off."""
    if all(verdict.status == "off" for verdict in judged.verdicts):
        return "off"
    provisional = f"; provisional, {fmt.plural(judged.running, 'run')} still running" if judged.running else ""
    return f"{WORDS[judged.status]}{provisional}"


def _row(verdict: Verdict) -> dict[str, Any]:
    found = verdict.found
    estimate = found.estimate if found else None
    only_warns = verdict.rule.level == "warn" and verdict.status in ("not_met", "unknown")
    return {
        "rule": harmless(verdict.rule.key),
        "status": verdict.status,
        "verdict": f"{WORDS[verdict.status]}{' (a warning)' if only_warns else ''}",
        "expected": fmt.NONE if found is None else expected_words(verdict),
        "found": fmt.NONE if estimate is None else found_words(verdict, estimate),
        "runs": fmt.NONE if estimate is None or found is None else str(found.n),
        "values": [*([harmless(found.why)] if found and found.why else []), *details(verdict)],
        "finding": verdict.finding,
    }
