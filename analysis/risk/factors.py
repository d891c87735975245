"""Which parameters carry risk: each judged as a whole, and what somebody claimed.

Under a stopping rule the test is the log-rank test over progress with its p by Monte Carlo (``draws``), within blocks
of consecutive starts (``cases``), the effect the hazard ratio (``effects``). Without a rule every run counts once: the
same draws are then the permutation test of the table of crashes, and the effect is the odds ratio.

Of a parameter the largest of its contrasts counts (``contrasts``); over the parameters p is adjusted step-down
(Westfall and Young 1993), which holds the chance of any false call to 5 % of the sweeps. The interval of a contrast
that is called is widened for having been selected (false coverage rate; Benjamini and Yekutieli, JASA 100, 2005).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ..levels import parse_where
from ..results.risk import ParameterRisk, RiskFactor
from ..types import NOT_THE_SETTING, Estimate, Floats, Outcome, Sweep
from .cases import SETTING_CAUSES, Cases, Ints, counts, crash_weight, make_cases
from .contrasts import FEWEST_RUNS, Contrast, all_contrasts, claim_contrast
from .detectable import critical_values, smallest_detectable
from .draws import ALPHA, Board, Scores, board, largest, number_of_draws, p_of, scores, step_down
from .effects import effect
from .firth import TooFew, adjusted_ratio
from .tables import freeman_halton

FEWEST_CRASHES = 3.0
"""Under this many crashes in the whole sweep no setting can be told apart: nothing is tested."""
HAZARD = "log-rank test over progress within blocks of consecutive starts, by Monte Carlo; hazard ratio"
PER_RUN = "exact test of crashes per run within blocks of consecutive starts, by Monte Carlo; conditional odds ratio"


def parameter_risks(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    early_stopping: bool,
    causes: Collection[str] = SETTING_CAUSES,
    apart: Collection[str] = (),
    families: Mapping[str, Sequence[Contrast]] | None = None,
) -> tuple[ParameterRisk, ...]:
    """Every swept parameter with at least two levels, the smallest adjusted p first.

    causes: the crash causes that count. apart: ids of runs that are compared among themselves only. families:
    ``all_contrasts``, where they are there already.
    """
    cases = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=causes, apart=apart)
    families = all_contrasts(sweep, outcomes) if families is None else families
    return _adjusted(cases, families, judge(sweep, outcomes, cases, families, causes))


def _adjusted(
    cases: Cases, families: Mapping[str, Sequence[Contrast]], judged: Sequence[ParameterRisk]
) -> tuple[ParameterRisk, ...]:
    """The called parameters with their ratio given the others' settings, where there are crashes enough."""
    done = []
    for risk in judged:
        if risk.called and risk.leading is not None:
            column = next(c for c in families[risk.parameter] if c.text == risk.leading.text)
            others = {
                other.text: other.inside.astype(float)
                for name, contrasts in families.items()
                for other in contrasts
                if name != risk.parameter and other.kind == "level" and other.testable
            }
            found = adjusted_ratio(
                cases.until,
                cases.crash,
                column.inside.astype(float),
                others,
                cases.by_progress,
                risk.leading.effect.level,
                cases.strata,
            )
            if isinstance(found, TooFew):
                risk = replace(risk, adjusted_needs=found.needed)
            elif found.adjusted_for:
                risk = replace(risk, adjusted=found.ratio, adjusted_for=found.adjusted_for)
        done.append(risk)
    return tuple(done)


def held_claims(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    *,
    early_stopping: bool,
    causes: Collection[str] = SETTING_CAUSES,
    apart: Collection[str] = (),
) -> tuple[RiskFactor, ...]:
    """The risks that somebody claimed (``Sweep.claims``), each held against the data; q adjusted over the claims.

    causes, apart: as for ``parameter_risks``.
    """
    cases = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=causes, apart=apart)
    families = {}
    for i, claim in enumerate(sweep.claims):
        families[f"{i:06d}"] = [claim_contrast(sweep, cases.runs, parse_where(claim["where"], sweep))]
    judged = {risk.parameter: risk.contrasts[0] for risk in judge(sweep, outcomes, cases, families, causes)}
    return tuple(replace(judged[f"{i:06d}"], claimed=claim["text"]) for i, claim in enumerate(sweep.claims))


