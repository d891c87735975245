"""Several sweeps as one: what is kept, what is refused, what the order does not change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.outcomes.adjudicate import adjudicate, may_stop, stopping_rule
from aftersweep.analysis.pooling import pool
from aftersweep.analysis.sweepfile.config import Metric
from aftersweep.analysis.types import Sweep
from aftersweep.analysis.values import MISSING

from ..factories import HYPERBAND, START, curve, make_run, make_sweep


def sweep_of(name: str, start: float = 0.0, config: dict[str, Any] | None = None, **fields: Any) -> Sweep:
    """Four runs whose ids begin with the sweep's; the last was cut off on the rule's first band."""
    lengths = (20, 20, 20, 2)
    runs = [
        make_run(
            f"{name}-{i}",
            curve(0.8 - 0.1 * i, length),
            start=START + start + 3600 * i,
            state="finished" if length == 20 else "crashed",
            config={"lr": 0.1 * (i % 2 + 1), **(config or {})},
        )
        for i, length in enumerate(lengths)
    ]
    return make_sweep(runs, id=name, **fields)


def test_the_order_in_which_sweeps_are_named_does_not_matter() -> None:
    """Law: the pooled sweep is the same, its runs by start."""
    parts = [sweep_of("late", 9e5), sweep_of("early"), sweep_of("between", 2e5)]
    one, other = pool(parts), pool(parts[::-1])
    assert one.id == other.id == "early+between+late"
    assert [run.id for run in one.runs] == [run.id for run in other.runs]
    starts = [run.created_at for run in one.runs]
    assert starts == sorted(starts, key=lambda at: at or 0.0)
    assert [part.id for part in one.parts] == ["early", "between", "late"]


def test_a_sweep_by_itself_stays_what_it_is() -> None:
    """Law: nothing is pooled, and no sweep at all is refused."""
    sweep = sweep_of("a")
    assert pool([sweep]) is sweep
    with pytest.raises(UsageError, match="no sweep"):
        pool([])


def test_parameters_are_the_union() -> None:
    """A parameter that one sweep varied is the others' as their configurations have it, or not set; True is not 1."""
    one = sweep_of("a", parameters={"lr": [0.1, 0.2]})
    two = sweep_of("b", 1e5, {"depth": 4, "amp": 1}, parameters={"lr": [0.4, 0.2], "depth": [4, 8], "amp": [True, 1]})
    assert pool([one, two]).parameters == {
        "lr": (0.1, 0.2, 0.4),
        "depth": (4, 8, MISSING),
        "amp": (True, 1, MISSING),
    }


def test_each_sweep_is_judged_by_its_own_rule() -> None:
    """Law: the outcomes are those of the parts; the pooled sweep has a rule only where they share one."""
    ruled = [sweep_of(name, 1e5 * i, early_terminate=HYPERBAND) for i, name in enumerate("ab")]
    free = sweep_of("c", 5e5)
    assert stopping_rule(pool(ruled)) == stopping_rule(ruled[0])
    mixed = pool([*ruled, free])
    assert stopping_rule(mixed) is None
    assert may_stop(mixed)
    assert not may_stop(pool([free, sweep_of("d", 6e5)]))
    assert may_stop(pool([free, replace(ruled[0], config=None)]))
    ends = adjudicate(mixed)
    assert {ends["a-3"].label, ends["b-3"].label} == {"early_stopped"}
    assert ends["c-3"].label == "crashed"
    for part in (*ruled, free):
        assert {run.id: ends[run.id] for run in part.runs} == adjudicate(part)


def test_what_is_not_shared_is_unknown() -> None:
    """Budget, method and configuration: kept where they agree; a bayes search anywhere makes the pooled one bayes."""
    one, two = sweep_of("a"), sweep_of("b", 1e5)
    both = pool([one, two])
    assert both.budget == one.budget == 20
    assert both.config is not None
    assert both.config.method == "random"
    short = pool([one, replace(two, budget=10.0)])
    assert short.budget is None
    assert any("different progress (a 20, b 10)" in problem for problem in short.problems)
    methods = {"grid": None, "bayes": "bayes"}
    for method, expected in methods.items():
        mixed = pool([one, sweep_of("b", 1e5, method=method)])
        assert mixed.config is not None
        assert mixed.config.method == expected
    assert pool([one, replace(two, config=None)]).config is None


