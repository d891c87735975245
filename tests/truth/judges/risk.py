"""What carries risk: parameters, pairs of settings, time, machines, claims."""

from __future__ import annotations

from collections.abc import Mapping

from aftersweep.analysis.types import Finding

from ..measures import is_true, is_true_pair
from .case import Case, Judging, Verdict, holds


def _risk_factor(f: Finding, case: Case) -> Verdict:
    if f.facts["family"] == "claim":
        return _claim(f, case)
    if not f.supported:
        return True
    risk = case.risk(f)
    if not is_true(risk, case.truth, case.judge) or risk.leading is None:
        return False
    return holds(f, case.judge.ratio(risk.leading, case.truth))


def _claim(f: Finding, case: Case) -> Verdict:
    """ "Stands" is wrong where the setting is no riskier than the rest, "does not stand" never."""
    if not f.supported:
        return True
    (name,) = f.facts["where"]
    return case.judge.level_ratio(name, f.runs, case.truth) > 1.0


def _risk_summary(f: Finding, case: Case) -> Verdict:
    called = [risk for risk in case.result.parameter_risks if risk.called]
    return bool(called) == f.supported and all(is_true(risk, case.truth, case.judge) for risk in called)


def _interaction(f: Finding, case: Case) -> Verdict:
    if not f.supported:
        return True
    pair = next(row for row in case.result.pairs.shown if row.text == f.subject)
    return is_true_pair(pair, case.truth, case.judge) and holds(f, case.judge.pair_ratio(pair, case.truth))


def _drift(f: Finding, case: Case) -> Verdict:
    """A bug that was mended makes the later starts the safer ones; nothing else changes with time."""
    return not f.supported or (case.world.mended is not None and not f.facts["raises"])


def _host(f: Finding, case: Case) -> Verdict:
    """One host is named against the others: true where its own hazard is on that side of theirs."""
    if not f.supported:
        return True
    if case.world.bad_host is None:
        return False
    named = {case.truth.hosts[case.truth.index[i]] for i in f.runs}
    return (named == {case.world.bad_host[0]}) == bool(f.facts["raises"])


JUDGES: Mapping[str, Judging] = {
    "risk_factor": _risk_factor,
    "risk_summary": _risk_summary,
    "interaction": _interaction,
    "drift": _drift,
    "broken_host": _host,
}
