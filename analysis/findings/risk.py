"""What carries risk, under what circumstances runs crashed, and what somebody claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..results.risk import Pairs, ParameterRisk, RiskFactor
from ..risk.circumstances import START
from ..risk.draws import ALPHA
from ..risk.factors import stands
from ..types import Estimate, Finding

ADJUSTED = "q step-down over {} (Westfall-Young min-p)"


def _counts(risk: RiskFactor) -> dict[str, Any]:
    return {
        "where": dict(risk.where),
        "k_in": risk.k_in,
        "n_in": risk.n_in,
        "k_out": risk.k_out,
        "n_out": risk.n_out,
    }


def _judged(risk: ParameterRisk, kind: str, family: str, over: str) -> Finding:
    """A parameter or a circumstance as a whole; the estimate is that of its leading contrast."""
    lead = risk.leading
    detectable = risk.detectable
    return Finding(
        id="",
        kind=kind,
        subject=risk.parameter,
        supported=risk.called,
        estimate=lead.effect if lead else Estimate(value=risk.crashes, unit="crashes"),
        n=risk.n,
        method=f"{risk.method}; {ADJUSTED.format(over)}",
        p=risk.p,
        q=risk.q,
        caveats=(*risk.caveats, *_few(lead), *_table(risk)),
        runs=lead.runs if lead else risk.runs,
        facts={
            "family": family,
            "crashes": risk.crashes,
            "raises": risk.raises,
            "leading": lead.text if lead else None,
            "kind": lead.kind if lead else None,
            **(_counts(lead) if lead else {}),
            "detectable": None if detectable is None else detectable.ratio,
            "detectable_from": None if detectable is None else detectable.rate,
            "detectable_to": None if detectable is None else detectable.rate_inside,
            "detectable_of": None if detectable is None else detectable.text,
            "power": None if detectable is None else detectable.power,
            "adjusted": None if risk.adjusted is None else _plain(risk.adjusted),
            "adjusted_for": list(risk.adjusted_for),
            "adjusted_needs": risk.adjusted_needs,
        },
    )


def _plain(estimate: Estimate) -> Mapping[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "level": estimate.level}


def _table(risk: ParameterRisk) -> tuple[str, ...]:
    if risk.table_p is None:
        return ()
    return (f"all levels at once, not adjusted for time: Fisher-Freeman-Halton test, p = {risk.table_p:.2g}",)


def _few(lead: RiskFactor | None) -> tuple[str, ...]:
    return ("fewer than 5 runs on one side",) if lead is not None and min(lead.n_in, lead.n_out) < 5 else ()


def parameter_findings(risks: Sequence[ParameterRisk]) -> list[Finding]:
    """One finding for each swept parameter."""
    return [_judged(risk, "risk_factor", "parameter", "the parameters") for risk in risks]


def circumstance_findings(found: Sequence[ParameterRisk]) -> list[Finding]:
    """One finding each for start time, host and agent, where they could be tested."""
    return [
        _judged(item, "drift" if item.parameter == START else "broken_host", "circumstance", "time and machines")
        for item in found
        if item.p is not None
    ]


def pair_findings(pairs: Pairs) -> list[Finding]:
    """The pairs that are called; where none is, one finding that says so."""
    called = [pair for pair in pairs.shown if pair.q is not None and pair.q <= ALPHA]
    first = pairs.shown[:1]
    return [
        Finding(
            id="",
            kind="interaction",
            subject=pair.text,
            supported=bool(called),
            estimate=pair.effect,
            n=pairs.runs,
            method=pair.method,
            p=pair.p,
            q=pair.q,
            caveats=pair.caveats,
            runs=pair.runs,
            facts={"family": "pair", "tested": pairs.tested, **_counts(pair), "more": (pair.z or 0.0) > 0},
        )
        for pair in called or first
    ]


def claim_findings(claims: Sequence[RiskFactor]) -> list[Finding]:
    """One finding for each claim."""
    return [
        Finding(
            id="",
            kind="risk_factor",
            subject=risk.text,
            supported=stands(risk),
            estimate=risk.effect,
            n=risk.n_in + risk.n_out,
            method=f"{risk.method}; {ADJUSTED.format('the claims')}",
            p=risk.p,
            q=risk.q,
            caveats=(*risk.caveats, *_few(risk)),
            runs=risk.runs,
            facts={
                "family": "claim",
                "claimed": risk.claimed,
                **_counts(risk),
                "recorded_in": risk.recorded_in,
                "recorded_n_in": risk.recorded_n_in,
                "recorded_out": risk.recorded_out,
                "recorded_n_out": risk.recorded_n_out,
                "recorded_p": risk.recorded_p,
                "stopped_in": risk.stopped_in,
            },
        )
        for risk in claims
    ]


def risk_summary(risks: Sequence[ParameterRisk]) -> Finding:
    """How many of the tested parameters stand."""
    tested = [risk for risk in risks if risk.p is not None]
    standing = [risk for risk in tested if risk.called]
    return Finding(
        id="",
        kind="risk_summary",
        subject="all swept parameters",
        supported=bool(standing),
        estimate=Estimate(value=float(len(standing))),
        n=len(tested),
        method=f"{tested[0].method}; {ADJUSTED.format('the parameters')}" if tested else "not tested",
        q=min((risk.q for risk in tested if risk.q is not None), default=None),
        caveats=risks[0].caveats if risks else (),
        facts={
            "raising": [risk.leading.text for risk in standing if risk.leading and risk.raises],
            "lowering": [risk.leading.text for risk in standing if risk.leading and not risk.raises],
            "parameters": len(risks),
            "crashes": risks[0].crashes if risks else 0.0,
        },
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; ``reports.words`` has its words."""
    if finding.kind == "risk_factor" and finding.supported and finding.facts["family"] == "parameter":
        if not finding.facts["raises"]:
            return None
        return {"trend": "lower_range", "window": "narrow_range"}.get(finding.facts["kind"], "restrict_level")
    if finding.kind == "risk_summary" and not finding.supported and finding.facts["parameters"]:
        return "keep_levels"
    if finding.supported and finding.kind == "broken_host":
        return "mend_host" if finding.facts["raises"] else None
    return "read_by_time" if finding.supported and finding.kind == "drift" else None
