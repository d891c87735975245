"""Tidying: which metric, which progress, which runs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aftersweep.analysis.choices import goal_of
from aftersweep.analysis.errors import UnknownMetricError, UsageError
from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.sources.base import RawRun, RawSweep, SourceInfo, history_table
from aftersweep.analysis.tidy import Options, tidy
from aftersweep.analysis.trials import drop_rewound
from aftersweep.analysis.values import flatten, level

INFO = SourceInfo(kind="offline", target="here")
CONFIG = {
    "method": "random",
    "metric": {"name": "val_acc", "goal": "maximize"},
    "parameters": {"lr": {"values": ["1e-3", 1e-4]}, "opt": {"parameters": {"beta": {"values": [0.9, 0.99]}}}},
}


def raw_sweep(config: dict[str, Any] | None = CONFIG) -> RawSweep:
    return RawSweep(id="s1", source=INFO, config=config)


def raw_run(run_id: str, values: list[float], **fields: Any) -> RawRun:
    rows = [
        {"_step": i, "_timestamp": 100.0 + i, "_runtime": float(i), "epoch": i, "val_acc": v, "val_loss": 1.0 - v}
        for i, v in enumerate(values)
    ]
    fields.setdefault("config", {"lr": 1e-3, "opt": {"beta": 0.9}})
    return RawRun(id=run_id, name=run_id, state="finished", history=history_table(rows), **fields)


def test_progress_counts_epochs_from_one() -> None:
    """Epochs counted from 0 are epochs done plus none: the run that logged epoch 2 last has done three."""
    sweep = tidy(raw_sweep(), [raw_run("a", [0.1, 0.3, 0.2])])
    run = sweep.runs[0]
    assert (sweep.progress_unit, run.progress, run.iterations) == ("epochs", 3.0, 3)
    assert (run.best, run.best_progress) == (0.3, 2.0)
    assert run.companions == {"val_loss": pytest.approx(0.7)}


def test_without_an_epoch_progress_counts_finite_values() -> None:
    """NaN is logged but is no progress; where it first came is kept."""
    run = raw_run("a", [0.1, math.nan, 0.2])
    sweep = tidy(raw_sweep(), [RawRun(id="a", name="a", state="finished", history=run.history.drop(["epoch"]))])
    assert (sweep.progress_unit, sweep.runs[0].progress) == ("logged values", 2.0)
    assert sweep.runs[0].nonfinite["val_acc"] == 1.0
    assert len(sweep.runs[0].metric) == 3


def test_numbers_written_as_text_in_a_sweep_file_are_the_runs_numbers() -> None:
    """YAML reads 1e-3 as text; the run's 0.001 is the same level. Nested parameters get dotted names."""
    sweep = tidy(raw_sweep(), [raw_run("a", [0.1]), raw_run("b", [0.1], config={"lr": 1e-4, "opt": {"beta": 0.99}})])
    assert sweep.parameters == {"lr": (0.001, 0.0001), "opt.beta": (0.9, 0.99)}
    assert sweep.runs[0].config["opt.beta"] == 0.9


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1e-3", 0.001), ("64", 64), (64.0, 64), (True, True), ("yes", "yes"), ([1, 2], "[1, 2]"), (None, None)],
)
def test_levels_compare_by_what_they_mean(value: Any, expected: Any) -> None:
    """One level, however it was written."""
    assert level(value) == expected
    assert type(level(value)) is type(expected)


def test_flatten_keeps_empty_mappings() -> None:
    """Nothing of a config is lost."""
    assert flatten({"a": {"b": 1, "c": {}}, "d": 2}) == {"a.b": 1, "a.c": {}, "d": 2}


def test_a_metric_that_nobody_logged_offers_the_nearest() -> None:
    """The message names the value and what there is."""
    with pytest.raises(UnknownMetricError, match=r"'val_ac'.*Did you mean 'val_acc'"):
        tidy(raw_sweep(), [raw_run("a", [0.1])], Options(metric="val_ac"))


