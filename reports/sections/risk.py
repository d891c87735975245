"""Rows of the table of risks: each parameter, and its contrasts."""

from __future__ import annotations

from typing import Any

from ...analysis.results.postmortem import PostMortem
from ...analysis.results.risk import ParameterRisk, RiskFactor
from .. import format as fmt
from ..charts import whisker

RATIO_LOW, RATIO_HIGH = 0.05, 20.0


def risk_section(result: PostMortem) -> list[dict[str, Any]]:
    """One entry for each swept parameter that has levels to tell apart."""
    return [_judged(item) for item in result.parameter_risks]


def _judged(risk: ParameterRisk) -> dict[str, Any]:
    return {
        "risk": risk,
        "name": risk.parameter,
        "p": fmt.p_value(risk.p),
        "q": fmt.p_value(risk.q),
        "rows": [_risk(item) for item in risk.contrasts],
        "seen": "" if risk.detectable is None else f"{fmt.number(risk.detectable.ratio, 2)} ×",
    }


def _risk(risk: RiskFactor) -> dict[str, Any]:
    return {
        "risk": risk,
        "inside": f"{fmt.chances(risk.k_in)} of {risk.n_in}",
        "outside": f"{fmt.chances(risk.k_out)} of {risk.n_out}",
        "effect": fmt.ratio_interval(risk.effect),
        "bar": whisker(risk.effect, low=RATIO_LOW, high=RATIO_HIGH, log=True),
        "p": fmt.p_value(risk.p),
        "label": risk.text.removeprefix(f"{risk.parameter} = "),
        "recorded": f"{risk.recorded_in} of {risk.recorded_n_in}",
        "recorded_p": fmt.p_value(risk.recorded_p),
    }
