"""Findings of the section 'importance'."""

from __future__ import annotations

from ..results.importance import Explained, Importance, ParameterShare
from ..types import Estimate, Finding, Sweep

KINDS = {"metric": "importance", "crash": "importance_crash"}
MOST_NAMED = 3


def importance_findings(sweep: Sweep, result: Importance | None) -> list[Finding]:
    """One finding for the metric and one for the crash; none where there is no result."""
    return [] if result is None else [_finding(sweep, part) for part in (result.metric, result.crash)]


def _finding(sweep: Sweep, part: Explained) -> Finding:
    lead = part.shares[0] if part.leading is not None else None
    return Finding(
        id="",
        kind=KINDS[part.target],
        subject=part.leading or "all swept parameters",
        supported=part.supported,
        estimate=(part.r2 or Estimate(value=None, unit="R²")) if lead is None else lead.fanova,
        n=part.n,
        method=_method(part),
        p=part.p,
        q=None,
        caveats=part.caveats,
        runs=part.runs,
        facts={
            "metric": sweep.metric.name,
            "iteration": part.iteration,
            "why": part.why,
            "tested": part.tested,
            "crashes": part.crashes,
            "by_progress": part.by_progress,
            "r2": None if part.r2 is None else [part.r2.value, part.r2.low, part.r2.high],
            "leading": part.leading,
            "first": {share.parameter: share.first for share in _most_often(part)},
            "agreed": part.agreed,
            "draws": part.draws,
            "parameters": part.parameters,
        },
    )


def _most_often(part: Explained) -> list[ParameterShare]:
    """Those that were first in most half-samples."""
    often = sorted(part.shares, key=lambda share: (-share.first, share.parameter))
    return [share for share in often[:MOST_NAMED] if share.first > 0]


def _method(part: Explained) -> str:
    if not part.tested:
        return "not tested"
    blocks = " within blocks of consecutive starts, hosts' means taken out" if part.target == "crash" else ""
    target = "the metric's ranks" if part.target == "metric" else "the crashes"
    if part.by_progress:
        target = "the crashes less their expected number by progress (martingale residuals)"
    fit = f"random forest of {target}, out-of-bag R², p by permutation{blocks} (ended early where it cannot be small)"
    if not part.supported:
        return fit
    return f"{fit}; fANOVA and optuna's PED-ANOVA, percentiles over {part.draws} random halves of the runs"
