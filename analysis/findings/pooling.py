"""What several sweeps say together: levels that stand over all of them, and those about which they disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..results.pooling import Pooled, PooledLevel, SweepEffect
from ..types import Estimate, Finding, Sweep

ALPHA = 0.05
CRASH = "conditional likelihood of each sweep, runs held against those of their sweep that started about when they did"
METRIC = "difference of means within each sweep (Student), values pulled in to the outer fences"
MODEL = (
    "hierarchical model, half-normal prior (0.5) of the sweeps' spread, log-F(1, 1) of the mean; p: twice the "
    "posterior chance of the other direction; q: Holm over all levels"
)


def pooling_findings(sweep: Sweep, result: Pooled | None) -> list[Finding]:
    """The levels that are called, or one finding that says that none is; and where the sweeps disagree."""
    if result is None:
        return []
    called = [level for level in result.levels if level.called]
    found = [_level(sweep, result, level) for level in called] or [_none(sweep, result)]
    return [*found, *(_differ(result, level) for level in result.levels if level.differ_q <= ALPHA)]


def _method(level: PooledLevel) -> str:
    return f"{CRASH if level.question == 'crash' else METRIC}; {MODEL}"


def _facts(result: Pooled, level: PooledLevel) -> dict[str, Any]:
    return {
        "question": level.question,
        "parameter": level.parameter,
        "sweeps": len(level.sweeps),
        "by_sweep": [_one(effect) for effect in level.sweeps],
        "tested": len(result.levels),
        "metric": result.metric,
        "iteration": result.iteration,
        "i2": level.i2,
    }


def _one(effect: SweepEffect) -> Mapping[str, Any]:
    return {"sweep": effect.sweep, "own": effect.own.value, "shrunk": effect.shrunk.value}


def _level(sweep: Sweep, result: Pooled, level: PooledLevel) -> Finding:
    more = (level.mean.value or 0.0) > (1.0 if level.question == "crash" else 0.0)
    return Finding(
        id="",
        kind="pooled_level",
        subject=level.text,
        supported=True,
        estimate=level.mean,
        n=sum(effect.n_in + effect.n_out for effect in level.sweeps),
        method=_method(level),
        p=level.p,
        q=level.q,
        caveats=result.caveats,
        runs=level.runs,
        facts={
            **_facts(result, level),
            # more crashes, or a worse metric
            "worse": more if level.question == "crash" else more != (sweep.metric.sign > 0),
        },
    )


def _none(sweep: Sweep, result: Pooled) -> Finding:
    first = result.levels[0] if result.levels else None
    return Finding(
        id="",
        kind="pooled_level",
        subject="all levels",
        supported=False,
        estimate=first.mean if first else Estimate(value=0.0, unit="levels compared"),
        n=result.n,
        method=_method(first) if first else "no level has enough runs and crashes on both sides in two sweeps",
        p=first.p if first else None,
        q=first.q if first else None,
        caveats=result.caveats,
        runs=tuple(run.id for run in sweep.runs),
        facts={
            **(_facts(result, first) if first else {"tested": 0}),
            "leading": first.text if first else None,
            "of": len(result.sweeps),
        },
    )


def _differ(result: Pooled, level: PooledLevel) -> Finding:
    return Finding(
        id="",
        kind="pooled_heterogeneity",
        subject=level.text,
        supported=True,
        estimate=level.spread,
        n=sum(effect.n_in + effect.n_out for effect in level.sweeps),
        method="Cochran's Q of the sweeps' own estimates; q: Holm over all levels; "
        "estimate: the sweeps' spread in the hierarchical model",
        p=level.differ_p,
        q=level.differ_q,
        caveats=result.caveats,
        runs=level.runs,
        facts=_facts(result, level),
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    if finding.kind == "pooled_level" and finding.supported:
        if finding.facts["worse"]:
            return "pooled_avoid"
        return "pooled_prefer" if finding.facts["question"] == "metric" else None
    return "read_apart" if finding.kind == "pooled_heterogeneity" else None
