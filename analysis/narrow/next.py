"""The sweep that should follow, from findings only: what the parent's runs carry, and nothing else, changes it.

In this order: what the user fixed; levels that crash too often; then, if the gate is open, what can go for
performance's sake; then values past an edge and between levels that stayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from ..outcomes.adjudicate import may_stop
from ..results.following import Action, Following
from ..results.space import Space
from ..sweepfile.domains import Domain, read_domain, with_domains
from ..types import Floats, Outcome, Sweep
from .candidates import candidates
from .causes import clip, memory, put
from .forecast import expected_best, forecast
from .gate import gate
from .grow import edges_to_extend, extended, midpoints
from .options import Options
from .plan import Plan, start
from .reasons import SURROGATE, edge_finding, gate_finding, performance_finding, risk_finding
from .riskier import Risky, risky_levels
from .shrink import Pieces, remove
from .surrogate import Surrogate
from .values import Compared, compared

DRAWS = 300
WITHIN = 0.5
"""Of the seed noise (its standard deviation): a configuration this near to the best is as good. Of 0.25, 0.5 and 1 the
one with the least regret after 25 and 50 more runs, on six tables of ``make bench-next`` with other seeds than it uses.
"""
SEED = 20_251_006
DEFAULTS = Options()


def following(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    space: Space | None,
    options: Options = DEFAULTS,
) -> Following:
    """The next sweep file, with each change and its finding.

    Raises UsageError where the sweep's configuration is not known or the options do not fit it, FormatError where a
    parameter of it is nothing that W&B could run.
    """
    if sweep.config is None:
        raise UsageError(
            f"sweep {sweep.id}: its configuration is not known, so there is no space to narrow; give the sweep file "
            "with --sweep-config"
        )
    domains = [domain for domain in map(read_domain, sweep.config.swept) if _several(domain)]
    plan = start(sweep.config.raw, domains, options)
    spared = _drop_risky(plan, sweep, outcomes, options.risk_limit)
    given, seen = _coded(plan, compared(sweep, outcomes))
    opened, model = gate(plan.codes.points(seen), given)
    budget = options.budget or max(1, len(sweep.runs))
    held = tolerance = best_same = best_new = None
    if opened.open and model is not None:
        every = [list(range(count)) for count in plan.codes.counts]
        best_same = expected_best(plan.codes, every, model, given, budget, sweep.metric)
        tolerance = WITHIN * model.noise**0.5
        held = _narrow(plan, seen, given, model, tolerance, budget)
        best_new = expected_best(plan.codes, plan.alive, model, given, budget, sweep.metric)
        if options.new_values:
            _grow(plan, space)
    clipped, clip_advice = clip(sweep, outcomes)
    return Following(
        config=put(with_domains(sweep.config.raw, [d for d in plan.domains if d not in domains]), clipped),
        parent=sweep.id,
        size=plan.size,
        changes=(*plan.changes, *clipped),
        gate=opened,
        held=held,
        tolerance=tolerance,
        advice=(
            gate_finding(opened, given, sweep),
            *memory(sweep, outcomes, options.risk_limit),
            *clip_advice,
        ),
        same=forecast(sweep, outcomes, budget, frozenset(), best_same),
        new=forecast(sweep, outcomes, budget, spared, best_new),
    )


def _several(domain: Domain) -> bool:
    return domain.low != domain.high if domain.levels is None else len(domain.levels) > 1


def _coded(plan: Plan, given: Compared) -> tuple[Compared, Floats]:
    """The runs whose settings the sweep file has, and their codes [n, d]."""
    codes = [plan.codes.code(run) for run in given.runs]
    kept = [i for i, code in enumerate(codes) if code is not None]
    seen = np.array([codes[i] for i in kept], dtype=float).reshape(len(kept), len(plan.domains))
    if not given.why and len(kept) < 3:
        given = replace(given, why=f"runs with settings that the sweep file knows: {len(kept)}; it takes 3")
    return replace(given, runs=tuple(given.runs[i] for i in kept), values=given.values[kept]), seen


def _drop_risky(plan: Plan, sweep: Sweep, outcomes: Mapping[str, Outcome], limit: float) -> frozenset[str]:
    """Takes out the levels that crash too often; the ids of the runs that had one."""
    found = risky_levels(sweep, outcomes, plan.codes.domains, early_stopping=may_stop(sweep), limit=limit)
    spared: set[str] = set()
    for j, domain in enumerate(plan.codes.domains):
        mine = [one for one in found if one.level.parameter == domain.name]
        gone: list[int] = []
        dropped: list[Risky] = []
        for one in mine:
            parts = _risky_parts(plan, j, one)
            if parts and len(set(plan.alive[j]) - {*gone, *parts}) >= plan.codes.least[j]:
                gone += parts
                dropped.append(one)
        if dropped and domain.name not in plan.settled:
            spared |= {run.id for one in dropped for run in one.level.runs}
            kept = plan.without(j, gone)
            action: Action = "drop" if domain.levels is not None else "shrink"
            plan.change(j, plan.cut(j, kept), action, risk_finding(domain.name, dropped, limit))
            plan.alive[j] = kept
    return frozenset(spared)


def _risky_parts(plan: Plan, j: int, one: Risky) -> list[int]:
    """The parts that hold nothing but the level's runs, or none where the user keeps one; of a range only at an end."""
    domain = plan.codes.domains[j]
    codes = [code[j] for run in one.level.runs if (code := plan.codes.code(run)) is not None]
    if not codes:
        return []
    low, high = (plan.codes.part(j, code) for code in (min(codes), max(codes)))
    if domain.levels is None:
        last = plan.codes.counts[j] - 1
        parts = list(range(low + 1, last + 1)) if high == last else list(range(high)) if low == 0 else []
    else:
        parts = sorted({plan.codes.part(j, code) for code in codes})
    parts = [part for part in parts if part in plan.alive[j]]
    return [] if any((j, part) in plan.protected for part in parts) else parts


