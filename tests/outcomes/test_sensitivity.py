"""The crash rate if runs for which the rule was true crash more often."""

from __future__ import annotations

import pytest

from aftersweep.analysis.findings.ends import crash_rate_finding
from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.outcomes.census import Census
from aftersweep.analysis.outcomes.odds import chance_of_stop
from aftersweep.analysis.outcomes.rates import crash_rate
from aftersweep.analysis.outcomes.sensitivity import FACTOR, crash_share, rule_was_true, with_riskier_runs
from aftersweep.analysis.types import Evidence, Outcome

from ..factories import make_run, make_sweep
from .simulate import simulate, without_times


@pytest.mark.parametrize("lasted", [0.0, 40.0, 170.0, 500.0])
def test_odds_times_four_are_the_chance_at_four_times_the_hazard(lasted: float) -> None:
    """Law: what is done to the odds is what the formula gives with four times the hazard."""
    census = Census(lag=200.0, stops=20, rates={"crashed": 1e-3}, silent_rate=1e-3, idle=0.0, asleep=0.0)
    plain, risky = (chance_of_stop(lasted, 200.0, census, h) for h in (1e-3, 4e-3))
    replayed = Evidence(kind="replay", text="It was true.", supports="early_stopped")
    outcome = Outcome(
        label="early_stopped", grade="replayed", crash_probability=(1 - plain, 1 - plain), evidence=(replayed,)
    )
    assert with_riskier_runs({"a": outcome}, 4.0)["a"].crash_probability[0] == pytest.approx(1 - risky)


def test_only_runs_below_the_threshold_change_and_only_upwards() -> None:
    """Law: no chance falls; runs for which the rule was false, and certain ends, keep theirs; labels stay."""
    for seed in range(10):
        outcomes = adjudicate(without_times(simulate(seed).sweep, keep_ends=True))
        for run_id, risky in with_riskier_runs(outcomes).items():
            plain = outcomes[run_id]
            assert risky.label == plain.label
            assert risky.crash_probability >= plain.crash_probability
            if not rule_was_true(plain) or plain.crash_probability in ((0.0, 0.0), (1.0, 1.0)):
                assert risky == plain


def test_a_factor_of_one_changes_nothing() -> None:
    """Law: the same hazard gives the same crash rate, which is that of the report."""
    sweep = simulate(2).sweep
    outcomes = adjudicate(sweep)
    rate = crash_rate(sweep, outcomes)
    assert crash_share(sweep, with_riskier_runs(outcomes, 1.0)) == pytest.approx((rate.low.value, rate.high.value))


def test_the_crash_rate_says_it() -> None:
    """Law: the finding carries the rate under the factor, and a caveat with it; without a rule neither."""
    sweep = simulate(2).sweep
    outcomes = adjudicate(sweep)
    finding = crash_rate_finding(sweep, outcomes, crash_rate(sweep, outcomes))
    assert finding.facts["if_riskier"][0] >= finding.facts["low"]
    assert any(f"crash {FACTOR:g} times as often as others, it is " in caveat for caveat in finding.caveats)
    for runs in ([], [make_run("a", [0.1], state="crashed")]):
        plain = make_sweep(runs)
        ends = adjudicate(plain)
        finding = crash_rate_finding(plain, ends, crash_rate(plain, ends))
        assert finding.facts["if_riskier"] is None
        assert not any("times as often" in caveat for caveat in finding.caveats)
