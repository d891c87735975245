"""Which settings carry risk: each level against the rest of the sweep, and what somebody claimed.

A crash here is one that a setting could have caused: code errors and infrastructure are left out and reported
by themselves. Where the sweep stops runs early, a run that does well is exposed longer and so has more time to
crash; crash per run then blames the best setting. So under a stopping rule the test is the log-rank test over
progress (Mantel 1966), its p by permutation of the runs (9,999 draws, add-one; Phipson and Smyth 2010), and the
effect is the hazard ratio of Cox's partial likelihood (1972; ties after Efron 1977) with the interval of Clopper and
Pearson (1934) for the split of the crashes. Without a rule: Fisher's exact test and the conditional odds ratio.
q adjusts for all levels tested, whatever their dependence (Benjamini and Yekutieli 2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from ..levels import Level, levels_of, matches, parse_where
from ..results.risk import RiskFactor
from ..types import Estimate, Floats, Outcome, Run, Sweep
from ..values import show

NOT_THE_SETTING = ("code_error", "infrastructure", "preempted")
FEWEST_CRASHES = 3.0
"""Under this many crashes in the whole sweep no setting can be told apart: nothing is tested."""
DRAWS = 9_999
SEED = 20_250_703
CALLED_AT = 0.05


def risk_factors(sweep: Sweep, outcomes: Mapping[str, Outcome], *, early_stopping: bool) -> tuple[RiskFactor, ...]:
    """Every level of every swept parameter against the rest, the smallest p first; q over all of them."""
    cases = [case for parameter in sweep.parameters for case in _cases(levels_of(sweep, parameter))]
    drawn: dict[int, Floats] = {}
    tested = [_test(sweep, outcomes, where, ids, early_stopping, drawn) for where, ids in cases]
    adjusted = _adjust(tested)
    # Permutation p have a floor, so equal ones are common: the larger effect first.
    return tuple(sorted(adjusted, key=lambda r: (1.0 if r.p is None else r.p, -(r.effect.low or 0.0), r.text)))


def held_claims(sweep: Sweep, outcomes: Mapping[str, Outcome], *, early_stopping: bool) -> tuple[RiskFactor, ...]:
    """The risks that somebody claimed (``Sweep.claims``), each held against the data; q over the claims."""
    tested = []
    drawn: dict[int, Floats] = {}
    for claim in sweep.claims:
        where = parse_where(claim["where"], sweep)
        ids = {run.id for run in sweep.runs if matches(run, where)}
        tested.append(replace(_test(sweep, outcomes, where, ids, early_stopping, drawn), claimed=claim["text"]))
    return tuple(_adjust(tested))


def _cases(levels: Sequence[Level]) -> list[tuple[dict[str, Any], set[str]]]:
    """What to test of one parameter: every level, but of two levels only the second (the other is its mirror)."""
    if len(levels) < 2:
        return []
    chosen = levels[1:] if len(levels) == 2 else levels
    return [({c.parameter: c.label if c.value is None else c.value}, {run.id for run in c.runs}) for c in chosen]


def crash_weight(outcome: Outcome) -> float:
    """The chance that the run crashed by something that a setting could have caused."""
    if outcome.label == "crashed" and outcome.cause in NOT_THE_SETTING:
        return 0.0
    return outcome.crash_probability[0]


def _test(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    where: Mapping[str, Any],
    ids: set[str],
    early_stopping: bool,
    drawn: dict[int, Floats],
) -> RiskFactor:
    usable = [r for r in sweep.runs if outcomes[r.id].eligible and outcomes[r.id].label != "unknown"]
    inside = np.array([run.id in ids for run in usable], dtype=bool)
    weight = np.array([crash_weight(outcomes[run.id]) for run in usable])
    if early_stopping:
        effect, p = _hazard(usable, inside, weight, drawn)
        method = "permutation log-rank test over progress; hazard ratio"
    else:
        effect, p = _exact(inside, weight)
        method = "Fisher's exact test; conditional odds ratio"
    recorded = {run.id for run in sweep.runs if run.state in ("crashed", "failed")}
    within = [run for run in sweep.runs if run.id in ids]
    k_in, n_in = len(recorded & ids), len(within)
    k_out, n_out = len(recorded - ids), len(sweep.runs) - n_in
    return RiskFactor(
        text=" and ".join(f"{name} = {show(value)}" for name, value in where.items()),
        where=dict(where),
        k_in=float(weight[inside].sum()),
        n_in=int(inside.sum()),
        k_out=float(weight[~inside].sum()),
        n_out=int((~inside).sum()),
        effect=effect,
        p=p,
        q=None,
        method=method,
        recorded_in=k_in,
        recorded_n_in=n_in,
        recorded_out=k_out,
        recorded_n_out=n_out,
        recorded_p=_fisher(k_in, n_in, k_out, n_out),
        stopped_in=sum(outcomes[run.id].label == "early_stopped" for run in within),
        runs=tuple(run.id for run in within),
        caveats=_caveats(sweep, outcomes, usable, inside, weight),
    )


def _caveats(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    usable: Sequence[Run],
    inside: NDArray[np.bool_],
    weight: Floats,
) -> tuple[str, ...]:
    found = []
    unknown = sum(outcomes[run.id].label == "unknown" for run in sweep.runs)
    if unknown:
        found.append(f"runs of unknown outcome are left out ({unknown})")
    left = sum(outcomes[r.id].label == "crashed" and outcomes[r.id].cause in NOT_THE_SETTING for r in usable)
    if left:
        found.append(f"crashes by code errors, infrastructure or preemption do not count against a setting ({left})")
    if weight.sum() < FEWEST_CRASHES:
        found.append(f"fewer than {FEWEST_CRASHES:.0f} crashes that a setting could have caused: nothing is tested")
    elif min(inside.sum(), (~inside).sum()) < 5:
        found.append("fewer than 5 runs on one side")
    if sweep.config is not None and sweep.config.method == "bayes":
        found.append("a bayes search did not draw its settings at random: an association, not a cause")
    return tuple(found)


def _hazard(
    runs: Sequence[Run], inside: NDArray[np.bool_], weight: Floats, drawn: dict[int, Floats]
) -> tuple[Estimate, float | None]:
    if weight.sum() < FEWEST_CRASHES or inside.all() or not inside.any():
        return Estimate(value=None, unit="hazard ratio"), None
    progress = np.array([run.progress for run in runs])
    p = permutation_p(weight - expected_crashes(progress, weight), inside, drawn)
    return hazard_ratio(progress, inside, weight), p


def expected_crashes(progress: Floats, weight: Floats) -> Floats:
    """Nelson-Aalen cumulative hazard at each run's end, [n]: the crashes that it would have had if all were alike.

    progress: where each run ended, [n]; weight: its chance of having crashed there, [n]. ``weight - expected`` are
    the martingale residuals, whose sum over a group is the numerator of the log-rank test.
    """
    position = stats.rankdata(progress, method="dense").astype(int) - 1
    crashes = np.bincount(position, weights=weight)
    ended = np.bincount(position)
    at_risk = len(progress) - np.concatenate([[0], np.cumsum(ended)[:-1]])
    return np.asarray(np.cumsum(crashes / at_risk)[position], dtype=float)


def permutation_p(residual: Floats, inside: NDArray[np.bool_], drawn: dict[int, Floats] | None = None) -> float:
    """Two-sided p of the sum of ``residual`` over the group, runs permuted; never zero.

    drawn: the draws by size of the group, kept for the next group of the same runs.
    """
    drawn = {} if drawn is None else drawn
    size = int(inside.sum())
    if size not in drawn:
        rng = np.random.default_rng(SEED)
        chunk = max(1, 4_000_000 // len(residual))
        sums = []
        for start in range(0, DRAWS, chunk):
            rows = min(chunk, DRAWS - start)
            order = rng.permuted(np.broadcast_to(residual, (rows, len(residual))), axis=1)[:, :size]
            sums.append(np.abs(order.sum(axis=1)))
        drawn[size] = np.concatenate(sums)
    observed = abs(float(residual[inside].sum()))
    return (int((drawn[size] >= observed - 1e-9).sum()) + 1) / (DRAWS + 1)


def hazard_ratio(progress: Floats, inside: NDArray[np.bool_], weight: Floats, level: float = 0.95) -> Estimate:
    """The hazard of crashing inside over that outside, with its interval; all arrays are [n] over the runs.

    A crash at a progress where n1 runs inside and n0 outside were at risk is one inside with chance
    r n1 / (r n1 + n0), r the ratio: so the share of the crashes that lie inside is a function of r, and the ends are
    the r at which that share is an end of the Clopper-Pearson interval. Crashes that met only one side at risk say
    nothing and are left out. Of d tied crashes each meets, in the mean, a board that (d - 1) / 2 d of them have left.
    The value is None where no crash was outside; then the upper end is None too.
    """
    position = stats.rankdata(progress, method="dense").astype(int) - 1
    at_risk = [np.cumsum(np.bincount(position, weights=side)[::-1])[::-1] for side in (inside, ~inside)]
    crashes = [np.bincount(position, weights=weight * side) for side in (inside, ~inside)]
    d = crashes[0] + crashes[1]
    told = (d > 0) & (at_risk[0] > 0) & (at_risk[1] > 0)
    left = 0.5 - 0.5 / np.maximum(d[told], 1.0)
    n_in, n_out = (n[told] - k[told] * left for n, k in zip(at_risk, crashes, strict=True))
    k_in, k_out = (float(k[told].sum()) for k in crashes)

    def ratio(share: float) -> float:
        even = np.log(share / (1 - share) * n_out / n_in)  # the log ratios at which single terms give the share

        def excess(log_r: float) -> float:
            return float(d[told] @ (1 / (1 + np.exp(-log_r) * n_out / n_in) - share))

        return float(np.exp(brentq(excess, even.min() - 1e-9, even.max() + 1e-9)))

    if k_in + k_out <= 0:
        return Estimate(value=None, unit="hazard ratio", level=level)
    tail = (1 - level) / 2
    # Counts are sums of chances: less than half a crash on a side is none, so that side's end is open.
    low = float(stats.beta.ppf(tail, k_in, k_out + 1)) if k_in >= 0.5 else 0.0
    high = float(stats.beta.ppf(1 - tail, k_in + 1, k_out)) if k_out >= 0.5 else 1.0
    return Estimate(
        value=(ratio(k_in / (k_in + k_out)) if k_in > 0 else 0.0) if k_out >= 0.5 else None,
        low=ratio(low) if low > 0 else 0.0,
        high=ratio(high) if high < 1 else None,
        level=level,
        unit="hazard ratio",
    )


def _exact(inside: NDArray[np.bool_], weight: Floats) -> tuple[Estimate, float | None]:
    nothing = Estimate(value=None, unit="odds ratio")
    if weight.sum() < FEWEST_CRASHES or inside.all() or not inside.any():
        return nothing, None
    crashed = weight >= 0.5
    table = [
        [int((crashed & inside).sum()), int((~crashed & inside).sum())],
        [int((crashed & ~inside).sum()), int((~crashed & ~inside).sum())],
    ]
    result = stats.contingency.odds_ratio(table)
    interval = result.confidence_interval(0.95)
    finite = [float(v) if np.isfinite(v) else None for v in (result.statistic, interval.low, interval.high)]
    effect = Estimate(value=finite[0], low=finite[1], high=finite[2], unit="odds ratio")
    return effect, float(stats.fisher_exact(table).pvalue)


def _fisher(k_in: int, n_in: int, k_out: int, n_out: int) -> float | None:
    if not n_in or not n_out:
        return None
    return min(1.0, float(stats.fisher_exact([[k_in, n_in - k_in], [k_out, n_out - k_out]]).pvalue))


def _adjust(tested: Sequence[RiskFactor]) -> list[RiskFactor]:
    with_p = [r.p for r in tested if r.p is not None]
    if not with_p:
        return list(tested)
    q = iter(stats.false_discovery_control(with_p, method="by"))
    return [r if r.p is None else replace(r, q=float(next(q))) for r in tested]


def called(risk: RiskFactor) -> bool:
    """True where the data carry that the setting crashes more often than the rest."""
    if risk.q is None or risk.q > CALLED_AT:
        return False
    if risk.effect.value is None:  # no crash outside; without any interval the direction is not known
        return risk.effect.low is not None
    return risk.effect.value > 1
