"""Pairs of settings that crash more, or less, together than either would have it: a second, exploratory family.

For a level of one parameter and a level of another, given the main effects of both: the two hazard ratios are fitted
(Cox's partial likelihood, 1972, with a weak ridge, as no crash on a side is common), each crash is dealt again among
those at risk with chances in the ratio of the fitted hazards, and the score of the product, free of the scores of the
two (the efficient score), is judged on those draws. Holm's adjustment (1979) over all pairs tested. The ratio shown is
how much the two together differ from their product, by the Firth-penalised model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import stats

from ..results.risk import Pairs, RiskFactor
from ..types import Floats, Outcome, Sweep
from .cases import SETTING_CAUSES, Cases, Ints, counts, make_cases
from .contrasts import Contrast, all_contrasts
from .draws import Board, board
from .firth import hazard_model

FEWEST_A_CELL = 5
"""Runs that each of the four cells must have."""
FEWEST_CRASHES = 10.0
"""Crashes in the sweep under which no pair is tried: two main effects and their product want about as many."""
MOST_PAIRS = 200
"""Pairs tried; where there are more, those with the most runs in their smallest cell."""
DRAWS = 9_999
SEED = 20_250_708
PROMISING = 0.05
"""Normal p above which a pair is not drawn: it keeps that p, which no adjustment calls."""
METHOD = "score of the product given both main effects, by Monte Carlo; Holm over the pairs; exploratory"
_RIDGE = 0.25
_STEPS = 25


@dataclass(frozen=True)
class _Pair:
    a: Contrast
    b: Contrast

    @property
    def columns(self) -> Floats:
        """[n, 3]: either, and both."""
        x = np.column_stack([self.a.inside, self.b.inside]).astype(float)
        return np.column_stack([x, x[:, 0] * x[:, 1]])

    @property
    def smallest(self) -> int:
        """Runs in the smallest of the four cells."""
        a, b = self.a.inside, self.b.inside
        return int(min((a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()))


def interactions(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    causes: Collection[str] = SETTING_CAUSES,
    apart: Collection[str] = (),
    families: Mapping[str, Sequence[Contrast]] | None = None,
    most: int = 5,
) -> Pairs:
    """The pairs with the smallest p.

    By progress with and without a stopping rule: hazards multiply where settings act by themselves, shares of crashed
    runs, which end at one, do not. causes, apart: as for ``parameter_risks``.
    families: ``all_contrasts``, where they are there already.
    """
    cases = make_cases(sweep, outcomes, early_stopping=True, causes=causes, apart=apart)
    if cases.crash.sum() < FEWEST_CRASHES:
        return Pairs(shown=(), tested=0, runs=len(cases.runs))
    pairs = _pairs(all_contrasts(sweep, outcomes) if families is None else families)
    on = board(cases)
    judged = [_judge(on, pair.columns, draw=False) for pair in pairs]
    judged = [
        _judge(on, pair.columns, draw=True) if p <= PROMISING else (z, p)
        for pair, (z, p) in zip(pairs, judged, strict=True)
    ]
    order = sorted(range(len(pairs)), key=lambda i: (judged[i][1], -abs(judged[i][0]), i))
    found, running = [], 0.0
    for rank, i in enumerate(order[:most]):
        running = min(1.0, max(running, judged[i][1] * (len(pairs) - rank)))
        found.append(_row(sweep, cases, pairs[i], *judged[i], running))
    return Pairs(shown=tuple(found), tested=len(pairs), runs=len(cases.runs))


def _pairs(families: Mapping[str, Sequence[Contrast]]) -> list[_Pair]:
    levels = {name: [c for c in contrasts if c.kind == "level"] for name, contrasts in families.items()}
    pairs = [_Pair(a, b) for p, q in combinations(sorted(levels), 2) for a in levels[p] for b in levels[q]]
    pairs = [pair for pair in pairs if pair.smallest >= FEWEST_A_CELL]
    return sorted(pairs, key=lambda pair: -pair.smallest)[:MOST_PAIRS]


def _judge(on: Board, x: Floats, *, draw: bool) -> tuple[float, float]:
    """z and two-sided p of the product's efficient score; by the normal law, or by ``DRAWS`` draws."""
    ratios = _main_effects(on, x[:, :2])
    risk = np.exp(x[:, :2] @ ratios)
    score, information = _score(on, x, risk)
    free = information[2, 2] - information[2, :2] @ np.linalg.pinv(information[:2, :2]) @ information[:2, 2]
    if free <= 1e-9:
        return 0.0, 1.0
    project = np.append(-np.linalg.pinv(information[:2, :2]) @ information[:2, 2], 1.0)
    z = float(score @ project / np.sqrt(free))
    if not draw:
        return z, float(2 * stats.norm.sf(abs(z)))
    column = x @ project
    null = _redraw(on, column, risk) / np.sqrt(free)
    return z, float((np.sum(np.abs(null) >= abs(z) - 1e-9) + 1) / (DRAWS + 1))