def test_another_metric_takes_its_goal_from_its_name() -> None:
    """A loss is minimised; the page says that this was read off the name."""
    sweep = tidy(raw_sweep(), [raw_run("a", [0.1, 0.4])], Options(metric="val_loss"))
    assert (sweep.metric.goal, sweep.runs[0].best) == ("minimize", pytest.approx(0.6))
    assert "name" in sweep.metric_decided_by


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("val_loss", "minimize"),
        ("answer_accuracy", "maximize"),
        ("eval/wer", "minimize"),
        ("val_mAP50", "maximize"),
        ("top1", "maximize"),
        ("momentum", None),
    ],
)
def test_goals_by_name(name: str, goal: str | None) -> None:
    """Short names count only as whole words: 'answer' is no word error rate."""
    assert goal_of(name) == goal


def test_without_a_configuration_parameters_are_what_differs() -> None:
    """Seeds and paths do not count; the metric is taken by name, and this is said."""
    runs = [raw_run(str(i), [0.1], config={"lr": 10.0**-i, "seed": i, "width": 8}) for i in range(3)]
    sweep = tidy(raw_sweep(None), runs)
    assert list(sweep.parameters) == ["lr"]
    assert sweep.metric.name == "val_acc"
    assert "not known" in sweep.metric_decided_by


def test_filters_leave_out_and_say_so() -> None:
    """Each run that is left out has its reason; a filter that leaves none is refused."""
    runs = [raw_run("a", [0.1], tags=("x",)), raw_run("b", [0.1], tags=("y",)), raw_run("c", [0.2], tags=("x",))]
    sweep = tidy(raw_sweep(), runs, Options(tags=("x",), exclude=("c",)))
    assert [run.id for run in sweep.runs] == ["a"]
    assert {item.run_id: item.reason for item in sweep.excluded} == {
        "b": "has none of the tags x",
        "c": "excluded by --exclude",
    }
    with pytest.raises(UsageError, match="leave none of the 3 runs; tags and groups seen: x, y"):
        tidy(raw_sweep(), runs, Options(tags=("z",)))
    with pytest.raises(UsageError, match="--exclude nobody"):
        tidy(raw_sweep(), runs, Options(exclude=("nobody",)))


def test_data_parallel_workers_count_once() -> None:
    """Runs of one group with one config, started together, are one trial; other groups and configs are not."""
    together = [
        raw_run(f"w{i}", [0.1] * (3 if i == 0 else 1), group="g", created_at=50.0 + i, config={"lr": 1e-3, "rank": i})
        for i in range(4)
    ]
    other = raw_run("x", [0.2], group="g", created_at=51.0, config={"lr": 1e-4, "rank": 0})
    later = raw_run("y", [0.2], group="g", created_at=9_000.0, config={"lr": 1e-3, "rank": 0})
    sweep = tidy(raw_sweep(), [*together, other, later])
    assert {run.id: run.members for run in sweep.runs} == {
        "w0": ("w0", "w1", "w2", "w3"),
        "x": ("x",),
        "y": ("y",),
    }
    assert "4 W&B runs are one data-parallel trial" in sweep.runs[0].problems[0]


def test_rewound_steps_are_void() -> None:
    """Where steps start again the earlier rows from that step on are dropped."""
    rows = [{"_step": s, "val_acc": v} for s, v in [(0, 0.1), (1, 0.2), (2, 0.9), (1, 0.3), (2, 0.4)]]
    table = drop_rewound(RawRun(id="a", name="a", state="finished", history=history_table(rows)))
    assert table["val_acc"].to_pylist() == [0.1, 0.3, 0.4]


