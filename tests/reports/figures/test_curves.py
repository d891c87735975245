"""The figure of the learning curves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from aftersweep.analysis.crashes import band_progress
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.charts import MOST_POINTS
from aftersweep.reports.figures.curves import HEAVY, MOST_CURVES, draw
from aftersweep.reports.figures.shared import LOOKS

from ...factories import make_run, make_sweep
from .checks import check, of


def test_the_table_holds_the_runs_own_numbers(sample: PostMortem) -> None:
    """Last and best value, progress and count of values of every run that has one, to four digits."""
    drawing = draw(sample)
    assert drawing is not None
    check(drawing, sample)
    runs = [run for run in sample.sweep.runs if run.iterations]
    assert len(drawing.rows) == len(runs) == 49
    for row, run in zip(drawing.rows, runs, strict=True):
        assert row[0] == run.name
        assert row[2:] == pytest.approx((run.progress, run.iterations, run.finite_metric[-1], run.best), rel=5e-4)


def test_every_end_is_marked_by_its_outcome(sample: PostMortem) -> None:
    """As many marks as runs, one trace an outcome, its own shape and colour; they lie on the last values."""
    drawing = draw(sample)
    assert drawing is not None
    marks = {trace["legendgroup"]: trace for trace in drawing.data if trace["mode"] == "markers"}
    counted = Counter(sample.outcomes[run.id].label for run in sample.sweep.runs if run.iterations)
    assert {name: len(trace["x"]) for name, trace in marks.items()} == counted
    assert len({trace["marker"]["symbol"] for trace in marks.values()}) == len(marks)
    assert len({look.symbol for look in LOOKS.values()}) == len(LOOKS)
    for name, trace in marks.items():
        assert trace["marker"]["color"] == f"role:{name}"
        ends = [run.finite_metric[-1] for run in sample.sweep.runs if run.iterations and of_label(sample, run.id, name)]
        assert trace["y"] == pytest.approx(ends, rel=5e-4)


def of_label(result: PostMortem, run_id: str, label: str) -> bool:
    return result.outcomes[run_id].label == label


def test_lines_are_parted_and_hold_every_point_of_a_short_curve(sample: PostMortem) -> None:
    """Two traces an outcome, however many runs; between two runs a gap."""
    drawing = draw(sample)
    assert drawing is not None
    lines = [trace for trace in drawing.data if trace["mode"] == "lines"]
    assert len(drawing.data) == 2 * len(lines)
    points = sum(y is not None for trace in lines for y in trace["y"])
    assert points == sum(run.iterations for run in sample.sweep.runs)
    gaps = sum(y is None for trace in lines for y in trace["y"])
    assert gaps == 49 - len(lines)


def test_bands_are_drawn_where_the_rule_has_them(sample: PostMortem) -> None:
    """At the progress that the analysis gives them; none without a rule."""
    drawing = draw(sample)
    assert drawing is not None
    at = band_progress(sample.sweep, sample.bands)
    assert [shape["x0"] for shape in drawing.layout["shapes"]] == list(at.values()) == [2, 6]
    assert [note["text"] for note in drawing.layout["annotations"]] == ["band 2", "band 6"]
    assert drawing.findings == (next(f.id for f in sample.findings if f.kind == "ends_at_bands"),)
    bare = draw(of(make_sweep([make_run("a", [0.1, 0.2])])))
    assert bare is not None
    assert bare.layout["shapes"] == []


def test_of_a_large_sweep_the_outliers_are_kept(large: PostMortem) -> None:
    """150 of 2,000 runs, the best, the worst and crashed ones among them; it says so, and waits to be asked."""
    drawing = draw(large)
    assert drawing is not None
    check(drawing, large)
    assert drawing.heavy
    names = {row[0] for row in drawing.rows}
    assert len(names) == MOST_CURVES
    ordered = sorted((run for run in large.sweep.runs if run.best is not None), key=lambda run: (run.best, run.id))
    assert {ordered[0].name, ordered[-1].name} <= names
    crashed = sum(large.outcomes[run.id].label == "crashed" for run in large.sweep.runs if run.name in names)
    assert crashed >= 50
    assert any(
        note.startswith("150 of 2,000 runs are drawn") and f", {crashed} of the " in note for note in drawing.notes
    )
    assert drawing == draw(large)


@pytest.mark.parametrize(("n", "crashed"), [(MOST_CURVES, 0), (MOST_CURVES + 1, 0), (HEAVY + 1, HEAVY + 1), (200, 199)])
def test_the_ladder_has_no_missing_step(n: int, crashed: int) -> None:
    """All curves up to 150, then 150 of them whatever their outcomes are; heavy beyond 500 runs."""
    runs = [
        make_run(f"r{i:03d}", [0.1, 0.2 + i / 1000], state="failed" if i < crashed else "finished") for i in range(n)
    ]
    base = of(make_sweep(runs[:3] + runs[-3:]))
    outcome = {state: base.outcomes[run.id] for run in base.sweep.runs for state in [run.state]}
    result = replace(base, sweep=make_sweep(runs), outcomes={run.id: outcome[run.state] for run in runs})
    drawing = draw(result)
    assert drawing is not None
    assert len(drawing.rows) == min(n, MOST_CURVES)
    assert drawing.heavy == (n > HEAVY)


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    """1,000 values: at most 60 points, the last one its end."""
    result = of(make_sweep([make_run("a", list(np.linspace(0.1, 0.9, 1_000)))]))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    line, ends = drawing.data
    assert len(line["x"]) == MOST_POINTS
    assert (line["x"][-1], line["y"][-1]) == (ends["x"][0], ends["y"][0]) == (1000, 0.9)
    assert any("evenly spaced" in note for note in drawing.notes)


def test_a_diverged_run_does_not_flatten_the_others() -> None:
    """One value of 1e308 among a hundred of about 1: the axis shows the hundred, and the note says how many do not."""
    runs = [make_run(f"r{i:02d}", [0.5 + i / 100, 1.0]) for i in range(50)]
    result = of(make_sweep([*runs, make_run("far", [0.5, 1e308, np.inf])]))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    low, high = drawing.layout["yaxis"]["range"]
    assert 0 < low < 0.5 and 1.0 < high < 3
    assert any("of 1 run" in note for note in drawing.notes)


def test_without_values_there_are_no_curves() -> None:
    """No run, and runs whose metric is never finite."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", []), make_run("b", [float("nan")] * 3)]))) is None


def test_names_of_runs_are_text(hostile: PostMortem) -> None:
    """Markup, templates and roles in names reach the page as text."""
    drawing = draw(hostile)
    assert drawing is not None
    check(drawing, hostile)
    names = [text for trace in drawing.data for text in trace.get("text", [])]
    assert any(name.startswith("&lt;script&gt;") for name in names)
    assert any(name.startswith("role&#58;nothing") for name in names)
