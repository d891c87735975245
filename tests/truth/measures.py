"""What one sweep adds to the figures: is what is called true, do the intervals hold the truth, is what is there found.

The statistics alone are measured on true outcomes; the same on what is adjudicated is part of a page (``pages``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aftersweep.analysis.levels import level_rows
from aftersweep.analysis.results.risk import Pairs, ParameterRisk, RiskFactor
from aftersweep.analysis.results.tables import LevelRow
from aftersweep.analysis.risk.circumstances import circumstances, suspect
from aftersweep.analysis.risk.factors import parameter_risks
from aftersweep.analysis.risk.interactions import interactions

from .baseline import baseline
from .ratios import Judge, covers
from .simulator import Simulated, true_outcomes
from .tally import Counts
from .world import Swept, Truth

ALPHA = 0.05
SMALL = ((9, "n up to 9"), (24, "n 10 to 24"), (10**9, "n from 25"))


def statistics_alone(made: Simulated, judge: Judge, *, whole: bool) -> Counts:
    """The risk analysis on the true outcomes, and the page as it was before; ``whole``: pairs and levels too."""
    outcomes = true_outcomes(made.truth)
    stopping = made.truth.world.rule
    around = circumstances(made.sweep, outcomes, early_stopping=stopping)
    apart = suspect(around)
    risks = parameter_risks(made.sweep, outcomes, early_stopping=stopping, apart=apart)
    counts = {**risk_counts(risks, around, made.truth, judge), **baseline(made.sweep, made.truth, judge)}
    if whole:
        rows = {name: level_rows(made.sweep, outcomes, name) for name in made.sweep.parameters}
        counts |= pair_counts(interactions(made.sweep, outcomes, apart=apart), made.truth, judge)
        counts |= rate_counts(rows, made.truth, judge)
    return counts


def risk_counts(risks: Sequence[ParameterRisk], around: Sequence[ParameterRisk], truth: Truth, judge: Judge) -> Counts:
    """False calls, false discoveries, power beside the oracle's, and coverage of the ratios."""
    called = [risk for risk in risks if risk.called]
    wrong = [risk for risk in called if not is_true(risk, truth, judge)]
    all_rows = [row for risk in risks for row in risk.contrasts]
    leading = [risk.leading for risk in called if risk.leading is not None]
    counts = {
        "any false risk": (float(bool(wrong)), 1.0),
        "false discoveries": (len(wrong) / max(len(called), 1), 1.0),
        "ratio intervals": _covered(all_rows, truth, judge),
        "ratio intervals, called": _covered(leading, truth, judge),
    }
    hits, total = counts["ratio intervals, called"]
    counts["false coverage"] = ((total - hits) / max(total, 1.0), 1.0)
    quiet = [risk.leading for risk in risks if not risk.called and risk.leading is not None]
    counts["ratio intervals, leading but not called"] = _covered(quiet, truth, judge)
    adjusted = [risk for risk in risks if risk.adjusted is not None and risk.leading is not None]
    counts["adjusted intervals"] = _adjusted(adjusted, truth, judge)
    for parameter in truth.world.parameters:
        if parameter.risky:
            counts |= _power(parameter, risks, truth, judge)
    for item in around:
        if item.p is not None:
            real = truth.world.mended if item.parameter == "start time" else truth.world.bad_host
            name = "found" if real else "false"
            counts[f"{item.parameter} {name}"] = (float(item.called), 1.0)
    return counts


def is_true(risk: ParameterRisk, truth: Truth, judge: Judge) -> bool:
    """Whether a called parameter's leading contrast differs from its rest, in the direction that is said."""
    if risk.leading is None:
        return False
    ratio = judge.ratio(risk.leading, truth)
    return ratio > 1.0 if risk.raises else ratio < 1.0


def is_true_pair(pair: RiskFactor, truth: Truth, judge: Judge) -> bool:
    """Whether two settings together differ from what the two by themselves would make, in the direction said."""
    ratio = judge.pair_ratio(pair, truth)
    return ratio > 1.0 if (pair.z or 0.0) > 0 else ratio < 1.0


def pair_counts(pairs: Pairs, truth: Truth, judge: Judge) -> Counts:
    """False calls among the pairs; whether the world's own pair is found."""
    called = [pair for pair in pairs.shown if pair.q is not None and pair.q <= ALPHA]
    wrong = [pair for pair in called if not is_true_pair(pair, truth, judge)]
    own = set(truth.world.pair_names)
    counts = {"any false interaction": (float(bool(wrong)), 1.0)}
    if own:
        found = any(set(pair.where) == own and pair not in wrong for pair in called)
        counts["interaction found"] = (float(found), 1.0)
    return counts


def _covered(rows: Sequence[RiskFactor], truth: Truth, judge: Judge) -> tuple[float, float]:
    known = [row for row in rows if row.effect.low is not None or row.effect.high is not None]
    hits = sum(covers(row.effect.low, row.effect.high, judge.ratio(row, truth)) for row in known)
    return float(hits), float(len(known))


def _adjusted(risks: Sequence[ParameterRisk], truth: Truth, judge: Judge) -> tuple[float, float]:
    hits = 0
    for risk in risks:
        assert risk.adjusted is not None and risk.leading is not None
        hits += covers(risk.adjusted.low, risk.adjusted.high, judge.ratio(risk.leading, truth))
    return float(hits), float(len(risks))


def _power(parameter: Swept, risks: Sequence[ParameterRisk], truth: Truth, judge: Judge) -> Counts:
    """Whether the parameter is found, and whether one who knew the true condition would have found it.

    The oracle tests that condition alone, with the same p, and adjusts for as many tests as there are parameters.
    """
    ours = next((risk for risk in risks if risk.parameter == parameter.name), None)
    if ours is None:
        return {f"found {parameter.name}": (0.0, 1.0), f"oracle {parameter.name}": (0.0, 1.0)}
    family = sum(risk.p is not None for risk in risks)
    condition = next((row for row in ours.contrasts if _is_condition(row, parameter)), None)
    p = condition.p if condition is not None else None
    return {
        f"found {parameter.name}": (float(ours.called and is_true(ours, truth, judge)), 1.0),
        f"oracle {parameter.name}": (float(p is not None and 1 - (1 - p) ** family <= ALPHA), 1.0),
    }


def _is_condition(row: RiskFactor, parameter: Swept) -> bool:
    """The contrast that the world was made with: its one bad level, or the window of a range."""
    if parameter.is_range:
        return row.kind == "window"
    worst = parameter.levels[parameter.ratios.index(max(parameter.ratios))]
    levels = [worst] if len(parameter.levels) > 2 else list(parameter.levels)
    return row.kind == "level" and any(row.where.get(parameter.name) is level for level in levels)


def rate_counts(rows: Mapping[str, Sequence[LevelRow]], truth: Truth, judge: Judge) -> Counts:
    """Coverage of the crash rates of levels, by the number of their runs."""
    counts: dict[str, tuple[float, float]] = {}
    for name, levels in rows.items():
        for row in levels:
            if not row.eligible or row.crash_low.low is None or row.crash_high.high is None:
                continue
            true = judge.rate(name, row.runs, truth)
            hit = row.crash_low.low <= true <= row.crash_high.high
            size = next(words for most, words in SMALL if row.eligible <= most)
            for key in ("rates", f"rates, {size}"):
                hits, total = counts.get(key, (0.0, 0.0))
                counts[key] = (hits + hit, total + 1)
    return counts
