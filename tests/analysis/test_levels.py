"""Levels: every run has exactly one, whatever its value is, and labels tell them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.choices import swept_parameters
from aftersweep.analysis.levels import group_parameter, level_row, levels_of
from aftersweep.analysis.outcomes.rates import crash_rate
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import make_run, make_sweep

ODD: list[Any] = [
    1,
    "1",
    1.5,
    True,
    False,
    0,
    None,
    "null",
    "true",
    "",
    "(not set)",
    [1],
    {},
    float("nan"),
    float("inf"),
]


def sweep_of(values: list[Any]) -> Sweep:
    runs = [make_run(f"r{i:03d}", [0.5], config={"p": value}) for i, value in enumerate(values)]
    return make_sweep(runs, parameters=swept_parameters(runs, None))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(ODD), st.floats(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_every_run_has_one_level_and_labels_differ(values: list[Any]) -> None:
    """The levels of a parameter share out the sweep's runs; no two are shown alike."""
    sweep = sweep_of(values)
    for parameter in sweep.parameters:
        levels = levels_of(sweep, parameter)
        assert sorted(run.id for item in levels for run in item.runs) == [run.id for run in sweep.runs]
        assert len({item.label for item in levels}) == len(levels)


def test_a_long_range_keeps_what_is_no_number() -> None:
    """Thirds for the numbers; runs without one, NaN and infinity are levels of their own."""
    rng = np.random.default_rng(0)
    sweep = sweep_of([*rng.random(30).tolist(), None, "auto", float("nan"), float("inf")])
    labels = [(item.label, len(item.runs)) for item in levels_of(sweep, "p")]
    assert [n for _, n in labels[:3]] == [10, 10, 10]
    assert sorted(label for label, _ in labels[3:]) == ["NaN", "auto", "inf", "null"]


def test_close_numbers_are_shown_with_the_digits_that_tell_them_apart() -> None:
    """Six digits are enough for most parameters, not for these."""
    sweep = sweep_of([1_000_000.1, 1_000_000.2, 0.25])
    assert [item.label for item in levels_of(sweep, "p")] == ["0.25", "1000000.1", "1000000.2"]


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{"lr": 0.1}, {"lr": 0.2}, {}, {"lr": 0.1}], None),  # "(not set)" names no architecture
        ([{"layers": [1, i % 2], "opt": "ab"[i % 2]} for i in range(4)], "opt"),
        ([{"note": f"try {i}", "opt": "ab"[i % 2]} for i in range(8)], "opt"),
    ],
)
def test_an_architecture_is_a_word_that_runs_share(configs: list[dict[str, Any]], expected: str | None) -> None:
    """Numbers, lists, missing values and names that each run has for itself put no runs side by side."""
    runs = [make_run(f"r{i}", [0.5], config=config) for i, config in enumerate(configs)]
    assert group_parameter(make_sweep(runs, parameters=swept_parameters(runs, None)), None) == expected


def test_one_level_of_all_runs_has_the_crash_rate_of_the_sweep() -> None:
    """Doubt about outcomes widens the interval of a level as it widens the sweep's."""
    sweep = sweep_of([1] * 9 + [2])
    doubtful = Outcome(
        label="crashed", grade="inferred", cause="unknown", probability=0.6, crash_probability=(0.6, 0.6)
    )
    outcomes = {run.id: doubtful for run in sweep.runs}
    whole = make_sweep(sweep.runs[:9], parameters={"p": [1]})
    row = level_row(whole, outcomes, levels_of(whole, "p")[0])
    assert row.crash_low == crash_rate(whole, outcomes).low
