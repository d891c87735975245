"""Is a sweep good enough? Rules held against what the post-mortem found; pure, from results to verdicts.

A rate is judged by the lower limit of its 95 % interval: it fails only where the data say that it is over the limit.
Where the interval holds the limit the rule is met, with a note. Counts and the best value are facts about these runs
and are judged as they stand. What no run can tell (no run ended, no parameter could be tested) is ``unknown``.

A baseline names what was not met, or not known, when it was written. A rule that it names is held against what was
found then, where that is the looser limit: only what is worse fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .errors import UsageError
from .outcomes.rates import uncertain_proportion
from .results.gate import Accepted, Comparison, Found, Judgement, Rule, Status, Verdict
from .results.postmortem import PostMortem
from .results.risk import ParameterRisk
from .types import CAUSES, Estimate, Finding, Outcome


@dataclass(frozen=True)
class Kind:
    """What a rule of one name asks."""

    comparison: Comparison | None
    """None: by the metric's goal."""
    unit: str
    """Empty: the metric's own."""
    measure: Callable[[PostMortem, Rule], Found]
    text: str


def judge(
    result: PostMortem,
    rules: Sequence[Rule],
    baseline: Mapping[str, Accepted] | None = None,
    *,
    rules_from: str = "",
    strict: bool = True,
) -> Judgement:
    """Every rule held against the post-mortem.

    baseline: by ``Rule.key``, what is accepted. rules_from: where the rules stand, in words. strict: raise UsageError
    for ``min-best`` or ``max-best`` against the metric's goal; else such a rule cannot be known, which is right where
    nobody asked for this rule of this sweep.
    """
    if strict:
        for rule in rules:
            if wrong := _against_the_goal(result, rule):
                raise UsageError(wrong)
    return Judgement(
        sweep=result.sweep.id,
        metric=result.metric,
        running=result.status.outcomes.get("running", 0),
        verdicts=tuple(_verdict(result, rule, (baseline or {}).get(rule.key)) for rule in rules),
        rules_from=rules_from,
    )


def accepted(judgement: Judgement) -> dict[str, Accepted]:
    """The baseline that accepts the judgement as it stands, by ``Rule.key``: what is not met or not known."""
    found = {}
    for verdict in judgement.verdicts:
        if verdict.found is not None and verdict.status in ("not_met", "unknown"):
            found[verdict.rule.key] = Accepted(
                status="not_met" if verdict.status == "not_met" else "unknown",
                comparison=verdict.comparison,
                unit=verdict.unit,
                value=verdict.found.accepted,
            )
    return found


def _verdict(result: PostMortem, rule: Rule, before: Accepted | None) -> Verdict:
    kind = RULES[rule.name]
    goal = result.metric.goal
    comparison = kind.comparison or ("at least" if goal == "maximize" else "at most")
    unit = kind.unit or result.metric.name
    if rule.level == "off":
        return Verdict(rule=rule, status="off", comparison=comparison, unit=unit, found=None, finding=None)
    wrong = _against_the_goal(result, rule)
    found = _nobody(None, wrong) if wrong else kind.measure(result, rule)
    carried = next((f for f in result.findings if f.kind == found.finding), None)
    verdict = Verdict(
        rule=rule,
        status=_status(found, comparison, rule.limit),
        comparison=comparison,
        unit=unit,
        found=found,
        finding=carried.id if carried else None,
        notes=(*_straddles(found, comparison, rule.limit), *found.notes, *(carried.caveats if carried else ())),
    )
    return verdict if before is None else _against(verdict, found, before)


def _against_the_goal(result: PostMortem, rule: Rule) -> str:
    """What is wrong with a rule that asks for more of a metric of which less is better, or the other way."""
    kind, goal = RULES[rule.name], result.metric.goal
    if kind.unit or not kind.comparison or (kind.comparison == "at least") == (goal == "maximize"):
        return ""
    other = "max-best" if goal == "minimize" else "min-best"
    return (
        f"{rule.name} is for a metric to be {'maximised' if kind.comparison == 'at least' else 'minimised'}, and "
        f"{result.metric.name} is to be {goal}d; write {other}, or best, which goes by the metric's goal"
    )


def _status(found: Found, comparison: Comparison, limit: float) -> Status:
    if found.judged is None:
        return "unknown"
    return "met" if (found.judged <= limit if comparison == "at most" else found.judged >= limit) else "not_met"


