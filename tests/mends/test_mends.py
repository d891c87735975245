"""Method, cap, impute, epochs, prior runs, repeats; and changes put into a file."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.mends import advice, apply, mends
from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.results.following import Change
from aftersweep.analysis.types import Finding, Outcome, Run, Sweep
from aftersweep.reports.words.search import COMMENTS, WORDS

from ..factories import HYPERBAND, curve, make_run, make_sweep
from .worlds import early, slow, stopped, sweep_of, with_file

DONE = Outcome(label="completed", grade="observed")
CUT = Outcome(label="early_stopped", grade="replayed")
LOST = Outcome(label="crashed", grade="observed", cause="code_error", crash_probability=(1.0, 1.0))
WHY = Finding(id="", kind="search_method", subject="", supported=True, estimate=None, n=0, method="")


def raw_of(sweep: Sweep) -> Mapping[str, Any]:
    assert sweep.config is not None
    return sweep.config.raw


def outcomes(sweep: Sweep) -> dict[str, Outcome]:
    return {run.id: DONE if run.state == "finished" else CUT if run.iterations else LOST for run in sweep.runs}


def changed(sweep: Sweep, size: float = float("inf"), budget: int | None = None, **more: Any) -> dict[str, Change]:
    """The changes by their last key; every one of them has words."""
    found = mends(sweep, outcomes(sweep), size=size, budget=budget, config=raw_of(sweep), **more)
    for change in found:
        assert WORDS[change.finding.kind](change.finding).endswith(".")
        assert len(COMMENTS[change.finding.kind](change.finding)) < 90
    return {change.path[-1]: change for change in found}


def advised(sweep: Sweep, config: Mapping[str, Any] | None = None) -> dict[str, Finding]:
    found = advice(sweep, outcomes(sweep), config=config or raw_of(sweep))
    for finding in found:
        assert WORDS[finding.kind](finding)
    return {finding.kind: finding for finding in found}


def plain(n: int, method: str | None = "random", levels: Sequence[Any] = (1, 2, 3), **raw: Any) -> Sweep:
    """``n`` completed runs without a stopping rule."""
    runs = [make_run(f"r{i:02d}", curve(0.5 + 0.01 * i, 10), config={"lr": levels[i % len(levels)]}) for i in range(n)]
    return with_file(make_sweep(runs), {"method": method, **raw})


class TestApply:
    def test_sets_adds_and_removes_without_touching_the_old_file(self) -> None:
        """Order of the keys that stay is kept; new ones come last; the old file is not changed."""
        old = {"method": "grid", "early_terminate": {"type": "hyperband", "max_iter": 9, "s": 2}, "parameters": {}}
        before = copy.deepcopy(old)
        changes = [
            Change(path=("method",), action="set", old="grid", new="random", finding=WHY),
            Change(path=("early_terminate", "s"), action="remove", old=2, new=None, finding=WHY),
            Change(path=("early_terminate", "strict"), action="add", old=None, new=True, finding=WHY),
            Change(path=("metric", "impute"), action="add", old=None, new="latest", finding=WHY),
            Change(path=("missing",), action="remove", old=None, new=None, finding=WHY),
        ]
        made = apply(old, changes)
        assert list(made) == ["method", "early_terminate", "parameters", "metric"]
        assert made["early_terminate"] == {"type": "hyperband", "max_iter": 9, "strict": True}
        assert made["metric"] == {"impute": "latest"}
        assert old == before

    @given(st.dictionaries(st.text(), st.integers() | st.dictionaries(st.text(), st.integers())))
    def test_no_change_is_a_copy(self, old: dict[str, Any]) -> None:
        assert apply(old, []) == old

    def test_what_was_put_in_is_a_copy_too(self) -> None:
        spec = {"values": [1, 2]}
        made = apply({}, [Change(path=("parameters", "lr"), action="set", old=None, new=spec, finding=WHY)])
        spec["values"].append(3)
        assert made["parameters"]["lr"] == {"values": [1, 2]}


class TestMethod:
    def test_a_budget_that_covers_the_space_asks_for_a_grid_and_no_more_runs_than_it_has(self) -> None:
        found = changed(plain(20), size=3, budget=20)
        assert (found["method"].old, found["method"].new) == ("random", "grid")
        assert found["run_cap"].new == 3
        estimate = found["method"].finding.estimate
        assert estimate is not None and estimate.value == pytest.approx((2 / 3) ** 20)

    @pytest.mark.parametrize("method", ["random", "bayes"])
    def test_a_larger_space_keeps_its_method(self, method: str) -> None:
        assert "method" not in changed(plain(20, method), size=300, budget=20)
        assert "method" not in changed(plain(20, method), size=float("inf"), budget=20)

    @pytest.mark.parametrize(("n", "new"), [(4, "random"), (20, "bayes")])
    def test_a_grid_that_the_budget_does_not_cover_goes(self, n: int, new: str) -> None:
        """To bayes where there are results to start from; the estimate is the part that would never be reached."""
        found = changed(plain(n, "grid"), size=80, budget=20)
        assert found["method"].new == new
        estimate = found["method"].finding.estimate
        assert estimate is not None and estimate.value == pytest.approx(0.75)

    def test_a_grid_cannot_have_a_range(self) -> None:
        ranged = plain(20, "grid", parameters={"lr": {"min": 0.0, "max": 3.0}})
        assert changed(ranged)["method"].new == "bayes"
        with pytest.raises(UsageError, match="--method grid"):
            changed(plain(20, parameters={"lr": {"min": 0.0, "max": 3.0}}), method="grid")

    def test_what_was_asked_for_overrides(self) -> None:
        assert changed(plain(20, "random"), size=3, budget=20, method="bayes")["method"].new == "bayes"
        assert "method" not in changed(plain(20, "random"), size=3, budget=20, method="random")

    def test_a_missing_method_is_written_and_a_custom_one_is_left_alone(self) -> None:
        assert changed(plain(5, None), size=300)["method"].new == "random"
        assert "method" not in changed(plain(5, "custom"), size=2)
        assert "method" not in changed(plain(5, "random", scheduler={"engine": "optuna"}), size=2)


class TestCap:
    @pytest.mark.parametrize(
        ("budget", "old", "new"), [(None, None, 12), (30, None, 30), (30, 40, 30), (None, 40, None), (40, 40, None)]
    )
    def test_the_budget_else_what_stood_there_else_the_parents_runs(
        self, budget: int | None, old: int | None, new: int | None
    ) -> None:
        found = changed(plain(12, run_cap=old), budget=budget)
        assert (found["run_cap"].new if "run_cap" in found else None) == new

    def test_without_runs_nothing_is_capped(self) -> None:
        assert changed(plain(0)) == {}


def bayes(zero: bool = False, *, goal: str = "maximize", **raw: Any) -> Sweep:
    """A bayes sweep of 30 runs under Hyperband of which 15 were stopped; ``zero``: two crashed without a value."""
    base = sweep_of(early, 30, raw={"method": "bayes", **raw})
    runs = [stopped(run) if i % 2 else run for i, run in enumerate(base.runs)]
    runs = [replace(run, best=float(run.metric.max())) for run in runs]
    if zero:
        runs += [make_run(f"x{i}", [], state="failed", config={"lr": 1.0, "model": "a"}) for i in range(2)]
    sweep = replace(base, runs=tuple(runs))
    if goal == "minimize":
        turned = [replace(r, metric=-r.metric + 5.0, best=None if r.best is None else 5.0 - r.best) for r in runs]
        made = make_sweep(turned, goal="minimize", early_terminate=HYPERBAND, method="bayes")
        sweep = with_file(made, raw)
    return sweep


class TestImpute:
    def test_stopped_runs_of_fair_value_ask_for_their_own_values(self) -> None:
        found = changed(bayes())["impute"]
        assert (found.path, found.action, found.new) == (("metric", "impute"), "add", "latest")
        valued = sorted(run.best or 0.0 for run in bayes().runs)
        fair = sum((run.best or 0.0) > valued[7] for run in bayes().runs if run.state == "crashed")
        assert found.finding.facts["fair"] == fair >= 3

    @pytest.mark.parametrize(
        "raw",
        [
            {"method": "random"},
            {"early_terminate": None},
            {"metric": {"name": "val/acc", "goal": "maximize", "impute": "best"}},
        ],
    )
    def test_where_nothing_is_counted_as_the_worst_nothing_changes(self, raw: Mapping[str, Any]) -> None:
        assert "impute" not in changed(bayes(**raw))

    def test_worst_that_is_written_is_replaced(self) -> None:
        metric = {"name": "val/acc", "goal": "maximize", "impute": "worst"}
        assert changed(bayes(metric=metric))["impute"].action == "set"

    def test_no_change_where_a_run_without_a_value_would_count_as_the_best_of_all(self) -> None:
        """W&B's package takes such a run at 0: for an accuracy that is the worst, for a loss the best."""
        assert "impute" in changed(bayes(True))
        assert "impute" in changed(bayes(goal="minimize"))
        lossy = bayes(True, goal="minimize")
        assert "impute" not in changed(lossy)
        assert advised(lossy)["search_impute"].facts["zero"] == 2

    def test_few_stops_change_nothing(self) -> None:
        base = bayes()
        runs = [run for run in base.runs if run.state == "finished"]
        runs += [run for run in base.runs if run.state == "crashed"][:2]
        assert "impute" not in changed(replace(base, runs=tuple(runs)))