def _score(on: Board, x: Floats, risk: Floats) -> tuple[Floats, Floats]:
    """Score [k] and information [k, k] of the partial likelihood at the hazards ``risk`` [n]."""
    weight = risk[on.members]
    total = np.add.reduceat(weight, on.first)
    members = x[on.members]
    mean = np.add.reduceat(weight[:, None] * members, on.first) / total[:, None]
    crashes = np.bincount(on.moment, on.weight, len(on.first))
    squares = np.add.reduceat(weight[:, None, None] * members[:, :, None] * members[:, None, :], on.first)
    spread = squares / total[:, None, None] - mean[:, :, None] * mean[:, None, :]
    return on.weight @ x[on.crashed] - crashes @ mean, np.einsum("g,gij->ij", crashes, spread)


def _main_effects(on: Board, x: Floats) -> Floats:
    """The log hazard ratios of two columns, [2], drawn towards none by the ridge."""
    beta = np.zeros(2)
    for _ in range(_STEPS):
        score, information = _score(on, x, np.exp(x @ beta))
        step = np.linalg.solve(information + _RIDGE * np.eye(2), score - _RIDGE * beta)
        beta = beta + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return beta


def _redraw(on: Board, column: Floats, risk: Floats) -> Floats:
    """[DRAWS]: the column's score in draws; at each moment as many as crashed, without replacement (Gumbel keys)."""
    rng = np.random.default_rng(SEED)
    total = np.zeros(DRAWS)
    for g, (first, last) in enumerate(zip(on.first, on.last, strict=True)):
        at_risk: Ints = on.members[first:last]
        weights = on.weight[on.moment == g]
        if last - first < 2:
            continue
        chance = risk[at_risk] / risk[at_risk].sum()
        if len(weights) == 1:
            picked = np.searchsorted(np.cumsum(chance)[:-1], rng.random(DRAWS))[:, None]
        else:
            keys = np.log(risk[at_risk]) + rng.gumbel(size=(DRAWS, last - first))
            picked = np.argsort(-keys, axis=1)[:, : len(weights)]
        total += column[at_risk][picked] @ weights - weights.sum() * float(chance @ column[at_risk])
    return total


def _row(sweep: Sweep, cases: Cases, pair: _Pair, z: float, p: float, q: float) -> RiskFactor:
    both = pair.a.inside & pair.b.inside
    ids = pair.a.ids & pair.b.ids
    model = hazard_model(cases.until, cases.crash, np.column_stack([pair.columns, cases.strata]), of=[2])
    recorded = [run for run in sweep.runs if run.state in ("crashed", "failed")]
    inside = sum(run.id in ids for run in recorded)
    within = [run.id for run in sweep.runs if run.id in ids]
    return RiskFactor(
        text=f"{pair.a.text} and {pair.b.text}",
        where={**pair.a.where, **pair.b.where},
        kind="interaction",
        parameter=None,
        k_in=counts(cases.crash[both]),
        n_in=int(both.sum()),
        k_out=counts(cases.crash[~both]),
        n_out=int((~both).sum()),
        effect=replace(model.ratios[2], unit="ratio of ratios"),
        z=z,
        p=p,
        q=q,
        method=METHOD,
        recorded_in=inside,
        recorded_n_in=len(within),
        recorded_out=len(recorded) - inside,
        recorded_n_out=len(sweep.runs) - len(within),
        recorded_p=None,
        stopped_in=0,
        runs=tuple(within),
        caveats=("exploratory: one of many pairs, found by looking",),
    )
