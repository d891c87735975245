"""The figure of all runs in parallel coordinates."""

from __future__ import annotations

from typing import Any

import pytest

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.figures.parallel import (
    HEAVY,
    MOST_LEVELS,
    MOST_PARAMETERS,
    MOST_ROWS,
    MOST_RUNS,
    OTHERS,
    draw,
)

from ...analysis.test_degenerate import runs
from ...factories import curve, make_run, make_sweep
from .checks import HOSTILE, check, of, size, sweep_of


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


def axes_of(drawing: Drawing) -> dict[str, dict[str, Any]]:
    return {axis["label"]: axis for axis in drawing.data[0]["dimensions"]}


def said(axis: dict[str, Any]) -> list[str]:
    """The tick that each run lies at."""
    at = dict(zip(axis["tickvals"], axis["ticktext"], strict=True))
    return [at[value] for value in axis["values"]]


def test_the_lines_are_the_runs(sample: PostMortem) -> None:
    """Level by level: the runs that did not crash in the sweep's order, then those that did."""
    drawing = drawn(sample)
    axes = axes_of(drawing)
    crash = {run.id: sample.outcomes[run.id].label == "crashed" for run in sample.sweep.runs}
    lines = sorted(sample.sweep.runs, key=lambda run: crash[run.id])
    assert said(axes["model_type"]) == [run.config["model_type"] for run in lines]
    assert said(axes["snr_layer_config"]) == [run.config["snr_layer_config"] for run in lines]
    assert said(axes["batch_size"]) == [str(run.config["batch_size"]) for run in lines]
    best = axes["Best val_combined_accuracy"]
    for value, run in zip(best["values"], lines, strict=True):
        assert value < 0 if run.best is None else value == pytest.approx(run.best, rel=5e-4)
    (menu,) = drawing.layout["updatemenus"]
    first, second = (button["args"][0] for button in menu["buttons"])
    assert first["line.color"] == [drawing.data[0]["line"]["color"]] == [best["values"]]
    assert second["line.color"] == [[int(crash[run.id]) for run in lines]]


def test_the_table_holds_the_runs_settings(sample: PostMortem) -> None:
    """In the sweep's order, with the best value and how it ended."""
    drawing = drawn(sample)
    names = drawing.columns[1:-2]
    assert len(drawing.rows) == len(sample.sweep.runs)
    for row, run in zip(drawing.rows, sample.sweep.runs, strict=True):
        assert row[0] == run.name
        for name, cell in zip(names, row[1:-2], strict=True):
            value = run.config[name]
            assert cell == (str(value).lower() if isinstance(value, bool) else value)
        assert row[-2] == (None if run.best is None else pytest.approx(run.best, rel=5e-4))


def test_the_most_important_parameters_have_an_axis(sample: PostMortem) -> None:
    """Eight of nine, by the share that they explain, then the best value and the end; a note says so."""
    drawing = drawn(sample)
    assert sample.importance is not None
    shares = [share.parameter for share in sample.importance.metric.shares]
    assert list(drawing.columns[1:-2]) == shares[:MOST_PARAMETERS]
    assert [axis["label"] for axis in drawing.data[0]["dimensions"]][-1] == "Ended"
    assert any("8 of 9 parameters" in note for note in drawing.notes)


def test_the_title_is_the_findings_own(sample: PostMortem) -> None:
    """That of the best result."""
    drawing = drawn(sample)
    (finding,) = [f for f in sample.findings if f.kind == "best"]
    assert drawing.findings == (finding.id,)
    assert drawing.title.startswith("The best val_combined_accuracy is 48.65")