def long(values: Sequence[float], n: int = 20, epochs: int = 20, spread: float = 0.01, **more: Any) -> Sweep:
    """Runs of that course, apart by ``spread`` in height."""
    runs = [
        make_run(f"r{i:02d}", [v + spread * i for v in values], config={"lr": i % 4, "epochs": epochs})
        for i in range(n)
    ]
    parameters = {"lr": {"values": [0, 1, 2, 3]}, "train": {"parameters": {"max_epochs": {"value": epochs}}}}
    return with_file(make_sweep(runs), {"parameters": parameters}, **more)


class TestEpochs:
    def test_runs_that_still_rise_get_half_as_many_more(self) -> None:
        found = changed(long([0.02 * k for k in range(1, 21)]))["max_epochs"]
        assert found.path == ("parameters", "train", "parameters", "max_epochs")
        assert (found.old, found.new) == ({"value": 20}, {"value": 30})
        assert found.finding.estimate is not None and found.finding.estimate.value == 1.0

    def test_runs_that_were_past_their_best_early_get_fewer(self) -> None:
        found = changed(long([0.5 - 0.01 * abs(k - 6) for k in range(1, 21)]))["max_epochs"]
        assert found.new == {"value": 8}  # a quarter more than the 6 that they needed

    @pytest.mark.parametrize("course", [curve(0.8, 20, rate=0.6), [0.5 - 0.01 * abs(k - 13) for k in range(1, 21)]])
    def test_a_plateau_and_a_best_in_the_middle_change_nothing(self, course: Sequence[float]) -> None:
        """On the plateau the best is the last, but it gains nothing beside what tells runs apart."""
        assert "max_epochs" not in changed(long(course))

    def test_few_runs_or_another_unit_change_nothing(self) -> None:
        rising = [0.02 * k for k in range(1, 21)]
        assert "max_epochs" not in changed(long(rising, 7))
        assert "max_epochs" not in changed(long(rising, budget=None))
        assert "max_epochs" not in changed(long(rising, epoch_key=None))
        assert "max_epochs" not in changed(long(rising, epochs=40))


