"""What carries risk, and what somebody claimed."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.risk import RiskFactor
from ..risk.factors import called
from ..types import Estimate, Finding


def risk_findings(risks: Sequence[RiskFactor]) -> list[Finding]:
    """One finding for each tested level, and for each claim."""
    return [
        Finding(
            id="",
            kind="risk_factor",
            subject=risk.text,
            supported=called(risk),
            estimate=risk.effect,
            n=risk.n_in + risk.n_out,
            method=f"{risk.method}; q after Benjamini-Yekutieli",
            p=risk.p,
            q=risk.q,
            caveats=risk.caveats,
            runs=risk.runs,
            facts={
                "family": "claim" if risk.claimed else "level",
                "claimed": risk.claimed,
                "where": dict(risk.where),
                "k_in": risk.k_in,
                "n_in": risk.n_in,
                "k_out": risk.k_out,
                "n_out": risk.n_out,
                "recorded_in": risk.recorded_in,
                "recorded_n_in": risk.recorded_n_in,
                "recorded_out": risk.recorded_out,
                "recorded_n_out": risk.recorded_n_out,
                "recorded_p": risk.recorded_p,
                "stopped_in": risk.stopped_in,
            },
        )
        for risk in risks
    ]


def risk_summary(risks: Sequence[RiskFactor], expected_crashes: float) -> Finding:
    """How many of the tested levels stand."""
    tested = [risk for risk in risks if risk.p is not None]
    standing = [risk for risk in tested if called(risk)]
    lowest = min((risk.q for risk in tested if risk.q is not None), default=None)
    return Finding(
        id="",
        kind="risk_summary",
        subject="all swept settings",
        supported=bool(standing),
        estimate=Estimate(value=float(len(standing))),
        n=len(tested),
        method=tested[0].method + "; q after Benjamini-Yekutieli" if tested else "not tested",
        p=None,
        q=lowest,
        caveats=tuple(dict.fromkeys(c for risk in risks for c in risk.caveats if "fewer than 5" not in c)),
        facts={"standing": [risk.text for risk in standing], "levels": len(risks), "crashes": expected_crashes},
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; ``reports.words`` has its words."""
    if finding.kind == "risk_factor" and finding.supported and finding.facts["family"] == "level":
        return "restrict_level"
    if finding.kind == "risk_summary" and not finding.supported and finding.facts["levels"]:
        return "keep_levels"
    return None
