"""The figure of architectures at equal progress, and its slider."""

from __future__ import annotations

import numpy as np
import pytest

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.results.ranking import Ranking
from aftersweep.reports.figures.architectures import MOST_DOTS, MOST_LEVELS, MOST_STEPS, draw
from aftersweep.reports.figures.base import Drawing

from ...factories import curve, make_run, make_sweep
from .checks import check, of, size


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


def ranking_of(result: PostMortem) -> Ranking:
    assert result.ranking is not None
    return result.ranking


def iterations(drawing: Drawing) -> list[int]:
    return list(dict.fromkeys(int(row[0] or 0) for row in drawing.rows))


@pytest.mark.parametrize("name", ["sample", "risky", "large"])
def test_the_table_holds_the_results_medians(name: str, request: pytest.FixtureRequest) -> None:
    """At every mark of the ranking: runs, median and interval of every level."""
    result: PostMortem = request.getfixturevalue(name)
    drawing, ranking = drawn(result), ranking_of(result)
    assert {mark.iteration for mark in ranking.marks} <= set(iterations(drawing))
    table = {(row[0], row[1]): row[2:] for row in drawing.rows}
    for item in ranking.levels:
        for mark, value in zip(ranking.marks, item.marks, strict=True):
            reached, *ends = table[mark.iteration, item.label]
            assert reached == value.reached
            for shown, end in zip(ends, (value.median.value, value.median.low, value.median.high), strict=True):
                assert shown is end if end is None else shown == pytest.approx(end, rel=5e-4)


def test_between_the_marks_medians_are_the_runs_own(sample: PostMortem) -> None:
    """At every place of the slider: numpy's median of the best so far of the runs that got there."""
    drawing = drawn(sample)
    for at, label, reached, middle, *_ in drawing.rows:
        runs = [r for r in sample.sweep.runs if r.config["model_type"] == label and r.iterations >= int(at or 0)]
        assert reached == len(runs)
        best = [r.finite_metric[: int(at or 0)].max() for r in runs]
        assert middle is None if not best else middle == pytest.approx(np.median(best), rel=5e-4)


def test_the_slider_shows_one_place_at_a_time(sample: PostMortem) -> None:
    """Each step makes its own two traces visible and names each level's runs; the first is where runs are compared."""
    drawing = drawn(sample)
    (slider,) = drawing.layout["sliders"]
    at = iterations(drawing)
    assert len(slider["steps"]) == len(at) <= MOST_STEPS
    assert at == sorted(at)
    assert at[slider["active"]] == ranking_of(sample).iteration
    for i, step in enumerate(slider["steps"]):
        change, layout = step["args"]
        assert step["method"] == "update"
        assert [k for k, seen in enumerate(change["visible"]) if seen] == [2 * i, 2 * i + 1]
        assert step["label"].startswith(f"{at[i]}")
        reached = [row[2] for row in drawing.rows if row[0] == at[i]]
        assert [text.split("n = ")[1] for text in layout["yaxis.ticktext"]] == [str(n) for n in reached]
        dots = drawing.data[2 * i]["x"]
        assert len(dots) == sum(int(n or 0) for n in reached)
    shown = [trace["visible"] for trace in drawing.data]
    assert shown == slider["steps"][slider["active"]]["args"][0]["visible"]


def test_the_title_is_the_findings_own(sample: PostMortem) -> None:
    """That of the comparison; its number of logged values is where the slider begins."""
    drawing = drawn(sample)
    (finding,) = [f for f in sample.findings if f.kind == "comparison"]
    assert drawing.findings == (finding.id,)
    assert drawing.title.startswith("After 2 logged values model_type makes a difference")
    assert "resnet50 13.9 (10.78 to 18.08) over 7 runs" in drawing.description


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_far_values_leave_the_levels_apart(goal: str) -> None:
    """One diverged run does not flatten the axis; a note says what lies outside; medians stay inside."""
    runs = [
        make_run(f"r{i:02d}", [*curve(0.5 + 0.01 * i, 8), *([1e200] if i == 3 else [])], config={"model": "xy"[i % 2]},
                 goal=goal)
        for i in range(24)
    ]  # fmt: skip
    result = of(make_sweep(runs, goal=goal))
    drawing = drawn(result)
    low, high = drawing.layout["xaxis"]["range"]
    assert high - low < 10
    assert all(low < float(row[3]) < high for row in drawing.rows if row[3] is not None and row[0] != 9)


def test_many_levels_and_runs_stay_small(large: PostMortem) -> None:
    """At most so many runs at each place, the worst and the best of each level among them; few levels."""
    drawing = drawn(large)
    assert all(len(trace["x"]) <= MOST_DOTS for trace in drawing.data)
    assert any("some are drawn" in note for note in drawing.notes)
    assert size(drawing) < 100_000
    runs = [make_run(f"r{i:03d}", curve(0.8, 6), config={"model": f"m{i % 40}"}) for i in range(160)]
    result = of(make_sweep(runs))
    drawing = drawn(result)
    assert len(drawing.layout["yaxis"]["ticktext"]) == MOST_LEVELS
    assert any(f"{MOST_LEVELS} of 40 levels" in note for note in drawing.notes)


def test_hostile_levels_are_text(hostile: PostMortem) -> None:
    """Grouped by a parameter whose name and levels try something."""
    drawing = drawn(hostile)
    assert any(text.startswith("&lt;") for text in drawing.layout["yaxis"]["ticktext"])


def test_where_nothing_can_be_compared_there_is_no_figure() -> None:
    """No run, one run, one level, no history, no parameter."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", [0.1], config={"model": "x"})]))) is None
    assert draw(of(make_sweep([make_run(f"r{i}", [0.1], config={"model": "x"}) for i in range(9)]))) is None
    assert draw(of(make_sweep([make_run(f"r{i}", [0.1, 0.2]) for i in range(9)]))) is None
    only = [make_run(f"r{i}", [], best=0.5, config={"model": "xy"[i % 2]}) for i in range(9)]
    assert draw(of(make_sweep(only))) is None