@dataclass(frozen=True)
class _Tested:
    """The families that can be tested; columns are all their contrasts, ``owner`` [m] the number of each's family."""

    names: tuple[str, ...]
    columns: tuple[Contrast, ...]
    owner: Ints
    found: Scores
    p: Floats
    q: Floats
    critical: Floats
    """[families]: the statistic at which a family would be called."""

    def number(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None

    def place(self, contrast: Contrast) -> int | None:
        return next((i for i, column in enumerate(self.columns) if column is contrast), None)


def _test(cases: Cases, on: Board, families: Mapping[str, Sequence[Contrast]]) -> _Tested:
    enough = cases.crash.sum() >= FEWEST_CRASHES
    kept = {name: [c for c in contrasts if enough and c.testable] for name, contrasts in families.items()}
    kept = {name: contrasts for name, contrasts in kept.items() if contrasts}
    columns = tuple(contrast for contrasts in kept.values() for contrast in contrasts)
    if not columns:
        nothing = np.empty(0)
        none = np.empty(0, dtype=np.int64)
        return _Tested((), (), none, Scores(nothing, np.empty((0, 0)), nothing), nothing, nothing, nothing)
    owner = np.repeat(np.arange(len(kept)), [len(contrasts) for contrasts in kept.values()])
    matrix = np.column_stack([contrast.score for contrast in columns])
    found = scores(on, matrix, number_of_draws(len(kept)))
    top, null = largest(found.z, owner, len(kept)), largest(found.null, owner, len(kept))
    return _Tested(
        tuple(kept), columns, owner, found, p_of(top, null), step_down(top, null), critical_values(null, ALPHA)
    )


def judge(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    cases: Cases,
    families: Mapping[str, Sequence[Contrast]],
    causes: Collection[str] = SETTING_CAUSES,
) -> tuple[ParameterRisk, ...]:
    """Each family of contrasts as one test, adjusted over the families; the smallest adjusted p first."""
    families = {name: contrasts for name, contrasts in families.items() if contrasts}
    on = board(cases)
    tested = _test(cases, on, families)
    called = int((tested.q <= ALPHA).sum())
    widened = 1 - ALPHA * called / len(tested.columns) if called else 1 - ALPHA
    common = _common_caveats(sweep, outcomes, cases, causes)
    judged = []
    for name, contrasts in families.items():
        i = tested.number(name)
        rows = [_row(sweep, outcomes, cases, on, causes, contrast, tested, i) for contrast in contrasts]
        lead, leading, detectable, is_called = None, None, None, False
        if i is not None:
            is_called = bool(tested.q[i] <= ALPHA)
            lead = max(range(len(rows)), key=lambda n: (abs(rows[n].z or 0.0), -n))
            # Chosen as the largest of its parameter's contrasts, or as one of those that are called.
            level = widened if is_called else 1 - ALPHA / sum(contrast.testable for contrast in contrasts)
            leading = replace(rows[lead], effect=effect(cases, on, contrasts[lead].inside, level))
            rows[lead] = leading if is_called else rows[lead]
            detectable = smallest_detectable(cases, on, [c for c in contrasts if c.testable], float(tested.critical[i]))
        judged.append(
            ParameterRisk(
                parameter=name,
                contrasts=tuple(rows),
                leading=leading,
                p=None if i is None else float(tested.p[i]),
                q=None if i is None else float(tested.q[i]),
                called=is_called,
                table_p=None if i is None or cases.by_progress else _table_p(cases, contrasts),
                adjusted=None,
                adjusted_for=(),
                adjusted_needs=None,
                detectable=detectable,
                method=HAZARD if cases.by_progress else PER_RUN,
                n=len(cases.runs),
                crashes=counts(cases.crash),
                caveats=common,
                runs=tuple(run.id for run in cases.runs),
            )
        )
    return tuple(sorted(judged, key=lambda r: (2.0 if r.q is None else r.q, r.p or 0.0, r.parameter)))


def _table_p(cases: Cases, contrasts: Sequence[Contrast]) -> float | None:
    """All levels at once, as the exact test of their table has it; None of what has no levels."""
    crashed = cases.crash >= 0.5
    sides = [contrast.inside for contrast in contrasts if contrast.kind == "level"]
    if not sides:
        return None
    if len(sides) == 1:
        sides = [sides[0], ~sides[0]]
    return freeman_halton(np.array([[np.sum(side & crashed), np.sum(side & ~crashed)] for side in sides]))


def _row(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    cases: Cases,
    on: Board,
    causes: Collection[str],
    contrast: Contrast,
    tested: _Tested,
    family: int | None,
) -> RiskFactor:
    at = tested.place(contrast)
    weight = np.array([crash_weight(outcomes[run.id], causes) for run in cases.runs])
    inside = contrast.inside
    within = [run for run in sweep.runs if run.id in contrast.ids]
    recorded = {run.id for run in sweep.runs if run.state in ("crashed", "failed")}
    k_in, n_in = len(recorded & contrast.ids), len(within)
    k_out, n_out = len(recorded - contrast.ids), len(sweep.runs) - n_in
    caveats = () if contrast.testable else (f"fewer than {FEWEST_RUNS} runs on one side: not tested",)
    return RiskFactor(
        text=contrast.text,
        where=dict(contrast.where),
        kind=contrast.kind,
        parameter=contrast.parameter,
        k_in=counts(weight[inside]),
        n_in=int(inside.sum()),
        k_out=counts(weight[~inside]),
        n_out=int((~inside).sum()),
        effect=Estimate(value=None, unit=cases.ratio) if at is None else effect(cases, on, inside),
        z=None if at is None else float(tested.found.z[at]),
        p=None if at is None else float(p_of(np.abs(tested.found.z[[at]]), np.abs(tested.found.null[:, [at]]))[0]),
        q=None if family is None or at is None else float(tested.q[family]),
        method=HAZARD if cases.by_progress else PER_RUN,
        recorded_in=k_in,
        recorded_n_in=n_in,
        recorded_out=k_out,
        recorded_n_out=n_out,
        recorded_p=_fisher(k_in, n_in, k_out, n_out),
        stopped_in=sum(outcomes[run.id].label == "early_stopped" for run in within),
        runs=tuple(run.id for run in within),
        caveats=caveats,
    )


def _common_caveats(
    sweep: Sweep, outcomes: Mapping[str, Outcome], cases: Cases, causes: Collection[str]
) -> tuple[str, ...]:
    found = []
    unknown = sum(outcomes[run.id].label == "unknown" for run in sweep.runs)
    if unknown:
        found.append(f"runs of unknown outcome are left out ({unknown})")
    left = sum(_left_out(outcomes[run.id], causes) for run in cases.runs)
    if left:
        words = ", ".join(cause.replace("_", " ") for cause in NOT_THE_SETTING if cause not in causes)
        found.append(f"crashes by other causes than a setting ({words}) do not count ({left})")
    if not cases.timed and cases.runs:
        found.append("start times are not known: not adjusted for changes in the course of the sweep")
    if cases.crash.sum() < FEWEST_CRASHES:
        found.append(f"fewer than {FEWEST_CRASHES:.0f} crashes that a setting could have caused: nothing is tested")
    if sweep.config is not None and sweep.config.method == "bayes":
        found.append("a bayes search did not draw its settings at random: an association, not a cause")
    return tuple(found)


def _left_out(outcome: Outcome, causes: Collection[str]) -> bool:
    return outcome.label == "crashed" and outcome.cause not in causes


def _fisher(k_in: int, n_in: int, k_out: int, n_out: int) -> float | None:
    if not n_in or not n_out:
        return None
    return min(1.0, float(stats.fisher_exact([[k_in, n_in - k_in], [k_out, n_out - k_out]]).pvalue))


def stands(risk: RiskFactor) -> bool:
    """True where the data carry that the claimed condition crashes more often than the rest."""
    return risk.q is not None and risk.q <= ALPHA and (risk.z or 0.0) > 0