def test_many_numbers_lie_on_a_scale_of_their_own() -> None:
    """A learning rate drawn from a logarithmic range: ticks at powers of ten; a run without one below them."""
    result = of(sweep_of(120))
    axis = axes_of(drawn(result))["lr"]
    assert axis["ticktext"] == ["0.0001", "0.001", "0.01"]
    lines = sorted(result.sweep.runs, key=lambda run: result.outcomes[run.id].label == "crashed")
    for value, run in zip(axis["values"], lines, strict=True):
        assert 10**value == pytest.approx(run.config["lr"], rel=5e-3)
    assert axis["range"][0] <= min(axis["values"]) <= max(axis["values"]) <= axis["range"][1]
    made = [make_run(f"r{i}", [0.1], config={"x": 0.5 * i} if i else {}) for i in range(20)]
    axis = axes_of(drawn(of(make_sweep(made))))["x"]
    assert said(axis | {"values": axis["values"][:1]}) == ["none"]
    assert axis["values"][0] < min(axis["values"][1:])


def test_runs_without_a_value_are_drawn_below_the_others() -> None:
    """Far values lie at the end of the axis; every line has a place on every axis."""
    values = [[], [0.5], [0.6], [1e300], *([0.5 + 0.01 * i] for i in range(96))]
    made = [make_run(f"r{i:02d}", v, config={"a": i % 3, "b": "xy"[i % 2]}) for i, v in enumerate(values)]
    result = of(make_sweep(made))
    drawing = drawn(result)
    axis = axes_of(drawing)["Best val/acc"]
    assert axis["ticktext"][0] == "none"
    assert sum(value == axis["tickvals"][0] for value in axis["values"]) == 1
    assert axis["range"][1] < 10
    for one in drawing.data[0]["dimensions"]:
        assert len(one["values"]) == len(made)
        assert all(one["range"][0] <= value <= one["range"][1] for value in one["values"])


def test_ticks_are_text_and_no_two_are_alike(hostile: PostMortem) -> None:
    """Plotly shows them as they are, and takes two of the same name for one."""
    for drawing in (drawn(hostile), drawn(of(make_sweep(_alike())))):
        for axis in drawing.data[0]["dimensions"]:
            assert len(set(axis["ticktext"])) == len(axis["ticktext"]) == len(axis["tickvals"])
            assert not any(set("<>&") & set(text) or text.startswith("role:") for text in axis["ticktext"])
    axes = axes_of(drawn(of(make_sweep(_alike()))))
    assert OTHERS in axes["word"]["ticktext"]
    assert len(axes["word"]["ticktext"]) == MOST_LEVELS


def _alike() -> list[Any]:
    words = [f"beginning {'x' * i} the very same end" for i in range(14)]
    return [
        make_run(f"r{i:02d}", curve(0.5, 4), config={"word": words[i % 14], "h": HOSTILE[i % 7]}) for i in range(60)
    ]


def test_many_runs_are_asked_for_and_some_are_drawn(large: PostMortem) -> None:
    """Heavy over 300; above 2,000 the best, the worst and the crashed are among those drawn, and a note says so."""
    assert drawn(large).heavy
    assert not drawn(of(sweep_of(60))).heavy
    assert HEAVY == 300
    assert size(drawn(large)) < 250_000
    assert len(drawn(large).rows) == MOST_ROWS
    made = [
        make_run(f"r{i:04d}", [0.9 if i == 7 else 0.1 if i == 8 else 0.5], config={"a": i % 3}) for i in range(2_400)
    ]
    result = of(make_sweep(made))
    drawing = drawn(result)
    axis = axes_of(drawing)["a"]
    assert len(axis["values"]) == MOST_RUNS
    assert {"r0007", "r0008"} <= {str(row[0]) for row in drawing.rows}
    assert any("2,000 of 2,400 runs are drawn" in note for note in drawing.notes)


def test_where_there_is_nothing_to_draw_there_is_no_figure() -> None:
    """No run, no parameter that differs, no value; one run has none that differs."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", [0.1], config={"a": 1})]))) is None
    assert draw(of(make_sweep(runs(12, config={})))) is None
    assert draw(of(make_sweep(runs(12, values=[])))) is None
    assert drawn(of(make_sweep(runs(6, state="running"))))