def _straddles(found: Found, comparison: Comparison, limit: float) -> tuple[str, ...]:
    """What is to be said where the interval of a rate holds the limit."""
    rate = found.estimate
    if rate is None or rate.low is None or rate.high is None or comparison != "at most":
        return ()
    if not rate.low <= limit < rate.high:
        return ()
    over = found.accepted is not None and found.accepted > limit
    first = "what was found is over the limit, but" if over else "met, but"
    return (f"{first} the interval holds the limit: {found.n} runs cannot tell on which side the rate lies",)


def _against(verdict: Verdict, found: Found, before: Accepted) -> Verdict:
    """The verdict in the light of what is accepted."""
    if (before.comparison, before.unit) != (verdict.comparison, verdict.unit):
        return _noted(verdict, f"the baseline is about {before.unit}, {before.comparison}: not applied")
    if verdict.status == "met":
        return _noted(verdict, "the baseline need not name it any more: write it again")
    if verdict.status == "unknown":
        known = "it was known when the baseline was written, and cannot be now"
        return _accepted(verdict) if before.status == "unknown" else _noted(verdict, known)
    if before.value is None:
        return _noted(verdict, "it could not be known when the baseline was written")
    if _status(found, verdict.comparison, before.value) == "met":
        return _accepted(verdict)
    return _noted(verdict, "it is worse than the baseline has it")


def _accepted(verdict: Verdict) -> Verdict:
    return _noted(replace(verdict, status="accepted"), "no worse than the baseline has it")


def _noted(verdict: Verdict, note: str) -> Verdict:
    return replace(verdict, notes=(note, *verdict.notes))


def _crash_rate(result: PostMortem, _: Rule) -> Found:
    rate = result.crash_rate
    chances = _chances(result, lambda _: True)
    if not rate.eligible:
        return _nobody("crash_rate", "no run has started and ended")
    return Found(
        estimate=_between(rate.low, rate.high),
        judged=rate.low.low,
        accepted=rate.low.value,
        n=rate.eligible,
        finding="crash_rate",
        values={
            "crashed, by the runs' chances": [sum(low for low, _ in chances), sum(high for _, high in chances)],
            "runs that started and ended": rate.eligible,
            "of them recorded as crashed or failed": round((rate.recorded.value or 0.0) * rate.eligible),
        },
    )


def _cause(result: PostMortem, rule: Rule) -> Found:
    """The share of runs that crashed by one cause; at most that of the runs that may have."""
    if not result.crash_rate.eligible:
        return _nobody("causes", "no run has started and ended")
    lows = [low for low, _ in _chances(result, lambda end: end.cause == rule.subject)]
    # A crash of another known cause is none of this one; one without a known cause may be.
    highs = [high for _, high in _chances(result, lambda end: end.cause in (None, "unknown", rule.subject))]
    low, high = uncertain_proportion(lows), uncertain_proportion(highs)
    ends = [end for end in result.outcomes.values() if end.label == "crashed"]
    seen = Counter(end.cause or "unknown" for end in ends)
    untold = seen["unknown"] if rule.subject != "unknown" else 0
    return Found(
        estimate=_between(low, high),
        judged=low.low,
        accepted=low.value,
        n=len(lows),
        finding="causes",
        values={"crashes by cause": {cause: seen[cause] for cause in CAUSES}},
        notes=(f"crashes without a known cause, which may be of this one: {untold}",) if untold else (),
    )


def _chances(result: PostMortem, counts: Callable[[Outcome], bool]) -> list[tuple[float, float]]:
    """Lowest and highest chance of a crash that counts, of each run that started and ended."""
    ends = (result.outcomes[run.id] for run in result.sweep.runs)
    return [end.crash_probability if counts(end) else (0.0, 0.0) for end in ends if end.eligible]


def _between(low: Estimate, high: Estimate) -> Estimate:
    value = low.value if low.value == high.value else None
    return Estimate(value=value, low=low.low, high=high.high, level=low.level, unit="share")


def _best(result: PostMortem, _: Rule) -> Found:
    """The best value that any run logged, whatever ended the run."""
    if not result.best:
        return _nobody("best", f"no run has a finite value of {result.metric.name}")
    top = result.best[0]
    worth = result.ranking.curse.shrunk if result.ranking and result.ranking.curse else None
    notes = []
    if result.status.outcomes.get("running"):
        notes.append("a run that still runs may bring a better one")
    return Found(
        estimate=Estimate(value=top.value, unit=result.metric.name),
        judged=top.value,
        accepted=top.value,
        n=sum(run.best is not None for run in result.sweep.runs),
        finding="best",
        values={
            "run": top.run.id,
            "its end": top.outcome.label,
            "the best by run": {one.run.id: one.value for one in result.best},
            **({} if worth is None else {"expected when repeated": [worth.low, worth.high]}),
        },
        notes=tuple(notes),
    )