def test_ids_that_clash_are_told_apart() -> None:
    """Different runs of one id become SWEEP/ID, in the parts as in the pooled sweep; sweeps of one id are numbered."""
    one, two = sweep_of("x"), sweep_of("x", 1e5)
    both = pool([one, two])
    assert both.id == "x+x-2"
    assert len({run.id for run in both.runs}) == 8
    assert "x/x-0" in {run.id for run in both.parts[0].runs}
    assert "x-2/x-0" in {run.id for run in both.parts[1].runs}
    assert {run.id for run in both.runs} == {run.id for part in both.parts for run in part.runs}
    assert set(adjudicate(both)) == {run.id for run in both.runs}


def test_a_run_in_two_sweeps_counts_once() -> None:
    """It stays in the sweep that began first, and the other says so; a sweep within another is refused."""
    one, two = sweep_of("a"), sweep_of("b", 1e5)
    shared = replace(two, runs=(one.runs[-1], *two.runs))
    both = pool([shared, one])
    assert len(both.runs) == 8
    assert [run.id for run in both.runs].count("a-3") == 1
    assert any("1 of its runs are in a too" in problem for problem in both.problems)
    with pytest.raises(UsageError, match="a is named twice"):
        pool([one, two, one])
    with pytest.raises(UsageError, match="all runs of part are in a too"):
        pool([one, replace(one, id="part", runs=one.runs[:1])])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"project": "q"}, "a is of p and b is of q"),
        ({"project": "p", "entity": "you"}, "a is of me and b is of you"),
        ({"metric": Metric("loss", "minimize")}, "b by loss .minimize.; name one .* --metric"),
        ({"metric": Metric("val/acc", "minimize")}, "--goal"),
        ({"progress_unit": "logged values"}, "a in epochs and b in logged values"),
    ],
)
def test_sweeps_that_cannot_be_held_against_each_other(fields: dict[str, Any], said: str) -> None:
    """Law: the error names both sides and the next step."""
    one = replace(sweep_of("a"), project="p", entity="me")
    with pytest.raises(UsageError, match=said):
        pool([one, replace(sweep_of("b", 1e5), **fields)])


def test_what_is_not_known_stands_in_nobodys_way() -> None:
    """A sweep without a project, and one whose runs never began to count progress, can be pooled."""
    one = replace(sweep_of("a"), project="p")
    dead = [make_run(f"b-{i}", [], state="failed", exit_code=1, start=START + 1e5 + i) for i in range(3)]
    two = make_sweep(dead, id="b", progress_unit="logged values", budget=None, epoch_key=None)
    both = pool([two, one])
    assert both.project == "p"
    assert {part.progress_unit for part in both.parts} == {"epochs"}
    assert {adjudicate(both)[run.id].label for run in dead} == {"crashed"}


def test_another_metric_keeps_what_the_rules_looked_at() -> None:
    """Of runs judged by another metric, the pooled sweep's rules still look at their own."""
    parts = []
    for i, name in enumerate("ab"):
        own = sweep_of(name, 1e5 * i, early_terminate=HYPERBAND)
        parts.append(replace(own, metric=Metric("test/acc", "maximize"), judged=own))
    both = pool(parts)
    assert both.judged is not None
    assert both.judged.metric.name == "val/acc"
    assert {run.id for run in both.judged.runs} == {run.id for run in both.runs}
    assert stopping_rule(both) is not None
    other = replace(parts[1], judged=replace(parts[1], metric=Metric("loss", "minimize"), judged=None))
    assert stopping_rule(pool([parts[0], other])) is None