class TestPrior:
    def test_a_bayes_search_gets_the_clean_runs_that_its_space_holds(self) -> None:
        """Neither stopped ones, nor those of a level that is gone: W&B's search fails at a value it does not know."""
        sweep = bayes(True)
        config = {**raw_of(sweep), "parameters": {**raw_of(sweep)["parameters"], "model": {"values": ["a", "b"]}}}
        ids = advised(sweep, config)["search_prior"].runs
        expected = {run.id for run in sweep.runs if run.state == "finished" and run.config["model"] in "ab"}
        assert set(ids) == expected
        bests = [next(run.best for run in sweep.runs if run.id == i) for i in ids]
        assert bests == sorted(bests, key=lambda best: -(best or 0.0))

    def test_the_command_is_one_that_wandb_takes(self) -> None:
        from wandb.cli.cli import sweep as command

        options = {name for parameter in command.params for name in parameter.opts}
        assert {"-R", "--prior_run"} <= options
        assert advised(bayes())["search_prior"].facts["command"].startswith("wandb sweep -R r")

    def test_other_methods_get_none(self) -> None:
        assert "search_prior" not in advised(plain(20, "random"))
        assert "search_prior" not in advised(with_file(bayes(), {}), {**raw_of(bayes()), "method": "random"})


class TestRepeats:
    def test_the_three_best_are_to_be_run_again_where_none_was(self) -> None:
        sweep = plain(5, levels=range(9), parameters={"lr": {"values": list(range(9))}, "seed": {"value": 1}})
        found = advised(sweep)["search_repeats"]
        assert found.runs == ("r04", "r03", "r02")
        assert found.facts["seed"] == "seed"
        assert found.estimate is not None and found.estimate.value == pytest.approx(
            (sweep.runs[4].best or 0) - (sweep.runs[2].best or 0)
        )

    def test_a_sweep_with_repeats_or_without_three_runs_asks_for_none(self) -> None:
        assert "search_repeats" not in advised(plain(5))
        assert "search_repeats" not in advised(plain(2, levels=range(9)))