def _ended(result: PostMortem, _: Rule) -> Found:
    return _count(result, result.crash_rate.eligible)


def _with_outcome(label: str) -> Callable[[PostMortem, Rule], Found]:
    return lambda result, _: _count(result, result.status.outcomes.get(label, 0))


def _count(result: PostMortem, count: int) -> Found:
    return _exactly(count, len(result.sweep.runs), None, {"runs by outcome": dict(result.status.outcomes)})


def _unknown_ends(result: PostMortem, _: Rule) -> Found:
    runs = len(result.sweep.runs)
    if not runs:
        return _nobody("unknown_outcomes", "there is no run")
    share = result.status.outcomes.get("unknown", 0) / runs
    values = {"runs by outcome": dict(result.status.outcomes), "runs": runs}
    found = _exactly(share, runs, "unknown_outcomes", values)
    return replace(found, estimate=Estimate(value=share, unit="share"))


def _silent(result: PostMortem, _: Rule) -> Found:
    carried: Finding | None = next((f for f in result.findings if f.kind == "silent_failure"), None)
    completed = result.status.outcomes.get("completed", 0)
    if carried is None:
        return _exactly(0, completed, None, {"completed": completed})
    values = {"completed": completed, **carried.facts["kinds"], "runs that did": list(carried.runs)}
    return _exactly(carried.facts["bad"], completed, "silent_failure", values)


def _risk_factors(result: PostMortem, _: Rule) -> Found:
    return _called(result.parameter_risks, "risk_summary", "parameter")


def _circumstances(result: PostMortem, _: Rule) -> Found:
    return _called(result.circumstances, None, "host, agent or start time")


def _called(risks: Sequence[ParameterRisk], finding: str | None, what: str) -> Found:
    """How many were called; unknown where none could have been, whatever its effect."""
    able = [risk for risk in risks if risk.p is not None and (risk.called or risk.detectable)]
    if not able:
        crashes = max((risk.crashes for risk in risks), default=0.0)
        why = f"too few runs or crashes to call any {what} ({len(risks)} of them, crashes that count: {crashes:.3g})"
        return _nobody(finding, why)
    called = [risk.parameter for risk in able if risk.called]
    least = min((risk.detectable.ratio for risk in able if risk.detectable), default=None)
    found = _exactly(
        len(called),
        max(risk.n for risk in able),
        finding,
        {
            "called": called,
            "adjusted p": {risk.parameter: risk.q for risk in able},
            "smallest ratio that would be called, 4 times in 5": least,
        },
    )
    others = len(risks) - len(able)
    told = "none called is not none there: see the smallest ratio that would be"
    unable = f"too few runs or crashes to call {others} of {len(risks)}, whatever they do"
    return replace(found, notes=(*([told] if not called else []), *([unable] if others else [])))


def _exactly(value: float, n: int, finding: str | None, values: Mapping[str, object]) -> Found:
    """A plain count or share of these runs."""
    return Found(estimate=Estimate(value=value), judged=value, accepted=value, n=n, finding=finding, values=values)


def _nobody(finding: str | None, why: str) -> Found:
    return Found(estimate=None, judged=None, accepted=None, n=0, finding=finding, why=why, values={})


RULES: Mapping[str, Kind] = {
    "max-crash-rate": Kind("at most", "share", _crash_rate, "crashed runs of those that started and ended"),
    "max-cause": Kind("at most", "share", _cause, "the same of one cause"),
    "best": Kind(None, "", _best, "the best value, by the metric's goal"),
    "min-best": Kind("at least", "", _best, "the best value of a metric to be maximised"),
    "max-best": Kind("at most", "", _best, "the best value of a metric to be minimised"),
    "min-runs": Kind("at least", "runs", _ended, "runs that started and ended"),
    "min-completed": Kind("at least", "runs", _with_outcome("completed"), "runs that completed"),
    "max-running": Kind("at most", "runs", _with_outcome("running"), "runs that still run"),
    "max-unknown": Kind("at most", "share", _unknown_ends, "runs of which nobody can say what ended them"),
    "max-silent-failures": Kind("at most", "runs", _silent, "completed runs whose metric broke or never moved"),
    "max-risk-factors": Kind("at most", "parameters", _risk_factors, "parameters that change the chance of a crash"),
    "max-circumstances": Kind("at most", "circumstances", _circumstances, "hosts, agents, start times that do"),
}