def test_a_run_without_history_speaks_through_its_summary() -> None:
    """An export has one value a run: it is the best known, and counts as no iteration."""
    run = RawRun(id="a", name="a", state="finished", summary={"val_acc": 0.7, "epoch": 4})
    tidied = tidy(raw_sweep(), [run]).runs[0]
    assert (tidied.best, tidied.progress, tidied.iterations) == (0.7, 4.0, 0)


def test_lost_rows_are_reported() -> None:
    """A history shorter than the source says is never silently short."""
    run = raw_run("a", [0.1, 0.2], history_rows_expected=5)
    assert tidy(raw_sweep(), [run]).runs[0].problems == ("2 of 5 rows of its history could be read",)


def test_an_empty_sweep_is_a_sweep() -> None:
    """No runs, no metric logged: still a Sweep with its configuration."""
    sweep = tidy(raw_sweep(), [])
    assert sweep.runs == ()
    assert sweep.metric.name == "val_acc"


def bare_run(run_id: str, history: list[dict[str, Any]] | None = None, **fields: Any) -> RawRun:
    fields.setdefault("state", "finished")
    return RawRun(id=run_id, name=run_id, history=history_table(history or []), **fields)


def test_without_histories_the_summary_says_the_unit() -> None:
    """A table of final values with an epoch column counts epochs, not logged values."""
    runs = [bare_run(f"r{i}", summary={"val_acc": 0.5, "epoch": 20}) for i in range(3)]
    sweep = tidy(raw_sweep(), runs)
    assert (sweep.progress_unit, sweep.runs[0].progress) == ("epochs", 20.0)
    sweep = tidy(raw_sweep(), [bare_run("a", summary={"val_acc": 0.5})])
    assert (sweep.progress_unit, sweep.runs[0].progress) == ("logged values", 0.0)


def test_epoch_zero_before_the_training_is_not_the_first_epoch() -> None:
    """A run that was to make 5 epochs and logged 0 to 5 has made five, not six; one that logged 0 to 4 too."""
    for first, last in ((0, 5), (0, 4), (1, 5)):
        rows = [{"_step": e, "epoch": e, "val_acc": 0.1} for e in range(first, last + 1)]
        sweep = tidy(raw_sweep(), [bare_run("a", rows, config={"lr": 0.1, "epochs": 5})])
        assert sweep.runs[0].progress == 5.0


def test_a_metric_that_nobody_logged_is_said() -> None:
    """The sweep's metric may be misspelt: the page says so and offers what was logged."""
    rows = [{"_step": 0, "val_accuracy": 0.1}]
    sweep = tidy(raw_sweep(), [bare_run("a", rows)])
    (problem,) = sweep.problems
    assert "no run logged the sweep's metric 'val_acc'" in problem
    assert "Did you mean 'val_accuracy'?" in problem


def test_the_stopping_rule_looks_at_the_sweeps_own_metric() -> None:
    """--metric changes what is ranked; what the rule stopped, it stopped by the metric of the sweep's configuration."""
    early = {"type": "hyperband", "max_iter": 20, "s": 2, "eta": 3}
    runs = []
    for i in range(12):
        good = i % 2 == 0
        rows = [
            {"_step": e, "_timestamp": 1e9 + 60.0 * (2 * i + e), "val_acc": 0.9 if good else 0.1 + i / 100, "f1": 0.5}
            for e in range(20 if good else 2)
        ]
        end = rows[-1]["_timestamp"] + 1
        runs.append(
            bare_run(
                f"r{i:02d}", rows, state="finished" if good else "crashed", created_at=1e9 + 120.0 * i, heartbeat_at=end
            )
        )
    raw = raw_sweep({**CONFIG, "early_terminate": early})
    own = adjudicate(tidy(raw, runs))
    assert sum(outcome.label == "early_stopped" for outcome in own.values()) >= 4
    other = tidy(raw, runs, Options(metric="f1"))
    assert other.metric.name == "f1"
    assert adjudicate(other) == own
    assert tidy(raw, runs).judged is None
    assert (post_mortem(other).rule or "").endswith("; it looked at val_acc")