def _narrow(plan: Plan, seen: Floats, given: Compared, model: Surrogate, tolerance: float, budget: int) -> float | None:
    """Takes out what can go for performance's sake; the chance that the rest still holds the best."""
    rng = np.random.default_rng(SEED)
    pool = candidates(plan.codes, plan.alive, seen, model, rng)
    draws = model.draw(plan.codes.points(pool), DRAWS, rng)
    pieces = plan.codes.pieces(pool)
    gone = remove(draws, pieces, plan.alive, tolerance=tolerance, fewest=budget, protected=plan.protected)
    if not gone:
        return None
    method = SURROGATE.format(draws=DRAWS, candidates=len(pool))
    for j in range(len(plan.domains)):
        mine = [one.piece for one in gone if one.parameter == j]
        if mine:
            kept = plan.without(j, mine)
            share = _alone(draws, pieces, j, kept, tolerance)
            new = plan.cut(j, kept)
            action: Action = "shrink" if new.levels is None else "fix" if len(new.levels) == 1 else "drop"
            found = performance_finding(plan.domains[j], new, given, share=share, held=gone[-1].held, method=method)
            plan.change(j, new, action, found)
            plan.alive[j] = kept
    return gone[-1].held


def _alone(draws: Floats, pieces: Pieces, j: int, kept: Sequence[int], tolerance: float) -> float:
    """Share of the draws of which the best is held when this parameter alone is narrowed."""
    inside = np.isin(pieces.of[:, j], kept)
    return float((draws[:, inside].max(axis=1) >= draws.max(axis=1) - tolerance).mean())


def _grow(plan: Plan, space: Space | None) -> None:
    """Values past an edge where the best runs sit, and between the levels that stayed."""
    for j, domain in enumerate(plan.codes.domains):
        if domain.name in plan.settled:
            continue
        for edge in edges_to_extend(space, domain):
            at_end = plan.codes.counts[j] - 1 if edge.side == "highest" else 0
            further = extended(plan.domains[j], edge.side) if at_end in plan.alive[j] else None
            if further is not None and space is not None and space.edges is not None:
                plan.change(j, further[0], "extend", edge_finding(edge, space.edges, [further[1]]))
        between = midpoints(domain, plan.domains[j])
        if between:
            narrowed = next(change for change in plan.changes if change.parameter == domain.name)
            plan.change(j, plan.domains[j].insert(between), "insert", narrowed.finding)