def crashed_all() -> list[Run]:
    return [make_run(f"r{i}", [], state="crashed", config={"lr": i}) for i in range(9)]


@pytest.mark.parametrize("method", ["grid", "random", "bayes", None, "custom"])
@pytest.mark.parametrize("rule", [None, HYPERBAND, {"type": "hyperband", "min_iter": 1}, {"type": "other"}])
@pytest.mark.parametrize(
    "runs", [[], *([make_run(f"r{i}", [0.1] * 3) for i in range(n)] for n in (1, 2)), crashed_all()]
)
def test_sweeps_at_the_edge_raise_nothing(runs: list[Run], rule: Any, method: str | None) -> None:
    sweep = with_file(make_sweep(runs, early_terminate=rule), {"method": method})
    ends = adjudicate(sweep)
    for size in (1, 7, float("inf"), None):
        changes = mends(sweep, ends, size=size, budget=None, config=raw_of(sweep))
        for finding in (*(c.finding for c in changes), *advice(sweep, ends, config=apply(raw_of(sweep), changes))):
            assert WORDS[finding.kind](finding)


def test_without_a_configuration_or_with_an_unreadable_one_nothing_changes() -> None:
    sweep = sweep_of(slow, 20)
    assert mends(replace(sweep, config=None), outcomes(sweep), size=3, budget=None, config={}) == ()
    bad = {**raw_of(sweep), "parameters": [1]}
    assert mends(sweep, outcomes(sweep), size=3, budget=None, config=bad) == ()
    assert advice(sweep, outcomes(sweep), config=bad) == ()


def test_program_and_command_stay_as_they_are() -> None:
    kept = {"program": "train.py", "command": ["${env}", "python", "${program}", "${args}"]}
    sweep = sweep_of(slow, 40, raw=kept)
    found = changed(sweep)
    config = apply(raw_of(sweep), list(found.values()))
    assert {key: config[key] for key in kept} == kept


def test_mended_again_nothing_changes() -> None:
    """What was decided for one file is what the file then says."""
    sweep = bayes()
    changes = mends(sweep, outcomes(sweep), size=40, budget=20, config=raw_of(sweep))
    config = apply(raw_of(sweep), changes)
    assert changes
    assert mends(sweep, outcomes(sweep), size=40, budget=20, config=config) == ()
