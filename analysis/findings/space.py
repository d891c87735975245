"""Findings of the section 'space'."""

from __future__ import annotations

from dataclasses import replace

from ..outcomes.rates import proportion
from ..results.space import Edge, Edges, Gap, Narrowing, Pairs, Space
from ..types import Estimate, Finding, Sweep
from .common import PROPORTION

ALPHA = 0.05
ALPHA_OF_RANDOM = 0.001
"""A random search leaves out pairs and ranges by chance: only what chance could hardly do speaks against that."""
EDGE = "hypergeometric test of the best runs' places, one-sided; q by Holm over both ends of the parameters"
NARROWING = "entropy of the first against the second half of the starts, by permutation; q by Holm over the parameters"
GAP = "largest spacing on the declared distribution's scale; its chance under random draws (Fisher 1929); q by Holm"
NOT_RANDOM = {
    "bayes": ("a bayes search leaves out what it expects little of",),
    "grid": ("a grid goes through its combinations in order: one that did not end leaves out the last",),
}
PACKAGE = "the rule of W&B's released package (sweeps 0.3.0); the search of its servers may have changed since"


def space_findings(sweep: Sweep, result: Space | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    if result is None:
        return []
    found = _edges(sweep, result.edges)
    found += _unseen(result)
    found += _pairs(result.pairs, result)
    found += _gap(result)
    found += _narrowed(result)
    every = tuple(run.id for run in sweep.runs)  # what was never tried rests on all that was
    return [item if item.runs else replace(item, runs=every) for item in (*found, *_imputed(sweep, result))]


def _edges(sweep: Sweep, edges: Edges | None) -> list[Finding]:
    """One finding for each end that is called; where none is, one that says so."""
    if edges is None or not edges.ends:
        return []
    called = [end for end in edges.ends if end.q <= ALPHA]
    shown = called or [min(edges.ends, key=lambda end: (end.q, end.p, end.parameter, end.side))]
    caveats = [f"runs that ended before the compared value are left out ({edges.left_out})"] if edges.left_out else []
    if sweep.config is not None and sweep.config.method == "bayes":
        caveats.append("a bayes search did not draw its settings at random: an association, not a cause")
    return [_edge(sweep, edges, end, caveats) for end in shown]


def _edge(sweep: Sweep, edges: Edges, end: Edge, caveats: list[str]) -> Finding:
    share = proportion(end.k_best, end.n_best)
    return Finding(
        id="",
        kind="space_edge",
        subject=end.parameter,
        supported=end.q <= ALPHA,
        estimate=Estimate(value=share.value, low=share.low, high=share.high, unit="share"),
        n=end.n_best + end.n_rest,
        method=f"{EDGE}; {PROPORTION}",
        p=end.p,
        q=end.q,
        caveats=tuple(caveats),
        runs=edges.runs,
        facts={
            "side": end.side,
            "low": end.low,
            "high": end.high,
            "k_best": end.k_best,
            "n_best": end.n_best,
            "k_rest": end.k_rest,
            "n_rest": end.n_rest,
            "metric": sweep.metric.name,
            "iteration": edges.iteration,
            "tested": len(edges.ends),
        },
    )


def _unseen(result: Space) -> list[Finding]:
    if not result.unseen:
        return []
    return [
        Finding(
            id="",
            kind="space_unseen",
            subject="declared levels",
            supported=True,
            estimate=Estimate(value=float(len(result.unseen)), unit="levels"),
            n=result.n,
            method="levels of the sweep file against those of the runs",
            facts={"levels": [[item.parameter, item.level, item.chance] for item in result.unseen]},
        )
    ]


def _pairs(pairs: Pairs | None, result: Space) -> list[Finding]:
    if pairs is None:
        return []
    first = pairs.missing[0] if pairs.missing else None
    alpha = ALPHA_OF_RANDOM if result.method == "random" else ALPHA
    return [
        Finding(
            id="",
            kind="space_pairs",
            subject="pairs of levels",
            supported=pairs.enough > 0 and (first is None or first.q <= alpha),
            estimate=Estimate(value=pairs.tried / pairs.cells, unit="of the pairs"),
            n=result.n,
            method="tables of two parameters; of a missing pair a hypergeometric test; q by Holm over the pairs",
            p=None if first is None else first.p,
            q=None if first is None else first.q,
            caveats=NOT_RANDOM.get(result.method or "", ()),
            facts={
                "cells": pairs.cells,
                "tried": pairs.tried,
                "enough": pairs.enough,
                "missed": pairs.missed,
                "grid": result.method == "grid",
                "by_chance": pairs.by_chance,
                "first": None if first is None else [*zip(first.parameters, first.levels, strict=True)],
                "expected": None if first is None else first.expected,
            },
        )
    ]


def _gap(result: Space) -> list[Finding]:
    if not result.gaps:
        return []
    called = [gap for gap in result.gaps if gap.q is not None and gap.q <= ALPHA_OF_RANDOM]
    return [_one_gap(gap) for gap in called or result.gaps[:1]]


def _one_gap(gap: Gap) -> Finding:
    return Finding(
        id="",
        kind="space_gap",
        subject=gap.parameter,
        supported=gap.q is None or gap.q <= ALPHA_OF_RANDOM,
        estimate=Estimate(value=gap.share, unit="of the distribution"),
        n=gap.n,
        method=GAP if gap.p is not None else "largest spacing on the declared distribution's scale",
        p=gap.p,
        q=gap.q,
        facts={"low": gap.low, "high": gap.high, "share": gap.share},
    )


def _narrowed(result: Space) -> list[Finding]:
    if not result.narrowed:
        return []
    called = [item for item in result.narrowed if item.q <= ALPHA]
    return [_narrowing(item, len(result.narrowed)) for item in called or result.narrowed[:1]]


def _narrowing(item: Narrowing, tested: int) -> Finding:
    return Finding(
        id="",
        kind="space_narrowed",
        subject=item.parameter,
        supported=item.q <= ALPHA,
        estimate=Estimate(value=item.second, unit="parts"),
        n=item.n,
        method=NARROWING,
        p=item.p,
        q=item.q,
        caveats=("what a bayes search gave up may still be good: it had few runs to judge by",),
        facts={
            "parts": item.parts,
            "first": item.first,
            "second": item.second,
            "left": list(item.left),
            "tested": tested,
        },
    )


def _imputed(sweep: Sweep, result: Space) -> list[Finding]:
    found = result.imputed
    if found is None:
        return []
    share = proportion(len(found.runs), found.total)
    return [
        Finding(
            id="",
            kind="space_impute",
            subject="metric.impute",
            supported=True,
            estimate=Estimate(value=share.value, low=share.low, high=share.high, unit="share"),
            n=found.total,
            method=f"recorded states of runs with a value; {PROPORTION}",
            caveats=(PACKAGE,),
            runs=found.runs,
            facts={
                "strategy": found.strategy,
                "declared": found.declared,
                "runs": len(found.runs),
                "stopped": found.stopped,
                "stopped_between": list(found.stopped_between),
                "better": found.better,
                "metric": (sweep.judged or sweep).metric.name,
            },
        )
    ]


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; ``reports.words`` has its words."""
    if finding.kind == "space_edge":
        return "extend_range" if finding.supported else None
    if finding.kind == "space_pairs":
        return "try_pairs" if finding.supported and finding.facts["missed"] and not finding.facts["grid"] else None
    if finding.kind == "space_gap":
        return "fill_gap" if finding.supported and finding.q is not None else None
    if finding.kind == "space_impute":
        return "set_impute" if finding.facts["stopped"] and finding.facts["strategy"] == "worst" else None
    return None
