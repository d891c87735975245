"""Why a line changes: the findings that changes rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..results.following import Gate
from ..results.space import Edge, Edges
from ..sweepfile.domains import Domain
from ..types import Estimate, Finding, Sweep
from .riskier import Risky
from .values import Compared

SURROGATE = (
    "joint draws of a Gaussian process on normal scores (Matern 5/2, one length scale a parameter); {draws} draws over "
    "{candidates} configurations"
)
GATE = "leave-one-out R2 of a Gaussian process on normal scores against {permutations} permutations of the values"


def gate_finding(gate: Gate, given: Compared, sweep: Sweep) -> Finding:
    """Whether settings explain the metric at all: what every change for performance's sake rests on.

    Where nothing could be compared it names all runs: none of them is enough.
    """
    caveats = []
    if gate.iteration is not None:
        caveats.append(f"runs are compared after {gate.iteration} logged values, as most did not come to their end")
    return Finding(
        id="",
        kind="next_gate",
        subject=sweep.metric.name,
        supported=gate.open,
        estimate=Estimate(value=gate.n, unit="") if gate.skill is None else Estimate(value=gate.skill, unit="R2"),
        n=gate.n,
        method=GATE.format(permutations=gate.permutations),
        p=gate.p,
        caveats=tuple(caveats),
        runs=tuple(run.id for run in given.runs or sweep.runs),
        facts={"tested": gate.tested, "why": gate.why, "iteration": gate.iteration, "covered": gate.covered},
    )


def performance_finding(
    old: Domain, new: Domain, given: Compared, *, share: float, held: float, method: str
) -> Finding:
    """Part of a parameter's domain went; share: chance that what stayed of it holds the best by itself."""
    return Finding(
        id="",
        kind="next_narrowed",
        subject=old.name,
        supported=True,
        estimate=Estimate(value=share, unit="share"),
        n=len(given.runs),
        method=method,
        runs=tuple(run.id for run in given.runs),
        facts={"parameter": old.name, "old": dict(old.spec), "new": dict(new.spec), "held": held},
    )


def risk_finding(parameter: str, gone: Sequence[Risky], limit: float) -> Finding:
    """Levels that crash too often; the worst of them gives the figures."""
    worst = gone[0]
    return Finding(
        id="",
        kind="next_risky",
        subject=f"{parameter} = {worst.level.label}",
        supported=True,
        estimate=worst.rate,
        n=len(worst.level.runs),
        method="product-limit estimate of the crash rate, stopped runs withdrawn; p of the level against the rest",
        p=worst.p,
        runs=tuple(run.id for one in gone for run in one.level.runs),
        facts={
            "parameter": parameter,
            "levels": [one.level.label for one in gone],
            "label": worst.level.label,
            "ids": [run.id for run in worst.level.runs],
            "crashes": worst.crashes,
            "runs": len(worst.level.runs),
            "rest": worst.rest,
            "limit": limit,
        },
    )


def edge_finding(edge: Edge, edges: Edges, added: Sequence[Any]) -> Finding:
    """The best runs sit at one end of what was searched."""
    return Finding(
        id="",
        kind="next_extended",
        subject=edge.parameter,
        supported=True,
        estimate=Estimate(value=edge.k_best / edge.n_best, unit="share"),
        n=edges.n,
        method="hypergeometric test of the best runs' places, one-sided; q by Holm over all ends",
        p=edge.p,
        q=edge.q,
        runs=edges.runs,
        facts={
            "parameter": edge.parameter,
            "side": edge.side,
            "k_best": edge.k_best,
            "n_best": edge.n_best,
            "k_rest": edge.k_rest,
            "n_rest": edge.n_rest,
            "added": list(added),
        },
    )


def asked_finding(old: Domain, value: Any) -> Finding:
    """The user fixed it: no statement about the data."""
    return Finding(
        id="",
        kind="next_asked",
        subject=old.name,
        supported=True,
        estimate=Estimate(value=None),
        n=0,
        method="asked for on the command line",
        facts={"parameter": old.name, "value": value},
    )
