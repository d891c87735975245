"""The gate: rules held against sweeps whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from scipy.stats import binom

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.gate import RULES, accepted, judge
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.gate import Judgement, Rule, Verdict
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.types import Run
from aftersweep.reports.gate_output import to_github, to_json, to_junit, to_text

from ..factories import START, make_run, make_sweep
from .test_degenerate import CASES

OUT_OF_MEMORY = ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB.",)
UNEXPLAINED = ("Killed by something",)


@cache
def swept(
    crashes: int, completed: int, *, running: int = 0, log: tuple[str, ...] = UNEXPLAINED, goal: str = "maximize"
) -> PostMortem:
    """Runs of a sweep without a stopping rule; those that complete come to 0.5, 0.51, ..."""
    runs: list[Run] = []
    for i in range(crashes + completed + running):
        kind = "failed" if i < crashes else "finished" if i < crashes + completed else "running"
        values = [0.1, 0.2] if kind != "finished" else [0.1, 0.2, 0.3, 0.4, 0.5 + 0.01 * (i - crashes)]
        more = {"exit_code": 1, "log_tail": log} if kind == "failed" else {}
        config = {"model": "ab"[i % 2], "lr": 10.0 ** -(i % 3)}
        start = START + (7000.0 if kind == "running" else 60.0 * i)
        runs.append(make_run(f"r{i:02d}", values, state=kind, goal=goal, start=start, config=config, **more))
    return post_mortem(make_sweep(runs, goal=goal, budget=5.0))


def verdict(result: PostMortem, rule: Rule, judgement: Judgement | None = None) -> Verdict:
    """The one verdict; with ``judgement`` in the light of the baseline that accepts it."""
    (found,) = judge(result, [rule], accepted(judgement) if judgement else None).verdicts
    return found


@pytest.mark.parametrize(("crashes", "completed"), [(0, 8), (3, 5), (4, 2), (8, 0), (5, 15)])
@pytest.mark.parametrize("limit", [0.0, 0.1, 0.3, 0.6])
def test_a_rate_fails_only_where_the_lower_limit_is_over(crashes: int, completed: int, limit: float) -> None:
    """Law: not met exactly where the one-sided mid-p test of the limit (scipy's binomial) rejects it at 2.5 %."""
    n = crashes + completed
    found = verdict(swept(crashes, completed), Rule(name="max-crash-rate", limit=limit))
    tail = binom.sf(crashes, n, limit) + binom.pmf(crashes, n, limit) / 2
    assert found.status == ("not_met" if crashes and tail < 0.025 else "met")
    assert found.found is not None and found.found.estimate is not None
    assert found.found.estimate.value == pytest.approx(crashes / n)
    assert found.finding == "F1"


def test_an_interval_that_holds_the_limit_is_met_with_a_note() -> None:
    """Law: the note is there exactly where the interval holds the limit, and says so where the rate itself is over."""
    straddling = verdict(swept(3, 5), Rule(name="max-crash-rate", limit=0.3))
    assert straddling.status == "met"
    assert straddling.notes[0].startswith("what was found is over the limit, but the interval holds the limit")
    under = verdict(swept(0, 8), Rule(name="max-crash-rate", limit=0.1))
    assert under.notes[0].startswith("met, but the interval holds the limit")
    clear = verdict(swept(0, 8), Rule(name="max-crash-rate", limit=0.9))
    assert not any("holds the limit" in note for note in clear.notes)


@pytest.mark.parametrize("name", ["max-crash-rate", "max-cause"])
def test_without_an_ended_run_a_rate_cannot_be_known(name: str) -> None:
    """Law: no eligible run, no verdict: not met and met are both more than is known."""
    result = swept(0, 0, running=4)
    judgement = judge(result, [Rule(name=name, limit=0.3, subject="diverged" if name == "max-cause" else "")])
    assert judgement.status == "unknown" and judgement.running == 4
    assert judgement.verdicts[0].found is not None
    assert judgement.verdicts[0].found.why == "no run has started and ended"


def test_a_cause_is_charged_with_what_is_known_to_be_its_own() -> None:
    """Law: crashes of the cause make the lower end, those of no known cause only the upper, other causes neither."""
    memory = swept(6, 2, log=OUT_OF_MEMORY)
    assert verdict(memory, Rule(name="max-cause", subject="out_of_memory", limit=0.3)).status == "not_met"
    other = verdict(memory, Rule(name="max-cause", subject="diverged", limit=0.0))
    assert other.status == "met" and other.found is not None and other.found.estimate is not None
    assert other.found.estimate.value == 0.0
    assert other.found.values["crashes by cause"]["out_of_memory"] == 6
    untold = verdict(swept(6, 2), Rule(name="max-cause", subject="diverged", limit=0.3))
    assert untold.status == "met" and untold.found is not None and untold.found.estimate is not None
    assert untold.found.estimate.value is None and (untold.found.estimate.high or 0.0) > 0.9
    assert any("may be of this one: 6" in note for note in untold.notes)
    assert verdict(swept(6, 2), Rule(name="max-cause", subject="unknown", limit=0.3)).status == "not_met"


@pytest.mark.parametrize(("goal", "name", "good", "bad"), [
    ("maximize", "min-best", 0.53, 0.54), ("maximize", "best", 0.53, 0.54),
    ("minimize", "max-best", 0.1, 0.09), ("minimize", "best", 0.1, 0.09),
])  # fmt: skip
def test_the_best_value_goes_by_the_goal(goal: str, name: str, good: float, bad: float) -> None:
    """Law: the limit itself is good enough; what is better than the best value is not met, in either direction."""
    result = swept(2, 4, goal=goal)
    assert verdict(result, Rule(name=name, limit=good)).status == "met"
    found = verdict(result, Rule(name=name, limit=bad))
    assert found.status == "not_met" and found.unit == "val/acc"
    assert found.comparison == ("at least" if goal == "maximize" else "at most")


@pytest.mark.parametrize(("goal", "name", "right"), [
    ("minimize", "min-best", "max-best"), ("maximize", "max-best", "min-best"),
])  # fmt: skip
def test_a_best_value_against_the_goal_is_refused(goal: str, name: str, right: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is for .* val/acc is to be {goal}d; write {right}, or best"):
        judge(swept(2, 4, goal=goal), [Rule(name=name, limit=0.5)])


@pytest.mark.parametrize(("name", "count"), [("min-runs", 6), ("min-completed", 4), ("max-running", 1)])
def test_counts_are_judged_as_they_are(name: str, count: int) -> None:
    """Law: the count itself meets the rule, one step beyond does not."""
    result = swept(2, 4, running=1)
    beyond = count + 1 if name.startswith("min") else count - 1
    assert verdict(result, Rule(name=name, limit=count)).status == "met"
    assert verdict(result, Rule(name=name, limit=beyond)).status == "not_met"


def test_a_silent_failure_counts_though_the_run_completed() -> None:
    runs = [make_run(f"r{i}", [0.5, 0.6, math.nan if i == 0 else 0.7], config={"lr": i}) for i in range(6)]
    result = post_mortem(make_sweep(runs))
    found = verdict(result, Rule(name="max-silent-failures", limit=0))
    assert found.status == "not_met" and found.found is not None
    assert found.found.judged == 1 and found.found.values["runs that did"] == ["r0"]
    assert verdict(swept(0, 8), Rule(name="max-silent-failures", limit=0)).status == "met"


def planted(bad: Sequence[str]) -> PostMortem:
    """40 runs, half on the model x, half on the host h1, evenly; of those with a word of ``bad`` 4 in 5 crash."""
    runs = []
    for i in range(40):
        config, host = {"model": "xy"[i % 2]}, f"h{i // 2 % 2}"
        crash = (config["model"] in bad or host in bad) and i % 10 < 8
        more = {"state": "failed", "exit_code": 1, "log_tail": OUT_OF_MEMORY} if crash else {}
        runs.append(make_run(f"r{i:02d}", [0.1] if crash else [0.1, 0.3, 0.5], config=config, host=host, **more))
    return post_mortem(make_sweep(runs, budget=3.0))


@pytest.mark.parametrize(("bad", "factors", "around"), [
    (["x"], "not_met", "met"), (["h1"], "met", "not_met"), ([], "unknown", "unknown"),
])  # fmt: skip
def test_what_carries_risk_is_counted_only_where_it_can_be_tested(bad: list[str], factors: str, around: str) -> None:
    """Law: a planted setting is a risk factor, a planted machine a circumstance; without crashes nobody knows."""
    result = planted(bad)
    assert all(risk.detectable is None for risk in result.parameter_risks) == (not bad)
    assert verdict(result, Rule(name="max-risk-factors", limit=0)).status == factors
    assert verdict(result, Rule(name="max-circumstances", limit=0)).status == around


def test_none_called_is_met_only_where_one_could_have_been() -> None:
    """Law: a test that no effect would pass says nothing (unknown); one that could see some says from which ratio."""
    blind = swept(3, 5)  # lr alone could be called, and only where its crashes were 30 times as likely
    found = verdict(blind, Rule(name="max-risk-factors", limit=0))
    assert found.status == "met" and found.found is not None
    assert found.found.values["smallest ratio that would be called, 4 times in 5"] > 10
    assert "none called is not none there" in found.notes[0] and "to call 1 of 2" in found.notes[1]
    blinder = replace(blind, parameter_risks=tuple(replace(risk, detectable=None) for risk in blind.parameter_risks))
    assert verdict(blinder, Rule(name="max-risk-factors", limit=0)).status == "unknown"


def test_the_worst_rule_that_counts_decides() -> None:
    """Law: not met before unknown before met, of the rules at level error alone; a rule that is off is not judged."""
    result = swept(6, 2)
    bad, unknown = Rule(name="max-crash-rate", limit=0.1), Rule(name="max-circumstances", limit=0)
    good, silent = Rule(name="min-runs", limit=1), Rule(name="max-running", limit=0, level="off")
    result = replace(result, circumstances=())
    assert judge(result, [good, silent]).status == "met"
    assert judge(result, [good, unknown]).status == "unknown"
    assert judge(result, [unknown, bad, good]).status == "not_met"
    assert judge(result, [good, *(replace(rule, level="warn") for rule in (bad, unknown))]).status == "met"
    off = judge(result, [replace(bad, level="off"), good])
    assert off.status == "met" and off.verdicts[0].status == "off" and off.verdicts[0].found is None


def test_a_baseline_accepts_what_is_no_worse() -> None:
    """Law: judged again, the same sweep is accepted whole; a better one need not be; a worse one fails."""
    rule = Rule(name="max-crash-rate", limit=0.1)
    before = judge(swept(6, 14), [rule])
    assert before.status == "not_met"
    assert verdict(swept(6, 14), rule, before).status == "accepted"
    better = verdict(swept(0, 20), rule, before)
    assert better.status == "met" and "need not name it any more" in better.notes[0]
    worse = verdict(swept(18, 2), rule, before)
    assert worse.status == "not_met" and "worse than the baseline" in worse.notes[0]


def test_a_baseline_holds_the_best_value_too() -> None:
    """Law: what was reached is the new limit, exactly; and of another metric or goal it says nothing."""
    rule = Rule(name="best", limit=0.9)
    before = judge(swept(0, 8), [rule])
    assert accepted(before)["best"].value == pytest.approx(0.57)
    assert verdict(swept(0, 8), rule, before).status == "accepted"
    assert verdict(swept(0, 4), rule, before).status == "not_met"
    other = judge(swept(0, 8, goal="minimize"), [replace(rule, limit=0.01)], accepted(before))
    assert other.status == "not_met" and "not applied" in other.verdicts[0].notes[0]


def test_a_baseline_accepts_what_could_not_be_known_until_it_is() -> None:
    rule = Rule(name="max-crash-rate", limit=0.1)
    before = judge(swept(0, 0, running=4), [rule])
    assert verdict(swept(0, 0, running=4), rule, before).status == "accepted"
    known = verdict(swept(6, 2), rule, before)
    assert known.status == "not_met" and "could not be known" in known.notes[0]
    lost = verdict(swept(0, 0, running=4), rule, judge(swept(6, 2), [rule]))
    assert lost.status == "unknown"


@pytest.mark.parametrize("case", ["no run", "one run", "all running", "a metric that is never finite", "a huge metric"])
def test_every_rule_has_a_verdict_on_every_sweep(case: str) -> None:
    """Law: no sweep makes a rule, or a page of verdicts, fail; what cannot be known says why."""
    result = post_mortem(make_sweep(CASES[case]()))
    rules = [Rule(name=name, limit=0.0, subject="diverged" * (name == "max-cause")) for name in RULES]
    judgement = judge(result, [rule for rule in rules if rule.name != "max-best"])
    for one in judgement.verdicts:
        assert one.found is not None
        assert (one.found.judged is None) == (one.status == "unknown") == bool(one.found.why)
    written = (to_text(judgement), to_json(judgement, "1"), to_junit(judgement), to_github(judgement))
    assert all(rule.name in text for rule in rules if rule.name != "max-best" for text in written[:3])
