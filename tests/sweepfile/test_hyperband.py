"""Laws of Hyperband as W&B runs it."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.errors import FormatError
from aftersweep.analysis.sweepfile.hyperband import (
    LARGEST_BAND,
    Hyperband,
    position,
    read_hyperband,
    should_stop,
    threshold,
    thresholds,
    why_no_rule,
)

HISTORIES = st.lists(st.lists(st.integers(-8, 8).map(float), max_size=12), min_size=1, max_size=12)
RULES = st.builds(
    Hyperband,
    bands=st.sampled_from([(1,), (2, 6), (1, 3, 9), (4,)]),
    eta=st.sampled_from([1.5, 2.0, 3.0]),
    strict=st.booleans(),
    described=st.just(""),
)


def _rule(**section: object) -> Hyperband:
    rule = read_hyperband({"type": "hyperband", **section})
    assert rule is not None
    return rule


@pytest.mark.parametrize(
    ("section", "bands"),
    [
        ({"max_iter": 20, "s": 2}, (2, 6)),  # the sweep of the source report
        ({"max_iter": 27, "s": 2}, (3, 9)),
        ({"max_iter": 27, "s": 9}, (1, 3, 9)),  # those below 1 are dropped
        ({"max_iter": 27.0, "s": 2.0, "eta": 3}, (3, 9)),  # whole numbers that JSON wrote as floats
        ({"max_iter": 27, "s": 2, "min_iter": 5}, (3, 9)),  # max_iter wins
        ({"max_iter": 5, "s": 5, "eta": 1.2}, (2, 3, 4)),
    ],
)
def test_bands_of_max_iter(section: dict[str, object], bands: tuple[int, ...]) -> None:
    """Law: the bands are int(max_iter / eta^i) for i = 1..s, those below 1 dropped."""
    assert _rule(**section).bands == bands


def test_bands_of_min_iter() -> None:
    """Law: the bands are int(min_iter * eta^i) for i = 0, 1, 2, ..., as far as any run could log."""
    rule = _rule(min_iter=2, eta=2.5)
    assert rule.bands[:4] == (2, 5, 12, 31)
    assert LARGEST_BAND / 2.5 < rule.bands[-1] <= LARGEST_BAND


def test_defaults_are_those_of_the_released_package() -> None:
    """Law: eta is 3 and strict is true where the sweep does not say."""
    rule = _rule(min_iter=3)
    assert (rule.eta, rule.strict) == (3.0, True)
    assert "iterations 3, 9, 27" in rule.described


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"max_iter": 27}, "'s' of the sweep's early_terminate is missing"),
        ({"min_iter": 0}, "it must be 1 or more"),
        ({"min_iter": 3, "eta": 1}, "greater than 1"),
        ({"min_iter": 3, "eta": math.nan}, "it must be a number"),
        ({"min_iter": 3, "strict": 1}, "true or false"),
        ({"max_iter": 1, "s": 3}, "leaves no band"),
        ({"max_iter": 10**12, "s": 3}, "whole number"),
        ({}, "neither 'max_iter'"),
    ],
)
def test_bad_sections_name_the_value_and_what_is_valid(section: dict[str, object], message: str) -> None:
    """Law: a section that W&B could not run raises FormatError with one clear line."""
    with pytest.raises(FormatError, match=message):
        _rule(**section)


@pytest.mark.parametrize("section", [None, {}, {"type": "envelope", "s": 3}, {"s": 3}])
def test_no_rule_says_why(section: dict[str, object] | None) -> None:
    """Law: where there is no rule that we know there is a reason instead."""
    assert read_hyperband(section) is None
    assert why_no_rule(section).endswith(".")
    assert "Hyperband." in why_no_rule({"type": "hyperband", "min_iter": 1})


def test_threshold_of_nobody_stops_nobody() -> None:
    """Law: a band that no run reached has an infinite threshold, and the first run at a band passes it."""
    assert threshold([], 3.0) == math.inf
    assert not should_stop([0.1, 0.1], [[0.1, 0.1]], _rule(max_iter=20, s=2), 1)


def test_best_third_passes() -> None:
    """Law: of n runs at a band those strictly worse than position int(n / eta) are stopped: 30 keep 11."""
    histories = [[0.0, value / 100] for value in range(30)]
    rule = _rule(max_iter=20, s=2)
    assert sum(not should_stop(history, histories, rule, 1) for history in histories) == position(30, 3.0) + 1 == 11


@given(HISTORIES, RULES, st.randoms(use_true_random=False))
def test_order_of_runs_does_not_matter(histories: list[list[float]], rule: Hyperband, random: Random) -> None:
    """Law: thresholds and decisions depend on the set of histories, not on their order."""
    shuffled = list(histories)
    random.shuffle(shuffled)
    assert thresholds(histories, rule, 1) == thresholds(shuffled, rule, 1)
    for history in histories:
        assert should_stop(history, histories, rule, 1) == should_stop(history, shuffled, rule, 1)


@given(HISTORIES, RULES)
def test_minimising_the_negative_is_maximising(histories: list[list[float]], rule: Hyperband) -> None:
    """Law: minimise(-x) equals maximise(x)."""
    negated = [[-value for value in history] for history in histories]
    for history, other in zip(histories, negated, strict=True):
        assert should_stop(history, histories, rule, 1) == should_stop(other, negated, rule, -1)


@given(HISTORIES, RULES)
def test_strict_stops_all_that_the_lenient_rule_stops(histories: list[list[float]], rule: Hyperband) -> None:
    """Law: the best value so far is no worse than the value at the band, so strict stops at least as many."""
    lenient = Hyperband(rule.bands, rule.eta, False, "")
    strict = Hyperband(rule.bands, rule.eta, True, "")
    for history in histories:
        assert should_stop(history, histories, strict, 1) or not should_stop(history, histories, lenient, 1)


@given(HISTORIES, RULES)
def test_the_best_run_is_never_stopped(histories: list[list[float]], rule: Hyperband) -> None:
    """Law: at every band the run with the best value there passes, unless it is judged at a later band."""
    for band in rule.bands:
        there = [history for history in histories if len(history) >= band and rule.band_at(len(history)) == band]
        if there and len(there) == sum(len(history) >= band for history in histories):
            best = max(there, key=lambda history: history[band - 1])
            assert not should_stop(best, histories, rule, 1)
